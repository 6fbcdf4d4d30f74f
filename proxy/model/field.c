/*
 * A row of the table below for each kind of value: how to parse it, write it, compare, copy and
 * free it. The functions at the end only find the row.
 */
#include "model/field.h"
#include "base/addr.h"
#include "base/units.h"
#include "model/spec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT_BLANKS " \t,"
#define NAMES_MAX   4096

struct kind {
	size_t size;
	/* buf, size: where a message may be written. NULL: stored at p, which is zeroed memory. */
	const char *(*parse)(
	    const struct field *f, void *p, const char *text, char *buf, size_t size);
	void (*format)(const struct field *f, const void *p, char *buf, size_t size);
	bool (*equal)(const void *a, const void *b); /* NULL: by bytes */
	bool (*copy)(void *dst, const void *src);    /* NULL: by bytes. False: out of memory */
	void (*release)(void *p);                    /* NULL: owns nothing */
};

/* units_format_size() may round; this must not. */
static void size_format(const struct field *f, const void *p, char *buf, size_t size)
{
	uint64_t bytes = *(const uint64_t *)p;

	(void)f;
	if (bytes < 1024 || bytes % 1024 == 0)
		units_format_size(buf, size, bytes);
	else
		snprintf(buf, size, "%lluB", (unsigned long long)bytes);
	uint64_t back;
	if (units_parse_size(buf, &back) || back != bytes)
		snprintf(buf, size, "%lluB", (unsigned long long)bytes);
}

static void range_text(const struct field *f, char *out, size_t size, int64_t v)
{
	if (f->kind == FIELD_DURATION && v > 0) /* "0" reads better than "0s" */
		units_format_duration(out, size, v);
	else if (f->kind == FIELD_SIZE)
		size_format(f, &v, out, size);
	else if (f->kind == FIELD_RATE)
		units_format_rate(out, size, (uint64_t)v);
	else
		snprintf(out, size, "%lld", (long long)v);
}

/* v in the row's range; the message says the range in the row's own unit. */
static const char *range_check(const struct field *f, uint64_t v, char *buf, size_t size)
{
	static const char *const noun[] = { [FIELD_DURATION] = "a duration",
		[FIELD_SIZE] = "a size",
		[FIELD_RATE] = "a rate",
		[FIELD_COUNT] = "a whole number" };
	char least[48], most[48];

	if ((f->min == 0 && f->max == 0) || (v >= (uint64_t)f->min && v <= (uint64_t)f->max))
		return NULL;
	range_text(f, least, sizeof(least), f->min);
	range_text(f, most, sizeof(most), f->max);
	snprintf(buf, size, "%s from %s to %s", noun[f->kind], least, most);
	return buf;
}

static const char *duration_parse(
    const struct field *f, void *p, const char *text, char *buf, size_t size)
{
	int64_t ns;
	const char *want = units_parse_duration(text, &ns);

	if (!want)
		want = range_check(f, (uint64_t)ns, buf, size);
	if (!want)
		*(int64_t *)p = ns;
	return want;
}

static void duration_format(const struct field *f, const void *p, char *buf, size_t size)
{
	(void)f;
	units_format_duration(buf, size, *(const int64_t *)p);
}

static const char *size_parse(
    const struct field *f, void *p, const char *text, char *buf, size_t size)
{
	uint64_t bytes;
	const char *want = units_parse_size(text, &bytes);

	if (!want)
		want = range_check(f, bytes, buf, size);
	if (!want)
		*(uint64_t *)p = bytes;
	return want;
}

static const char *rate_parse(
    const struct field *f, void *p, const char *text, char *buf, size_t size)
{
	uint64_t rate;
	const char *want = units_parse_rate(text, &rate);

	if (!want)
		want = range_check(f, rate, buf, size);
	if (!want)
		*(uint64_t *)p = rate;
	return want;
}

