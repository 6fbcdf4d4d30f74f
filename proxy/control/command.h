/*
 * The one door for changes: whoever wants something changed (a file, a signal, a flag; an API
 * later) says it as data and comes through here. Each call is all or nothing and leaves its record
 * on the timeline.
 */
#pragma once
#include "model/conf.h"
#include "relay/relay.h"

struct control {
	struct relay *relay;
	struct timeline *timeline;
	struct config *config; /* what holds now; owned; NULL before the first */
};

/*
 * Makes what `wanted` says hold: new proxies listen (their faults strike before the first accept),
 * proxies that are no longer wanted close, those unchanged keep their sessions; faults that are
 * new arm, faults that are gone or changed lift (a changed one is armed again).
 * True: wanted is now the control's. False: nothing changed, errors says why, wanted is the
 * caller's.
 */
bool control_apply(struct control *c, struct config *wanted, struct conf_errors *errors);

/* The settings that a running process cannot change, of those that differ: names, comma-separated;
 * "" if none. */
char *control_restart_needed(
    const struct config *now, const struct config *wanted, char *buf, size_t size);

void control_free(struct control *c); /* the config alone; the relay is the caller's */
