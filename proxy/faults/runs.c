/*
 * One fault on one session:
 *
 *   run_new -> PENDING --trigger--> run_arm, run_settle, run_tell, run_done: ACTIVE
 *                                                               ... run_lift -> freed
 *
 * An instant fault has nothing to undo: its run is freed when all is told.
 */
#include "faults/runs.h"
#include "base/mono.h"
#include "base/rng.h"
#include "faults/run.h"
#include "faults/stream.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keepalive probes are looked for this often in an idle time: that is how late one may be seen. */
#define PROBE_LOOKS       50
#define PROBE_LOOK_MIN_NS (10 * NS_PER_MS)

bool fault_counts(const struct fault_spec *s)
{
	return s->nth || s->first || s->every;
}

int64_t fault_idle_ns(const struct fault_spec *s)
{
	const struct fault_ops *ops = catalogue_ops(s->type);

	return ops->idle_ns ? ops->idle_ns(s) : s->after_idle_ns;
}

bool fault_has_triggers(const struct fault_spec *s)
{
	return fault_counts(s) || s->after_bytes || fault_idle_ns(s);
}

bool fault_draws(const struct fault *f, double toxicity, const struct target *t)
{
	char label[1024];

	if (toxicity >= 1)
		return true;
	snprintf(label, sizeof(label), "%s/%s", f->spec->name, t->door->spec->name);
	return rng_unit(f->engine->seed, label, t->nth) < toxicity;
}

bool fault_chooses(const struct fault *f, const struct target *t)
{
	const struct fault_spec *s = f->spec;

	if (s->clients.family && !cidr_contains(&s->clients, t->door->ops->client(t)))
		return false;
	if (f->ops->picks && !f->ops->picks(&f->act, t))
		return false;
	return fault_draws(f, s->toxicity, t);
}

bool fault_strikes(const struct fault *f)
{
	return f->ops->arm || f->ops->pump;
}

void fault_lower(struct fault *f, enum grade grade)
{
	if (grade < f->grade)
		f->grade = grade;
}

/* Its number among those that came since the fault was armed; 0: it came before. */
static uint64_t session_number(const struct fault *f, const struct target *t)
{
	for (size_t i = 0; i < f->n_seen; i++)
		if (f->seen[i].door == t->door)
			return t->nth < f->seen[i].first ? 0 : t->nth - f->seen[i].first + 1;
	return 0;
}

bool fault_turn(const struct fault *f, const struct target *t)
{
	const struct fault_spec *s = f->spec;
	uint64_t n = fault_counts(s) ? session_number(f, t) : 0;

	if (!fault_counts(s))
		return true;
	return n && (!s->nth || n == s->nth) && (!s->first || n <= s->first) &&
	       (!s->every || n % s->every == 0);
}

/* Without memory to remember it the next one will be the first. */
static void fault_count(struct fault *f, const struct target *t)
{
	struct tally *seen;

	if (!fault_counts(f->spec) || session_number(f, t))
		return;
	seen = reallocarray(f->seen, f->n_seen + 1, sizeof(*seen));
	if (!seen)
		return;
	f->seen = seen;
	seen[f->n_seen++] = (struct tally){ .door = t->door, .first = t->nth };
}

void fault_forget(struct fault *f, const struct door *d)
{
	for (size_t i = 0; i < f->n_seen; i++)
		if (f->seen[i].door == d) {
			f->seen[i] = f->seen[--f->n_seen];
			return;
		}
}

struct run *run_find(const struct fault *f, const struct target *t)
{
	struct run *r;

	LIST_FOREACH (r, &t->runs, in_target)
		if (r->fault == f)
			return r;
	return NULL;
}

struct run *run_new(struct fault *f, struct target *t)
{
	struct run *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->fault = f;
	r->target = t;
	r->grade[LEG_CLIENT] = r->grade[LEG_SERVER] = GRADE_EXACT;
	r->mark[FLOW_UPSTREAM] = r->mark[FLOW_DOWNSTREAM] = UINT64_MAX;
	LIST_INSERT_HEAD(&t->runs, r, in_target);
	TAILQ_INSERT_TAIL(&f->runs, r, in_fault);
	return r;
}

static void timer_drop(struct run *r)
{
	if (!r->timer)
		return;
	heap_remove(&r->fault->engine->timers, &r->timer->node);
	free(r->timer);
	r->timer = NULL;
}

