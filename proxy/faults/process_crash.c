/*
 * kill -9: the kernel lives and closes the dead process's sockets. close(2) makes it say FIN, or
 * RST where received data was unread (RFC 2525, 2.17; tcp_close()), and RST to what comes after.
 */
#include "base/mono.h"
#include "faults/fault.h"

struct crash_params {
	int64_t restart_after_ns;
};

static const struct field params[] = {
	{ .key = "restart_after",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct crash_params, restart_after_ns),
	    .initial = "0",
	    .min = 0,
	    .max = 86400 * NS_PER_S,
	    .help = "how long the port is refused until the process is back; 0: until the fault is "
		    "lifted" },
	{ 0 },
};

static const struct refusal refusals[] = {
	{ "duration", "a crash lasts `restart_after`" },
	{ 0 },
};

static void arm(struct run *r)
{
	for (enum leg leg = LEG_CLIENT; leg < LEGS; leg++)
		if (run_is_dying(r, leg))
			run_end(r, leg, ENDING_CLOSE);
}

const struct fault_ops fault_process_crash = {
	.type = {
		.name = "process_crash",
		.summary = "the process dies (kill -9), its kernel lives and closes its connections",
		.peer_sees = "FIN at once (RST where received data was unread), then RST to what it "
		             "sends: ECONNRESET, EPIPE; SYNs ECONNREFUSED until restarted",
		.params = params,
		.refusals = refusals,
		.sides = 1 << SIDE_SERVER | 1 << SIDE_CLIENT | 1 << SIDE_BOTH,
		.gates = true,
	},
	.other = OTHER_ABORT,
	.gate = GATE_REFUSE,
	.lasts = offsetof(struct crash_params, restart_after_ns),
	.tail = FAULT_NO_PARAM,
	.arm = arm,
	.tell = run_end_other,
};
