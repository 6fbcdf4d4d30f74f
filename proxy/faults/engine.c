/*
 *              delay              lasts                tail
 *   WAITING ----------> ACTIVE ----------> [TAIL] -----------> OVER
 *
 * On activation: gates, then arm on all sessions, then settle, then tell on all. On the way out:
 * disarm, then gates. A run is one fault on one session; runs.c holds what concerns a single run.
 */
#include "faults/engine.h"
#include "base/mono.h"
#include "faults/flap.h"
#include "faults/run.h"
#include "faults/runs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const gate_names[] = { "open", "hold", "full", "refuse", "silent", NULL };
const char *const fault_state_names[] = { "waiting", "active", "up", "booting", "over", NULL };

void engine_init(
    struct engine *e, const struct wire *wire, struct timeline *timeline, uint64_t seed)
{
	*e = (struct engine){
		.wire = wire,
		.timeline = timeline,
		.seed = seed,
		.observe_interval_ns = 50 * NS_PER_MS,
		.observe_due_ns = INT64_MAX,
		.buffer_bytes = 1 << 20,
		.buffer_total = 256 << 20,
	};
	TAILQ_INIT(&e->faults);
	TAILQ_INIT(&e->doors);
}

static void fault_free(struct fault *f)
{
	heap_remove(&f->engine->timers, &f->timer.node);
	heap_remove(&f->engine->timers, &f->cap.node);
	while (!TAILQ_EMPTY(&f->runs))
		run_free(TAILQ_FIRST(&f->runs));
	TAILQ_REMOVE(&f->engine->faults, f, in_engine);
	fault_spec_free(f->spec);
	free(f->seen);
	free(f);
}

void engine_free(struct engine *e)
{
	while (!TAILQ_EMPTY(&e->faults))
		fault_free(TAILQ_FIRST(&e->faults));
	heap_free(&e->timers);
}

/* --- what the wire promises --- */

/* The best grade for one leg, if it is of this family (AF_UNSPEC: not known yet, IPv4 then). */
static enum grade leg_promise(
    const struct engine *e, const struct fault_spec *s, enum leg leg, sa_family_t family)
{
	const struct fault_ops *ops = catalogue_ops(s->type);

	if (!ops->dirs || !fault_spec_kills(s, leg) || !ops->dirs(s, leg))
		return GRADE_EXACT;
	return wire_grade(e->wire, family ? family : AF_INET, ops->dirs(s, leg));
}

static enum grade worse(enum grade a, enum grade b)
{
	return a < b ? a : b;
}

enum grade door_promise(const struct engine *e, const struct fault_spec *s, const struct door *d)
{
	return worse(leg_promise(e, s, LEG_CLIENT, d->family[LEG_CLIENT]),
	    leg_promise(e, s, LEG_SERVER, d->family[LEG_SERVER]));
}

/* Of all its doors; while there is none, of the family that can do best. */
static enum grade fault_promise(const struct engine *e, const struct fault_spec *s)
{
	const struct door v4 = { .family = { AF_INET, AF_INET } };
	const struct door v6 = { .family = { AF_INET6, AF_INET6 } };
	enum grade grade = GRADE_EXACT, best4, best6;
	bool any = false;
	struct door *d;

	TAILQ_FOREACH (d, &e->doors, in_engine)
		if (fault_spec_covers(s, d->spec)) {
			grade = worse(grade, door_promise(e, s, d));
			any = true;
		}
	if (any)
		return grade;
	best4 = door_promise(e, s, &v4);
	best6 = door_promise(e, s, &v6);
	return best4 > best6 ? best4 : best6;
}

/* --- the life of a fault --- */

static int64_t param_ns(const struct fault *f, size_t offset)
{
	int64_t ns = 0;

	if (offset != FAULT_NO_PARAM)
		memcpy(&ns, f->act.params.bytes + offset, sizeof(ns));
	return ns;
}

int64_t fault_lasts_ns(const struct fault *f)
{
	if (f->ops->lasts == FAULT_NO_PARAM || f->cycle.down_ns)
		return f->spec->duration_ns;
	return param_ns(f, f->ops->lasts);
}

static void fault_due(struct engine *e, struct timer *t, int64_t now_ns);

static void fault_timer(struct fault *f, int64_t at_ns)
{
	heap_set(&f->engine->timers, &f->timer.node, at_ns);
}

void fault_enlist(struct fault *f)
{
	struct door *d;
	struct target *t;

	if (f->ops->newcomers)
		return;
	TAILQ_FOREACH (d, &f->engine->doors, in_engine) {
		if (!fault_spec_covers(f->spec, d->spec))
			continue;
		TAILQ_FOREACH (t, &d->targets, in_door)
			if (!t->over && !run_find(f, t) && fault_chooses(f, t))
				run_new(f, t);
	}
}

