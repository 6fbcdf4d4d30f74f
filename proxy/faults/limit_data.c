/*
 * So many bytes pass and not one more; then the connection ends as `then` says, once the sink has
 * taken the last of them. What the source has sent beyond waits and is lost with the connection, or
 * goes on when the fault is lifted and the ends were not told (silent, hang).
 */
#include "base/mono.h"
#include "faults/stream.h"

enum then { THEN_FIN, THEN_RST, THEN_SILENT, THEN_HANG };

static const char *const then_names[] = { "fin", "rst", "silent", "hang", NULL };

struct limit_params {
	int direction;
	uint64_t bytes;
	int then;
};

static const struct field params[] = {
	STREAM_DIRECTION("bytes are limited (each direction by itself)"),
	{ .key = "bytes",
	    .kind = FIELD_SIZE,
	    .offset = offsetof(struct limit_params, bytes),
	    .initial = "0",
	    .help = "how many bytes of the direction pass; 0: none, the first one ends it" },
	{ .key = "then",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(struct limit_params, then),
	    .initial = "fin",
	    .choices = then_names,
	    .help = "what both ends see then: FIN, RST, silence as in a partition, or a hang" },
	{ 0 },
};

static const struct refusal refusals[] = {
	{ "other", "both ends are told what `then` says" },
	{ "side", "its `direction` says whose bytes" },
	{ 0 },
};

struct state {
	uint64_t passed;
	bool over;
};

static const struct limit_params *params_of(const struct fault_spec *s)
{
	return (const struct limit_params *)s->params.bytes;
}

static bool silences(const struct fault_spec *s)
{
	return params_of(s)->then == THEN_SILENT;
}

static unsigned dirs(const struct fault_spec *s, enum leg leg)
{
	(void)leg;
	return silences(s) ? WIRE_BOTH : 0;
}

static void pump(struct stage *st, int64_t now_ns)
{
	uint64_t bytes = params_of(run_spec(st->run))->bytes;
	struct state *s = (struct state *)st->state;
	struct chunk *c;

	while (!s->over && (c = stage_first(st))) {
		uint64_t left = bytes > s->passed ? bytes - s->passed : 0, before = st->in_bytes;
		int64_t at = c->at_ns;

		if (c->kind == CHUNK_END) { /* the source has ended before */
			stage_pass(st, at);
			continue; /* it may have been reset, too */
		}
		if (left)
			stage_pass_part(st, left < c->len ? (uint32_t)left : c->len, at);
		s->passed += before - st->in_bytes;
		if (s->passed >= bytes) {
			s->over = true;
			stage_strike_behind(st, at);
		} else if (before == st->in_bytes) { /* no memory: again soon */
			st->due_ns = now_ns + NS_PER_MS;
			return;
		}
	}
}

static void strike(struct run *r)
{
	enum then then = params_of(run_spec(r))->then;

	for (enum leg leg = LEG_CLIENT; leg < LEGS; leg++) {
		if (then == THEN_SILENT)
			run_silence(r, leg, WIRE_BOTH);
		else if (then != THEN_HANG)
			run_end(r, leg, then == THEN_FIN ? ENDING_CLOSE : ENDING_ABORT);
	}
	if (then == THEN_SILENT || then == THEN_HANG)
		run_hold(r, FLOWS_ALL);
}

const struct fault_ops fault_limit_data = {
	.type = {
		.name = "limit_data",
		.summary = "so many bytes pass, then the connection ends",
		.peer_sees = "exactly so many bytes, then FIN, RST, silence or a hang, as `then` says",
		.params = params,
		.refusals = refusals,
		.sides = 1 << SIDE_BOTH,
		.needs_wire = true,
		.needs_wire_if = silences,
		.wire_with = "then=silent",
	},
	.other = OTHER_HOLD,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.flows = fault_direction_flows,
	.dirs = dirs,
	.pump = pump,
	.stage_bytes = sizeof(struct state),
	.strike = strike,
};
