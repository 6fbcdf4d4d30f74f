/*
 * What happened to the first session that was struck, beat by beat, for a sequence diagram: the
 * marks of the session, then its client's attempts to come back. What repeats is told once, with
 * how often.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum story_place { STORY_CLIENT, STORY_RELAY, STORY_SERVER, STORY_PLACES };

enum story_shape {
	STORY_ARROW, /* from one place to another */
	STORY_BOTH,  /* both ways */
	STORY_LOST,  /* towards the relay, never taken */
	STORY_NOTE,  /* over one place */
	STORY_BAND,  /* across all */
};

struct beat {
	int64_t at_ns, until_ns; /* of the first, of the last that is told with it */
	enum story_shape shape;
	enum story_place from, to;
	const char *words; /* static: "SYN", "data" ... */
	const char *more;  /* from outside; "": none */
	int64_t count;
};

struct story {
	const json_t *session, *death;
	struct beat *beats;
	size_t n, left_out; /* beats at the end that were too many */
};

/* False: no session was struck (or no memory). */
bool story_make(const json_t *verdict, struct story *s);
void story_free(struct story *s);
