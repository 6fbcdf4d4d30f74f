/* The two clocks of the kernel and the one way in which wall time is written. */
#include "base/mono.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t clock_read_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t mono_now_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

int64_t mono_wall_ns(void)
{
	return clock_read_ns(CLOCK_REALTIME);
}

/* "2026-11-22T12:00:00", and what is left of the second. */
static unsigned format_seconds(char out[static 20], int64_t wall_ns)
{
	int64_t rest_ns = wall_ns % NS_PER_S;
	time_t seconds = wall_ns / NS_PER_S;
	struct tm tm;

	if (rest_ns < 0) { /* C rounds towards zero, calendars do not */
		rest_ns += NS_PER_S;
		seconds--;
	}
	gmtime_r(&seconds, &tm); /* 64 bits of nanoseconds are the years 1677 to 2262 */
	strftime(out, 20, "%Y-%m-%dT%H:%M:%S", &tm);
	return (unsigned)rest_ns;
}

void mono_format_wall(char out[static 28], int64_t wall_ns)
{
	unsigned rest_ns = format_seconds(out, wall_ns);

	snprintf(out + 19, 28 - 19, ".%06uZ", rest_ns / (unsigned)NS_PER_US % 1000000);
}

void mono_format_wall_ns(char out[static 31], int64_t wall_ns)
{
	unsigned rest_ns = format_seconds(out, wall_ns);

	snprintf(out + 19, 31 - 19, ".%09uZ", rest_ns % 1000000000);
}

/* ".123" as nanoseconds, "" as none; the end of it, NULL: that is none. */
static const char *parse_decimals(const char *text, int64_t *ns)
{
	int64_t unit_ns = NS_PER_S / 10;

	*ns = 0;
	if (*text != '.')
		return text;
	for (text++; *text >= '0' && *text <= '9'; text++, unit_ns /= 10) {
		if (!unit_ns)
			return NULL;
		*ns += (*text - '0') * unit_ns;
	}
	return unit_ns == NS_PER_S / 10 ? NULL : text;
}

const char *mono_parse_wall(const char *text, int64_t *wall_ns)
{
	static const char want[] = "a time in UTC, such as 2026-11-22T18:00:00.123456789Z";
	struct tm tm = { 0 };
	char again[20];
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t seconds = rest ? timegm(&tm) : 0, ns;

	rest = rest ? parse_decimals(rest, &ns) : NULL;
	if (!rest || strcmp(rest, "Z") != 0 || seconds <= 0 || seconds >= INT64_MAX / NS_PER_S)
		return want;
	format_seconds(again, seconds * NS_PER_S);
	if (strncmp(text, again, 19) != 0) /* February 30, or one digit for two */
		return want;
	*wall_ns = seconds * NS_PER_S + ns;
	return NULL;
}
