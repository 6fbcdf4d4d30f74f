/*
 * One row for each thing a user can set. A table of rows is the only place that knows a key's
 * type, default, range, unit and meaning: the INI reader, --help, the manual's check and the API
 * all read it. A row's value lives at `offset` in the struct that the table describes.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_kind {
	FIELD_DURATION,    /* int64_t, nanoseconds */
	FIELD_SIZE,        /* uint64_t, bytes */
	FIELD_RATE,        /* uint64_t, bytes a second */
	FIELD_COUNT,       /* uint64_t */
	FIELD_PROBABILITY, /* double, 0..1 */
	FIELD_SHARE,       /* double, 0 and more: a percentage */
	FIELD_CHOICE,      /* int, index into choices */
	FIELD_BOOL,        /* bool; yes/no, true/false, on/off, 1/0 */
	FIELD_TEXT,        /* char *, owned */
	FIELD_ADDR,        /* struct addr */
	FIELD_CIDR,        /* struct cidr */
	FIELD_NAMES,       /* struct names: comma- or blank-separated, or "*" */
};

/* A list of names, or "*" (all). */
struct names {
	char **name;
	size_t count;
	bool all;
};

struct field {
	const char *key;
	enum field_kind kind;
	size_t offset;
	const char *initial;        /* default as a user would write it; NULL: unset (zero) */
	const char *const *choices; /* FIELD_CHOICE: NULL-terminated */
	int64_t min, max; /* DURATION, SIZE, RATE, COUNT; SHARE, in percent: inclusive; both
			     0: no limit */
	bool required;
	const char *help; /* one sentence, no full stop */
};

/* Rows end with key == NULL. */
const struct field *field_find(const struct field *table, const char *key);

/* Parses text into the row's place in base. NULL on success; else what was expected, in buf or
 * static. Frees what the place held before. On failure the place is unchanged. */
const char *field_parse(
    const struct field *f, void *base, const char *text, char *buf, size_t size);

/* Every row's initial value. base must be zeroed memory. */
void field_defaults(const struct field *table, void *base);

/* The value as text that field_parse takes; returns buf. */
char *field_format(const struct field *f, const void *base, char *buf, size_t size);

/* Same value. */
bool field_equal(const struct field *f, const void *a, const void *b);

/* Frees what the rows own and zeroes it. */
void field_release(const struct field *table, void *base);

/* Deep copy of one row's value; dst's place must be zeroed memory. */
void field_copy(const struct field *f, void *dst, const void *src);
