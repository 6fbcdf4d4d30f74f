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
	*r->sieve = (struct run_sieve){ .wish = *s, .legs = (uint8_t)legs };
	for (enum leg leg = 0; leg < LEGS; leg++)
		if (legs & 1u << leg) {
			run_apply_sieve(r, leg);
			run_baseline_sieve(r, leg);
		}
}

void run_sieve_look(struct run *r)
{
	struct target *t = r->target;

	for (enum leg leg = 0; leg < LEGS && !t->over; leg++) {
		uint32_t n;

		if (!r->sieve || !(r->sieve->legs & 1u << leg))
			continue;
		n = t->ops->segments(t, leg);
		if (n != r->segments[leg])
			run_apply_sieve(r, leg);
		r->segments[leg] = n;
	}
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

static bool can_sieve(const struct engine *e, const struct fault_spec *s, sa_family_t family)
{
	if (family == AF_UNSPEC)
		family = AF_INET;
	return catalogue_ops(s->type)->look ? wire_can_sieve_probes(e->wire, family)
					    : wire_can_sieve(e->wire, family);
}

const char *sieve_refuses(const struct engine *e, const struct fault_spec *s, const struct door *d,
    char *buf, size_t size)
{
	static const char *const leg_words[] = { "listens on", "has as its upstream" };
	unsigned legs = fault_direction_legs(s);

	for (enum leg leg = 0; leg < LEGS; leg++) {
		if (!(legs & 1u << leg))
			continue;
		if (d->family[leg] == AF_UNIX)
			snprintf(buf, size,
			    "proxy %s %s a Unix socket, where there are no segments to drop",
			    d->spec->name, leg_words[leg]);
		else if (!can_sieve(e, s, d->family[leg]))
			snprintf(buf, size,
			    "%s: needs CAP_NET_ADMIN (socket filter): see deadpeer doctor",
			    s->type->name);
		else
			continue;
		return buf;
	}
	return NULL;
}
