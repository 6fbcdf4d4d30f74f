/* A power loss that ends: silent for `down`, then a kernel whose service is not up yet. */
#include "base/mono.h"
#include "faults/death.h"

struct reboot_params {
	int64_t down_ns, service_delay_ns;
};

static const struct field params[] = {
	{ .key = "down",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct reboot_params, down_ns),
	    .initial = "30s",
	    .min = NS_PER_MS,
	    .max = 86400 * NS_PER_S,
	    .help = "how long the host is silent before its kernel is back" },
	{ .key = "service_delay",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct reboot_params, service_delay_ns),
	    .initial = "5s",
	    .min = 0,
	    .max = 86400 * NS_PER_S,
	    .help =
		"how long after that the service is not up yet and SYNs are answered with RST" },
	{ 0 },
};

static const struct refusal refusals[] = {
	{ "duration", "a reboot lasts `down` and then `service_delay`" },
	{ 0 },
};

const struct fault_ops fault_reboot = {
	.type = {
		.name = "reboot",
		.summary = "the host reboots: silent, then back without a memory of its connections",
		.peer_sees = "nothing until it sends or probes after `down`, then RST: ECONNRESET; SYNs "
		             "lost, then ECONNREFUSED until the service is up",
		.params = params,
		.refusals = refusals,
		.sides = 1 << SIDE_SERVER | 1 << SIDE_CLIENT | 1 << SIDE_BOTH,
		.needs_wire = true,
		.gates = true,
	},
	.other = OTHER_ABORT,
	.gate = GATE_SILENT,
	.forgets = true,
	.tail_gate = GATE_REFUSE,
	.lasts = offsetof(struct reboot_params, down_ns),
	.tail = offsetof(struct reboot_params, service_delay_ns),
	.dirs = death_dirs,
	.arm = death_arm,
	.settle = death_settle,
	.tell = run_end_other,
	.disarm = death_disarm,
};
