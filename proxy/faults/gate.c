/*
 * What the faults together want of a listening address: the largest gate wins. A gate that depends
 * on how many sessions there are is looked at again when one has come or gone, at the next tick.
 */
#include "faults/engine.h"
#include "faults/runs.h"
#include <limits.h>

enum gate fault_gate(const struct fault *f)
{
	enum gate gate = GATE_OPEN;

	if (fault_has_triggers(f->spec) || f->spec->toxicity < 1 || reject_passes(f->spec))
		return GATE_OPEN;
	if (f->state == FAULT_ACTIVE)
		gate = f->ops->gate;
	else if (f->state == FAULT_TAIL)
		gate = f->ops->tail_gate;
	/* A dead client connects nowhere: the relay, which is its stand-in, says so at once. */
	if (gate == GATE_SILENT && f->spec->side == SIDE_CLIENT)
		return GATE_REFUSE;
	return gate;
}

enum gate fault_gate_at(const struct fault *f, const struct door *d)
{
	enum gate gate = fault_gate(f);

	return gate != GATE_OPEN && f->ops->gate_now ? f->ops->gate_now(&f->act, d) : gate;
}

/* Of all that fill its queue: the least. */
unsigned gate_room(const struct engine *e, const struct door *d)
{
	unsigned least = UINT_MAX;
	struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (fault_gate(f) == GATE_FULL && fault_spec_covers(f->spec, d->spec) &&
		    f->ops->room(&f->act) < least)
			least = f->ops->room(&f->act);
	return least;
}

enum gate gate_wanted(const struct engine *e, const struct door *d)
{
	enum gate gate = GATE_OPEN;
	struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (!f->spec->clients.family && fault_gate(f) > gate &&
		    fault_spec_covers(f->spec, d->spec) && fault_gate_at(f, d) > gate)
			gate = fault_gate_at(f, d);
	return gate;
}

bool gate_forgets(const struct engine *e, const struct door *d)
{
	struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (f->ops->forgets && !f->spec->clients.family && fault_gate(f) == GATE_SILENT &&
		    fault_spec_covers(f->spec, d->spec))
			return true;
	return false;
}

/* Not now: this may be within the accept loop of that door. */
static void crowd_changed(struct engine *e, const struct door *d)
{
	struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (f->state == FAULT_ACTIVE && f->ops->gate_now &&
		    fault_spec_covers(f->spec, d->spec))
			e->crowd_changed = true;
}

void gate_count(struct engine *e, struct target *t)
{
	t->counted = true;
	t->door->open++;
	crowd_changed(e, t->door);
}

void engine_session_done(struct engine *e, struct target *t)
{
	if (!t->counted)
		return;
	t->counted = false;
	t->door->open--;
	crowd_changed(e, t->door);
}

void gate_crowds(struct engine *e)
{
	struct door *d;

	e->crowd_changed = false;
	TAILQ_FOREACH (d, &e->doors, in_engine)
		door_gate(e, d);
}