void run_free(struct run *r)
{
	timer_drop(r);
	stream_detach(r);
	LIST_REMOVE(r, in_target);
	TAILQ_REMOVE(&r->fault->runs, r, in_fault);
	free(r->sieve);
	free(r);
}

static void run_timer(
    struct run *r, int64_t at_ns, void (*due)(struct engine *e, struct timer *t, int64_t now_ns))
{
	if (!r->timer)
		r->timer = calloc(1, sizeof(*r->timer));
	if (!r->timer)
		return;
	r->timer->due = due;
	r->timer->owner = r;
	heap_set(&r->fault->engine->timers, &r->timer->node, at_ns);
}

/* --- triggers --- */

static void apply_marks(struct target *t)
{
	if (t->over)
		return;
	for (enum flow flow = 0; flow < FLOWS; flow++) {
		uint64_t least = UINT64_MAX;
		struct run *r;

		LIST_FOREACH (r, &t->runs, in_target)
			if (r->state == RUN_PENDING && r->mark[flow] < least)
				least = r->mark[flow];
		t->ops->mark(t, flow, least);
	}
}

static void run_trigger(struct run *r, int64_t now_ns)
{
	struct fault *f = r->fault;
	struct target *t = r->target;
	int64_t began = mono_now_ns();

	if (t->over)
		return;
	r->mark[FLOW_UPSTREAM] = r->mark[FLOW_DOWNSTREAM] = UINT64_MAX;
	apply_marks(t);
	run_arm(r, now_ns);
	int64_t armed = mono_now_ns();
	run_settle(r);
	run_tell(r, now_ns);
	fault_tell_fired(f, 1, t, armed - began, mono_now_ns() - began);
	run_done(r, now_ns);
}

/* A probe carries no data: the segments that arrived are counted now and then. */
static void look_for_probes(struct run *r, int64_t now_ns)
{
	struct target *t = r->target;

	for (enum leg leg = 0; leg < LEGS; leg++) {
		uint32_t n = t->ops->segments(t, leg);

		if (n != r->segments[leg])
			r->probed_ns = now_ns;
		r->segments[leg] = n;
	}
}

static void idle_due(struct engine *e, struct timer *timer, int64_t now_ns);

static void idle_wait(struct run *r, int64_t now_ns)
{
	const struct fault_spec *s = run_spec(r);
	int64_t idle = fault_idle_ns(s), at = r->target->ops->active_ns(r->target) + idle, look;

	if (r->target->over)
		return;
	if (r->fault->ops->probes_count && r->fault->ops->probes_count(s)) {
		look_for_probes(r, now_ns);
		if (r->probed_ns + idle > at)
			at = r->probed_ns + idle;
		look =
		    idle / PROBE_LOOKS > PROBE_LOOK_MIN_NS ? idle / PROBE_LOOKS : PROBE_LOOK_MIN_NS;
		if (at > now_ns && now_ns + look < at)
			at = now_ns + look;
	}
	if (at > now_ns)
		run_timer(r, at, idle_due);
	else
		run_trigger(r, now_ns);
}

static void idle_due(struct engine *e, struct timer *timer, int64_t now_ns)
{
	(void)e;
	idle_wait(timer->owner, now_ns);
}

/* Bytes of the direction that the dying end sends; of either when both die. */
static unsigned counted_flows(const struct run *r)
{
	static const unsigned sent[] = {
		[SIDE_SERVER] = FLOW_BIT(FLOW_DOWNSTREAM),
		[SIDE_CLIENT] = FLOW_BIT(FLOW_UPSTREAM),
		[SIDE_BOTH] = FLOWS_ALL,
	};
	const struct fault_spec *s = run_spec(r);

	return r->fault->ops->flows ? r->fault->ops->flows(s) : sent[s->side];
}

static void watch_bytes(struct run *r)
{
	unsigned flows = counted_flows(r);

	for (enum flow flow = 0; flow < FLOWS; flow++)
		r->mark[flow] = flows & FLOW_BIT(flow) ? run_spec(r)->after_bytes : UINT64_MAX;
	apply_marks(r->target);
}

static bool bytes_reached(const struct run *r)
{
	const struct target *t = r->target;

	for (enum flow flow = 0; flow < FLOWS; flow++)
		if (r->mark[flow] != UINT64_MAX && t->ops->bytes(t, flow) >= r->mark[flow])
			return true;
	return false;
}

