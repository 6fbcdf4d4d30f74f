/*
 * Faults that drop some segments of a connection and let others pass: what each run wants of a leg,
 * what all of them want together, and who cannot have it.
 *
 * Losses of several runs are independent of each other; of several sizes the smallest counts.
 */
#include "faults/engine.h"
#include "faults/run.h"
#include "faults/runs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool run_counts(const struct run *r, enum leg leg)
{
	return r->silent[leg] || (r->sieve && r->sieve->legs & 1u << leg);
}

static double either(double a, double b)
{
	return 1 - (1 - a) * (1 - b);
}

static void join(struct wire_sieve *all, const struct wire_sieve *s)
{
	all->loss = either(all->loss, s->loss);
	all->ack_loss = either(all->ack_loss, s->ack_loss);
	if (s->larger_than && (!all->larger_than || s->larger_than < all->larger_than))
		all->larger_than = s->larger_than;
	all->probes |= s->probes;
}

static bool drops_something(const struct wire_sieve *s)
{
	return s->loss > 0 || s->ack_loss > 0 || s->larger_than || s->probes;
}

void run_apply_sieve(struct run *r, enum leg leg)
{
	struct target *t = r->target;
	struct wire_sieve all = { 0 };
	struct run *other;
	enum grade grade;

	if (t->over)
		return;
	LIST_FOREACH (other, &t->runs, in_target)
		if (other->state == RUN_ACTIVE && other->sieve && other->sieve->legs & 1u << leg)
			join(&all, &other->sieve->wish);
	grade = t->ops->sieve(t, leg, drops_something(&all) ? &all : NULL);
	if (grade < r->grade[leg])
		r->grade[leg] = grade;
}

void run_sieve(struct run *r, unsigned legs, const struct wire_sieve *s)
{
	r->sieve = malloc(sizeof(*r->sieve));
	if (!r->sieve) {
		r->grade[LEG_CLIENT] = r->grade[LEG_SERVER] = GRADE_REFUSED;
		return;
	}
	if (s->probes) /* for whoever probes it is a death */
		strike_changes(r, true);
	*r->sieve = (struct run_sieve){ .wish = *s, .legs = (uint8_t)legs };
	for (enum leg leg = 0; leg < LEGS; leg++) {
		if (!(legs & 1u << leg))
			continue;
		run_apply_sieve(r, leg);
		run_baseline_sieve(r, leg);
	}
}

/* While segments come there is no hurry, and a busy session costs nothing: probes come after a
 * pause, and one look's pause is shorter. */
static void leg_look(struct run *r, enum leg leg)
{
	uint32_t n = r->target->ops->segments(r->target, leg);
	unsigned bit = 1u << leg;

	if (n != r->segments[leg]) {
		r->segments[leg] = n;
		r->sieve->stale |= bit;
	} else if (r->sieve->stale & bit) {
		r->sieve->stale &= ~bit;
		run_apply_sieve(r, leg);
	}
}

void run_sieve_look(struct run *r)
{
	for (enum leg leg = 0; r->sieve && leg < LEGS; leg++)
		if (r->sieve->legs & 1u << leg && !r->target->over)
			leg_look(r, leg);
}

void run_lift_sieve(struct run *r)
{
	struct run_sieve *had = r->sieve;

	r->sieve = NULL;
	for (enum leg leg = 0; had && leg < LEGS; leg++)
		if (had->legs & 1u << leg)
			run_apply_sieve(r, leg);
	free(had);
}

bool fault_can_sieve(const struct fault_ops *ops, const struct wire *w, sa_family_t family)
{
	if (family == AF_UNSPEC)
		family = AF_INET;
	if (ops->look == run_sieve_look)
		return wire_can_sieve_probes(w, family);
	return wire_can_sieve(w, family);
}

/* NULL: nothing against this leg. */
static const char *leg_refuses(const struct engine *e, const struct fault_spec *s,
    const struct door *d, enum leg leg, char *buf, size_t size)
{
	static const char *const words[] = { "listens on", "has as its upstream" };

	if (d->family[leg] == AF_UNIX)
		snprintf(buf, size,
		    "proxy %s %s a Unix socket, where there are no segments to drop", d->spec->name,
		    words[leg]);
	else if (!fault_can_sieve(catalogue_ops(s->type), e->wire, d->family[leg]))
		snprintf(buf, size, "%s: needs CAP_NET_ADMIN (socket filter): see deadpeer doctor",
		    s->type->name);
	else
		return NULL;
	return buf;
}

const char *sieve_refuses(const struct engine *e, const struct fault_spec *s, const struct door *d,
    char *buf, size_t size)
{
	unsigned legs = fault_direction_legs(s);
	const char *why = NULL;

	for (enum leg leg = 0; leg < LEGS && !why; leg++)
		if (legs & 1u << leg)
			why = leg_refuses(e, s, d, leg, buf, size);
	return why;
}
