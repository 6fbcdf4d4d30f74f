/*
 * The path between client and server is cut, in both directions or in one. Nothing is lost: when it
 * heals, the kernels' retransmissions get through and the same connections carry on.
 *
 * A one-way cut of what the client sends (direction=upstream): the client leg hears nothing more,
 * and nothing more leaves the server leg, ACKs included; the other way round for downstream.
 */
#include "faults/fault.h"

struct partition_params {
	int direction;
};

static const struct field params[] = {
	{ .key = "direction",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(struct partition_params, direction),
	    .initial = "both",
	    .choices = direction_names,
	    .help = "what is cut: both, upstream (client to server) or downstream" },
	{ 0 },
};

static const struct refusal refusals[] = {
	{ "other", "a partition silences both legs: nothing is lost, nobody is told" },
	{ 0 },
};

static const struct cut {
	unsigned silent[LEGS], held;
} cuts[] = {
	[DIRECTION_BOTH] = { { WIRE_BOTH, WIRE_BOTH }, FLOWS_ALL },
	[DIRECTION_UPSTREAM] = { { WIRE_IN, WIRE_OUT }, FLOW_BIT(FLOW_UPSTREAM) },
	[DIRECTION_DOWNSTREAM] = { { WIRE_OUT, WIRE_IN }, FLOW_BIT(FLOW_DOWNSTREAM) },
};

static const struct cut *cut_of(const struct fault_spec *s)
{
	return &cuts[((const struct partition_params *)s->params.bytes)->direction];
}

static unsigned dirs(const struct fault_spec *s, enum leg leg)
{
	return cut_of(s)->silent[leg];
}

static void arm(struct run *r)
{
	const struct cut *cut = cut_of(run_spec(r));

	for (enum leg leg = LEG_CLIENT; leg < LEGS; leg++)
		run_silence(r, leg, cut->silent[leg]);
}

static void settle(struct run *r)
{
	run_hold(r, cut_of(run_spec(r))->held);
}

const struct fault_ops fault_partition = {
	.type = {
		.name = "partition",
		.summary = "the path is cut, then back; nothing is lost",
		.peer_sees = "silence as in power_loss; after it heals the same connection carries on and "
		             "every byte arrives once",
		.params = params,
		.refusals = refusals,
		.sides = 1 << SIDE_BOTH,
		.needs_wire = true,
		.gates = true,
	},
	.other = OTHER_HOLD,
	.gate = GATE_SILENT,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.dirs = dirs,
	.arm = arm,
	.settle = settle,
};
