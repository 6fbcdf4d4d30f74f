/*
 * Each chunk waits until its own arrival + latency + a deviation. The order is kept: one that would
 * overtake waits for the one before it. The end of the bytes is late as they are.
 */
#include "base/distribution.h"
#include "base/mono.h"
#include "base/rng.h"
#include "faults/stream.h"
#include <math.h>

struct latency_params {
	int direction;
	int64_t latency_ns, jitter_ns;
	int distribution;
	double correlation;
};

static const struct field params[] = {
	STREAM_DIRECTION("bytes are late"),
	{ .key = "latency",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct latency_params, latency_ns),
	    .initial = "0",
	    .max = 30 * 86400 * NS_PER_S,
	    .help = "how much later everything arrives" },
	{ .key = "jitter",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct latency_params, jitter_ns),
	    .initial = "0",
	    .max = 30 * 86400 * NS_PER_S,
	    .help = "how much that varies: the largest deviation when uniform, else its standard "
		    "deviation" },
	{ .key = "distribution",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(struct latency_params, distribution),
	    .initial = "uniform",
	    .choices = distribution_names,
	    .help = "how the deviations are spread: uniform, normal, or pareto (a long tail)" },
	{ .key = "correlation",
	    .kind = FIELD_PROBABILITY,
	    .offset = offsetof(struct latency_params, correlation),
	    .initial = "0",
	    .help = "how much a deviation is like the one before it, from 0 to 1" },
	{ 0 },
};

struct state {
	uint64_t drawn; /* chunks that a deviation was drawn for */
	bool ready;     /* the first chunk's was */
	double normal;  /* what it was made of */
	int64_t left_ns;
};

/* The normals are an autoregressive series of order 1: each is standard normal by itself. */
static void draw(struct stage *st, struct state *s, double correlation)
{
	uint64_t n = 2 * s->drawn++;
	double g = distribution_normal(rng_unit(st->seed, "", n), rng_unit(st->seed, "", n + 1));

	if (n)
		g = correlation * s->normal + sqrt(1 - correlation * correlation) * g;
	s->normal = g;
	s->ready = true;
}

static int64_t due_ns(const struct latency_params *p, const struct state *s, const struct chunk *c)
{
	double deviation = distribution_shape(p->distribution, s->normal) * (double)p->jitter_ns;
	int64_t due = c->at_ns + p->latency_ns + (int64_t)deviation;

	return due > s->left_ns ? due : s->left_ns;
}

static void pump(struct stage *st, int64_t now_ns)
{
	const struct latency_params *p =
	    (const struct latency_params *)run_spec(st->run)->params.bytes;
	struct state *s = (struct state *)st->state;
	struct chunk *c;

	while ((c = stage_first(st))) {
		int64_t due;

		if (!s->ready)
			draw(st, s, p->correlation);
		due = due_ns(p, s, c);
		if (due > now_ns) {
			st->due_ns = due;
			return;
		}
		s->left_ns = due;
		s->ready = false;
		stage_pass(st, due > c->at_ns ? due : c->at_ns);
	}
}

const struct fault_ops fault_latency = {
	.type = {
		.name = "latency",
		.summary = "everything arrives later",
		.peer_sees = "answers late by latency and jitter; the order is kept",
		.params = params,
		.refusals = stream_refusals,
		.sides = 1 << SIDE_BOTH,
	},
	STREAM_OPS(pump),
	.stage_bytes = sizeof(struct state),
};