static struct run *run_reached(const struct target *t)
{
	struct run *r;

	LIST_FOREACH (r, &t->runs, in_target)
		if (r->state == RUN_PENDING && bytes_reached(r))
			return r;
	return NULL;
}

/* after_bytes first, after_idle from then on: both given means both. */
static void watch_idle(struct run *r, int64_t now_ns)
{
	if (fault_idle_ns(run_spec(r)))
		idle_wait(r, now_ns);
	else
		run_trigger(r, now_ns);
}

void run_watch(struct run *r, int64_t now_ns)
{
	if (run_spec(r)->after_bytes) {
		watch_bytes(r);
		if (!bytes_reached(r))
			return;
		r->mark[FLOW_UPSTREAM] = r->mark[FLOW_DOWNSTREAM] = UINT64_MAX;
		apply_marks(r->target);
	}
	watch_idle(r, now_ns);
}

void engine_bytes(struct engine *e, struct target *t, enum flow flow, int64_t now_ns)
{
	struct run *r;

	(void)e, (void)flow;
	/* From the start each time: a strike may move waiting bytes, which may strike again. */
	while ((r = run_reached(t))) {
		r->mark[FLOW_UPSTREAM] = r->mark[FLOW_DOWNSTREAM] = UINT64_MAX;
		apply_marks(t);
		watch_idle(r, now_ns);
	}
}

/* --- the strike --- */

/* Of a run with a window of its own. */
static int64_t window_end_ns(const struct run *r)
{
	int64_t lasts = fault_lasts_ns(r->fault), until = r->dial_ns ? r->dial_ns : INT64_MAX;

	if (fault_has_triggers(run_spec(r)) && lasts > 0 && r->since_ns + lasts < until)
		until = r->since_ns + lasts;
	return until;
}

static void active_due(struct engine *e, struct timer *timer, int64_t now_ns);

static void active_wait(struct run *r, int64_t now_ns)
{
	int64_t at = window_end_ns(r);

	if (r->fault->ops->look && now_ns + r->fault->ops->look_ns < at)
		at = now_ns + r->fault->ops->look_ns;
	if (at != INT64_MAX)
		run_timer(r, at, active_due);
}

static void active_due(struct engine *e, struct timer *timer, int64_t now_ns)
{
	struct run *r = timer->owner;

	(void)e;
	if (now_ns >= window_end_ns(r)) {
		run_lift(r);
		return;
	}
	r->fault->ops->look(r);
	active_wait(r, now_ns);
}

void run_retune(struct run *r, int64_t now_ns)
{
	if (!r->fault->ops->retune) {
		stream_retune(r);
		return;
	}
	timer_drop(r);
	r->fault->ops->retune(r);
	active_wait(r, now_ns);
}

void run_arm(struct run *r, int64_t now_ns)
{
	timer_drop(r);
	r->state = RUN_ACTIVE;
	r->since_ns = now_ns;
	r->fault->sessions++;
	strike_begins(r, now_ns);
	if (r->fault->ops->arm)
		r->fault->ops->arm(r);
	if (r->fault->ops->pump && !r->target->over)
		stream_attach(r);
}

static bool has_wishes(const struct run *r)
{
	return r->held || r->sieve || r->silent[LEG_CLIENT] || r->silent[LEG_SERVER] ||
	       r->stages[FLOW_UPSTREAM] || r->stages[FLOW_DOWNSTREAM] || r->dial_ns;
}

void run_settle(struct run *r)
{
	struct fault *f = r->fault;

	if (r->state != RUN_ACTIVE || r->settled)
		return;
	r->settled = true;
	if (f->ops->settle)
		f->ops->settle(r);
	fault_lower(f, r->grade[LEG_CLIENT]);
	fault_lower(f, r->grade[LEG_SERVER]);
}

static void observe_from(struct engine *e, const struct run *r, int64_t now_ns)
{
	if ((run_counts(r, LEG_CLIENT) || run_counts(r, LEG_SERVER)) &&
	    e->observe_due_ns == INT64_MAX)
		e->observe_due_ns = now_ns + e->observe_interval_ns;
}

void run_strike(struct run *r)
{
	int64_t began = mono_now_ns(), took;

	strike_begins(r, began);
	r->fault->ops->strike(r);
	took = mono_now_ns() - began;
	fault_lower(r->fault, r->grade[LEG_CLIENT]);
	fault_lower(r->fault, r->grade[LEG_SERVER]);
	fault_tell_fired(r->fault, 1, r->target, took, took);
	strike_over(r);
	observe_from(r->fault->engine, r, 0);
}

