/* Numbers with blanks before their units, as people print them; not for parsing. */
#include "control/say.h"
#include "base/mono.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t ns;
};

static const struct unit units[] = { { "s", NS_PER_S }, { "ms", NS_PER_MS }, { "us", NS_PER_US },
	{ "ns", 1 } };

static const struct unit *unit_of(int64_t ns)
{
	const struct unit *u = units;

	if (!ns)
		return u;
	while (llabs(ns) < u->ns)
		u++;
	return u;
}

/* Three figures, without zeros that say nothing. */
static void number(char *buf, size_t size, int64_t ns, const struct unit *u)
{
	const double value = (double)ns / (double)u->ns, abs = value < 0 ? -value : value;
	char *dot;

	snprintf(buf, size, "%.*f", abs >= 99.95 ? 0 : abs >= 9.995 ? 1 : 2, value);
	dot = strchr(buf, '.');
	if (!dot)
		return;
	for (char *end = buf + strlen(buf) - 1; end >= dot && (*end == '0' || *end == '.'); end--)
		*end = '\0';
}

char *say_time(char buf[static SAY_MAX], int64_t ns)
{
	const struct unit *u = unit_of(ns);
	char text[32];

	number(text, sizeof(text), ns, u);
	snprintf(buf, SAY_MAX, "%s %s", text, u->name);
	return buf;
}

char *say_range(char buf[static 2 * SAY_MAX], int64_t low_ns, int64_t high_ns)
{
	const struct unit *u = unit_of(high_ns);
	char low[32], high[32];

	number(low, sizeof(low), low_ns, u);
	number(high, sizeof(high), high_ns, u);
	if (strcmp(low, high) != 0)
		snprintf(buf, 2 * SAY_MAX, "%s..%s %s", low, high, u->name);
	else
		snprintf(buf, 2 * SAY_MAX, "%s %s", high, u->name);
	return buf;
}

char *say_count(char buf[static SAY_MAX], uint64_t n, const char *one)
{
	snprintf(buf, SAY_MAX, "%llu %s%s", (unsigned long long)n, one, n == 1 ? "" : "s");
	return buf;
}
