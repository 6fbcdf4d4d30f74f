/*
 * The life of faults: waiting, active, over; which sessions they strike, and what all of them
 * together want of each. Time comes in as an argument, doors and sessions are the interfaces of
 * target.h, so the engine runs without sockets and without a loop.
 *
 * A fault without session triggers (after_bytes, after_idle, nth, first, every) has one window: it
 * strikes the sessions that are open when it becomes active and those opened while it is, and gates
 * its doors. A fault with session triggers gates nothing; each session has its own window, from its
 * trigger on. toxicity and clients choose sessions in both cases; a fault with toxicity < 1 gates
 * nothing; with clients it silences only those addresses.
 *
 * Order at the instant of activation: every door's gate, then silence on all sessions (arm), then
 * what makes it last (settle), then what the living are told (tell).
 */
#pragma once
#include "base/heap.h"
#include "faults/fault.h"
#include "model/timeline.h"

struct timer {
	struct heap_node node; /* first */
	void (*due)(struct engine *e, struct timer *t, int64_t now_ns);
	void *owner;
};

/* FAULT_UP: a flap between two outages. */
enum fault_state { FAULT_WAITING, FAULT_ACTIVE, FAULT_UP, FAULT_TAIL, FAULT_OVER };
extern const char *const fault_state_names[]; /* "waiting", "active", "up", "booting", "over" */

/* The first session that came to a door while the fault was armed: its number there. */
struct tally {
	const struct door *door;
	uint64_t first;
};

/* Of a flap: faults/flap.h. */
struct cycle {
	int64_t down_ns, up_ns;    /* 0: no flap */
	int64_t turn_ns, until_ns; /* when the phase ends by the clock; when all is over */
	uint64_t n;
};

struct fault {
	struct fault_spec *spec;     /* owned; as asked for */
	struct fault_spec act;       /* what acts: the same, or what a flap repeats (flap.h) */
	const struct fault_ops *ops; /* of act */
	struct cycle cycle;
	struct engine *engine;
	enum fault_state state;
	enum grade grade;   /* what the wire promises, or the worst of its strikes */
	struct tally *seen; /* per door, for nth, first, every */
	size_t n_seen;
	uint64_t number;             /* in the order of arming */
	uint64_t sessions, segments; /* touched */
	int64_t active_ns;
	bool ranged; /* its clients' range is silent at its doors */
	struct timer timer;
	struct timer cap; /* engine.max_fault_ns after it became active */
	TAILQ_HEAD(, run) runs;
	TAILQ_ENTRY(fault) in_engine;
};

struct engine {
	const struct wire *wire;
	struct timeline *timeline;
	uint64_t seed;
	struct heap timers;
	TAILQ_HEAD(, fault) faults;
	TAILQ_HEAD(, door) doors;
	int64_t observe_interval_ns, observe_due_ns;
	int64_t max_fault_ns; /* no fault lasts longer; 0: as long as it likes */
	uint64_t armed;       /* faults, since the start */
	int64_t tick_ns;      /* the last engine_tick(); what is due after it waits for the next */
	uint64_t buffer_bytes, buffer_total; /* what streams may hold: a flow, all together */
	uint64_t buffered;                   /* what they hold */
	bool witness; /* targets are asked how they stand when struck (target_ops.look, struck) */
	bool crowd_changed; /* gates that depend on how many sessions there are: at the next tick */
};

void engine_init(
    struct engine *e, const struct wire *wire, struct timeline *timeline, uint64_t seed);
void engine_free(
    struct engine *e); /* no doors may be left; faults are dropped without being lifted */

/* A door comes with no sessions and whatever gate the armed faults want; it is told (ops->gate)
 * before this returns. */
void engine_door_add(struct engine *e, struct door *d, int64_t now_ns);
/* Its spec has changed, so other faults may cover it: gates now, sessions when they are opened. */
void engine_door_changed(struct engine *e, struct door *d);
void engine_door_remove(struct engine *e, struct door *d); /* its sessions must have gone */

/* NULL: the fault can act on this door (which need not have been added); else why not, in buf: the
 * wire has no rung for it, or a leg has no wire (Unix socket). */
const char *engine_refuses(const struct engine *e, const struct fault_spec *s, const struct door *d,
    char *buf, size_t size);

/* Arms a copy of spec. NULL: no memory. The caller has asked engine_refuses() first. */
struct fault *engine_arm(struct engine *e, const struct fault_spec *s, int64_t now_ns);

/* It goes on with other parameters (and toxicity) where the new spec differs in nothing else and
 * its type takes them as it runs: those that shape bytes or dials. Nothing that waits is lost, its
 * place in the chain is kept. False: nothing changed; lift it and arm the new one. */
bool engine_update(struct engine *e, struct fault *f, const struct fault_spec *s, int64_t now_ns);

/* Lifts it and frees it. */
void engine_lift(struct engine *e, struct fault *f, const char *reason, int64_t now_ns);

struct fault *engine_find(struct engine *e, const char *name);

/* A session was accepted; its legs may be struck before this returns. */
void engine_session_opened(struct engine *e, struct target *t, int64_t now_ns);
/* It carries no bytes any more: ended, ending, or the relic of a dead host. */
void engine_session_done(struct engine *e, struct target *t);
/* It is about to be freed. */
void engine_session_closed(struct engine *e, struct target *t, int64_t now_ns);
/* A flow has carried as many bytes as ops->mark asked to be told of. */
void engine_bytes(struct engine *e, struct target *t, enum flow flow, int64_t now_ns);
/* A leg was connected after the session had been struck: it gets what the faults want of it. */
void engine_leg_ready(struct engine *e, struct target *t, int64_t now_ns);
/* A leg is about to be closed, and with it goes the counter of what it dropped. */
void engine_leg_ends(struct target *t);

/* True: this segment, which has arrived at this door and is not RST, is to be answered with ICMP,
 * as *how says. */
bool engine_rejects(
    struct engine *e, struct door *d, const struct icmp_segment *s, struct icmp_error *how);

/* When engine_tick() wants to be called next; INT64_MAX: never. */
int64_t engine_deadline(const struct engine *e);
void engine_tick(struct engine *e, int64_t now_ns);
