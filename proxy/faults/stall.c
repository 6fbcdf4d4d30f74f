/*
 * Bytes come by the portion, and nothing comes between two of them:
 *
 *   slow_drip   so many bytes at each tick of a clock that starts with the first of them
 *   stall       a pause begins whenever so many bytes have passed
 */
#include "base/mono.h"
#include "faults/stream.h"

struct portion_params {
	int direction;
	uint64_t bytes;
	int64_t wait_ns;
};

#define PORTION(key_, initial_, help_)                                                             \
	{                                                                                          \
		.key = key_, .kind = FIELD_SIZE, .offset = offsetof(struct portion_params, bytes), \
		.initial = initial_, .min = 1, .max = INT64_C(1) << 40, .help = help_              \
	}

/* At least 1 ms: a loop that was late has no more than a thousand pieces a second to catch up. */
#define WAIT(key_, initial_, help_)                                                                \
	{                                                                                          \
		.key = key_, .kind = FIELD_DURATION,                                               \
		.offset = offsetof(struct portion_params, wait_ns), .initial = initial_,           \
		.min = NS_PER_MS, .max = 86400 * NS_PER_S, .help = help_                           \
	}

static const struct field drip_params[] = {
	STREAM_DIRECTION("bytes drip"),
	PORTION("size", "1", "how many bytes at a time"),
	WAIT("interval", "100ms", "how long from one drop to the next"),
	{ 0 },
};

static const struct field stall_params[] = {
	STREAM_DIRECTION("bytes stall"),
	PORTION("bytes", "64KiB", "how many bytes pass before each pause"),
	WAIT("pause", "1s", "how long nothing passes then"),
	{ 0 },
};

struct state {
	uint64_t passed;  /* of this portion */
	int64_t began_ns; /* slow_drip: this portion; stall: the last pause; 0: there was none */
	int64_t left_ns;  /* when something passed last */
};

static const struct portion_params *params_of(const struct stage *st)
{
	return (const struct portion_params *)run_spec(st->run)->params.bytes;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* The first chunk, or what is left of the portion, goes on, from_ns at the soonest. False: not yet.
 */
static bool pass_some(struct stage *st, uint64_t left, int64_t from_ns, int64_t now_ns)
{
	struct state *s = (struct state *)st->state;
	struct chunk *c = stage_first(st);
	int64_t at = later(later(from_ns, s->left_ns), c->at_ns);
	uint64_t before = st->in_bytes;

	if (at > now_ns) {
		st->due_ns = at;
		return false;
	}
	stage_pass_part(st, left < c->len ? (uint32_t)left : c->len, at);
	s->passed += before - st->in_bytes;
	s->left_ns = at;
	if (stage_first(st) != c || before > st->in_bytes)
		return true;
	st->due_ns = now_ns + NS_PER_MS; /* no memory: again soon */
	return false;
}

static void drip(struct stage *st, int64_t now_ns)
{
	const struct portion_params *p = params_of(st);
	struct state *s = (struct state *)st->state;
	struct chunk *c;

	while ((c = stage_first(st)) && !stage_is_blocked(st)) {
		int64_t next = s->began_ns ? s->began_ns + p->wait_ns : 0;

		/* The end needs no tick of its own; late bytes start a clock anew. */
		if (c->kind == CHUNK_DATA && (s->passed >= p->bytes || c->at_ns >= next)) {
			next = later(next, c->at_ns);
			if (next > now_ns) {
				st->due_ns = next;
				return;
			}
			s->began_ns = next;
			s->passed = 0;
		}
		if (!pass_some(st, p->bytes - s->passed, s->began_ns, now_ns))
			return;
	}
}

static void stall(struct stage *st, int64_t now_ns)
{
	const struct portion_params *p = params_of(st);
	struct state *s = (struct state *)st->state;

	while (stage_first(st) && !stage_is_blocked(st)) {
		uint64_t left = p->bytes > s->passed ? p->bytes - s->passed : 1;
		int64_t from = s->began_ns ? s->began_ns + p->wait_ns : 0;

		if (!pass_some(st, left, from, now_ns))
			return;
		if (s->passed < p->bytes)
			continue;
		s->passed = 0;
		s->began_ns = s->left_ns;
	}
}

const struct fault_ops fault_slow_drip = {
	.type = {
		.name = "slow_drip",
		.summary = "a few bytes at a time",
		.peer_sees = "bytes that never stop coming and never are enough: read timeouts that "
		             "each byte restarts",
		.params = drip_params,
		.refusals = stream_refusals,
		.sides = 1 << SIDE_BOTH,
	},
	STREAM_OPS(drip),
	.stage_bytes = sizeof(struct state),
};

const struct fault_ops fault_stall = {
	.type = {
		.name = "stall",
		.summary = "bytes stop for a while, again and again",
		.peer_sees = "a transfer that stands still in the middle and goes on",
		.params = stall_params,
		.refusals = stream_refusals,
		.sides = 1 << SIDE_BOTH,
	},
	STREAM_OPS(stall),
	.stage_bytes = sizeof(struct state),
};
