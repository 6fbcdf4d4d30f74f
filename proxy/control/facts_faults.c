/* What relays and their faults tell: the readers of those events. */
#include "control/facts_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *facts_scoped(char *key, size_t size, unsigned relay, const char *name)
{
	snprintf(key, size, "%u/%.300s", relay, name ? name : "");
	return key;
}

/* ---- relays ---- */

/* run.relay stands in the order of their numbers, unless it says its number. */
bool facts_read_relay(struct facts *f, const struct record *r)
{
	const int64_t told = record_int(r, "relay", -1);
	size_t n = told >= 0 ? (size_t)told : 0;

	while (told < 0 && n < f->n_relays && f->relays[n].told)
		n++;
	if (n >= f->n_relays)
		return true;
	f->relays[n].told = r;
	f->relays[n].name = record_text(r, "relay");
	if (!f->relays[n].name)
		f->relays[n].name = record_text(r, "admin");
	if (!f->relays[n].witness)
		f->relays[n].witness = record_text(r, "witness");
	return true;
}

bool facts_read_start(struct facts *f, const struct record *r)
{
	if (r->relay < f->n_relays && record_text(r, "witness"))
		f->relays[r->relay].witness = record_text(r, "witness");
	return true;
}

bool facts_read_lost(struct facts *f, const struct record *r)
{
	const char *name = record_text(r, "relay");
	const int64_t number =
	    record_int(r, "relay", r->relay == JOURNAL_DRIVER ? -1 : (int64_t)r->relay);

	for (size_t i = 0; i < f->n_relays; i++) {
		struct fact_relay *relay = &f->relays[i];

		if (number == (int64_t)i || (name && relay->name && !strcmp(name, relay->name)))
			relay->events_lost += record_int(r, "lost", 0);
	}
	return true;
}

/* ---- faults ---- */

static const struct step *step_named(const struct scenario *s, const char *name)
{
	for (size_t i = 0; name && i < s->n_steps; i++)
		if (!strcmp(s->steps[i].name, name))
			return &s->steps[i];
	return NULL;
}

/* NAME, or NAME#k: the step's k-th time. */
static void find_spec(const struct facts *f, struct fact_fault *fault)
{
	const struct scenario *s = f->scenario;
	const char *hash = strrchr(fault->name, '#');
	const size_t len = hash ? (size_t)(hash - fault->name) : strlen(fault->name);

	fault->iteration = 1;
	for (size_t i = 0; i < s->n_steps; i++)
		for (size_t k = 0; k < s->steps[i].n_actions; k++) {
			const struct fault_spec *spec = s->steps[i].actions[k].fault;

			if (!spec || (strcmp(spec->name, fault->name) != 0 &&
					 (strlen(spec->name) != len ||
					     strncmp(spec->name, fault->name, len) != 0)))
				continue;
			fault->spec = spec;
			fault->step = &s->steps[i];
			if (hash && strcmp(spec->name, fault->name) != 0)
				fault->iteration = strtol(hash + 1, NULL, 10);
			return;
		}
	fault->spec = s->config ? config_find_fault(s->config, fault->name) : NULL;
}

static struct fact_fault *find_fault(struct facts *f, const struct record *r)
{
	char key[400];
	const size_t n =
	    facts_lookup(f, 'f', facts_scoped(key, sizeof(key), r->relay, record_text(r, "fault")));

	return n == NOBODY ? NULL : &f->faults[n];
}

static struct fact_fault *add_fault(struct facts *f, const struct record *r)
{
	struct fact_fault *fault = &f->faults[f->n_faults];
	char key[400];

	*fault = (struct fact_fault){ .relay = r->relay,
		.name = record_text(r, "fault"),
		.type = record_text(r, "type"),
		.side = record_text(r, "side"),
		.active_ns = NOT_YET,
		.lifted_ns = NOT_YET };
	if (!fault->name)
		fault->name = "?";
	find_spec(f, fault);
	if (!fault->type)
		fault->type = fault->spec ? fault->spec->type->name : "?";
	if (!fault->side)
		fault->side = fault->spec ? side_names[fault->spec->side] : "?";
	return facts_name(
		   f, 'f', facts_scoped(key, sizeof(key), r->relay, fault->name), f->n_faults++)
		   ? fault
		   : NULL;
}

struct fact_fault *facts_get_fault(struct facts *f, const struct record *r)
{
	struct fact_fault *fault = find_fault(f, r);

	return fault ? fault : add_fault(f, r);
}

/* A name may come again once its first owner is gone. */
bool facts_read_armed(struct facts *f, const struct record *r)
{
	const struct fact_fault *known = find_fault(f, r);

	return known && known->lifted_ns == NOT_YET ? true : add_fault(f, r) != NULL;
}

bool facts_read_active(struct facts *f, const struct record *r)
{
	struct fact_fault *fault = facts_get_fault(f, r);

	if (!fault)
		return false;
	if (fault->active_ns == NOT_YET)
		fault->active_ns = r->at_ns;
	fault->grade = record_text(r, "grade");
	if (r->relay < f->n_relays)
		f->relays[r->relay].acted = true;
	return true;
}

bool facts_read_fired(struct facts *f, const struct record *r)
{
	struct fact_fault *fault = facts_get_fault(f, r);

	if (!fault)
		return false;
	fault->sessions += record_int(r, "sessions", 0);
	if (record_int(r, "settled_within_ns", 0) > fault->settled_ns)
		fault->settled_ns = record_int(r, "settled_within_ns", 0);
	if (record_text(r, "grade"))
		fault->grade = record_text(r, "grade");
	return true;
}

bool facts_read_refused(struct facts *f, const struct record *r)
{
	struct fact_fault *fault = facts_get_fault(f, r);
	const char *reason = record_text(r, "reason");

	if (fault)
		fault->refused = reason ? reason : "refused";
	return fault != NULL;
}

/* Those that it holds down come back. */
static void let_go(struct facts *f, const struct fact_fault *fault, int64_t at_ns)
{
	for (size_t i = 0; i < f->n_deaths; i++) {
		struct fact_death *d = &f->deaths[i];

		if (&f->faults[d->fault] == fault && d->until_ns == NOT_YET)
			d->until_ns = at_ns;
	}
}

bool facts_read_lifted(struct facts *f, const struct record *r)
{
	struct fact_fault *fault = find_fault(f, r);

	if (!fault)
		return true;
	fault->lifted_ns = r->at_ns;
	fault->sessions = record_int(r, "sessions", fault->sessions);
	fault->segments = record_int(r, "segments", fault->segments);
	let_go(f, fault, r->at_ns);
	return true;
}

bool facts_read_phase(struct facts *f, const struct record *r)
{
	const struct fact_fault *fault = find_fault(f, r);
	const char *phase = record_text(r, "phase");

	if (fault && phase && !strcmp(phase, "up"))
		let_go(f, fault, r->at_ns);
	return true;
}

/* Faults that an action made without a name in the file: power_off, partition. */
bool facts_read_action(struct facts *f, const struct record *r)
{
	const char *name = record_text(r, "fault");

	for (size_t i = 0; name && i < f->n_faults; i++) {
		struct fact_fault *fault = &f->faults[i];

		if (fault->step || fault->spec || strcmp(fault->name, name) != 0)
			continue;
		fault->step = step_named(f->scenario, record_text(r, "step"));
		fault->iteration = record_int(r, "iteration", 1);
	}
	return true;
}

bool facts_read_gate(struct facts *f, const struct record *r)
{
	if (record_text(r, "proxy") && record_text(r, "new"))
		f->gates[f->n_gates++] = r;
	return true;
}
