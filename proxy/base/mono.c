/* The two clocks of the kernel and the one way in which wall time is written. */
#include "base/mono.h"
#include <stdio.h>
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

void mono_format_wall(char out[static 28], int64_t wall_ns)
{
	int64_t rest_ns = wall_ns % NS_PER_S;
	time_t seconds = wall_ns / NS_PER_S;
	struct tm tm;

	if (rest_ns < 0) { /* C rounds towards zero, calendars do not */
		rest_ns += NS_PER_S;
		seconds--;
	}
	gmtime_r(&seconds, &tm); /* 64 bits of nanoseconds are the years 1677 to 2262 */
	size_t len = strftime(out, 28, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + len, 28 - len, ".%06uZ", (unsigned)(rest_ns / NS_PER_US) % 1000000);
}
