/*
 * A fault: one way to die, as a row of data and three small functions.
 *
 * Who wins when several hold at once on one session (the engine joins what they want, so the order
 * of arming does not matter):
 *
 *   1. silence      power_loss, reboot, partition: nothing is seen, whatever else happens. What
 * ends while silent is told when the wire speaks again, by the next segment's RST or the kernel's
 * own FIN.
 *   2. sudden end   process_crash, reset: kill -9 and a middlebox need no running process: they act
 * through a hang.
 *   3. hang         nothing is read or written, so orderly ends (half_close, an EOF to pass on)
 * wait.
 *   4. orderly end  half_close, EOF.
 *
 * and on a listening address: silent > refuse > full > hold > open (enum gate).
 */
#pragma once
#include "faults/target.h"
#include "kernel/icmp.h"
#include "model/spec.h"

struct engine;
struct fault;
struct fault_ops;
struct run;
struct stage;

#define FAULT_NO_PARAM SIZE_MAX

/* The row of a type that acts on one direction of the bytes, or on both; its struct of parameters
 * begins with `int direction`. */
#define FAULT_DIRECTION(initial_, help_)                                                           \
	{                                                                                          \
		.key = "direction", .kind = FIELD_CHOICE, .offset = 0, .initial = initial_,        \
		.choices = direction_names, .help = help_                                          \
	}

/* The flows (FLOW_BIT) that such a type acts on; the legs (1 << enum leg) that they come in by. */
unsigned fault_direction_flows(const struct fault_spec *s);
unsigned fault_direction_legs(const struct fault_spec *s);

/* The wire can do what a type with needs_filter wants (AF_UNSPEC: not known yet, IPv4 then). */
bool fault_can_sieve(const struct fault_ops *ops, const struct wire *w, sa_family_t family);

struct fault_ops {
	struct fault_type type;
	enum other other;    /* what OTHER_DEFAULT means here */
	enum gate gate;      /* while active, without session triggers; GATE_OPEN: does not gate */
	enum gate tail_gate; /* after that, for tail */
	/* The gate of this door as it is now (asked again when sessions come and go); NULL: gate.
	 * Never more than gate. */
	enum gate (*gate_now)(const struct fault_spec *s, const struct door *d);
	/* GATE_FULL: connections that still fit. */
	unsigned (*room)(const struct fault_spec *s);
	size_t lasts; /* offset in params of the window's length; FAULT_NO_PARAM: duration */
	size_t tail;  /* offset in params of the tail's length; FAULT_NO_PARAM: no tail */
	/* The idle time that triggers it; NULL: after_idle. */
	int64_t (*idle_ns)(const struct fault_spec *s);
	/* Keepalive probes restart that clock, too; NULL: only data does. */
	bool (*probes_count)(const struct fault_spec *s);
	/* What the timeline notes when it is armed: that it does otherwise than its keys say alone.
	 * In buf; NULL: nothing to note. */
	const char *(*note)(const struct fault_spec *s, char *buf, size_t size);
	bool forgets;   /* the host loses its memory: of handshakes that are half done, too */
	bool instant;   /* no window of its own: strikes once */
	bool newcomers; /* strikes sessions as they are opened, not those that are open before */
	/* Of those that toxicity and clients choose; NULL: all. */
	bool (*picks)(const struct fault_spec *s, const struct target *t);
	/* The flows (FLOW_BIT) whose bytes it counts (after_bytes) or shapes; NULL: what the dying
	 * ends send. */
	unsigned (*flows)(const struct fault_spec *s);
	/* What it cuts on a dying leg, for the grade; NULL: nothing. */
	unsigned (*dirs)(const struct fault_spec *s, enum leg leg);
	/* The ICMP error that the segments of those it strikes are answered with; NULL: none. */
	struct icmp_error (*rejects)(const struct fault_spec *s);
	void (*arm)(struct run *r);    /* what must be so at once, on every session */
	void (*settle)(struct run *r); /* what makes it last, after all were armed; NULL: nothing */
	void (*tell)(struct run *r);   /* what the living are told, after all were settled; NULL */
	/* Shapes the bytes of `flows` (faults/stream.h); NULL: they are not seen. */
	void (*pump)(struct stage *st, int64_t now_ns);
	size_t stage_bytes; /* of stage.state */
	/* What a stage asked for with stage_strike(). */
	void (*strike)(struct run *r);
	/* Its parameters are others while it is active: acts by them. NULL: it begins anew, or pump
	 * sees them. */
	void (*retune)(struct run *r);
	/* Called every look_ns while active: what it wants may need to be said anew; NULL: no. */
	void (*look)(struct run *r);
	int64_t look_ns;
	/* Ends what arm began, beyond the wishes in run (undone by the engine); NULL: none. */
	void (*disarm)(struct run *r);
};

/* One fault on one session. A fault states its wishes through run_*(); the engine joins them. */
enum run_state { RUN_PENDING, RUN_ACTIVE };

struct timer;

/* What is dropped on these legs (1 << enum leg). */
struct run_sieve {
	struct wire_sieve wish;
	uint8_t legs;
	uint8_t stale; /* legs where something has arrived since it was said */
};

struct run {
	struct fault *fault;
	struct target *target;
	enum run_state state;
	uint8_t silent[LEGS];    /* wish: directions cut, per leg */
	uint8_t held;            /* wish: flows held */
	struct run_sieve *sieve; /* wish: segments dropped; NULL: none */
	int64_t dial_ns;         /* wish: the upstream is not dialled before; 0: none */
	bool settled, told;      /* settle, tell were done */
	bool done;               /* and all that is to be said of it */
	bool witnessed;      /* a strike is under way, and somebody wants to know (strike.c) ... */
	bool looked, deadly; /* ... its target has looked at itself; it silences, holds or ends */
	bool answered;       /* a packet that was too large was, and ... */
	uint32_t answered_seq;   /* ... where the first of them began (reject.c) */
	uint8_t grade[LEGS];     /* enum grade reached so far */
	uint64_t mark[FLOWS];    /* RUN_PENDING by after_bytes; UINT64_MAX: none */
	uint32_t drops[LEGS];    /* told so far */
	uint32_t segments[LEGS]; /* that had arrived when last looked at */
	int64_t probed_ns;       /* when more had */
	int64_t since_ns;        /* became active */
	int64_t struck_ns;       /* of the strike that is witnessed: began */
	struct stage *stages[FLOWS];
	struct timer *timer; /* deadline or idle watch; NULL: none */
	LIST_ENTRY(run) in_target;
	TAILQ_ENTRY(run) in_fault;
};

/* The spec that acts: a flap's is that of the type it repeats. */
const struct fault_spec *run_spec(const struct run *r);

/* Is this leg the dying end's? (side=both: both are.) */
bool run_is_dying(const struct run *r, enum leg leg);
bool fault_spec_kills(const struct fault_spec *s, enum leg leg); /* the same, of no session */

void run_silence(struct run *r, enum leg leg, unsigned dirs);
void run_hold(struct run *r, unsigned flows);
void run_sieve(struct run *r, unsigned legs, const struct wire_sieve *wish); /* once */
void run_sieve_look(struct run *r); /* for ops->look: says it anew once no more arrives */
void run_bury(struct run *r, enum leg leg);
void run_delay_dial(struct run *r, int64_t until_ns); /* INT64_MAX: until it is lifted */
void run_end(struct run *r, enum leg leg, enum ending how);

/* What the living leg is told, by `other`. Nothing when both are dying. */
void run_end_other(struct run *r);