void run_tell(struct run *r, int64_t now_ns)
{
	struct fault *f = r->fault;

	if (r->state != RUN_ACTIVE || r->told)
		return;
	r->told = true;
	if (f->ops->tell)
		f->ops->tell(r);
	observe_from(f->engine, r, now_ns);
}

void run_done(struct run *r, int64_t now_ns)
{
	if (r->state != RUN_ACTIVE || r->done)
		return;
	r->done = true;
	strike_over(r);
	if (!has_wishes(r))
		run_free(r);
	else
		active_wait(r, now_ns);
}

void run_lift(struct run *r)
{
	struct target *t = r->target;
	uint8_t silent[LEGS] = { r->silent[LEG_CLIENT], r->silent[LEG_SERVER] }, held = r->held;
	bool pending = r->state == RUN_PENDING;

	if (!pending) {
		run_observe(r);
		if (r->fault->ops->disarm && !t->over)
			r->fault->ops->disarm(r);
		for (enum leg leg = 0; leg < LEGS; leg++) {
			r->silent[leg] = 0;
			if (silent[leg])
				run_apply_silence(r, leg);
		}
		run_lift_sieve(r);
		r->held = 0;
		if (held)
			run_apply_hold(t);
		if (r->dial_ns) {
			r->dial_ns = 0;
			run_apply_dial(t);
		}
	}
	run_free(r);
	if (pending)
		apply_marks(t);
}

/* --- sessions come and go --- */

static void opened_trigger(struct fault *f, struct target *t, int64_t now_ns)
{
	struct run *r;

	fault_count(f, t); /* even if another fault has ended it: whose turn it is knows no order */
	if (t->over || !fault_turn(f, t) || !fault_chooses(f, t))
		return;
	r = run_new(f, t);
	if (r && f->state == FAULT_ACTIVE)
		run_watch(r, now_ns);
}

static void opened_window(struct fault *f, struct target *t, int64_t now_ns)
{
	int64_t began = mono_now_ns(), armed;
	struct run *r;

	if (t->over || f->state != FAULT_ACTIVE || !fault_strikes(f) || !fault_chooses(f, t))
		return;
	r = run_new(f, t);
	if (!r)
		return;
	run_arm(r, now_ns);
	armed = mono_now_ns();
	run_settle(r);
	run_tell(r, now_ns);
	fault_tell_fired(f, 1, t, armed - began, mono_now_ns() - began);
	run_done(r, now_ns);
}

void engine_session_opened(struct engine *e, struct target *t, int64_t now_ns)
{
	struct fault *f;

	LIST_INIT(&t->runs);
	TAILQ_INSERT_TAIL(&t->door->targets, t, in_door);
	gate_count(e, t);
	TAILQ_FOREACH (f, &e->faults, in_engine) {
		if (f->state > FAULT_ACTIVE || !fault_spec_covers(f->spec, t->door->spec))
			continue;
		if (fault_has_triggers(f->spec))
			opened_trigger(f, t, now_ns);
		else
			opened_window(f, t, now_ns);
	}
}

void engine_session_closed(struct engine *e, struct target *t, int64_t now_ns)
{
	(void)now_ns;
	engine_session_done(e, t);
	while (!LIST_EMPTY(&t->runs))
		run_free(LIST_FIRST(&t->runs));
	for (enum flow flow = 0; flow < FLOWS; flow++)
		stream_free(t->streams[flow]);
	TAILQ_REMOVE(&t->door->targets, t, in_door);
}

void engine_leg_ready(struct engine *e, struct target *t, int64_t now_ns)
{
	struct run *r;

	(void)e, (void)now_ns;
	LIST_FOREACH (r, &t->runs, in_target) {
		if (r->state != RUN_ACTIVE || !run_counts(r, LEG_SERVER))
			continue;
		if (r->silent[LEG_SERVER])
			run_apply_silence(r, LEG_SERVER);
		else
			run_apply_sieve(r, LEG_SERVER);
		fault_lower(r->fault, r->grade[LEG_SERVER]);
	}
}

void engine_leg_ends(struct target *t)
{
	struct run *r;

	LIST_FOREACH (r, &t->runs, in_target)
		if (r->state == RUN_ACTIVE)
			run_observe(r);
}
