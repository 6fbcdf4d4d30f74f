/* The host is gone; when the fault ends the power is back, and that is a boot. */
#include "faults/death.h"

const struct fault_ops fault_power_loss = {
	.type = {
		.name = "power_loss",
		.summary = "the host loses power: its kernel goes silent, nobody says anything",
		.peer_sees = "nothing: idle ESTABLISHED for good, keepalive or retransmission ETIMEDOUT, "
		             "SYNs lost; after it ends RST to the next segment",
		.sides = 1 << SIDE_SERVER | 1 << SIDE_CLIENT | 1 << SIDE_BOTH,
		.needs_wire = true,
		.gates = true,
	},
	.other = OTHER_ABORT,
	.gate = GATE_SILENT,
	.forgets = true,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.dirs = death_dirs,
	.arm = death_arm,
	.settle = death_settle,
	.tell = run_end_other,
	.disarm = death_disarm,
};