static void rate_format(const struct field *f, const void *p, char *buf, size_t size)
{
	(void)f;
	units_format_rate(buf, size, *(const uint64_t *)p);
}

static const char *count_parse(
    const struct field *f, void *p, const char *text, char *buf, size_t size)
{
	uint64_t n;
	const char *want = units_parse_count(text, &n);

	if (!want)
		want = range_check(f, n, buf, size);
	if (!want)
		*(uint64_t *)p = n;
	return want;
}

static void count_format(const struct field *f, const void *p, char *buf, size_t size)
{
	(void)f;
	snprintf(buf, size, "%llu", (unsigned long long)*(const uint64_t *)p);
}

static const char *probability_parse(
    const struct field *f, void *p, const char *text, char *buf, size_t size)
{
	(void)f, (void)buf, (void)size;
	return units_parse_probability(text, p);
}

/* The fewest decimals that give the same double back. */
static void probability_format(const struct field *f, const void *p, char *buf, size_t size)
{
	double v = *(const double *)p, back;

	(void)f;
	for (int places = 0; places <= 18; places++) {
		snprintf(buf, size, "%.*f", places, v);
		if (!units_parse_share(buf, &back) && back >= v && back <= v)
			return;
	}
}

static const char *share_parse(
    const struct field *f, void *p, const char *text, char *buf, size_t size)
{
	double share;
	const char *want = units_parse_share(text, &share);

	if (!want && f->max && (share * 100 < (double)f->min || share * 100 > (double)f->max)) {
		snprintf(buf, size, "a percentage from %lld%% to %lld%%", (long long)f->min,
		    (long long)f->max);
		want = buf;
	}
	if (!want)
		*(double *)p = share;
	return want;
}

static bool double_equal(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x >= y && x <= y;
}

static void list_append(char *buf, size_t size, const char *before, const char *word)
{
	size_t len = strlen(buf);

	snprintf(buf + len, size - len, "%s%s", before, word);
}

static const char *choice_parse(
    const struct field *f, void *p, const char *text, char *buf, size_t size)
{
	for (int i = 0; f->choices[i]; i++) {
		if (strcmp(f->choices[i], text) == 0) {
			*(int *)p = i;
			return NULL;
		}
	}
	snprintf(buf, size, "%s", f->choices[0]);
	for (int i = 1; f->choices[i]; i++)
		list_append(buf, size, f->choices[i + 1] ? ", " : " or ", f->choices[i]);
	return buf;
}

static void choice_format(const struct field *f, const void *p, char *buf, size_t size)
{
	snprintf(buf, size, "%s", f->choices[*(const int *)p]);
}

static const char *bool_parse(
    const struct field *f, void *p, const char *text, char *buf, size_t size)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	(void)f, (void)buf, (void)size;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcasecmp(words[i], text) == 0) {
			*(bool *)p = i % 2;
			return NULL;
		}
	}
	return "yes or no";
}

static void bool_format(const struct field *f, const void *p, char *buf, size_t size)
{
	(void)f;
	snprintf(buf, size, "%s", *(const bool *)p ? "yes" : "no");
}

static const char *text_parse(
    const struct field *f, void *p, const char *text, char *buf, size_t size)
{
	(void)f, (void)buf, (void)size;
	if (!*text)
		return "some text";
	for (const char *c = text; *c; c++) /* a line that is more than one would be a file's */
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return "a text without control characters";
	*(char **)p = strdup(text);
	return *(char **)p ? NULL : "more memory";
}

static void text_format(const struct field *f, const void *p, char *buf, size_t size)
{
	const char *text = *(char *const *)p;

	(void)f;
	snprintf(buf, size, "%s", text ? text : "");
}

static bool text_equal(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return x && y ? strcmp(x, y) == 0 : x == y;
}

static bool text_copy(void *dst, const void *src)
{
	const char *text = *(char *const *)src;

	*(char **)dst = text ? strdup(text) : NULL;
	return !text || *(char **)dst;
}

static void text_release(void *p)
{
	free(*(char **)p);
}

