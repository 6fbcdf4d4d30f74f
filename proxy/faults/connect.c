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

struct queue_params {
	uint64_t room;
};

static const struct field queue_params[] = {
	{ .key = "room",
	    .kind = FIELD_COUNT,
	    .offset = offsetof(struct queue_params, room),
	    .initial = "0",
	    .min = 0,
	    .max = 65535,
	    .help = "connections that still fit: their handshake completes and nobody accepts "
		    "them" },
	{ 0 },
};

static const struct refusal queue_refusals[] = {
	SESSION_REFUSALS,
	{ "clients", "a queue is full for everybody: use syn_drop with clients" },
	{ 0 },
};

static unsigned queue_room(const struct fault_spec *s)
{
	return (unsigned)((const struct queue_params *)s->params.bytes)->room;
}

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

/* The kernel's own doing: nothing is silenced, so nothing of the wire is needed. */
const struct fault_ops fault_accept_queue_full = {
	.type = {
		.name = "accept_queue_full",
		.summary = "nobody accepts and the accept queue is full; open sessions live",
		.peer_sees = "its SYNs are dropped by the kernel: ETIMEDOUT after tcp_syn_retries; with "
		             "`room`: connected, acknowledged, never answered",
		.params = queue_params,
		.refusals = queue_refusals,
		.sides = 1 << SIDE_SERVER,
		.gates = true,
	},
	.gate = GATE_FULL,
	.room = queue_room,
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