/* All fall at one instant, then it is made to last, then the living are told: three walks. */
static void fault_strike_window(struct fault *f, int64_t now_ns)
{
	int64_t began = mono_now_ns(), armed, settled;
	uint64_t struck = 0;
	struct run *r, *next;

	if (fault_strikes(f))
		fault_enlist(f);
	TAILQ_FOREACH (r, &f->runs, in_fault) {
		if (r->state != RUN_PENDING)
			continue;
		run_arm(r, now_ns);
		struck++;
	}
	armed = mono_now_ns();
	TAILQ_FOREACH (r, &f->runs, in_fault)
		run_settle(r);
	settled = mono_now_ns();
	TAILQ_FOREACH (r, &f->runs, in_fault)
		run_tell(r, now_ns);
	fault_tell_fired(f, struck, NULL, armed - began, settled - began);
	for (r = TAILQ_FIRST(&f->runs); r; r = next) {
		next = TAILQ_NEXT(r, in_fault);
		run_done(r, now_ns);
	}
}

static void fault_start_triggers(struct fault *f, int64_t now_ns)
{
	struct run *r, *next;

	if (!fault_counts(f->spec))
		fault_enlist(f);
	for (r = TAILQ_FIRST(&f->runs); r; r = next) {
		next = TAILQ_NEXT(r, in_fault);
		run_watch(r, now_ns);
	}
}

static void fault_over(struct fault *f)
{
	f->state = FAULT_OVER;
	heap_remove(&f->engine->timers, &f->cap.node);
	fault_gates(f);
	fault_rejects(f);
}

/* Forgotten: it heals itself. A host that boots has been told of. */
static void cap_due(struct engine *e, struct timer *t, int64_t now_ns)
{
	struct fault *f = t->owner;
	bool tell = f->state < FAULT_TAIL;

	heap_remove(&e->timers, &f->timer.node);
	fault_undo(f, now_ns);
	fault_over(f);
	if (tell)
		fault_tell(f, EVENT_FAULT_LIFTED, "max_fault_duration", now_ns);
}

static void fault_activate(struct fault *f, int64_t now_ns)
{
	int64_t lasts = fault_lasts_ns(f), most = f->engine->max_fault_ns;

	f->state = FAULT_ACTIVE;
	f->active_ns = now_ns;
	if (most > 0)
		heap_set(&f->engine->timers, &f->cap.node, now_ns + most);
	fault_rejects(f);
	if (fault_has_triggers(f->spec)) {
		fault_tell(f, EVENT_FAULT_ACTIVE, NULL, now_ns);
		fault_start_triggers(f, now_ns);
		return;
	}
	fault_gates(f);
	fault_tell(f, EVENT_FAULT_ACTIVE, NULL, now_ns);
	if (f->cycle.down_ns) {
		flap_start(f, now_ns);
		return;
	}
	fault_strike_window(f, now_ns);
	if (lasts > 0)
		fault_timer(f, now_ns + lasts);
	else if (f->ops->instant) {
		fault_over(f);
		fault_tell(f, EVENT_FAULT_LIFTED, "done", now_ns);
	}
}

void fault_begin(struct fault *f, int64_t now_ns)
{
	fault_gates(f);
	fault_strike_window(f, now_ns);
}

void fault_undo(struct fault *f, int64_t now_ns)
{
	engine_observe(f->engine, now_ns);
	while (!TAILQ_EMPTY(&f->runs))
		run_lift(TAILQ_FIRST(&f->runs));
}

/* Out of its window: every run undone, then the doors, then perhaps the tail. */
static void fault_leave(struct fault *f, const char *reason, int64_t now_ns)
{
	fault_undo(f, now_ns);
	if (f->state == FAULT_ACTIVE && param_ns(f, f->ops->tail) > 0 && reason &&
	    !fault_has_triggers(f->spec)) {
		f->state = FAULT_TAIL;
		fault_gates(f);
		fault_timer(f, now_ns + param_ns(f, f->ops->tail));
		return;
	}
	fault_over(f);
}

void fault_end(struct fault *f, int64_t now_ns)
{
	fault_leave(f, "over", now_ns);
	fault_tell(f, EVENT_FAULT_LIFTED, f->state == FAULT_TAIL ? "booted" : "over", now_ns);
}

static void fault_due(struct engine *e, struct timer *t, int64_t now_ns)
{
	struct fault *f = t->owner;

	(void)e;
	switch (f->state) {
	case FAULT_WAITING:
		fault_activate(f, now_ns);
		break;
	case FAULT_ACTIVE:
		fault_end(f, now_ns);
		break;
	case FAULT_TAIL:
		fault_over(f);
		break;
	case FAULT_UP: /* flap.c's own */
	case FAULT_OVER:
		break;
	}
}

