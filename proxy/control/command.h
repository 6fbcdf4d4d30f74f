/*
 * The one door for changes: whoever wants something changed (a file, a signal, a flag; an API
 * later) says it as data and comes through here. Each call is all or nothing and leaves its record
 * on the timeline.
 */
#pragma once
#include "model/conf.h"
#include "relay/relay.h"

/* Why control_apply() did nothing. */
struct control_why {
	enum { WHY_NO_MEMORY, WHY_LISTEN, WHY_WIRE } what;
	int error;                      /* WHY_LISTEN: errno, ENOENT: no such name */
	const struct proxy_spec *proxy; /* WHY_LISTEN: whose address; of wanted */
};

struct edit;

struct control {
	struct relay *relay;
	struct timeline *timeline;
	struct config *config;     /* what holds now; owned; NULL before the first */
	const struct edit *edit;   /* the one that is being applied (edit.h); NULL: a file */
	struct control_why why;    /* of the last call that failed */
	void (*edited)(void *arg); /* called after each edit; NULL: nobody wants to know */
	void *edited_arg;
	/* Reads the file again, as SIGHUP does. False: errors says why, nothing changed. NULL:
	 * there is nobody to ask. */
	bool (*reload)(void *arg, struct conf_errors *errors);
	void *reload_arg;
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
