/*
 * What a fault can act on, and all that it knows of it. A session and a listening address are
 * behind these few calls; a test puts a fake there: no socket, no loop, no sleep.
 *
 * Every call states what shall hold from now on, not a change: the engine works out what all the
 * faults together want (fault.h has who wins) and says only that.
 */
#pragma once
#include "kernel/wire_sieve.h"
#include "model/spec.h"
#include <stdint.h>
#include <sys/queue.h>

enum leg { LEG_CLIENT, LEG_SERVER, LEGS };
enum flow { FLOW_UPSTREAM, FLOW_DOWNSTREAM, FLOWS };
extern const char *const flow_names[]; /* "upstream", "downstream" */

#define FLOW_BIT(f) (1u << (f))
#define FLOWS_ALL   (FLOW_BIT(FLOW_UPSTREAM) | FLOW_BIT(FLOW_DOWNSTREAM))

enum ending {
	ENDING_CLOSE, /* as a process's end: close(2), FIN, or RST where received data was unread */
	ENDING_ABORT, /* RST */
	ENDING_FINISH, /* FIN in this direction only; the other one lives */
	ENDING_VANISH, /* not a word; the peer's next segment is answered with RST */
};

struct target;
struct run;
struct door;
struct engine;
struct stream;

struct target_ops {
	/* The wire of a leg. Returns the grade reached; GRADE_REFUSED: nothing changed. */
	enum grade (*silence)(struct target *t, enum leg leg, unsigned dirs);
	/* The silent leg's host is dead for good: nothing queued may leave either. */
	enum grade (*bury)(struct target *t, enum leg leg);
	/* Segments that arrive on a leg are dropped as it says (probe_seq is not looked at); NULL:
	 * none is. Asked again while probes are dropped: RCV.NXT may have moved. Returns
	 * GRADE_EXACT, or GRADE_REFUSED: not so. */
	enum grade (*sieve)(struct target *t, enum leg leg, const struct wire_sieve *joined);
	/* Bytes neither read nor written in these flows (FLOW_BIT). */
	void (*hold)(struct target *t, unsigned flows);
	/* Ends a leg. A leg that is silent ends when it speaks again. `why` is static or outlives
	 * the target. */
	void (*end)(struct target *t, enum leg leg, enum ending how, const char *why);
	/* Segments dropped so far on a leg that is silent or sieved (wire_drops()). */
	uint32_t (*drops)(struct target *t, enum leg leg);
	/* Call engine_bytes() when a flow has carried this many bytes; UINT64_MAX: never. */
	void (*mark)(struct target *t, enum flow flow, uint64_t bytes);
	/* Segments that have arrived on a leg so far, those without data included; 0: unknown. */
	uint32_t (*segments)(struct target *t, enum leg leg);
	/* When bytes last moved. */
	int64_t (*active_ns)(const struct target *t);
	/* May the upstream be dialled? At once, unless told otherwise. */
	void (*dial)(struct target *t, bool may);
	uint64_t (*bytes)(const struct target *t, enum flow flow);
	/* The flow's bytes go through streams[flow] (faults/stream.h) from now on, or something in
	 * it can go on: look at it again. */
	void (*shaped)(struct target *t, enum flow flow);
	/* Both only with engine.witness. A strike of that instant is about to change it, or has
	 * just made it silent: note how it stands. */
	void (*look)(struct target *t, int64_t struck_ns);
	/* The strike is over, and was a death: tell it. It may have ended (over) by now. */
	void (*struck)(struct target *t, const char *fault, enum side side);
};

/* Embedded in a session. */
struct target {
	const struct target_ops *ops;
	struct door *door;
	struct stream *streams[FLOWS]; /* NULL: nothing shapes that flow */
	LIST_HEAD(, run) runs;
	TAILQ_ENTRY(target) in_door;
	uint64_t id;  /* the session's number, unique in the process */
	uint64_t nth; /* its number on its door, from 1 */
	bool over;    /* it has ended and waits to be freed: leave it alone */
	bool counted; /* in door.open */
};

/* What happens to a connection attempt; the larger wins. */
enum gate { GATE_OPEN, GATE_HOLD, GATE_FULL, GATE_REFUSE, GATE_SILENT };
extern const char *const gate_names[]; /* "open", "hold", "full", "refuse", "silent" */

struct door_ops {
	/* GATE_SILENT drains the accept queue into sessions after the silence holds. Returns the
	 * grade (GRADE_EXACT for gates that need no wire). */
	enum grade (*gate)(struct door *d, enum gate gate);
	/* SYNs of one range vanish, or no longer; the gate is open for the others. */
	enum grade (*range)(struct door *d, const struct cidr *clients, bool silent);
	/* Segments dropped; counts from 0 anew with each GATE_SILENT. */
	uint32_t (*drops)(struct door *d);
	/* Segments that arrive are answered with ICMP where engine_rejects() says so, or no longer.
	 * False: that is not possible. */
	bool (*reject)(struct door *d, bool on);
	/* The peer's address, for `clients`. */
	const struct sockaddr *(*client)(const struct target *t);
};

/* Embedded in a proxy: its listening address, and the sessions that came through it. */
struct door {
	const struct door_ops *ops;
	struct engine *engine; /* since engine_door_add() */
	const struct proxy_spec *spec;
	sa_family_t family[LEGS]; /* of the legs, as far as known: AF_UNSPEC when a name is to be
				     resolved */
	enum gate gate;
	bool forgets;          /* with GATE_SILENT: whose handshake is half done is forgotten */
	enum grade gate_grade; /* what ops->gate returned */
	unsigned room; /* GATE_FULL: connections that still fit in the accept queue; set before */
	uint64_t
	    open; /* sessions that carry bytes, or will: engine_session_done() was not called */
	uint32_t drops_told;
	bool rejecting; /* what ops->reject was told */
	TAILQ_HEAD(door_targets, target) targets;
	TAILQ_ENTRY(door) in_engine;
};
