/*
 * A line of so many bytes a second: a byte leaves when the line has had the time to send it and all
 * before it. There is no burst: an idle line saves nothing up, but a line for which bytes waited in
 * the source's socket was not idle: what was read too late catches up. Small waits are joined, so
 * that a wake-up moves a quantum.
 */
#include "base/mono.h"
#include "faults/stream.h"

/* The least that is worth a wake-up: 5 ms of the line's time; of a slow line a segment, as on a
 * real one, but no more than 50 ms of its time. */
#define QUANTUM_NS      (5 * NS_PER_MS)
#define QUANTUM_MAX     (256 << 10)
#define QUANTUM_SLOW_NS (50 * NS_PER_MS)
#define QUANTUM_SEGMENT 1448

struct bandwidth_params {
	int direction;
	uint64_t rate;
};

static const struct field params[] = {
	STREAM_DIRECTION("bytes (each direction has the whole rate)"),
	{ .key = "rate",
	    .kind = FIELD_RATE,
	    .offset = offsetof(struct bandwidth_params, rate),
	    .initial = "0",
	    .help = "bytes a second of one session's direction; 0 lets nothing pass, and loses "
		    "nothing" },
	{ 0 },
};

struct state {
	int64_t free_ns; /* when the line has sent all that was passed on */
};

static int64_t takes_ns(uint64_t bytes, uint64_t rate)
{
	return (int64_t)((double)bytes * (double)NS_PER_S / (double)rate);
}

static uint64_t least_worth(const struct stage *st, uint64_t rate)
{
	uint64_t quantum = rate / (uint64_t)(NS_PER_S / QUANTUM_NS);
	uint64_t slow = rate / (uint64_t)(NS_PER_S / QUANTUM_SLOW_NS);

	if (slow > QUANTUM_SEGMENT)
		slow = QUANTUM_SEGMENT;
	if (quantum < slow)
		quantum = slow;
	if (quantum > QUANTUM_MAX)
		quantum = QUANTUM_MAX;
	if (quantum > st->in_bytes)
		quantum = st->in_bytes;
	return quantum ? quantum : 1;
}

/* How much of the first chunk the line has sent by now. */
static uint64_t sent_by(int64_t now_ns, int64_t start_ns, uint64_t rate, uint32_t len)
{
	double sent = (double)(now_ns - start_ns) * (double)rate / (double)NS_PER_S;

	return sent >= (double)len ? len : (uint64_t)sent;
}

static void pump(struct stage *st, int64_t now_ns)
{
	uint64_t rate = ((const struct bandwidth_params *)run_spec(st->run)->params.bytes)->rate;
	struct state *s = (struct state *)st->state;
	struct chunk *c;

	while (rate && (c = stage_first(st)) && !stage_is_blocked(st)) {
		int64_t start = s->free_ns > c->since_ns ? s->free_ns : c->since_ns;
		int64_t worth_ns = start + takes_ns(least_worth(st, rate), rate);
		uint64_t n = c->len;

		/* Chunks that are whole pass as they are; a part only when it is worth it. */
		if (now_ns < start + takes_ns(n, rate)) {
			if (now_ns < worth_ns || !(n = sent_by(now_ns, start, rate, c->len))) {
				st->due_ns = worth_ns > now_ns ? worth_ns : now_ns + 1;
				return;
			}
		}
		s->free_ns = start + takes_ns(n, rate);
		stage_pass_part(st, (uint32_t)n, s->free_ns);
	}
}

const struct fault_ops fault_bandwidth = {
	.type = {
		.name = "bandwidth",
		.summary = "no more than so many bytes a second",
		.peer_sees = "a slow peer; a sender ends in a zero window once the buffers are full",
		.params = params,
		.refusals = stream_refusals,
		.sides = 1 << SIDE_BOTH,
	},
	STREAM_OPS(pump),
	.stage_bytes = sizeof(struct state),
};
