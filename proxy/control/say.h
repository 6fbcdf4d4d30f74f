/* Quantities as sentences have them. Each returns buf. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define SAY_MAX 48

/* "937 s", "1.2 s", "250 ms", "3 us"; three figures at most, more where all are whole seconds. */
char *say_time(char buf[static SAY_MAX], int64_t ns);

/* "925..940 s": one unit for both where that reads well. */
char *say_range(char buf[static 2 * SAY_MAX], int64_t low_ns, int64_t high_ns);

/* "1 attempt", "3 attempts". */
char *say_count(char buf[static SAY_MAX], uint64_t n, const char *one);
