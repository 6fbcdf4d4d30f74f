/*
 * The relay: proxies that listen, sessions that carry bytes, and the engine whose faults strike
 * them, on one libevent loop. control/command.h is the only caller of what changes anything here.
 *
 *     client --- client leg [ session: flow upstream ->, <- flow downstream ] server leg --- server
 */
#pragma once
#include "faults/engine.h"
#include "kernel/pipe.h"
#include "model/spec.h"
#include <event2/event.h>

struct proxy;
struct session;
struct resolver;
struct builtin;
struct witness;

#define RELAY_SCRATCH (16 << 10) /* a read that fills it turns a flow to splice */
#define RELAY_SHAPED  (64 << 10) /* a read of a flow whose bytes go through faults */

struct relay {
	struct event_base *base;
	struct timeline *timeline;
	const struct wire *wire;
	struct engine engine;
	struct pipe_pool pipes;
	unsigned pipes_max; /* that shaped flows may have out */
	struct resolver *resolver;
	struct builtin *builtin[2]; /* echo, discard; NULL until a proxy wants one */
	struct witness *witness;    /* NULL: witness=no */
	enum splice_mode splice;
	TAILQ_HEAD(proxies, proxy) proxies;
	STAILQ_HEAD(, session) reap; /* over, to be freed outside their own callbacks */
	struct event *timer, *reaper;
	int fd_ceiling;           /* from this number on descriptors are kept for what is open */
	int timer_fd;             /* CLOCK_MONOTONIC: timerfd_create(2) */
	int64_t scheduled_ns;     /* what it is set to; INT64_MAX: not */
	uint64_t sessions_opened; /* since the start: the last session's number */
	uint64_t sessions;        /* now */
	void (*idle)(void *arg);  /* called when the last session has gone; NULL: nobody waits */
	void *idle_arg;
	char scratch[RELAY_SHAPED];
};

/* NULL with *err on failure. The timeline and wire are the caller's and must outlive it. */
struct relay *relay_new(struct timeline *timeline, const struct wire *wire,
    const struct settings *settings, const char **err);

/* Ends every session (those of dead hosts without a word), closes everything. */
void relay_free(struct relay *r);

/* To be called after anything that may have changed what the engine waits for. */
void relay_schedule(struct relay *r);

/* Frees the sessions that are over. The loop does it by itself; not from a session's callback. */
void relay_reap(struct relay *r);

/* Is there room for one more session? */
bool relay_has_descriptors(const struct relay *r);

/* --- proxies --- */

/*
 * Resolves and binds the listening address: not a SYN is answered yet. NULL with a message in
 * err (with the address and the reason) and errno (ENOENT: no such name). With enabled=no nothing
 * is bound.
 */
struct proxy *proxy_prepare(struct relay *r, const struct proxy_spec *spec, char *err, size_t size);

/* Takes it into service: from now on its gate is what the armed faults say, open if none. */
void proxy_start(struct proxy *p);

/* Ends its sessions (reason), closes the address, frees it; also one that was only prepared. */
void proxy_stop(struct proxy *p, const char *reason);

/* A new spec with the same listening address: later sessions get the new upstream and limits. The
 * spec is copied; false: no memory, or no such builtin, nothing changed. */
bool proxy_update(struct proxy *p, const struct proxy_spec *spec);

/* To be called before proxy_update() with a spec that enables it: binds its address, the one it
 * had before it was disabled. False: err and errno as above. */
bool proxy_bind(struct proxy *p, char *err, size_t size);
/* Takes that back. Of a proxy that is enabled: nothing. */
void proxy_unbind(struct proxy *p);

/* Stops listening for a moment, so that another socket can be bound to the same port; listens
 * again.
 */
void proxy_pause(struct proxy *p);
void proxy_resume(struct proxy *p);

/* Its sessions end as with their process: FIN, or RST where received data was unread. reason is
 * static. */
void proxy_end_sessions(struct proxy *p, const char *reason);

/* No new sessions; those open go on. */
void proxy_close_listener(struct proxy *p);

struct proxy *relay_find_proxy(struct relay *r, const char *name);
const struct proxy_spec *proxy_spec_of(const struct proxy *p);
struct door *proxy_door(struct proxy *p);
const union sockaddr_any *proxy_bound(const struct proxy *p);
uint16_t proxy_bound_port(const struct proxy *p); /* 0: never bound, or a Unix socket */
/* Where it listens, or did before it was disabled, or would. Returns buf (ADDR_TEXT_MAX). */
char *proxy_listen_text(const struct proxy *p, char *buf, size_t size);

/* --- sessions --- */

/* Every session as an EVENT_SESSION_DUMP on the timeline. */
void relay_dump(struct relay *r);

/* Ends every session that still carries bytes with RST; sessions of dead hosts stay dead. */
void relay_abort_sessions(struct relay *r, const char *reason);

/* Sessions that carry bytes (not those of dead hosts). */
uint64_t relay_live_sessions(const struct relay *r);