static const char *addr_field_parse(
    const struct field *f, void *p, const char *text, char *buf, size_t size)
{
	(void)f, (void)buf, (void)size;
	return addr_parse(text, p);
}

static void addr_field_format(const struct field *f, const void *p, char *buf, size_t size)
{
	(void)f;
	addr_format(buf, size, p);
}

static bool addr_field_equal(const void *a, const void *b)
{
	const struct addr *x = a, *y = b;

	return x->kind == y->kind && x->port == y->port && x->any == y->any && x->len == y->len &&
	       memcmp(&x->sa, &y->sa, x->len) == 0 && strcasecmp(x->name, y->name) == 0;
}

static const char *cidr_field_parse(
    const struct field *f, void *p, const char *text, char *buf, size_t size)
{
	(void)f, (void)buf, (void)size;
	if (strcmp(text, "*") == 0) { /* everybody: what cidr_format() writes of zeroed memory */
		memset(p, 0, sizeof(struct cidr));
		return NULL;
	}
	return cidr_parse(text, p);
}

static void cidr_field_format(const struct field *f, const void *p, char *buf, size_t size)
{
	(void)f;
	cidr_format(buf, size, p);
}

static bool cidr_field_equal(const void *a, const void *b)
{
	const struct cidr *x = a, *y = b;

	return x->family == y->family && x->bits == y->bits &&
	       memcmp(x->bytes, y->bytes, sizeof(x->bytes)) == 0;
}

static void names_release(void *p)
{
	struct names *n = p;

	for (size_t i = 0; i < n->count; i++)
		free(n->name[i]);
	free(n->name);
}

static bool names_have(const struct names *n, const char *name, size_t len)
{
	for (size_t i = 0; i < n->count; i++)
		if (strlen(n->name[i]) == len && memcmp(n->name[i], name, len) == 0)
			return true;
	return false;
}

static bool names_add(struct names *n, const char *name, size_t len)
{
	char **grown = reallocarray(n->name, n->count + 1, sizeof(char *));

	if (!grown)
		return false;
	n->name = grown;
	n->name[n->count] = strndup(name, len);
	return n->name[n->count] && ++n->count;
}

static const char *names_fill(struct names *n, const char *text, char *buf, size_t size)
{
	for (text += strspn(text, TEXT_BLANKS); *text; text += strspn(text, TEXT_BLANKS)) {
		size_t len = strcspn(text, TEXT_BLANKS);

		if (names_have(n, text, len)) {
			snprintf(buf, size, "each name once (%.*s is there twice)", (int)len, text);
			return buf;
		}
		if (n->count == NAMES_MAX)
			return "at most 4096 names; * is all there are";
		if (!names_add(n, text, len))
			return "more memory";
		const char *want = spec_check_name(n->name[n->count - 1]);
		if (want)
			return want;
		text += len;
	}
	return n->count ? NULL : "names with commas between them, or *";
}

static const char *names_parse(
    const struct field *f, void *p, const char *text, char *buf, size_t size)
{
	struct names n = { .all = strcmp(text, "*") == 0 };
	const char *want = n.all ? NULL : names_fill(&n, text, buf, size);

	(void)f;
	if (want)
		names_release(&n);
	else
		*(struct names *)p = n;
	return want;
}

static void names_format(const struct field *f, const void *p, char *buf, size_t size)
{
	const struct names *n = p;
	size_t len = (size_t)snprintf(buf, size, "%s", n->all ? "*" : "");

	(void)f;
	for (size_t i = 0; i < n->count && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? "," : "", n->name[i]);
}

/* The order counts: it is the order in which the user wrote them. */
static bool names_equal(const void *a, const void *b)
{
	const struct names *x = a, *y = b;

	if (x->all != y->all || x->count != y->count)
		return false;
	for (size_t i = 0; i < x->count; i++)
		if (strcmp(x->name[i], y->name[i]) != 0)
			return false;
	return true;
}

