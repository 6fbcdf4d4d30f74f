/*
 * A quantity is decimal numbers, each followed by a unit of a table: digits [. digits] unit.
 * Numbers are read as mantissa / 10^places in integers, so that what is written is exactly what is
 * meant: a value that is not a whole number of nanoseconds or bytes is refused, not rounded.
 */
#include "base/units.h"
#include "base/mono.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t worth;
};

static const struct unit duration_units[] = {
	{ "d", 86400000000000 },
	{ "h", 3600000000000 },
	{ "m", 60000000000 },
	{ "s", 1000000000 },
	{ "ms", 1000000 },
	{ "us", 1000 },
	{ "ns", 1 },
	{ NULL, 0 },
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "KB", 1000 },
	{ "MB", 1000000 },
	{ "GB", 1000000000 },
	{ "KiB", 1024 },
	{ "MiB", 1048576 },
	{ "GiB", 1073741824 },
	{ NULL, 0 },
};

/* In bits, so that a bit is a whole number; the order is that of units_format_rate(). */
static const struct unit rate_units[] = {
	{ "GB/s", 8000000000 },
	{ "GiB/s", 8589934592 },
	{ "MB/s", 8000000 },
	{ "MiB/s", 8388608 },
	{ "KB/s", 8000 },
	{ "KiB/s", 8192 },
	{ "B/s", 8 },
	{ "Gbit/s", 1000000000 },
	{ "Mbit/s", 1000000 },
	{ "kbit/s", 1000 },
	{ "bit/s", 1 },
	{ "", 8000 },
	{ NULL, 0 },
};

#define DURATION_MAX_NS (UINT64_C(10000) * 86400000000000)
#define DIGITS_MAX      19 /* a mantissa of so many digits fits 64 bits */

static const char want_duration[] = "a duration with a unit, such as 250ms, 5s or 2m";
static const char want_size[] = "a size in bytes, such as 4096, 64KiB or 1.5MB";
static const char want_rate[] = "a rate, such as 100KB/s, 64KiB/s or 10Mbit/s";
static const char want_probability[] = "a probability from 0 to 1, such as 0.25 or 25%";
static const char want_share[] = "a percentage, such as 20% or 110%";
static const char want_count[] = "a whole number";

