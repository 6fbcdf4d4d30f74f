/* Faults of the listening address alone: sessions that exist are left in peace. */
#include "faults/fault.h"

#define NO_SESSION "it acts on SYNs, before there is a session"

#define SESSION_REFUSALS                                                                           \
	{ "toxicity", NO_SESSION }, { "after_bytes", NO_SESSION }, { "after_idle", NO_SESSION },   \
	    { "nth", NO_SESSION }, { "first", NO_SESSION }, { "every", NO_SESSION },               \
	{                                                                                          \
		"other", "no session is touched"                                                   \
	}

static const struct refusal refuse_refusals[] = {
	SESSION_REFUSALS,
	{ "clients", "a port is refused to everybody: use reset with clients, or syn_drop" },
	{ 0 },
};

static const struct refusal syn_drop_refusals[] = { SESSION_REFUSALS, { 0 } };

static unsigned syn_dirs(const struct fault_spec *s, enum leg leg)
{
	(void)s, (void)leg;
	return WIRE_IN;
}

const struct fault_ops fault_refuse = {
	.type = {
		.name = "refuse",
		.summary = "the port is refused; open sessions live",
		.peer_sees = "RST to its SYN: ECONNREFUSED",
		.refusals = refuse_refusals,
		.sides = 1 << SIDE_SERVER,
		.gates = true,
	},
	.gate = GATE_REFUSE,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
};

const struct fault_ops fault_syn_drop = {
	.type = {
		.name = "syn_drop",
		.summary = "SYNs vanish; open sessions live",
		.peer_sees = "its SYNs are lost: ETIMEDOUT after tcp_syn_retries",
		.refusals = syn_drop_refusals,
		.sides = 1 << SIDE_SERVER,
		.needs_wire = true,
		.gates = true,
	},
	.gate = GATE_SILENT,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.dirs = syn_dirs,
};
