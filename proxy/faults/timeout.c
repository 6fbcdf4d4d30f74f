/*
 * The bytes of a direction get nowhere, and `timeout` after that began on a session it ends,
 * whether or not anything was sent:
 *
 *   timeout      bytes are thrown away; FIN to both ends, and at once when the source ends
 *   reset_peer   bytes are held back; RST to both ends
 */
#include "base/mono.h"
#include "faults/stream.h"

struct timeout_params {
	int direction;
	int64_t timeout_ns;
};

#define TIMEOUT(help_)                                                                             \
	{                                                                                          \
		.key = "timeout", .kind = FIELD_DURATION,                                          \
		.offset = offsetof(struct timeout_params, timeout_ns), .initial = "0",             \
		.max = 30 * 86400 * NS_PER_S, .help = help_                                        \
	}

static const struct field timeout_params[] = {
	STREAM_DIRECTION("bytes are thrown away"),
	TIMEOUT("how long until both ends are told FIN; 0: never, until the fault is lifted"),
	{ 0 },
};

static const struct field reset_params[] = {
	STREAM_DIRECTION("bytes are held back until then"),
	TIMEOUT("how long until both ends are told RST; 0: at once"),
	{ 0 },
};

static const struct refusal refusals[] = {
	{ "other", "both ends are told" },
	{ "side", "its `direction` says whose bytes" },
	{ 0 },
};

static int64_t timeout_ns(const struct stage *st)
{
	return ((const struct timeout_params *)run_spec(st->run)->params.bytes)->timeout_ns;
}

static void wait_until(struct stage *st, int64_t at_ns, int64_t now_ns)
{
	if (at_ns <= now_ns)
		stage_strike(st);
	else
		st->due_ns = at_ns;
}

static void discard(struct stage *st, int64_t now_ns)
{
	struct chunk *c;

	while ((c = stage_first(st))) {
		if (c->kind == CHUNK_END)
			stage_strike(st);
		stage_drop(st);
	}
	if (timeout_ns(st))
		wait_until(st, st->run->since_ns + timeout_ns(st), now_ns);
}

static void hold_back(struct stage *st, int64_t now_ns)
{
	wait_until(st, st->run->since_ns + timeout_ns(st), now_ns);
}

static void end_both(struct run *r, enum ending how)
{
	for (enum leg leg = LEG_CLIENT; leg < LEGS; leg++)
		run_end(r, leg, how);
}

static void close_both(struct run *r)
{
	end_both(r, ENDING_CLOSE);
}

static void reset_both(struct run *r)
{
	end_both(r, ENDING_ABORT);
}

const struct fault_ops fault_timeout = {
	.type = {
		.name = "timeout",
		.summary = "bytes vanish, then the connection is closed",
		.peer_sees = "no data though all of it is acknowledged; then FIN",
		.params = timeout_params,
		.refusals = refusals,
		.sides = 1 << SIDE_BOTH,
	},
	STREAM_OPS(discard),
	.strike = close_both,
};

const struct fault_ops fault_reset_peer = {
	.type = {
		.name = "reset_peer",
		.summary = "bytes stop, then the connection is reset",
		.peer_sees = "no data, then RST: ECONNRESET, also when idle",
		.params = reset_params,
		.refusals = refusals,
		.sides = 1 << SIDE_BOTH,
	},
	STREAM_OPS(hold_back),
	.strike = reset_both,
};
