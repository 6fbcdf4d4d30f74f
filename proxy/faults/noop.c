/* Nothing happens: what a toxic's life can be tried with. */
#include "faults/fault.h"

struct params {
	int direction;
};

static const struct field params[] = {
	FAULT_DIRECTION("downstream", "the stream whose toxic it is, which changes nothing"),
	{ .key = NULL },
};

static void arm(struct run *r)
{
	(void)r;
}

const struct fault_ops fault_noop = {
	.type = {
		.name = "noop",
		.summary = "nothing at all: for trying out what arms and lifts faults",
		.peer_sees = "what it would see without it",
		.params = params,
		.sides = 1 << SIDE_BOTH,
	},
	.other = OTHER_HOLD,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.arm = arm,
};
