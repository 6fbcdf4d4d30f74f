/*
 * Wishes of the runs on one target, joined: what is silent is the union of what all want silent.
 */
#include "faults/run.h"
#include "faults/engine.h"
#include <string.h>

const char *const flow_names[] = { "upstream", "downstream", NULL };

const struct fault_spec *run_spec(const struct run *r)
{
	return &r->fault->act;
}

bool fault_spec_kills(const struct fault_spec *s, enum leg leg)
{
	static const unsigned dying[] = {
		[SIDE_SERVER] = 1u << LEG_CLIENT, /* the client watches the server die */
		[SIDE_CLIENT] = 1u << LEG_SERVER,
		[SIDE_BOTH] = 1u << LEG_CLIENT | 1u << LEG_SERVER,
	};
	return dying[s->side] >> leg & 1;
}

unsigned fault_direction_flows(const struct fault_spec *s)
{
	static const unsigned flows[] = {
		[DIRECTION_BOTH] = FLOWS_ALL,
		[DIRECTION_UPSTREAM] = FLOW_BIT(FLOW_UPSTREAM),
		[DIRECTION_DOWNSTREAM] = FLOW_BIT(FLOW_DOWNSTREAM),
	};
	int direction;

	memcpy(&direction, s->params.bytes, sizeof(direction));
	return flows[direction];
}

unsigned fault_direction_legs(const struct fault_spec *s)
{
	unsigned flows = fault_direction_flows(s), legs = 0;

	if (flows & FLOW_BIT(FLOW_UPSTREAM))
		legs |= 1u << LEG_CLIENT;
	if (flows & FLOW_BIT(FLOW_DOWNSTREAM))
		legs |= 1u << LEG_SERVER;
	return legs;
}

bool run_is_dying(const struct run *r, enum leg leg)
{
	return fault_spec_kills(run_spec(r), leg);
}

void run_apply_silence(struct run *r, enum leg leg)
{
	struct target *t = r->target;
	unsigned dirs = 0;
	struct run *other;
	enum grade grade;

	if (t->over)
		return;
	LIST_FOREACH (other, &t->runs, in_target)
		if (other->state == RUN_ACTIVE)
			dirs |= other->silent[leg];
	grade = t->ops->silence(t, leg, dirs);
	if (grade < r->grade[leg])
		r->grade[leg] = grade;
}

void run_apply_hold(struct target *t)
{
	unsigned flows = 0;
	struct run *r;

	if (t->over)
		return;
	LIST_FOREACH (r, &t->runs, in_target)
		if (r->state == RUN_ACTIVE)
			flows |= r->held;
	t->ops->hold(t, flows);
}

void run_silence(struct run *r, enum leg leg, unsigned dirs)
{
	run_baseline(r, leg);
	r->deadly |= dirs != 0;
	r->silent[leg] = dirs;
	run_apply_silence(r, leg);
}

void run_hold(struct run *r, unsigned flows)
{
	strike_changes(r, flows != 0);
	r->held = flows;
	run_apply_hold(r->target);
}

void run_apply_dial(struct target *t)
{
	bool may = true;
	struct run *r;

	if (t->over)
		return;
	LIST_FOREACH (r, &t->runs, in_target)
		if (r->state == RUN_ACTIVE && r->dial_ns)
			may = false;
	t->ops->dial(t, may);
}

void run_delay_dial(struct run *r, int64_t until_ns)
{
	r->dial_ns = until_ns;
	run_apply_dial(r->target);
}

void run_bury(struct run *r, enum leg leg)
{
	enum grade grade;

	if (r->target->over)
		return;
	strike_changes(r, true);
	grade = r->target->ops->bury(r->target, leg);
	/* A burial can only better what the silence alone had reached. */
	if (r->grade[leg] > GRADE_REFUSED)
		r->grade[leg] = grade;
}

void run_end(struct run *r, enum leg leg, enum ending how)
{
	if (r->target->over)
		return;
	strike_changes(r, true);
	r->target->ops->end(r->target, leg, how, r->fault->spec->name);
}

void run_end_other(struct run *r)
{
	enum other other =
	    run_spec(r)->other ? (enum other)run_spec(r)->other : r->fault->ops->other;

	if (other == OTHER_HOLD)
		return;
	for (enum leg leg = LEG_CLIENT; leg < LEGS; leg++)
		if (!run_is_dying(r, leg))
			run_end(r, leg, other == OTHER_CLOSE ? ENDING_CLOSE : ENDING_ABORT);
}
