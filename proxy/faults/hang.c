/* SIGSTOP: the process reads, writes and accepts nothing; its kernel goes on acknowledging. */
#include "faults/fault.h"

static void arm(struct run *r)
{
	run_hold(r, FLOWS_ALL);
}

static void tell(struct run *r)
{
	if (run_spec(r)->other != OTHER_DEFAULT)
		run_end_other(r);
}

/* The process runs again and finds what the other side was told: it passes it on. */
static void disarm(struct run *r)
{
	int other = run_spec(r)->other;

	if (run_spec(r)->side == SIDE_BOTH || (other != OTHER_ABORT && other != OTHER_CLOSE))
		return;
	for (enum leg leg = LEG_CLIENT; leg < LEGS; leg++)
		if (run_is_dying(r, leg))
			run_end(r, leg, other == OTHER_ABORT ? ENDING_ABORT : ENDING_CLOSE);
}

const struct fault_ops fault_hang = {
	.type = {
		.name = "hang",
		.summary = "the process stops (SIGSTOP), its kernel lives and goes on acknowledging",
		.peer_sees = "ACKs but no data: keepalive is answered, a writer ends in a zero window; "
		             "connects succeed until the accept queue is full",
		.sides = 1 << SIDE_SERVER | 1 << SIDE_CLIENT | 1 << SIDE_BOTH,
		.gates = true,
	},
	.other = OTHER_HOLD,
	.gate = GATE_HOLD,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.arm = arm,
	.tell = tell,
	.disarm = disarm,
};