static bool names_copy(void *dst, const void *src)
{
	const struct names *from = src;
	struct names n = { .all = from->all };

	for (size_t i = 0; i < from->count; i++) {
		if (!names_add(&n, from->name[i], strlen(from->name[i]))) {
			names_release(&n);
			return false;
		}
	}
	*(struct names *)dst = n;
	return true;
}

static const struct kind kinds[] = {
	[FIELD_DURATION] = { sizeof(int64_t), duration_parse, duration_format },
	[FIELD_SIZE] = { sizeof(uint64_t), size_parse, size_format },
	[FIELD_RATE] = { sizeof(uint64_t), rate_parse, rate_format },
	[FIELD_COUNT] = { sizeof(uint64_t), count_parse, count_format },
	[FIELD_PROBABILITY] = { sizeof(double), probability_parse, probability_format,
	    double_equal },
	[FIELD_SHARE] = { sizeof(double), share_parse, probability_format, double_equal },
	[FIELD_CHOICE] = { sizeof(int), choice_parse, choice_format },
	[FIELD_BOOL] = { sizeof(bool), bool_parse, bool_format },
	[FIELD_TEXT] = { sizeof(char *), text_parse, text_format, text_equal, text_copy,
	    text_release },
	[FIELD_ADDR] = { sizeof(struct addr), addr_field_parse, addr_field_format,
	    addr_field_equal },
	[FIELD_CIDR] = { sizeof(struct cidr), cidr_field_parse, cidr_field_format,
	    cidr_field_equal },
	[FIELD_NAMES] = { sizeof(struct names), names_parse, names_format, names_equal, names_copy,
	    names_release },
};

static void *place_of(const struct field *f, void *base)
{
	return (char *)base + f->offset;
}

static const void *place_in(const struct field *f, const void *base)
{
	return (const char *)base + f->offset;
}

static void release_one(const struct field *f, void *base)
{
	if (kinds[f->kind].release)
		kinds[f->kind].release(place_of(f, base));
	memset(place_of(f, base), 0, kinds[f->kind].size);
}

const struct field *field_find(const struct field *table, const char *key)
{
	for (; table && table->key; table++)
		if (strcmp(table->key, key) == 0)
			return table;
	return NULL;
}

const char *field_parse(const struct field *f, void *base, const char *text, char *buf, size_t size)
{
	union {
		int64_t duration_ns;
		double probability;
		char *text;
		struct addr addr;
		struct cidr cidr;
		struct names names;
	} fresh = { 0 };
	const char *want = kinds[f->kind].parse(f, &fresh, text, buf, size);

	if (!want) {
		release_one(f, base);
		memcpy(place_of(f, base), &fresh, kinds[f->kind].size);
	}
	return want;
}

void field_defaults(const struct field *table, void *base)
{
	char buf[128];

	for (; table && table->key; table++)
		if (table->initial)
			field_parse(table, base, table->initial, buf, sizeof(buf));
}

char *field_format(const struct field *f, const void *base, char *buf, size_t size)
{
	kinds[f->kind].format(f, place_in(f, base), buf, size);
	return buf;
}

bool field_equal(const struct field *f, const void *a, const void *b)
{
	const struct kind *k = &kinds[f->kind];

	if (k->equal)
		return k->equal(place_in(f, a), place_in(f, b));
	return memcmp(place_in(f, a), place_in(f, b), k->size) == 0;
}

void field_release(const struct field *table, void *base)
{
	for (; table && table->key; table++)
		release_one(table, base);
}

void field_copy(const struct field *f, void *dst, const void *src)
{
	const struct kind *k = &kinds[f->kind];

	if (!k->copy)
		memcpy(place_of(f, dst), place_in(f, src), k->size);
	else if (!k->copy(place_of(f, dst), place_in(f, src)))
		memset(
		    place_of(f, dst), 0, k->size); /* out of memory: unset, as field_equal() sees */
}
