/*
 * The dying end stops sending (shutdown(2) SHUT_WR): FIN on the one direction, the other lives.
 * What its real machine goes on sending has nowhere to go and is thrown away.
 */
#include "faults/fault.h"

static const struct refusal refusals[] = {
	{ "other", "the other direction lives" },
	{ 0 },
};

static void arm(struct run *r)
{
	for (enum leg leg = LEG_CLIENT; leg < LEGS; leg++)
		if (run_is_dying(r, leg))
			run_end(r, leg, ENDING_FINISH);
}

const struct fault_ops fault_half_close = {
	.type = {
		.name = "half_close",
		.summary = "one end stops sending (FIN); the other direction lives",
		.peer_sees = "EOF on read; what it sends is still delivered",
		.refusals = refusals,
		.sides = 1 << SIDE_SERVER | 1 << SIDE_CLIENT | 1 << SIDE_BOTH,
	},
	.other = OTHER_HOLD,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.instant = true,
	.arm = arm,
};
