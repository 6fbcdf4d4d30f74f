/*
 * The relays that a run is played on: its own child, or running ones.
 *
 *     run_relay.c   what they have, how their clocks stand, what is taken back at the end
 *     run_own.c     the child
 *     run_events.c  their timelines -> driver_saw()
 */
#pragma once
#include "base/addr.h"
#include "cli/client.h"
#include <jansson.h>

#define RUN_WHY_MAX 640

struct driver;

struct run_relay {
	struct driver *run;
	unsigned index;
	struct server server;
	bool is_own;
	int64_t offset_ns;        /* the driver's mono_now_ns() less its own */
	int64_t skew_ns, rtt_ns;  /* its wall clock less the driver's; how long asking took */
	uint64_t seq;             /* of the last event that was read */
	struct client *events;    /* under way; NULL: broken off, or its own */
	struct event *retry;      /* then, in a moment */
	int64_t broken_ns;        /* since when nobody answers; 0: it does */
	int64_t met_ns;           /* when it was asked first for its version, by mono_now_ns() */
	int64_t asked_ns;         /* and when last */
	bool is_lost;             /* what it tells is not known to the end */
	json_t *version;          /* the answer of /v1/version */
	json_t *proxies, *hosts;  /* the arrays of /v1/proxies, /v1/hosts */
	json_t *faults, *created; /* names of faults and proxies that came with this run */
};

/* Those of the options, or its own. 0, or an exit code: it has been said what is wrong. */
int relays_start(struct driver *run);
/* Lifts and removes what the run has brought; its own one ends. */
void relays_end(struct driver *run);
void relays_free(struct driver *run);

/* The row of /v1/proxies; NULL: it has no such. */
const json_t *relay_proxy(const struct run_relay *r, const char *name);
bool relay_has_host(const struct run_relay *r, const char *name);
/* What answers now (/v1/version, asked at asked_ns) began after the run met the relay. */
bool relay_is_another(const struct run_relay *r, const json_t *version, int64_t asked_ns);
/* Where clients reach one of its proxies. any: it listens on every address; out is one of them. */
bool relay_address(const struct run_relay *r, const json_t *proxy, struct addr *out, bool *any);

/*
 * One call to its end; the loop runs meanwhile. Takes over body (NULL: none). The answer, the
 * caller's; NULL: why says why there is none, and *status (NULL: not wanted) is 0 or HTTP's.
 */
json_t *relay_ask(struct run_relay *r, const char *method, const char *path, json_t *body,
    int *status, char why[RUN_WHY_MAX]);
/* What an answer of another status says; returns why. */
char *relay_why(const struct run_relay *r, const struct answer *a, char why[RUN_WHY_MAX]);

bool names_have(const json_t *names, const char *name);
void names_add(json_t *names, const char *name); /* once */
void names_remove(json_t *names, const char *name);

/* --- run_own.c --- */

struct own_relay {
	pid_t pid; /* 0: none */
	bool alive, ready;
	int status; /* as waitpid(2) has it, once it is not alive */
	char dir[96];
	int events_fd, inotify_fd, errors_fd; /* -1: none */
	struct event *changed, *complained;
	struct evbuffer *events, *errors;
};

/* The scenario's configuration, in a process that ends with this one. */
int own_start(struct driver *run);
void own_read(struct driver *run); /* all that it has told until now */
void own_stop(struct driver *run);
void own_kill(struct driver *run); /* at once, with what it left in the file system */
bool own_reap(struct driver *run, pid_t pid, int status);
void own_free(struct driver *run);

/* --- run_events.c --- */

void events_line(struct run_relay *r, const char *text);       /* a record as JSON */
bool events_begin(struct run_relay *r, char why[RUN_WHY_MAX]); /* what is open now; then live */
void events_catch_up(struct run_relay *r); /* all that there is by now, or it is lost */
void events_stop(struct run_relay *r);
