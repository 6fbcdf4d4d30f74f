/*
 * Each chunk is cut by halving: a piece is final when it is no longer than average_size +
 * size_variation, else it is cut near its middle and both halves are treated alike. Pieces are
 * written one by one, with a pause after each.
 *
 * The cuts still to come of the first chunk are kept as the bytes behind them, so a piece that
 * leaves moves none of them. A read is at most 64 KiB: 16 halvings; where unlucky draws need more
 * than DEPTH, the piece is final as it is.
 *
 * A piece costs more to keep than its bytes: no more are cut while those that have not left yet
 * fill the buffer.
 */
#include "base/mono.h"
#include "base/rng.h"
#include "faults/stream.h"

#define DEPTH 40
/* Pieces of one call: a piece is a write of its own, and others want their turn, too. */
#define ROUND 32

struct slicer_params {
	int direction;
	uint64_t average_size, size_variation;
	int64_t pause_ns;
};

static const struct field params[] = {
	STREAM_DIRECTION("bytes are cut"),
	{ .key = "average_size",
	    .kind = FIELD_SIZE,
	    .offset = offsetof(struct slicer_params, average_size),
	    .initial = "0",
	    .max = 1 << 20,
	    .help = "how long a piece is on average; 0 cuts nothing" },
	{ .key = "size_variation",
	    .kind = FIELD_SIZE,
	    .offset = offsetof(struct slicer_params, size_variation),
	    .initial = "0",
	    .max = 1 << 20,
	    .help = "how much that varies: no piece is longer than both together" },
	{ .key = "pause",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct slicer_params, pause_ns),
	    .initial = "0",
	    .max = 30 * 86400 * NS_PER_S,
	    .help = "how long nothing leaves after a piece (Toxiproxy's `delay` of this toxic)" },
	{ 0 },
};

struct state {
	int64_t left_ns; /* when the last piece went; 0: none has */
	uint64_t drawn;
	unsigned depth;
	uint32_t behind[DEPTH]; /* of each cut, the nearest last */
};

static uint32_t cut(struct stage *st, const struct slicer_params *p, uint32_t len)
{
	struct state *s = (struct state *)st->state;
	double off = (2 * rng_unit(st->seed, "", s->drawn++) - 1) * (double)p->size_variation;
	double at = (double)(len / 2) + off;

	return at < 1 ? 1 : at > (double)(len - 1) ? len - 1 : (uint32_t)at;
}

/* The length of the first piece of the first chunk; its cut is the last of `behind`. */
static uint32_t first_piece(struct stage *st, const struct slicer_params *p, uint32_t len)
{
	struct state *s = (struct state *)st->state;
	uint32_t n;

	if (!p->average_size)
		return len;
	if (!s->depth)
		s->behind[s->depth++] = 0;
	n = len - s->behind[s->depth - 1];
	while (n > p->average_size + p->size_variation && s->depth < DEPTH) {
		n = cut(st, p, n);
		s->behind[s->depth++] = len - n;
	}
	return n;
}

static void pass_piece(struct stage *st, const struct slicer_params *p, int64_t at_ns)
{
	struct state *s = (struct state *)st->state;
	struct chunk *c = stage_first(st);
	uint32_t len = c->len, n;

	if (c->kind != CHUNK_DATA) {
		stage_pass(st, at_ns);
		return;
	}
	n = first_piece(st, p, len);
	s->left_ns = at_ns;
	stage_pass_part(st, n, at_ns);
	if (n == len)
		s->depth = 0;
	else if (c->len < len)
		s->depth--;
}

static void pump(struct stage *st, int64_t now_ns)
{
	const struct slicer_params *p =
	    (const struct slicer_params *)run_spec(st->run)->params.bytes;
	struct state *s = (struct state *)st->state;
	struct chunk *c;

	for (int n = 0; (c = stage_first(st)); n++) {
		int64_t next = s->left_ns ? s->left_ns + p->pause_ns : 0;
		int64_t at = next > c->at_ns ? next : c->at_ns;

		if (at > now_ns || n == ROUND) {
			st->due_ns = at > now_ns ? at : now_ns + 1;
			return;
		}
		if (stage_is_blocked(st))
			return;
		pass_piece(st, p, at);
	}
}

const struct fault_ops fault_slicer = {
	.type = {
		.name = "slicer",
		.summary = "bytes arrive in small pieces",
		.peer_sees = "many short segments, and reads that end in the middle of a message",
		.params = params,
		.refusals = stream_refusals,
		.sides = 1 << SIDE_BOTH,
	},
	STREAM_OPS(pump),
	.stage_bytes = sizeof(struct state),
};
