/*
 * What the files of player share; nobody else includes this.
 *
 *     player.c (plays) <-- player_plan.c (what the plan is, in times and words)
 */
#pragma once
#include "control/await.h"
#include "control/player.h"

enum player_mark { MARK_NONE, MARK_MET, MARK_ACTION }; /* by what */
enum player_state { STATE_EVENT, STATE_UNTIL, STATE_ACT, STATE_ASKED, STATE_WAIT, STATE_OVER };

struct player {
	const struct scenario *scenario;
	struct stage *stage;
	uint64_t seed;
	struct await *await;
	enum player_state state;
	size_t step;
	uint64_t iteration;  /* from 1 */
	size_t action, told; /* the next to do; the next to record */
	int64_t until_ns;    /* UNTIL: the instant; EVENT, WAIT: the limit */
	int64_t begin_ns;    /* of this iteration */
	bool begun;          /* and it is recorded */
	bool asked;          /* an answer of the stage is to come */
	bool running;        /* in run() */
	bool refused;
	size_t mark; /* what is waited for next is counted from here; MARK_NONE: from then */
	enum player_mark marked;
	json_t *names; /* a fault's name -> what it was called last */
	char *reason;  /* of player_stop(); NULL: none */
};

const struct step *player_step(const struct player *p);     /* unless it is over */
const struct action *player_action(const struct player *p); /* the next; NULL: none is left */

/* How long a pause is the n-th time: the same for the same seed, step and place in it. */
int64_t player_draw_pause(
    uint64_t seed, const struct step *step, const struct action *a, uint64_t iteration);

/* What a fault of this name is called the n-th time. Free it; NULL: no memory. */
char *player_fault_name(const char *name, uint64_t iteration);

/* "detected on redis by dead 3 times". Returns buf. */
char *player_describe_wait(const struct wait_spec *wait, char *buf, size_t size);

/* When all is over at the latest, commands and relays aside. */
int64_t player_plan_length_ns(const struct scenario *scenario, uint64_t seed);
