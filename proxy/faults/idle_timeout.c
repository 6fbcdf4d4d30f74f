/*
 * A NAT, a firewall or a load balancer forgets a connection that has been idle for too long. Nobody
 * is told; what the ends see later depends on the machine:
 *
 *   drop      later segments vanish
 *   rst_next  whoever sends next gets RST; the other end stays half-open until it sends, too
 *   rst_both  RST to both ends when the time is up
 *   fin       FIN to both ends when the time is up: a proxy
 */
#include "base/mono.h"
#include "faults/fault.h"

enum mode { MODE_DROP, MODE_RST_NEXT, MODE_RST_BOTH, MODE_FIN };

static const char *const mode_names[] = { "drop", "rst_next", "rst_both", "fin", NULL };

struct idle_params {
	int64_t after_ns;
	int mode;
	bool keepalive_counts;
};

static const struct field params[] = {
	{ .key = "after",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct idle_params, after_ns),
	    .initial = "350s",
	    .min = 10 * NS_PER_MS,
	    .max = 86400 * NS_PER_S * 30,
	    .help = "how long a session may be idle before it is forgotten" },
	{ .key = "mode",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(struct idle_params, mode),
	    .initial = "drop",
	    .choices = mode_names,
	    .help = "what the ends see then: nothing and later silence, RST to who sends next, RST "
		    "to both, or FIN" },
	{ .key = "keepalive_counts",
	    .kind = FIELD_BOOL,
	    .offset = offsetof(struct idle_params, keepalive_counts),
	    .initial = "yes",
	    .help = "whether TCP keepalive probes restart the clock, as they do in a middlebox "
		    "that passes them on" },
	{ 0 },
};

static const struct refusal refusals[] = {
	{ "after_idle", "its own clock is `after`" },
	{ "other", "both ends are told what `mode` says" },
	{ 0 },
};

static const struct idle_params *params_of(const struct fault_spec *s)
{
	return (const struct idle_params *)s->params.bytes;
}

static int64_t idle_ns(const struct fault_spec *s)
{
	return params_of(s)->after_ns;
}

static bool probes_count(const struct fault_spec *s)
{
	return params_of(s)->keepalive_counts;
}

static unsigned dirs(const struct fault_spec *s, enum leg leg)
{
	(void)s, (void)leg;
	return WIRE_BOTH;
}

static void arm(struct run *r)
{
	static const enum ending endings[] = {
		[MODE_RST_NEXT] = ENDING_VANISH,
		[MODE_RST_BOTH] = ENDING_ABORT,
		[MODE_FIN] = ENDING_CLOSE,
	};
	enum mode mode = params_of(run_spec(r))->mode;

	for (enum leg leg = LEG_CLIENT; leg < LEGS; leg++) {
		if (mode == MODE_DROP)
			run_silence(r, leg, WIRE_BOTH);
		else
			run_end(r, leg, endings[mode]);
	}
}

static void settle(struct run *r)
{
	if (params_of(run_spec(r))->mode == MODE_DROP)
		run_hold(r, FLOWS_ALL);
}

const struct fault_ops fault_idle_timeout = {
	.type = {
		.name = "idle_timeout",
		.summary = "a NAT, firewall or load balancer forgets a connection that was idle too long",
		.peer_sees = "nothing when it happens; then silence, RST to who sends next, RST to both, or "
		             "FIN, as `mode` says; never if probes come sooner",
		.params = params,
		.refusals = refusals,
		.sides = 1 << SIDE_BOTH,
		.needs_wire = true,
	},
	.other = OTHER_HOLD,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.dirs = dirs,
	.idle_ns = idle_ns,
	.probes_count = probes_count,
	.arm = arm,
	.settle = settle,
};
