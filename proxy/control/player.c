/*
 * A state and what leads out of it:
 *
 *     EVENT --it happened--> UNTIL --the instant has come--> ACT --order, shell--> ASKED --> ACT
 *       (or straight to UNTIL)  ^                             |--wait--> WAIT --it happened--> ACT
 *                               '-----------pause-------------'
 *     ACT, no action left -> the next iteration or step, or OVER; anything that fails -> OVER
 *
 * Actions that begin at a known instant are told to the relays before it: while in UNTIL the arms
 * that come next are ordered PLAYER_AHEAD_NS early, each after the answer to the one before. What
 * was done is recorded once the instant has come (`told` follows `action`).
 */
#include "base/units.h"
#include "control/await.h"
#include "control/player_parts.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NEVER_NS INT64_MIN
#define TEXT_MAX 512

const struct step *player_step(const struct player *p)
{
	return &p->scenario->steps[p->step];
}

const struct action *player_action(const struct player *p)
{
	return p->action < player_step(p)->n_actions ? &player_step(p)->actions[p->action] : NULL;
}

static int64_t now_of(const struct player *p)
{
	return p->stage->ops->now_ns(p->stage);
}

static void wake(struct player *p, int64_t at_ns)
{
	p->stage->ops->wake(p->stage, at_ns);
}

/* ---- records ---- */

static json_t *step_fields_of(const struct player *p)
{
	return json_pack("{s:s, s:I, s:I}", "step", player_step(p)->name, "index",
	    (json_int_t)p->step + 1, "iteration", (json_int_t)p->iteration);
}

static void record(struct player *p, const char *event, json_t *fields)
{
	p->stage->ops->record(p->stage, event, fields);
}

static void record_end(struct player *p, const char *result, const char *message)
{
	json_t *o = step_fields_of(p);

	json_object_set_new(o, "result", json_string(result));
	if (message)
		json_object_set_new(o, "message", json_string(message));
	record(p, "step.ended", o);
}

static void record_begin(struct player *p)
{
	const struct step *step = player_step(p);
	json_t *o;

	if (p->begun)
		return;
	p->begun = true;
	o = step_fields_of(p);
	if (!step->is_after && (p->iteration == 1 || step->every_ns))
		json_object_set_new(o, "planned_ns",
		    json_integer(step->at_ns + step->delay_ns +
				 (int64_t)(p->iteration - 1) * step->every_ns));
	record(p, "step.began", o);
}

/* What it is called now, of the scenario's names. */
static const char *called(const struct player *p, const char *name)
{
	const char *now = json_string_value(json_object_get(p->names, name));

	return now ? now : name;
}

static const char *fault_of(const struct player *p, const struct action *a)
{
	if (a->kind == ACTION_ARM)
		return called(p, a->fault->name);
	return a->kind == ACTION_LIFT ? called(p, a->text) : NULL;
}

/* All that is done so far. */
static void record_done(struct player *p)
{
	for (; p->told < p->action; p->told++) {
		const struct action *a = &player_step(p)->actions[p->told];
		const char *fault = fault_of(p, a);
		json_t *o =
		    json_pack("{s:s, s:I, s:s, s:s}", "step", player_step(p)->name, "iteration",
			(json_int_t)p->iteration, "action", action_names[a->kind], "text", a->text);

		if (fault)
			json_object_set_new(o, "fault", json_string(fault));
		record(p, "action.done", o);
	}
}

/* ---- what is waited for ---- */

/* What comes of actions may be seen before their answers are, and what comes of an event together
 * with it: what is waited for directly behind them is counted from there. */
static void mark(struct player *p, enum player_mark by)
{
	if (by != MARK_ACTION || p->marked != MARK_ACTION)
		p->mark = by == MARK_MET ? await_met_mark(p->await) : await_mark(p->await);
	p->marked = by;
}

static void watch(struct player *p, const struct wait_spec *wait)
{
	if (p->marked == MARK_NONE)
		mark(p, MARK_NONE);
	await_begin(p->await, wait, p->mark);
}

/* ---- from one step to the next ---- */

/* From the present step on. */
static void skip_all(struct player *p, const char *message)
{
	for (; p->step < p->scenario->n_steps; p->step++) {
		record_end(p, "skipped", message);
		p->iteration = 1;
	}
	p->state = STATE_OVER;
}