/* Would it gate its doors, by silence? */
static bool gates(const struct fault_spec *s)
{
	return catalogue_ops(s->type)->gate == GATE_SILENT && !fault_has_triggers(s) &&
	       s->toxicity >= 1;
}

/* With these parameters. */
static bool needs_silence(const struct fault_spec *s, enum leg leg)
{
	const struct fault_ops *ops = catalogue_ops(s->type);

	return !ops->dirs || ops->dirs(s, leg);
}

const char *engine_refuses(const struct engine *e, const struct fault_spec *asked,
    const struct door *d, char *buf, size_t size)
{
	static const char *const leg_words[] = { "listens on", "has as its upstream" };
	const struct fault_spec act = flap_act(asked), *s = &act;

	if (s->type->needs_filter && fault_spec_covers(s, d->spec))
		return sieve_refuses(e, s, d, buf, size);
	if (!fault_spec_needs_wire(s) || !fault_spec_covers(s, d->spec))
		return NULL;
	if (s->type->needs_raw && reject_refuses(e, s, d, buf, size))
		return buf;
	for (enum leg leg = 0; leg < LEGS; leg++) {
		sa_family_t family = d->family[leg];

		if (!fault_spec_kills(s, leg) || !needs_silence(s, leg))
			continue;
		if (family == AF_UNIX)
			snprintf(buf, size,
			    "proxy %s %s a Unix socket, where nothing can be silent", d->spec->name,
			    leg_words[leg]);
		else if (leg == LEG_CLIENT && s->clients.family && gates(s) &&
			 wire_grade(e->wire, family ? family : AF_INET, WIRE_BOTH) <
			     GRADE_EQUIVALENT)
			snprintf(buf, size,
			    "%s: clients= needs grade equivalent to tell SYNs apart (see deadpeer "
			    "doctor)",
			    s->type->name);
		else if (leg_promise(e, s, leg, family) == GRADE_REFUSED)
			snprintf(buf, size,
			    "%s: no way to silence an IPv%d socket works here (see deadpeer "
			    "doctor)",
			    s->type->name, family == AF_INET6 ? 6 : 4);
		else
			continue;
		return buf;
	}
	return NULL;
}

struct fault *engine_arm(struct engine *e, const struct fault_spec *s, int64_t now_ns)
{
	struct fault *f = calloc(1, sizeof(*f));
	struct fault_spec *copy = f ? fault_spec_copy(s) : NULL;

	if (!copy) {
		free(f);
		return NULL;
	}
	f->spec = copy;
	f->act = flap_act(copy);
	f->ops = catalogue_ops(f->act.type);
	f->cycle = flap_cycle(copy);
	f->engine = e;
	f->number = ++e->armed;
	f->grade = fault_promise(e, &f->act);
	f->timer = (struct timer){ .due = fault_due, .owner = f };
	f->cap = (struct timer){ .due = cap_due, .owner = f };
	TAILQ_INIT(&f->runs);
	TAILQ_INSERT_TAIL(&e->faults, f, in_engine);
	fault_tell(f, EVENT_FAULT_ARMED, NULL, now_ns);
	if (copy->delay_ns > 0)
		fault_timer(f, now_ns + copy->delay_ns);
	else
		fault_activate(f, now_ns);
	return f;
}

void engine_lift(struct engine *e, struct fault *f, const char *reason, int64_t now_ns)
{
	bool tell = f->state < FAULT_TAIL; /* later it has been told */

	(void)e;
	fault_leave(f, NULL, now_ns);
	if (tell)
		fault_tell(f, EVENT_FAULT_LIFTED, reason, now_ns);
	fault_free(f);
}

struct fault *engine_find(struct engine *e, const char *name)
{
	struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (!strcmp(f->spec->name, name))
			return f;
	return NULL;
}

/* --- time --- */

int64_t engine_deadline(const struct engine *e)
{
	const struct heap_node *first = heap_first(&e->timers);
	int64_t at = first ? first->at_ns : INT64_MAX;

	if (e->crowd_changed)
		return 0;
	return e->observe_due_ns < at ? e->observe_due_ns : at;
}

void engine_tick(struct engine *e, int64_t now_ns)
{
	struct heap_node *first;

	e->tick_ns = now_ns;
	while ((first = heap_first(&e->timers)) && first->at_ns <= now_ns) {
		struct timer *t = (struct timer *)first;

		heap_remove(&e->timers, first);
		t->due(e, t, now_ns);
	}
	if (e->crowd_changed)
		gate_crowds(e);
	if (now_ns >= e->observe_due_ns)
		engine_observe(e, now_ns);
}
