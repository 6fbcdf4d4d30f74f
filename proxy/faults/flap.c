/*
 * A path or a server that comes and goes: another type's fault for `down`, nothing for `up`, again
 * and again.
 *
 *   flap_start -> ACTIVE --down is over--> UP --up is over--> ACTIVE ...  until `duration` is over
 *
 * Each outage is the other fault's whole window: gates and sessions are struck as it begins, undone
 * as it ends. A phase is counted from when the one before it should have ended, so that a busy loop
 * does not make the cycles drift.
 */
#include "faults/flap.h"
#include "base/mono.h"
#include "faults/catalogue.h"
#include "faults/runs.h"
#include <jansson.h>
#include <string.h>

struct flap_params {
	int64_t down_ns, up_ns;
	int fault;
};

/* Those that can be undone, or done again to whoever has come back. */
static const char *const inner_names[] = { "partition", "power_loss", "reboot", "process_crash",
	"hang", "reset", "refuse", "syn_drop", NULL };

static const struct field params[] = {
	{ .key = "down",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct flap_params, down_ns),
	    .initial = "1s",
	    .min = 10 * NS_PER_MS,
	    .max = 86400 * NS_PER_S,
	    .help = "how long each outage lasts" },
	{ .key = "up",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct flap_params, up_ns),
	    .initial = "5s",
	    .min = 10 * NS_PER_MS,
	    .max = 86400 * NS_PER_S,
	    .help = "how long all is well between two outages" },
	{ .key = "fault",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(struct flap_params, fault),
	    .initial = "partition",
	    .choices = inner_names,
	    .help =
		"what each outage is: partition, power_loss, reboot, process_crash, hang, reset, "
		"refuse or syn_drop, with that type's own defaults and rules" },
	{ 0 },
};

#define ONE_CLOCK "its outages come by the clock, for all sessions at once"

static const struct refusal refusals[] = {
	{ "after_bytes", ONE_CLOCK },
	{ "after_idle", ONE_CLOCK },
	{ "nth", ONE_CLOCK },
	{ "first", ONE_CLOCK },
	{ "every", ONE_CLOCK },
	{ 0 },
};

static const struct flap_params *params_of(const struct fault_spec *s)
{
	return (const struct flap_params *)s->params.bytes;
}

static const struct fault_type *inner(const struct fault_spec *s)
{
	return &catalogue_find(inner_names[params_of(s)->fault])->type;
}

static void set_ns(struct fault_spec *s, size_t offset, int64_t ns)
{
	if (offset != FAULT_NO_PARAM)
		memcpy(s->params.bytes + offset, &ns, sizeof(ns));
}

struct fault_spec flap_act(const struct fault_spec *s)
{
	struct fault_spec act = *s;
	const struct fault_ops *ops;

	if (!s->type->inner)
		return act;
	act.type = s->type->inner(s);
	ops = catalogue_ops(act.type);
	memset(&act.params, 0, sizeof(act.params));
	field_defaults(act.type->params, &act.params);
	/* A reboot is down for `down` and has booted at its end. */
	set_ns(&act, ops->lasts, params_of(s)->down_ns);
	set_ns(&act, ops->tail, 0);
	act.duration_ns = params_of(s)->down_ns;
	return act;
}

struct cycle flap_cycle(const struct fault_spec *s)
{
	if (!s->type->inner)
		return (struct cycle){ 0 };
	return (struct cycle){ .down_ns = params_of(s)->down_ns, .up_ns = params_of(s)->up_ns };
}

static void tell_phase(const struct fault *f)
{
	struct timeline *t = f->engine->timeline;

	if (timeline_wants(t, EVENT_FAULT_PHASE))
		timeline_record(t, EVENT_FAULT_PHASE,
		    json_pack("{s:s, s:s, s:I}", "fault", f->spec->name, "phase",
			f->state == FAULT_ACTIVE ? "down" : "up", "cycle", (json_int_t)f->cycle.n));
}

static void flap_due(struct engine *e, struct timer *t, int64_t now_ns);

/* The present phase lasts so long from when the one before it should have ended. */
static void wait_for(struct fault *f, int64_t length_ns, int64_t now_ns)
{
	struct cycle *c = &f->cycle;

	c->turn_ns += length_ns;
	if (c->turn_ns <= now_ns) /* a whole phase was missed: no hurry to catch up */
		c->turn_ns = now_ns + length_ns;
	f->timer.due = flap_due;
	heap_set(&f->engine->timers, &f->timer.node,
	    c->turn_ns < c->until_ns ? c->turn_ns : c->until_ns);
}

static void go_down(struct fault *f, int64_t now_ns)
{
	f->state = FAULT_ACTIVE;
	f->cycle.n++;
	wait_for(f, f->cycle.down_ns, now_ns);
	tell_phase(f);
	fault_begin(f, now_ns);
}

static void go_up(struct fault *f, int64_t now_ns)
{
	fault_undo(f, now_ns);
	f->state = FAULT_UP;
	wait_for(f, f->cycle.up_ns, now_ns);
	tell_phase(f);
	fault_gates(f);
}

static void flap_due(struct engine *e, struct timer *t, int64_t now_ns)
{
	struct fault *f = t->owner;

	(void)e;
	if (now_ns >= f->cycle.until_ns)
		fault_end(f, now_ns);
	else if (f->state == FAULT_ACTIVE)
		go_up(f, now_ns);
	else
		go_down(f, now_ns);
}

void flap_start(struct fault *f, int64_t now_ns)
{
	int64_t duration = f->spec->duration_ns;

	f->cycle.turn_ns = now_ns;
	f->cycle.until_ns = duration > 0 ? now_ns + duration : INT64_MAX;
	go_down(f, now_ns);
}

const struct fault_ops fault_flap = {
	.type = {
		.name = "flap",
		.summary = "another fault comes and goes, again and again, by the clock",
		.peer_sees = "what that fault shows for `down`, then a host that is well for `up`; "
		             "after a partition or a hang the same connections carry on",
		.params = params,
		.refusals = refusals,
		.sides = 1 << SIDE_SERVER | 1 << SIDE_CLIENT | 1 << SIDE_BOTH,
		.inner = inner,
	},
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
};
