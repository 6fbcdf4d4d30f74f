/*
 * Quantities as people write them. Every parser takes the whole string (no blanks around it),
 * stores its result only on success, and returns NULL, or a static sentence fragment that says
 * what was expected ("a duration with a unit, such as 250ms, 5s or 2m"). No locale, no errno.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* ns, us, ms, s, m, h, d; decimals ("1.5s") and sums ("1m30s"); "0" alone needs no unit.
 * Range 0 .. 10000 days. */
const char *units_parse_duration(const char *text, int64_t *ns);

/* Bytes: plain digits or B, KB, MB, GB (powers of 1000) and KiB, MiB, GiB (powers of 1024). */
const char *units_parse_size(const char *text, uint64_t *bytes);

/* Bytes a second: B/s, KB/s, MB/s, GB/s, KiB/s, MiB/s, GiB/s, and bit/s, kbit/s, Mbit/s, Gbit/s
 * (powers of 1000); plain digits are KB/s, as Toxiproxy has it. */
const char *units_parse_rate(const char *text, uint64_t *bytes_per_s);

/* "0.25" or "25%"; 0 .. 1. */
const char *units_parse_probability(const char *text, double *p);

/* A percentage, which may be above 100: "110%" or "1.1"; up to a million percent. */
const char *units_parse_share(const char *text, double *share);

/* An unsigned whole number, digits only. */
const char *units_parse_count(const char *text, uint64_t *n);

/* Shortest form people read ("250ms", "5s", "1m30s", "1.25ms"); parses back to the same value.
 * buf of 48 bytes is always enough; returns buf. */
char *units_format_duration(char *buf, size_t size, int64_t ns);

/* "10MB/s", "64KiB/s", "17B/s"; parses back to the same value. Returns buf. */
char *units_format_rate(char *buf, size_t size, uint64_t bytes_per_s);

/* "64KiB", "1.5MiB", "17B"; for people, may round. Returns buf. */
char *units_format_size(char *buf, size_t size, uint64_t bytes);
