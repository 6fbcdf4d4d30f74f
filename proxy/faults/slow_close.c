/* The end of the bytes (FIN) comes late; the bytes do not. */
#include "base/mono.h"
#include "faults/stream.h"

struct slow_close_params {
	int direction;
	int64_t linger_ns;
};

static const struct field params[] = {
	STREAM_DIRECTION("end is late"),
	{ .key = "linger",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct slow_close_params, linger_ns),
	    .initial = "0",
	    .max = 30 * 86400 * NS_PER_S,
	    .help = "how much later the end is told (Toxiproxy's `delay` of this toxic)" },
	{ 0 },
};

static void pump(struct stage *st, int64_t now_ns)
{
	int64_t linger =
	    ((const struct slow_close_params *)run_spec(st->run)->params.bytes)->linger_ns;
	struct chunk *c;

	while ((c = stage_first(st))) {
		int64_t due = c->kind == CHUNK_END ? c->at_ns + linger : c->at_ns;

		if (due > now_ns) {
			st->due_ns = due;
			return;
		}
		stage_pass(st, due);
	}
}

const struct fault_ops fault_slow_close = {
	.type = {
		.name = "slow_close",
		.summary = "the end of a connection (FIN) is told late",
		.peer_sees = "data at once, EOF late",
		.params = params,
		.refusals = stream_refusals,
		.sides = 1 << SIDE_BOTH,
	},
	STREAM_OPS(pump),
};
