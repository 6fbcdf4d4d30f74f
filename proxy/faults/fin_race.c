/*
 * A request meets a server that has just closed: its idle timeout ended as the request was under
 * way. The client gets the FIN that was already on its way, then RST in answer to the request,
 * which nobody reads. Where what the server sends is on a slow way, both keep their place behind
 * it.
 *
 * The silence that `after` asks for counts from when the fault began to act on the session, and is
 * broken by bytes of either direction: so both are seen.
 */
#include "base/mono.h"
#include "faults/stream.h"

struct race_params {
	int64_t after_ns;
};

static const struct field params[] = {
	{ .key = "after",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct race_params, after_ns),
	    .initial = "0",
	    .max = 86400 * NS_PER_S,
	    .help = "only a request that comes after so long a silence in both directions; 0: the "
		    "first one" },
	{ 0 },
};

struct state {
	int64_t last_ns; /* when bytes of this flow were seen; 0: none were */
	bool closed;     /* upstream: FIN and RST are on their way */
};

static int64_t after_ns(const struct fault_spec *s)
{
	return ((const struct race_params *)s->params.bytes)->after_ns;
}

static unsigned flows(const struct fault_spec *s)
{
	return after_ns(s) ? FLOWS_ALL : FLOW_BIT(FLOW_UPSTREAM);
}

static int64_t last_ns(const struct run *r)
{
	int64_t last = r->since_ns;

	for (enum flow flow = 0; flow < FLOWS; flow++) {
		const struct state *s = r->stages[flow] ? (void *)r->stages[flow]->state : NULL;

		if (s && s->last_ns > last)
			last = s->last_ns;
	}
	return last;
}

static bool is_too_late(const struct stage *st, const struct chunk *c)
{
	return st->stream->flow == FLOW_UPSTREAM && c->kind == CHUNK_DATA &&
	       c->at_ns - last_ns(st->run) >= after_ns(run_spec(st->run));
}

static void meet(struct stage *st, struct state *s, int64_t now_ns)
{
	struct stream *answers = st->stream->target->streams[FLOW_DOWNSTREAM];

	s->closed = answers && stream_strike_behind(answers, st->run, now_ns);
	if (!s->closed)
		stage_strike(st); /* what waits here ends with the connection */
}

/* Of a client that has met the end, all that still counts is that it resets the connection itself,
 * perhaps behind a FIN. */
static void read_nothing(struct stage *st)
{
	struct chunk *c;

	while ((c = stage_first(st)) && (c->kind == CHUNK_DATA || STAILQ_NEXT(c, next)))
		stage_drop(st);
	if (c && c->kind == CHUNK_END && c->reset)
		stage_pass(st, c->at_ns);
}

static void pump(struct stage *st, int64_t now_ns)
{
	struct state *s = (struct state *)st->state;
	struct chunk *c;

	while (!s->closed && (c = stage_first(st))) {
		if (is_too_late(st, c)) {
			meet(st, s, now_ns);
			break;
		}
		s->last_ns = c->at_ns;
		stage_pass(st, c->at_ns);
	}
	if (s->closed)
		read_nothing(st);
}

static void strike(struct run *r)
{
	run_end(r, LEG_CLIENT, ENDING_FINISH);
	run_end(r, LEG_CLIENT, ENDING_ABORT);
	run_end_other(r);
}

const struct fault_ops fault_fin_race = {
	.type = {
		.name = "fin_race",
		.summary = "the server closes just as a request arrives",
		.peer_sees = "FIN, then RST in answer to its request: EOF, EPIPE or ECONNRESET",
		.params = params,
		.sides = 1 << SIDE_SERVER,
	},
	.other = OTHER_CLOSE,
	.lasts = FAULT_NO_PARAM,
	.tail = FAULT_NO_PARAM,
	.flows = flows,
	.pump = pump,
	.stage_bytes = sizeof(struct state),
	.strike = strike,
};
