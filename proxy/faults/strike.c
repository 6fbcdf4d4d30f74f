/*
 * What was struck, for who wants to know (engine.witness). How a session stood is asked before the
 * first thing that would change the answer; silence changes nothing of it, so all of a host falls
 * silent before the first is asked. It is told last.
 *
 *     strike_begins --> silence --> strike_changes --> hold, bury, end ... --> strike_over
 */
#include "faults/engine.h"
#include "faults/run.h"

void strike_begins(struct run *r, int64_t now_ns)
{
	r->struck_ns = now_ns;
	r->witnessed = r->fault->engine->witness;
	r->looked = r->deadly = false;
}

static void look(struct run *r)
{
	if (r->looked || r->target->over)
		return;
	r->looked = true;
	r->target->ops->look(r->target, r->struck_ns);
}

void strike_changes(struct run *r, bool deadly)
{
	if (!r->witnessed)
		return;
	r->deadly |= deadly;
	look(r);
}

void strike_over(struct run *r)
{
	bool tell = r->witnessed && r->deadly;

	if (tell)
		look(r);
	r->witnessed = false;
	if (tell && r->looked)
		r->target->ops->struck(
		    r->target, r->fault->spec->name, (enum side)run_spec(r)->side);
}
