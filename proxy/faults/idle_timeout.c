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
#include "base/units.h"
#include "faults/fault.h"
#include "faults/presets.h"
#include <stdio.h>

#define IDLE_MIN_NS (10 * NS_PER_MS)

enum mode { MODE_DROP, MODE_RST_NEXT, MODE_RST_BOTH, MODE_FIN };

static const char *const mode_names[] = { "drop", "rst_next", "rst_both", "fin", NULL };

struct idle_params {
	int64_t after_ns;
	uint64_t time_scale;
	int preset; /* its values are in the others; conf_section.c */
	int mode;
	bool keepalive_counts;
};

static const struct field params[] = {
	{ .key = "preset",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(struct idle_params, preset),
	    .initial = "none",
	    .choices = idle_preset_names,
	    .help = "a middlebox whose values hold for the keys of this type that are not given" },
	{ .key = "after",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct idle_params, after_ns),
	    .initial = "350s",
	    .min = IDLE_MIN_NS,
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
	{ .key = "time_scale",
	    .kind = FIELD_COUNT,
	    .offset = offsetof(struct idle_params, time_scale),
	    .initial = "1",
	    .min = 1,
	    .max = 100000,
	    .help = "divides `after`: with 100, 350s last 3.5s; what is left is at least 10ms" },
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
	const struct idle_params *p = params_of(s);

	return p->after_ns / (int64_t)p->time_scale;
}

/* As the sources of the presets write it: "350s". */
static const char *in_seconds(char *buf, size_t size, int64_t ns)
{
	if (ns % NS_PER_S)
		units_format_duration(buf, size, ns);
	else
		snprintf(buf, size, "%llds", (long long)(ns / NS_PER_S));
	return buf;
}

static const char *note(const struct fault_spec *s, char *buf, size_t size)
{
	const struct idle_params *p = params_of(s);
	char whole[48], scaled[48];

	if (p->time_scale == 1)
		return NULL;
	snprintf(buf, size, "after=%s at time_scale=%llu is %s",
	    in_seconds(whole, sizeof(whole), p->after_ns), (unsigned long long)p->time_scale,
	    units_format_duration(scaled, sizeof(scaled), idle_ns(s)));
	return buf;
}

static const char *check(const struct fault_spec *s, const char **key, char *buf, size_t size)
{
	const struct idle_params *p = params_of(s);
	char whole[48];

	if (idle_ns(s) >= IDLE_MIN_NS)
		return NULL;
	*key = "time_scale";
	snprintf(buf, size, "at most %lld, so that after=%s lasts 10ms or longer, got \"%llu\"",
	    (long long)(p->after_ns / IDLE_MIN_NS), in_seconds(whole, sizeof(whole), p->after_ns),
	    (unsigned long long)p->time_scale);
	return buf;
}

static bool probes_count(const struct fault_spec *s)
{
	return params_of(s)->keepalive_counts;
}

/* The kernel is told to keep still; what is closed, it may tell. */
static bool forgets_in_silence(const struct fault_spec *s)
{
	return params_of(s)->mode == MODE_DROP || params_of(s)->mode == MODE_RST_NEXT;
}

static unsigned dirs(const struct fault_spec *s, enum leg leg)
{
	(void)leg;
	return forgets_in_silence(s) ? WIRE_BOTH : 0;
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
		.presets = idle_presets,
		.check = check,
		.sides = 1 << SIDE_BOTH,
		.needs_wire = true,
		.needs_wire_if = forgets_in_silence,
	},
	.other = OTHER_HOLD,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.dirs = dirs,
	.idle_ns = idle_ns,
	.probes_count = probes_count,
	.note = note,
	.arm = arm,
	.settle = settle,
};
