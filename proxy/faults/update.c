/*
 * Other parameters for a fault that goes on: those that shape bytes read them anew each time they
 * are called, so what waits keeps its place and its time, and who is not dialled yet keeps waiting.
 * How long a fault lasts may change for all
 * of them: a power loss that shall last longer must not boot its host meanwhile.
 */
#include "faults/runs.h"

/* What may change while it runs. */
static bool is_live_key(const struct field *f)
{
	return f->offset == offsetof(struct fault_spec, toxicity);
}

static bool can_update(const struct fault *f, const struct fault_spec *s)
{
	if ((!f->ops->pump && !f->ops->retune) || f->state > FAULT_ACTIVE ||
	    s->type != f->spec->type)
		return false;
	for (const struct field *row = fault_fields; row->key; row++)
		if (!is_live_key(row) && !field_equal(row, f->spec, s))
			return false;
	return true;
}

/* Each waits for its own trigger (tune_again()), as if it had been chosen when it was opened. Who
 * had been is not asked again: its window may be over. */
static void enlist_triggered(struct fault *f, double old_toxicity)
{
	struct door *d;
	struct target *t;

	TAILQ_FOREACH (d, &f->engine->doors, in_engine) {
		if (!fault_spec_covers(f->spec, d->spec))
			continue;
		TAILQ_FOREACH (t, &d->targets, in_door)
			if (!t->over && !fault_draws(f, old_toxicity, t) && fault_turn(f, t) &&
			    fault_chooses(f, t))
				run_new(f, t);
	}
}

/* Who is chosen by the new toxicity and was not by the old one, and the other way round. */
static void choose_again(struct fault *f, double old_toxicity, int64_t now_ns)
{
	struct run *r, *next;

	for (r = TAILQ_FIRST(&f->runs); r; r = next) {
		next = TAILQ_NEXT(r, in_fault);
		if (!fault_chooses(f, r->target))
			run_lift(r);
	}
	if (fault_has_triggers(f->spec) && !f->ops->newcomers)
		enlist_triggered(f, old_toxicity);
	if (f->state != FAULT_ACTIVE || fault_has_triggers(f->spec))
		return;
	fault_enlist(f);
	for (r = TAILQ_FIRST(&f->runs); r; r = next) {
		next = TAILQ_NEXT(r, in_fault);
		if (r->state != RUN_PENDING)
			continue;
		run_arm(r, now_ns);
		run_settle(r);
		run_tell(r, now_ns);
		run_done(r, now_ns);
	}
}

/* Those it acts on, and those whose trigger may be another direction's bytes from now on. */
static void tune_again(struct fault *f, int64_t now_ns)
{
	struct run *r, *next;

	for (r = TAILQ_FIRST(&f->runs); r; r = next) {
		next = TAILQ_NEXT(r, in_fault);
		if (r->state == RUN_ACTIVE)
			run_retune(r, now_ns);
		else if (f->state == FAULT_ACTIVE)
			run_watch(r, now_ns);
	}
}

/* It has one window, whose end is its duration alone, and that is all that differs. */
static bool can_last(const struct fault *f, const struct fault_spec *s)
{
	struct fault_spec as_long = *s;

	if (f->state > FAULT_ACTIVE || s->type != f->spec->type || f->cycle.down_ns ||
	    f->ops->lasts != FAULT_NO_PARAM || fault_has_triggers(s))
		return false;
	if (f->ops->instant && !s->duration_ns)
		return false;
	as_long.duration_ns = f->spec->duration_ns;
	return fault_spec_equal(&as_long, f->spec);
}

/* Counted from when it became active; what is past ends at the next tick. */
static void last_again(struct fault *f)
{
	if (f->state != FAULT_ACTIVE)
		return;
	if (f->spec->duration_ns)
		heap_set(&f->engine->timers, &f->timer.node, f->active_ns + f->spec->duration_ns);
	else
		heap_remove(&f->engine->timers, &f->timer.node);
}

bool engine_update(struct engine *e, struct fault *f, const struct fault_spec *s, int64_t now_ns)
{
	bool lasts = can_last(f, s);
	struct fault_spec *copy = lasts || can_update(f, s) ? fault_spec_copy(s) : NULL,
			  *old = f->spec;

	(void)e;
	if (!copy)
		return false;
	f->spec = copy;
	f->act = *copy; /* those that repeat another type shape nothing */
	if (lasts) {
		last_again(f);
	} else {
		choose_again(f, old->toxicity, now_ns);
		tune_again(f, now_ns);
	}
	fault_spec_free(old);
	fault_tell(f, EVENT_FAULT_UPDATED, NULL, now_ns);
	return true;
}
