/*
 * Plays a scenario's steps on a stage, one after the other:
 *
 *     time or event -> actions, each to its end -> (repeat) -> next step ... -> over
 *
 * Everything that is drawn comes from the seed and the step's name, so the same seed plays the same
 * moments. An action that fails ends its step as failed, and the steps behind it are skipped;
 * player_over() is true then, too.
 */
#pragma once
#include "control/journal.h"
#include "control/stage.h"

#define PLAYER_AHEAD_NS (INT64_C(200) * 1000 * 1000)

struct player;

/* NULL: no memory. scenario and stage outlive it. Time has begun (now_ns() is 0 or more). */
struct player *player_new(const struct scenario *scenario, uint64_t seed, struct stage *stage);
void player_free(struct player *p); /* what it had asked for must not come back any more */

void player_tick(struct player *p);
void player_saw(struct player *p, const struct record *r); /* every record, as it comes */

/* What cannot be done any more is skipped ("the command has ended"); reason is copied. */
void player_stop(struct player *p, const char *reason);

bool player_over(const struct player *p);
bool player_refused(const struct player *p); /* a relay had no power for a fault */

/* For people, while it plays: what it does just now ("waiting for detected, 12.0 s left"). Returns
 * buf. */
char *player_now(const struct player *p, char *buf, size_t size);
/* When the steps with a known time will be over at the latest; for a bar. */
int64_t player_length_ns(const struct player *p);

/* The plan in words, a line each, without playing it (--dry-run). False: could not be written. */
bool player_print_plan(const struct scenario *scenario, uint64_t seed, FILE *out);