__attribute__((format(printf, 3, 4))) static void fail(
    struct player *p, const char *result, const char *fmt, ...)
{
	char *message = NULL, *rest = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&message, fmt, ap) < 0)
		message = NULL;
	va_end(ap);
	record_begin(p);
	record_done(p);
	record_end(p, result, message);
	if (asprintf(&rest, "%s did not pass", player_step(p)->name) < 0)
		rest = NULL;
	p->step++;
	p->iteration = 1;
	skip_all(p, rest);
	free(message);
	free(rest);
}

static void wait_until(struct player *p, int64_t at_ns)
{
	p->state = STATE_UNTIL;
	p->until_ns = at_ns;
}

/* What is past begins at once. */
static void begin_iteration(struct player *p, int64_t at_ns)
{
	int64_t now = now_of(p);

	p->action = p->told = 0;
	p->begun = false;
	p->begin_ns = at_ns > now ? at_ns : now;
	wait_until(p, p->begin_ns);
}

/* Also the first: step is the one to come. */
static void begin_step(struct player *p)
{
	const struct step *step;

	if (p->step == p->scenario->n_steps) {
		p->state = STATE_OVER;
		return;
	}
	step = player_step(p);
	p->iteration = 1;
	if (!step->is_after) {
		p->marked = MARK_NONE;
		begin_iteration(p, step->at_ns + step->delay_ns);
		return;
	}
	p->action = p->told = 0;
	p->begun = false;
	p->state = STATE_EVENT;
	p->until_ns = now_of(p) + step->when.within_ns;
	watch(p, &step->when);
}

static void end_iteration(struct player *p)
{
	const struct step *step = player_step(p);

	record_end(p, "pass", NULL);
	if (p->iteration < step->repeat) {
		p->iteration++;
		if (step->every_ns)
			p->marked = MARK_NONE;
		begin_iteration(p, step->every_ns ? p->begin_ns + step->every_ns : now_of(p));
		return;
	}
	p->step++;
	begin_step(p);
}

/* ---- asking the stage ---- */

static void run(struct player *p);

/* An order that a relay did not do says nothing of the application; a command may. */
static void fail_action(struct player *p, enum order_result result, const char *why)
{
	const struct action *a = player_action(p);
	bool is_check = a->kind == ACTION_RUN && result == ORDER_WRONG;

	if (result == ORDER_REFUSED)
		p->refused = true;
	fail(p, is_check ? "fail" : "error", "%s %s: %s", action_names[a->kind], a->text,
	    why ? why : "not done");
}

static void answered(void *arg, enum order_result result, const char *why)
{
	struct player *p = arg;

	p->asked = false;
	if (p->state == STATE_OVER)
		return;
	if (result != ORDER_DONE) {
		fail_action(p, result, why);
		return;
	}
	p->action++;
	if (p->state == STATE_ASKED) {
		record_done(p);
		p->state = STATE_ACT;
	}
	run(p);
}

static void name_fault(struct player *p, const struct action *a)
{
	char *name = player_fault_name(a->fault->name, p->iteration);

	if (name)
		json_object_set_new(p->names, a->fault->name, json_string(name));
	free(name);
}

static void order(struct player *p, const struct action *a, int64_t at_ns)
{
	struct order o = { .action = a, .at_ns = at_ns };

	if (a->kind == ACTION_ARM)
		name_fault(p, a);
	o.fault = fault_of(p, a);
	mark(p, MARK_ACTION);
	p->asked = true;
	p->stage->ops->order(p->stage, &o, answered, p);
}

/* ---- the states; each says whether there is more to do at once ---- */

static bool in_event(struct player *p)
{
	const struct step *step = player_step(p);
	char text[TEXT_MAX], limit[48];

	if (await_met(p->await)) {
		mark(p, step->delay_ns ? MARK_NONE : MARK_MET);
		begin_iteration(p, now_of(p) + step->delay_ns);
	} else if (now_of(p) >= p->until_ns) {
		fail(p, "fail", "%s did not happen within %s (%llu of %llu)",
		    player_describe_wait(&step->when, text, sizeof(text)),
		    units_format_duration(limit, sizeof(limit), step->when.within_ns),
		    (unsigned long long)await_count(p->await),
		    (unsigned long long)step->when.count);
	} else {
		wake(p, p->until_ns);
		return false;
	}
	return true;
}

