/*
 * The last events, as their NDJSON lines, for those who ask later. Numbers (seq) are the
 * timeline's: without gaps, so a number tells its place.
 */
#pragma once
#include "model/timeline.h"
#include <stddef.h>

#define FEED_MAX 10000

struct feed_line {
	char *text; /* owned */
	uint32_t len;
	uint16_t id; /* enum event_id */
};

struct feed {
	struct feed_line *lines; /* FEED_MAX; line seq is at seq % FEED_MAX */
	uint64_t first, next;    /* kept: first <= seq < next */
};

bool feed_init(struct feed *f, uint64_t next); /* false: no memory */
void feed_free(struct feed *f);

/* A line for which there is no memory is kept as an empty one. */
void feed_add(struct feed *f, const struct timeline_line *line);

/* NULL: it is not kept (any more). */
const struct feed_line *feed_find(const struct feed *f, uint64_t seq);
