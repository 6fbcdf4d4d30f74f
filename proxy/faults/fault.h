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
 * and on a listening address: silent > refuse > hold > open (enum gate).
 */
#pragma once
#include "faults/target.h"
#include "model/spec.h"

struct engine;
struct fault;
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

struct fault_ops {
	struct fault_type type;
	enum other other;    /* what OTHER_DEFAULT means here */
	enum gate gate;      /* while active, without session triggers; GATE_OPEN: does not gate */
	enum gate tail_gate; /* after that, for tail */
	size_t lasts;        /* offset in params of the window's length; FAULT_NO_PARAM: duration */
	size_t tail;         /* offset in params of the tail's length; FAULT_NO_PARAM: no tail */
	/* The idle time that triggers it; NULL: after_idle. */
	int64_t (*idle_ns)(const struct fault_spec *s);
	/* Keepalive probes restart that clock, too; NULL: only data does. */
	bool (*probes_count)(const struct fault_spec *s);
	/* What the timeline notes when it is armed: that it does otherwise than its keys say alone.
	 * In buf; NULL: nothing to note. */
	const char *(*note)(const struct fault_spec *s, char *buf, size_t size);
	bool instant; /* no window of its own: strikes once */
	/* The flows (FLOW_BIT) whose bytes it counts (after_bytes) or shapes; NULL: what the dying
	 * ends send. */
	unsigned (*flows)(const struct fault_spec *s);
	/* What it cuts on a dying leg, for the grade; NULL: nothing. */
	unsigned (*dirs)(const struct fault_spec *s, enum leg leg);
	void (*arm)(struct run *r);    /* what must be so at once, on every session */
	void (*settle)(struct run *r); /* what makes it last, after all were armed; NULL: nothing */
	void (*tell)(struct run *r);   /* what the living are told, after all were settled; NULL */
	/* Shapes the bytes of `flows` (faults/stream.h); NULL: they are not seen. */
	void (*pump)(struct stage *st, int64_t now_ns);
	size_t stage_bytes; /* of stage.state */
	/* What a stage asked for with stage_strike(). */
	void (*strike)(struct run *r);
	/* Ends what arm began, beyond the wishes in run (undone by the engine); NULL: none. */
	void (*disarm)(struct run *r);
};

/* One fault on one session. A fault states its wishes through run_*(); the engine joins them. */
enum run_state { RUN_PENDING, RUN_ACTIVE };

struct timer;

struct run {
	struct fault *fault;
	struct target *target;
	enum run_state state;
	uint8_t silent[LEGS];    /* wish: directions cut, per leg */
	uint8_t held;            /* wish: flows held */
	bool settled, told;      /* settle, tell were done */
	uint8_t grade[LEGS];     /* enum grade reached so far */
	uint64_t mark[FLOWS];    /* RUN_PENDING by after_bytes; UINT64_MAX: none */
	uint32_t drops[LEGS];    /* told so far */
	uint32_t segments[LEGS]; /* that had arrived when last looked at */
	int64_t probed_ns;       /* when more had */
	int64_t since_ns;        /* became active */
	struct stage *stages[FLOWS];
	struct timer *timer; /* deadline or idle watch; NULL: none */
	LIST_ENTRY(run) in_target;
	TAILQ_ENTRY(run) in_fault;
};

const struct fault_spec *run_spec(const struct run *r);

/* Is this leg the dying end's? (side=both: both are.) */
bool run_is_dying(const struct run *r, enum leg leg);
bool fault_spec_kills(const struct fault_spec *s, enum leg leg); /* the same, of no session */

void run_silence(struct run *r, enum leg leg, unsigned dirs);
void run_hold(struct run *r, unsigned flows);
void run_bury(struct run *r, enum leg leg);
void run_end(struct run *r, enum leg leg, enum ending how);

/* What the living leg is told, by `other`. Nothing when both are dying. */
void run_end_other(struct run *r);
