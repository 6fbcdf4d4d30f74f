/*
 * Clocks. Everything inside deadpeer runs on monotonic nanoseconds; wall time is for people.
 * Modules take the time as an argument; only the loop and the timeline ask these functions.
 */
#pragma once
#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

/* CLOCK_MONOTONIC (clock_gettime(2)) in nanoseconds; never goes back, never fails on Linux. */
int64_t mono_now_ns(void);

/* CLOCK_REALTIME in nanoseconds since the epoch. */
int64_t mono_wall_ns(void);

/* Writes a wall time as RFC 3339 UTC with microseconds ("2026-11-22T12:00:00.000000Z"); 28 bytes.
 */
void mono_format_wall(char out[static 28], int64_t wall_ns);

/* The same with nanoseconds; 31 bytes. */
void mono_format_wall_ns(char out[static 31], int64_t wall_ns);

/* Reads what these write: RFC 3339, UTC ("Z"), with up to nine decimals. NULL, or what was
 * expected. */
const char *mono_parse_wall(const char *text, int64_t *wall_ns);