static bool in_until(struct player *p)
{
	const struct action *a = player_action(p);
	int64_t now = now_of(p), ahead_ns = p->until_ns - PLAYER_AHEAD_NS;
	bool may_order = a && a->kind == ACTION_ARM && !p->asked;

	if (now >= p->until_ns) {
		record_begin(p);
		record_done(p);
		p->state = p->asked ? STATE_ASKED : STATE_ACT;
		return true;
	}
	if (may_order && now >= ahead_ns) {
		order(p, a, p->until_ns);
		may_order = false;
	}
	wake(p, may_order ? ahead_ns : p->until_ns);
	return false;
}

static void act(struct player *p, const struct action *a)
{
	switch (a->kind) {
	case ACTION_WAIT:
		p->state = STATE_WAIT;
		p->until_ns = now_of(p) + a->wait.within_ns;
		watch(p, &a->wait);
		break;
	case ACTION_PAUSE:
		p->action++;
		p->marked = MARK_NONE;
		wait_until(
		    p, now_of(p) + player_draw_pause(p->seed, player_step(p), a, p->iteration));
		break;
	case ACTION_RUN:
		p->state = STATE_ASKED;
		mark(p, MARK_ACTION);
		p->asked = true;
		p->stage->ops->shell(p->stage, a->text, p->scenario->run_limit_ns, answered, p);
		break;
	default:
		p->state = STATE_ASKED;
		order(p, a, NEVER_NS);
	}
}

static bool in_act(struct player *p)
{
	const struct action *a = player_action(p);

	if (a)
		act(p, a);
	else
		end_iteration(p);
	return true;
}

/* The answer leads on. */
static bool in_asked(struct player *p)
{
	(void)p;
	return false;
}

static bool in_wait(struct player *p)
{
	const struct wait_spec *wait = &player_action(p)->wait;
	char text[TEXT_MAX], limit[48];

	if (await_met(p->await)) {
		mark(p, MARK_MET);
		p->action++;
		record_done(p);
		p->state = STATE_ACT;
	} else if (now_of(p) >= p->until_ns) {
		fail(p, "fail", "wait: %s did not happen within %s (%llu of %llu)",
		    player_describe_wait(wait, text, sizeof(text)),
		    units_format_duration(limit, sizeof(limit), wait->within_ns),
		    (unsigned long long)await_count(p->await), (unsigned long long)wait->count);
	} else {
		wake(p, p->until_ns);
		return false;
	}
	return true;
}

static bool in_over(struct player *p)
{
	(void)p;
	return false;
}

static void run(struct player *p)
{
	static bool (*const states[])(struct player * p) = {
		[STATE_EVENT] = in_event,
		[STATE_UNTIL] = in_until,
		[STATE_ACT] = in_act,
		[STATE_ASKED] = in_asked,
		[STATE_WAIT] = in_wait,
		[STATE_OVER] = in_over,
	};

	if (p->running)
		return;
	p->running = true;
	while (states[p->state](p))
		;
	p->running = false;
}

/* ---- from outside ---- */

struct player *player_new(const struct scenario *scenario, uint64_t seed, struct stage *stage)
{
	struct player *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->scenario = scenario;
	p->seed = seed;
	p->stage = stage;
	p->await = await_new();
	p->names = json_object();
	if (!p->await || !p->names) {
		player_free(p);
		return NULL;
	}
	begin_step(p);
	return p;
}

void player_free(struct player *p)
{
	if (!p)
		return;
	await_free(p->await);
	json_decref(p->names);
	free(p->reason);
	free(p);
}

void player_tick(struct player *p)
{
	run(p);
}

/* Records also come from inside of run(), which looks again anyhow. */
void player_saw(struct player *p, const struct record *r)
{
	await_saw(p->await, r);
	if (!p->running && (p->state == STATE_EVENT || p->state == STATE_WAIT) &&
	    await_met(p->await))
		wake(p, now_of(p));
}

/* The last action has been seen to happen, and run() was not there yet. */
static bool is_complete(const struct player *p)
{
	const struct step *step = player_step(p);

	return p->state == STATE_WAIT && await_met(p->await) && p->action + 1 == step->n_actions &&
	       p->iteration == step->repeat;
}

void player_stop(struct player *p, const char *reason)
{
	if (p->state == STATE_OVER)
		return;
	p->reason = strdup(reason);
	if (is_complete(p)) {
		p->action++;
		record_done(p);
		record_end(p, "pass", NULL);
		p->step++;
		p->iteration = 1;
	}
	skip_all(p, reason);
}

bool player_over(const struct player *p)
{
	return p->state == STATE_OVER;
}

bool player_refused(const struct player *p)
{
	return p->refused;
}
