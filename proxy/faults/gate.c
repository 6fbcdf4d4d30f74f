/*
 * What the faults together want of a listening address, and that it is told: the largest gate wins,
 * and the ranges of clients that some of them are silent to. A gate that depends on how many
 * sessions there are is looked at again when one has come or gone, at the next tick.
 */
#include "faults/engine.h"
#include "faults/runs.h"
#include <jansson.h>
#include <limits.h>
#include <string.h>

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
static unsigned gate_room(const struct engine *e, const struct door *d)
{
	unsigned least = UINT_MAX;
	struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (fault_gate(f) == GATE_FULL && fault_spec_covers(f->spec, d->spec) &&
		    f->ops->room(&f->act) < least)
			least = f->ops->room(&f->act);
	return least;
}

static enum gate gate_wanted(const struct engine *e, const struct door *d)
{
	enum gate gate = GATE_OPEN;
	struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (!f->spec->clients.family && fault_gate(f) > gate &&
		    fault_spec_covers(f->spec, d->spec) && fault_gate_at(f, d) > gate)
			gate = fault_gate_at(f, d);
	return gate;
}

static bool gate_forgets(const struct engine *e, const struct door *d)
{
	struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (f->ops->forgets && !f->spec->clients.family && fault_gate(f) == GATE_SILENT &&
		    fault_spec_covers(f->spec, d->spec))
			return true;
	return false;
}

/* --- doors --- */

/* What is silent at a door is no better than the door's own silence. */
static void door_grade(struct engine *e, const struct door *d)
{
	struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (!f->spec->clients.family && d->gate != GATE_OPEN &&
		    fault_spec_covers(f->spec, d->spec) && fault_gate_at(f, d) == d->gate)
			fault_lower(f, d->gate_grade);
}

static void door_gate(struct engine *e, struct door *d)
{
	enum gate gate = gate_wanted(e, d), old = d->gate;
	bool forgets = gate_forgets(e, d), forgot = d->forgets;
	unsigned room = d->room;

	d->room = gate_room(e, d);
	d->forgets = forgets;
	if (gate == old && (gate != GATE_FULL || room == d->room) && (forgot || !forgets)) {
		door_grade(e, d);
		return;
	}
	door_observe(e, d);
	d->gate = gate;
	if (gate == GATE_SILENT && old != gate) {
		d->drops_told = 0;
		e->observe_due_ns = 0; /* at the next tick: from then on by the interval */
	}
	d->gate_grade = d->ops->gate(d, gate);
	door_grade(e, d);
	if (gate != old && timeline_wants(e->timeline, EVENT_PROXY_GATE))
		timeline_record(e->timeline, EVENT_PROXY_GATE,
		    json_pack("{s:s, s:s, s:s}", "proxy", d->spec->name, "old", gate_names[old],
			"new", gate_names[gate]));
}

/* `clients` on a gate: only those addresses meet it, and only silence can tell them apart. */
static bool fault_wants_range(const struct fault *f)
{
	return f->spec->clients.family && fault_gate(f) == GATE_SILENT;
}

bool fault_ranges(const struct fault *f, const struct door *d)
{
	return f->ranged && fault_spec_covers(f->spec, d->spec);
}

/* Another fault keeps the same range silent. */
static bool range_shared(const struct engine *e, const struct fault *f, const struct door *d)
{
	struct fault *g;

	TAILQ_FOREACH (g, &e->faults, in_engine)
		if (g != f && fault_ranges(g, d) &&
		    !memcmp(&g->spec->clients, &f->spec->clients, sizeof(struct cidr)))
			return true;
	return false;
}

static void door_range(struct engine *e, struct fault *f, struct door *d, bool silent)
{
	const struct cidr *clients = &f->spec->clients;

	if (silent) {
		if (!door_observe(e, d)) /* nothing was silent: what counts counts from here */
			d->drops_told = d->ops->drops(d);
		e->observe_due_ns = 0;
		fault_lower(f, d->ops->range(d, clients, true));
	} else if (!range_shared(e, f, d)) {
		d->ops->range(d, clients, false);
	}
}

static void fault_ranges_change(struct fault *f, bool silent)
{
	struct door *d;

	if (f->ranged == silent)
		return;
	TAILQ_FOREACH (d, &f->engine->doors, in_engine)
		if (fault_spec_covers(f->spec, d->spec))
			door_range(f->engine, f, d, silent);
	f->ranged = silent;
}

void fault_gates(struct fault *f)
{
	struct door *d;

	fault_ranges_change(f, fault_wants_range(f));
	if (f->ops->gate == GATE_OPEN || f->spec->clients.family)
		return;
	TAILQ_FOREACH (d, &f->engine->doors, in_engine)
		if (fault_spec_covers(f->spec, d->spec))
			door_gate(f->engine, d);
}

/* Those that cover it do no better than they can there, and it does what they want. */
static void door_meets_faults(struct engine *e, struct door *d)
{
	struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (fault_spec_covers(f->spec, d->spec))
			fault_lower(f, door_promise(e, &f->act, d));
	door_rejects(e, d);
	door_gate(e, d);
}

void engine_door_add(struct engine *e, struct door *d, int64_t now_ns)
{
	struct fault *f;

	(void)now_ns;
	TAILQ_INIT(&d->targets);
	TAILQ_INSERT_TAIL(&e->doors, d, in_engine);
	d->engine = e;
	d->gate_grade = GRADE_EXACT;
	door_meets_faults(e, d);
	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (fault_ranges(f, d))
			door_range(e, f, d, true);
}

void engine_door_changed(struct engine *e, struct door *d)
{
	struct fault *f;

	door_meets_faults(e, d);
	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (f->ranged)
			door_range(e, f, d, fault_ranges(f, d));
}

void engine_door_remove(struct engine *e, struct door *d)
{
	struct fault *f;

	TAILQ_FOREACH (f, &e->faults, in_engine)
		fault_forget(f, d);
	TAILQ_REMOVE(&e->doors, d, in_engine);
}

/* --- sessions come and go --- */

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