struct decimal {
	uint64_t mantissa;
	unsigned places; /* digits after the point */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads a decimal at *p and moves *p behind it. */
static bool decimal_read(const char **p, struct decimal *d)
{
	const char *s = *p;
	unsigned digits = 0;

	*d = (struct decimal){ 0 };
	for (; is_digit(*s); s++, digits++)
		d->mantissa = d->mantissa * 10 + (uint64_t)(*s - '0');
	if (digits == 0 || digits > DIGITS_MAX)
		return false;
	if (*s == '.') {
		for (s++; is_digit(*s); s++, digits++, d->places++)
			d->mantissa = d->mantissa * 10 + (uint64_t)(*s - '0');
		if (d->places == 0 || digits > DIGITS_MAX)
			return false;
	}
	*p = s;
	return true;
}

/* d x worth, when that is a whole number that fits. */
static bool decimal_times(struct decimal d, uint64_t worth, uint64_t *out)
{
	__extension__ unsigned __int128 v = d.mantissa;

	v *= worth;
	for (unsigned i = 0; i < d.places; i++) {
		if (v % 10 != 0)
			return false;
		v /= 10;
	}
	if (v > INT64_MAX)
		return false;
	*out = (uint64_t)v;
	return true;
}

/* The unit at *p: the letters up to the next digit or the end. */
static const struct unit *unit_read(const char **p, const struct unit *table)
{
	size_t len = 0;

	while ((*p)[len] && !is_digit((*p)[len]))
		len++;
	for (const struct unit *u = table; u->name; u++) {
		if (strlen(u->name) == len && memcmp(u->name, *p, len) == 0) {
			*p += len;
			return u;
		}
	}
	return NULL;
}

const char *units_parse_duration(const char *text, int64_t *ns)
{
	const struct unit *table = duration_units;
	uint64_t sum = 0, part;
	struct decimal d;

	if (strcmp(text, "0") == 0) {
		*ns = 0;
		return NULL;
	}
	do {
		const struct unit *u;

		if (!decimal_read(&text, &d) || !(u = unit_read(&text, table)))
			return want_duration;
		if (!decimal_times(d, u->worth, &part))
			return "a duration of whole nanoseconds, at most 10000d";
		sum += part <= DURATION_MAX_NS ? part : DURATION_MAX_NS + 1;
		if (sum > DURATION_MAX_NS)
			return "a duration of at most 10000d";
		table = u + 1; /* 1m30s, never 30s1m */
	} while (*text);
	*ns = (int64_t)sum;
	return NULL;
}

const char *units_parse_size(const char *text, uint64_t *bytes)
{
	const struct unit *u;
	struct decimal d;

	if (!decimal_read(&text, &d) || !(u = unit_read(&text, size_units)) || *text)
		return want_size;
	if (!decimal_times(d, u->worth, bytes))
		return "a whole number of bytes below 2^63";
	return NULL;
}

const char *units_parse_rate(const char *text, uint64_t *bytes_per_s)
{
	const struct unit *u;
	struct decimal d;
	uint64_t bits;

	if (!decimal_read(&text, &d) || !(u = unit_read(&text, rate_units)) || *text)
		return want_rate;
	if (!decimal_times(d, u->worth, &bits) || bits % 8)
		return "a whole number of bytes a second below 2^60";
	*bytes_per_s = bits / 8;
	return NULL;
}

/* A number, or so many percent, from 0 to most. */
static bool parse_part(const char *text, long double most, double *out)
{
	struct decimal d;
	long double scale = 1;

	if (!decimal_read(&text, &d))
		return false;
	if (*text == '%') {
		d.places += 2;
		text++;
	}
	for (unsigned i = 0; i < d.places; i++)
		scale *= 10;
	if (*text || d.mantissa > most * scale)
		return false;
	*out = (double)(d.mantissa / scale);
	return true;
}

const char *units_parse_probability(const char *text, double *p)
{
	return parse_part(text, 1, p) ? NULL : want_probability;
}

const char *units_parse_share(const char *text, double *share)
{
	return parse_part(text, 10000, share) ? NULL : want_share;
}

const char *units_parse_count(const char *text, uint64_t *n)
{
	uint64_t v = 0;

	if (!*text)
		return want_count;
	for (; *text; text++) {
		if (!is_digit(*text))
			return want_count;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return "a whole number below 2^64";
	}
	*n = v;
	return NULL;
}

/* value / worth with its decimals, without trailing zeros; worth is a power of ten. Returns the
 * length. */
static int decimal_write(char *buf, size_t size, uint64_t value, const struct unit *u)
{
	int len = snprintf(buf, size, "%llu", (unsigned long long)(value / u->worth));
	uint64_t rest = value % u->worth, place = u->worth;
	char digits[24] = ".";
	int n = 1;

	while (rest > 0) {
		place /= 10;
		digits[n++] = (char)('0' + rest / place);
		rest %= place;
	}
	digits[n > 1 ? n : 0] = '\0';
	return len + snprintf(buf + len, size - (size_t)len, "%s%s", digits, u->name);
}

char *units_format_duration(char *buf, size_t size, int64_t ns)
{
	uint64_t left = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	const struct unit *u = duration_units;
	char out[64] = "";
	size_t len = 0;

	if (ns < 0)
		out[len++] = '-';
	for (; u->worth > (uint64_t)NS_PER_S; u++) { /* whole days, hours and minutes */
		if (left >= u->worth)
			len += (size_t)snprintf(out + len, sizeof(out) - len, "%llu%s",
			    (unsigned long long)(left / u->worth), u->name);
		left %= u->worth;
	}
	if (len <= (ns < 0)) /* below a minute: the largest unit that is not below one */
		while (left > 0 && left < u->worth)
			u++;
	if (left > 0 || ns == 0)
		decimal_write(out + len, sizeof(out) - len, left, u);
	snprintf(buf, size, "%s", out);
	return buf;
}

char *units_format_size(char *buf, size_t size, uint64_t bytes)
{
	static const struct unit binary[] = { { "GiB", 1073741824 }, { "MiB", 1048576 },
		{ "KiB", 1024 }, { "B", 1 }, { NULL, 0 } };
	const struct unit *u = binary;

	while (u->worth > 1 && bytes < u->worth)
		u++;
	/* hundredths, rounded down: 1023.99KiB rather than 1024KiB */
	uint64_t rest = bytes % u->worth * 100 / u->worth;
	int len = snprintf(buf, size, "%llu", (unsigned long long)(bytes / u->worth));
	if (rest > 0)
		len += snprintf(buf + len, size - (size_t)len, rest % 10 ? ".%02u" : ".%u",
		    (unsigned)(rest % 10 ? rest : rest / 10));
	snprintf(buf + len, size - (size_t)len, "%s", u->name);
	return buf;
}

char *units_format_rate(char *buf, size_t size, uint64_t bytes_per_s)
{
	const struct unit *u = rate_units;

	while (u->worth > 8 && (bytes_per_s == 0 || bytes_per_s * 8 % u->worth))
		u++;
	snprintf(buf, size, "%llu%s", (unsigned long long)(bytes_per_s * 8 / u->worth), u->name);
	return buf;
}
