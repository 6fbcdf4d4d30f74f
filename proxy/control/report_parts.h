/*
 * What the reports share: reading a verdict, of which any member may be missing or of another kind,
 * and words for its numbers. Texts that are read are borrowed; those that are made, free(3)d by the
 * caller, and NULL when out of memory, which every writer takes for "".
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

const char *part_text(const json_t *o, const char *key); /* "": none */
/* Within PART_MOST, so that sums and differences of a few are safe. */
#define PART_MOST (INT64_MAX / 4)
int64_t part_int(const json_t *o, const char *key, int64_t other);
double part_real(const json_t *o, const char *key, double other);
bool part_has(const json_t *o, const char *key);           /* and it is not null */
const json_t *part_list(const json_t *o, const char *key); /* fine for json_array_*() */
const json_t *part_scenario(const json_t *verdict);        /* run.scenario */
const char *part_title(const json_t *verdict);             /* the title, or the name */

/* "312 µs", "4.12 ms", "28.2 s", "15 min 37 s", "2 h 5 min"; buf of 40 bytes is enough. */
char *words_duration(char *buf, size_t size, int64_t ns);

char *words_make(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *words_at(const json_t *o, const char *key, const char *none); /* a member that is a time */

/* Whole sentences and phrases. */
char *words_expectation(const json_t *expectation); /* "detect_within=30s [name] proxy=redis" */
char *words_step(const json_t *step);               /* "step 1", "step 1 #2" */
char *words_detected(const json_t *death);          /* "28.2 s, RST", "never" */
char *words_predicted(const json_t *death);         /* "27 s to 29.1 s, keepalive", "not known" */
char *words_client(const json_t *o);                /* "worker[4242] 127.0.0.1:5000" */
char *words_command(const json_t *verdict);         /* "" if there was none */

/* Who tries to connect, whichever port it comes from: the process if it is known, else its IP
 * address. */
char *part_who(const json_t *o);

/* What the predictions advise, each sentence once: at most max, borrowed. Returns how many. */
size_t part_advice(const json_t *verdict, const char **advice, size_t max);
