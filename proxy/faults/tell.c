/*
 * What the timeline hears of faults, and the reading of drop counters: each segment that a silent
 * socket dropped is a retransmission, a keepalive probe or a SYN of a peer that talks to a dead
 * host.
 */
#include "base/mono.h"
#include "faults/run.h"
#include "faults/runs.h"
#include "model/field_json.h"
#include <jansson.h>

/* A reading must not take more than a twentieth of the loop's time, however many are silent. */
#define OBSERVE_SHARE 20

/* Where it acts, as the file says it. */
static void add_scope(json_t *o, const struct fault_spec *s)
{
	if (s->host)
		json_object_set_new(o, "host", json_string(s->host));
	else
		json_object_set_new(o, "proxies", field_json(field_find(fault_fields, "proxy"), s));
}

static void add_note(json_t *o, const struct fault *f)
{
	char buf[160];
	const char *note = f->ops->note ? f->ops->note(f->spec, buf, sizeof(buf)) : NULL;

	if (note)
		json_object_set_new(o, "note", json_string(note));
}

void fault_tell(struct fault *f, enum event_id id, const char *reason, int64_t now_ns)
{
	const struct fault_spec *s = f->spec;
	json_t *o;

	if (!timeline_wants(f->engine->timeline, id))
		return;
	o = json_pack("{s:s, s:s, s:s}", "fault", s->name, "type", s->type->name, "side",
	    side_names[s->side]);
	if (id == EVENT_FAULT_ARMED) {
		json_object_set_new(o, "delay_ns", json_integer(s->delay_ns));
		json_object_set_new(o, "duration_ns", json_integer(fault_lasts_ns(f)));
	} else if (id == EVENT_FAULT_ACTIVE) {
		add_scope(o, s);
	} else if (id == EVENT_FAULT_UPDATED) {
		json_object_set_new(o, "sessions", json_integer((json_int_t)f->sessions));
	} else if (id == EVENT_FAULT_LIFTED) {
		json_object_set_new(o, "reason", json_string(reason));
		json_object_set_new(o, "sessions", json_integer((json_int_t)f->sessions));
		json_object_set_new(o, "segments", json_integer((json_int_t)f->segments));
		json_object_set_new(o, "touched", json_boolean(f->sessions || f->segments));
		json_object_set_new(
		    o, "active_ns", json_integer(f->active_ns ? now_ns - f->active_ns : 0));
	}
	json_object_set_new(o, "grade", json_string(grade_names[f->grade]));
	if (id == EVENT_FAULT_ARMED)
		add_note(o, f);
	timeline_record(f->engine->timeline, id, o);
}

void fault_tell_fired(
    struct fault *f, uint64_t sessions, const struct target *only, int64_t arm_ns, int64_t all_ns)
{
	json_t *o;

	if (!timeline_wants(f->engine->timeline, EVENT_FAULT_FIRED))
		return;
	o = json_pack("{s:s, s:s, s:I}", "fault", f->spec->name, "type", f->spec->type->name,
	    "sessions", (json_int_t)sessions);
	if (only) {
		json_object_set_new(o, "proxy", json_string(only->door->spec->name));
		json_object_set_new(o, "session", json_integer((json_int_t)only->id));
	}
	json_object_set_new(o, "grade", json_string(grade_names[f->grade]));
	json_object_set_new(o, "armed_within_ns", json_integer(arm_ns));
	json_object_set_new(o, "settled_within_ns", json_integer(all_ns));
	timeline_record(f->engine->timeline, EVENT_FAULT_FIRED, o);
}

static void tell_drops(struct engine *e, const struct target *t, const struct door *d,
    const char *where, uint32_t n, uint32_t total)
{
	json_t *o;

	if (!timeline_wants(e->timeline, EVENT_SEGMENTS_DROPPED))
		return;
	o = json_pack("{s:s}", "proxy", d->spec->name);
	if (t)
		json_object_set_new(o, "session", json_integer((json_int_t)t->id));
	json_object_set_new(o, "leg", json_string(where));
	json_object_set_new(o, "segments", json_integer(n));
	json_object_set_new(o, "total", json_integer(total));
	timeline_record(e->timeline, EVENT_SEGMENTS_DROPPED, o);
}

