/*
 * What a player plays on: the relays, a shell and a clock, behind four calls. A test puts a fake
 * there: no socket, no loop, no sleep.
 */
#pragma once
#include "model/scenario.h"

/* An action that a relay does. */
struct order {
	const struct action *action; /* ARM, LIFT, POWER_OFF, POWER_ON, PARTITION, HEAL */
	const char *fault; /* ARM, LIFT: its name this time ("*": all of the scenario's) */
	int64_t at_ns; /* ARM: when it shall begin, on every relay; INT64_MIN: at once. May be told
			  up to PLAYER_AHEAD_NS before */
};

enum order_result { ORDER_DONE, ORDER_WRONG, ORDER_REFUSED /* no power for it */, ORDER_LOST };

/* Called once, never from inside of the call that asked. why: a sentence, NULL when done. */
typedef void stage_done(void *arg, enum order_result result, const char *why);

struct stage;
struct stage_ops {
	int64_t (*now_ns)(struct stage *s); /* since the scenario's time began */
	void (*order)(struct stage *s, const struct order *o, stage_done *done, void *arg);
	/* Runs text with /bin/sh, for limit_ns at most. ORDER_WRONG: it failed, and why says how.
	 */
	void (*shell)(
	    struct stage *s, const char *text, int64_t limit_ns, stage_done *done, void *arg);
	/* player_tick() is to be called then; replaces what was asked before. */
	void (*wake)(struct stage *s, int64_t at_ns);
	/* A record of the driver's own (journal.h), now. */
	void (*record)(struct stage *s, const char *event, struct json_t *fields);
};

struct stage {
	const struct stage_ops *ops;
};
