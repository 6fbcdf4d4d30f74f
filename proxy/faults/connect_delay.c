/*
 * The client's handshake completes at once, but nobody is behind it yet: the upstream is dialled
 * only after `hold`. Until then its bytes wait in the kernel, as those of any session that still
 * dials, and connect_timeout has not begun.
 */
#include "base/mono.h"
#include "faults/fault.h"

struct delay_params {
	int64_t hold_ns;
};

static const struct field params[] = {
	{ .key = "hold",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct delay_params, hold_ns),
	    .initial = "0",
	    .min = 0,
	    .max = 86400 * NS_PER_S,
	    .help = "how long after the client was accepted the upstream is dialled; 0: when the "
		    "fault is lifted" },
	{ 0 },
};

#define NO_BYTES "it acts before the first byte"

static const struct refusal refusals[] = {
	{ "after_bytes", NO_BYTES },
	{ "after_idle", NO_BYTES },
	{ "other", "nobody is told anything: the server does not know of the client yet" },
	{ 0 },
};

static void arm(struct run *r)
{
	int64_t hold = ((const struct delay_params *)run_spec(r)->params.bytes)->hold_ns;

	run_delay_dial(r, hold > 0 ? r->since_ns + hold : INT64_MAX);
}

const struct fault_ops fault_connect_delay = {
	.type = {
		.name = "connect_delay",
		.summary = "the client is accepted, the server behind is reached only later",
		.peer_sees = "connect succeeds at once; its bytes are acknowledged, the first answer "
		             "comes late",
		.params = params,
		.refusals = refusals,
		.sides = 1 << SIDE_SERVER,
	},
	.other = OTHER_HOLD,
	.newcomers = true,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.arm = arm,
	.retune = arm,
};
