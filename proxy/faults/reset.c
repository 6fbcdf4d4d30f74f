/* A middlebox or an operator kills the connection: RST now, on idle sessions too. */
#include "faults/fault.h"

static void arm(struct run *r)
{
	for (enum leg leg = LEG_CLIENT; leg < LEGS; leg++)
		if (run_is_dying(r, leg))
			run_end(r, leg, ENDING_ABORT);
}

const struct fault_ops fault_reset = {
	.type = {
		.name = "reset",
		.summary = "the connection is reset (RST) at once; new ones are accepted",
		.peer_sees = "RST: ECONNRESET, also when idle",
		.sides = 1 << SIDE_SERVER | 1 << SIDE_CLIENT | 1 << SIDE_BOTH,
	},
	.other = OTHER_ABORT,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.instant = true,
	.arm = arm,
	.tell = run_end_other,
};