/* Told so far of a leg, by whichever run: faults on the same leg share its counter. */
static uint32_t drops_told(const struct target *t, enum leg leg)
{
	uint32_t told = 0;
	struct run *r;

	LIST_FOREACH (r, &t->runs, in_target)
		if (run_counts(r, leg) && r->drops[leg] > told)
			told = r->drops[leg];
	return told;
}

bool run_observe(struct run *r)
{
	static const char *const words[] = { "client", "server" };
	struct target *t = r->target;
	bool counts = false;

	for (enum leg leg = 0; leg < LEGS; leg++) {
		uint32_t total, told;

		if (!run_counts(r, leg))
			continue;
		counts = true;
		total = t->ops->drops(t, leg);
		if (total <= r->drops[leg])
			continue;
		told = drops_told(t, leg);
		if (total > told)
			tell_drops(r->fault->engine, t, t->door, words[leg], total - told, total);
		r->fault->segments += total - r->drops[leg];
		r->drops[leg] = total;
	}
	return counts;
}

static void observe_others(struct run *r, enum leg leg)
{
	struct run *other;

	LIST_FOREACH (other, &r->target->runs, in_target)
		if (other != r && run_counts(other, leg))
			run_observe(other);
}

void run_baseline(struct run *r, enum leg leg)
{
	struct run *other;
	bool silent = false;

	observe_others(r, leg);
	r->drops[leg] = 0;
	LIST_FOREACH (other, &r->target->runs, in_target)
		if (other != r && other->silent[leg]) {
			silent = true;
			r->drops[leg] = other->drops[leg];
		}
	LIST_FOREACH (other, &r->target->runs, in_target)
		if (!silent)
			other->drops[leg] = 0;
}

void run_baseline_sieve(struct run *r, enum leg leg)
{
	observe_others(r, leg);
	r->drops[leg] = r->target->ops->drops(r->target, leg);
}

/* It is for this fault that SYNs vanish at the door. */
static bool fault_drops_syns(const struct fault *f, const struct door *d)
{
	if (f->spec->clients.family)
		return fault_ranges(f, d);
	return fault_gate_at(f, d) == GATE_SILENT && fault_spec_covers(f->spec, d->spec);
}

static bool door_silent(const struct engine *e, const struct door *d)
{
	struct fault *f;

	if (d->gate == GATE_SILENT)
		return true;
	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (fault_ranges(f, d))
			return true;
	return false;
}

/* SYNs and strays at a silent door, credited to the faults that silence it. */
bool door_observe(struct engine *e, struct door *d)
{
	uint32_t total;
	struct fault *f;

	if (!door_silent(e, d))
		return false;
	total = d->ops->drops(d);
	if (total <= d->drops_told)
		return true;
	tell_drops(e, NULL, d, "listener", total - d->drops_told, total);
	TAILQ_FOREACH (f, &e->faults, in_engine)
		if (fault_drops_syns(f, d))
			f->segments += total - d->drops_told;
	d->drops_told = total;
	return true;
}

void engine_observe(struct engine *e, int64_t now_ns)
{
	int64_t began = mono_now_ns(), pause;
	bool silent = false;
	struct fault *f;
	struct run *r;
	struct door *d;

	TAILQ_FOREACH (f, &e->faults, in_engine)
		TAILQ_FOREACH (r, &f->runs, in_fault)
			if (r->state == RUN_ACTIVE)
				silent |= run_observe(r);
	TAILQ_FOREACH (d, &e->doors, in_engine)
		silent |= door_observe(e, d);
	pause = (mono_now_ns() - began) * OBSERVE_SHARE;
	if (pause < e->observe_interval_ns)
		pause = e->observe_interval_ns;
	e->observe_due_ns = silent ? now_ns + pause : INT64_MAX;
}
