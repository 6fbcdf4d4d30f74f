/*
 * Now and then one bit of a byte flips. TCP's checksum is right: it is the application's data that
 * is wrong, as after a bad memory module in a middlebox.
 *
 * Which bytes depends on the seed and on their place in the flow alone, not on how reads cut it:
 * the distance from one flip to the next is drawn (geometric), so a byte that is left alone costs
 * nothing. The place counts from the first byte that the fault saw of the session.
 */
#include "base/rng.h"
#include "faults/stream.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#define TOLD 32 /* offsets of one event */

struct corrupt_params {
	int direction;
	double rate;
};

static const struct field params[] = {
	STREAM_DIRECTION("bytes are damaged"),
	{ .key = "rate",
	    .kind = FIELD_PROBABILITY,
	    .offset = offsetof(struct corrupt_params, rate),
	    .initial = "0.1%",
	    .help = "the share of the bytes that have one bit flipped" },
	{ 0 },
};

struct state {
	uint64_t seen;  /* bytes before the first chunk that waits */
	uint64_t next;  /* the place of the next flip */
	uint64_t drawn; /* flips */
	double rate;    /* that it was drawn with */
};

/* What one call did. */
struct batch {
	uint64_t flips;
	char offsets[TOLD * 21 + 4];
	size_t len;
};

static void draw_next(struct stage *st, double rate, uint64_t from)
{
	struct state *s = (struct state *)st->state;
	double u = rng_unit(st->seed, "gap", s->drawn), gap = 0;

	if (rate > 0 && rate < 1)
		gap = floor(log1p(-u) / log1p(-rate));
	s->rate = rate;
	s->next = rate <= 0 || gap > 0x1p62 ? UINT64_MAX : from + (uint64_t)gap;
}

static void note(struct batch *b, uint64_t offset)
{
	if (b->flips++ < TOLD)
		b->len += (size_t)snprintf(b->offsets + b->len, sizeof(b->offsets) - b->len,
		    "%s%llu", b->len ? "," : "", (unsigned long long)offset);
	else if (b->flips == TOLD + 1)
		snprintf(b->offsets + b->len, sizeof(b->offsets) - b->len, "...");
}

static void damage(struct stage *st, const struct chunk *c, struct batch *b)
{
	struct state *s = (struct state *)st->state;

	while (s->next < s->seen + c->len) {
		unsigned char *bytes = chunk_bytes(c);

		if (bytes) { /* no memory to fetch them: they stay right, and nothing else is told
			      */
			bytes[s->next - s->seen] ^=
			    (unsigned char)(1u << (rng_bits(st->seed, "bit", s->drawn) & 7));
			note(b, s->next);
		}
		s->drawn++;
		draw_next(st, s->rate, s->next + 1);
	}
	s->seen += c->len;
}

static void tell(const struct stage *st, const struct batch *b)
{
	const struct target *t = st->run->target;
	struct timeline *timeline = st->run->fault->engine->timeline;

	if (timeline_wants(timeline, EVENT_BYTES_CORRUPTED))
		timeline_record(timeline, EVENT_BYTES_CORRUPTED,
		    json_pack("{s:s, s:s, s:I, s:s, s:I, s:s}", "fault", run_spec(st->run)->name,
			"proxy", t->door->spec->name, "session", (json_int_t)t->id, "direction",
			flow_names[st->stream->flow], "bytes", (json_int_t)b->flips, "offsets",
			b->offsets));
}

static void pump(struct stage *st, int64_t now_ns)
{
	double rate = ((const struct corrupt_params *)run_spec(st->run)->params.bytes)->rate;
	struct state *s = (struct state *)st->state;
	struct batch b = { 0 };
	struct chunk *c;

	(void)now_ns;
	if (s->rate != rate)
		draw_next(st, rate, s->seen);
	while ((c = stage_first(st))) {
		if (c->kind == CHUNK_DATA && rate > 0)
			damage(st, c, &b);
		else
			s->seen += c->len;
		stage_pass(st, c->at_ns);
	}
	if (b.flips)
		tell(st, &b);
}

const struct fault_ops fault_corrupt = {
	.type = {
		.name = "corrupt",
		.summary = "bits flip in the data, and every checksum of TCP is right",
		.peer_sees = "wrong bytes at places that the timeline tells",
		.params = params,
		.refusals = stream_refusals,
		.sides = 1 << SIDE_BOTH,
	},
	STREAM_OPS(pump),
	.stage_bytes = sizeof(struct state),
};
