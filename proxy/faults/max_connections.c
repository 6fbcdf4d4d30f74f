/*
 * A server that takes no more connections than so many. The limit is each proxy's own; a session
 * counts while it carries bytes or is about to (dialing, open): not once both its directions have
 * ended, nor as the relic of a dead host. Sessions that were open before are left in peace, however
 * many they are.
 *
 * The gate is closed when the last place is taken, one round of the loop later: who was in the
 * accept queue by then got in by a race, and is struck.
 */
#include "faults/death.h"

enum mode { MODE_RST, MODE_SILENT };

static const char *const mode_names[] = { "rst", "silent", NULL };

struct limit_params {
	uint64_t limit;
	int mode;
};

static const struct field params[] = {
	{ .key = "limit",
	    .kind = FIELD_COUNT,
	    .offset = offsetof(struct limit_params, limit),
	    .initial = "1",
	    .min = 1,
	    .max = INT32_MAX,
	    .help = "how many sessions each proxy has room for" },
	{ .key = "mode",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(struct limit_params, mode),
	    .initial = "rst",
	    .choices = mode_names,
	    .help = "what a client meets when there is no room: RST to its SYN, or silence" },
	{ 0 },
};

#define ONE_LIMIT "a limit counts all sessions of a proxy and turns away whoever comes next"

static const struct refusal refusals[] = {
	{ "toxicity", ONE_LIMIT },
	{ "clients", ONE_LIMIT },
	{ "after_bytes", ONE_LIMIT },
	{ "after_idle", ONE_LIMIT },
	{ "nth", ONE_LIMIT },
	{ "first", ONE_LIMIT },
	{ "every", ONE_LIMIT },
	{ "other", "who finds no room never reached the server" },
	{ 0 },
};

static const struct limit_params *params_of(const struct fault_spec *s)
{
	return (const struct limit_params *)s->params.bytes;
}

static bool silences(const struct fault_spec *s)
{
	return params_of(s)->mode == MODE_SILENT;
}

static unsigned dirs(const struct fault_spec *s, enum leg leg)
{
	(void)leg;
	return silences(s) ? WIRE_BOTH : 0;
}

static enum gate gate_now(const struct fault_spec *s, const struct door *d)
{
	if (d->open < params_of(s)->limit)
		return GATE_OPEN;
	return silences(s) ? GATE_SILENT : GATE_REFUSE;
}

static bool picks(const struct fault_spec *s, const struct target *t)
{
	return t->door->open > params_of(s)->limit;
}

static void arm(struct run *r)
{
	if (silences(run_spec(r)))
		death_arm(r);
	else
		run_end(r, LEG_CLIENT, ENDING_ABORT);
}

static void settle(struct run *r)
{
	if (silences(run_spec(r)))
		death_settle(r);
}

const struct fault_ops fault_max_connections = {
	.type = {
		.name = "max_connections",
		.summary = "the server has room for so many connections and turns others away",
		.peer_sees = "ECONNREFUSED, or SYNs lost as `mode` says, until another connection ends; "
		             "RST (or silence) after connect where it came at the same instant",
		.params = params,
		.refusals = refusals,
		.sides = 1 << SIDE_SERVER,
		.needs_wire = true,
		.needs_wire_if = silences,
		.wire_with = "mode=silent",
		.gates = true,
	},
	.other = OTHER_ABORT,
	.gate = GATE_SILENT,
	.gate_now = gate_now,
	.newcomers = true,
	.picks = picks,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.dirs = dirs,
	.arm = arm,
	.settle = settle,
	.tell = run_end_other,
	.disarm = death_disarm,
};
