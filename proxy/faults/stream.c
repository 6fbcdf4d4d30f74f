/* Queues of chunks and the chain of stages between them. See stream.h. */
#include "faults/stream.h"
#include "base/rng.h"
#include "faults/block.h"
#include "faults/runs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct refusal stream_refusals[] = {
	{ "other", "nobody is told anything" },
	{ "side", "its `direction` says whose bytes" },
	{ 0 },
};

/* --- chunks --- */

/* To keep a chunk beside its bytes, with the block that one read makes and what malloc(3) adds. */
#define KEEPING (sizeof(struct chunk) + 80)

static size_t chunk_cost(const struct chunk *c)
{
	return KEEPING + c->len;
}

static struct chunk *chunk_new(enum chunk_kind kind, int64_t at_ns)
{
	struct chunk *c = calloc(1, sizeof(*c));

	if (c) {
		c->kind = kind;
		c->at_ns = c->since_ns = at_ns;
	}
	return c;
}

static void chunk_free(struct chunk *c)
{
	if (c->kind == CHUNK_DATA)
		block_drop(c->block);
	free(c);
}

unsigned char *chunk_bytes(const struct chunk *c)
{
	return block_bytes(c->block, c->off);
}

struct pipe *chunk_pipe(const struct chunk *c)
{
	return block_pipe(c->block);
}

static struct engine *engine_of(const struct stream *s)
{
	return s->target->door->engine;
}

static void count(struct stream *s, int64_t bytes)
{
	s->waiting += (uint64_t)bytes;
	engine_of(s)->buffered += (uint64_t)bytes;
}

static void stream_drop(struct stream *s, struct chunk *c)
{
	count(s, -(int64_t)chunk_cost(c));
	chunk_free(c);
}

static void drop_all(struct stream *s, struct chunks *q)
{
	struct chunk *c;

	while ((c = STAILQ_FIRST(q))) {
		STAILQ_REMOVE_HEAD(q, next);
		stream_drop(s, c);
	}
}

/* --- stages --- */

static void stage_put(struct stage *st, struct chunk *c)
{
	STAILQ_INSERT_TAIL(&st->in, c, next);
	st->in_bytes += c->len;
	st->in_chunks++;
}

/* To the stage behind st (NULL: to the first), or out. */
static void hand_on(struct stream *s, struct stage *st, struct chunk *c, int64_t at_ns)
{
	struct stage *next = st ? TAILQ_NEXT(st, in_stream) : TAILQ_FIRST(&s->stages);

	c->at_ns = at_ns;
	if (st)
		c->since_ns = at_ns;
	if (c->kind == CHUNK_DATA && block_was_fetched(c->block))
		s->looked_at = true;
	if (next)
		stage_put(next, c);
	else
		STAILQ_INSERT_TAIL(&s->out, c, next);
}

struct chunk *stage_first(const struct stage *st)
{
	return STAILQ_FIRST(&st->in);
}

static struct chunk *stage_take(struct stage *st)
{
	struct chunk *c = STAILQ_FIRST(&st->in);

	STAILQ_REMOVE_HEAD(&st->in, next);
	st->in_bytes -= c->len;
	st->in_chunks--;
	return c;
}

/* Those that wait for what is behind them to leave; at the next tick, for others want their turn.
 */
static void wake_blocked(struct stream *s)
{
	struct stage *st;

	TAILQ_FOREACH (st, &s->stages, in_stream) {
		if (st->blocked)
			st->due_ns = engine_of(s)->tick_ns + 1;
		st->blocked = false;
	}
	s->blocked = false;
}

/* All that waits, but not here or before. */
static uint64_t waiting_behind(const struct stage *st)
{
	uint64_t behind = st->stream->waiting;

	for (; st; st = TAILQ_PREV(st, stages, in_stream))
		behind -= st->in_bytes + st->in_chunks * KEEPING;
	return behind;
}

bool stage_is_blocked(struct stage *st)
{
	const struct engine *e = engine_of(st->stream);
	uint64_t behind = waiting_behind(st);

	st->blocked = behind >= e->buffer_bytes || (behind && e->buffered >= e->buffer_total);
	if (st->blocked) {
		st->stream->blocked = true;
		st->due_ns = INT64_MAX;
	}
	return st->blocked;
}

/* A strike on its way to the sink is nothing to a stage: it follows what it came behind. */
static void pass_strikes(struct stage *st)
{
	struct chunk *c;

	while ((c = stage_first(st)) && c->kind == CHUNK_STRIKE) {
		stage_take(st);
		hand_on(st->stream, st, c, c->at_ns);
	}
}

void stage_pass(struct stage *st, int64_t at_ns)
{
	hand_on(st->stream, st, stage_take(st), at_ns);
	pass_strikes(st);
}

void stage_pass_part(struct stage *st, uint32_t n, int64_t at_ns)
{
	struct chunk *c = stage_first(st), *part;

	if (n >= c->len) {
		stage_pass(st, at_ns);
		return;
	}
	part = chunk_new(CHUNK_DATA, at_ns);
	if (!part)
		return; /* it waits and is tried again */
	part->block = c->block;
	block_hold(part->block);
	part->off = c->off;
	part->len = n;
	c->off += n;
	c->len -= n;
	st->in_bytes -= n;
	count(st->stream, KEEPING);
	hand_on(st->stream, st, part, at_ns);
}

/* What is lost out of the middle of a pipe would be in the way of what is behind it. */
void stage_drop(struct stage *st)
{
	struct chunk *c = stage_take(st);

	if (c->kind == CHUNK_DATA && block_pipe(c->block) && block_is_shared(c->block) &&
	    !chunk_bytes(c))
		st->stream->failed = true;
	stream_drop(st->stream, c);
	if (st->stream->blocked)
		wake_blocked(st->stream);
	pass_strikes(st);
}

void stage_strike(struct stage *st)
{
	st->strike = true;
}

/* Behind st; NULL: before all. */
static bool put_strike(struct stream *s, struct stage *st, struct run *r, int64_t at_ns)
{
	struct chunk *c = chunk_new(CHUNK_STRIKE, at_ns);

	if (!c)
		return false;
	c->run = r;
	count(s, (int64_t)chunk_cost(c));
	hand_on(s, st, c, at_ns);
	return true;
}

void stage_strike_behind(struct stage *st, int64_t at_ns)
{
	if (!put_strike(st->stream, st, st->run, at_ns))
		stage_strike(st);
}

/* --- the chain --- */

static void stream_due(struct engine *e, struct timer *t, int64_t now_ns)
{
	struct stream *s = t->owner;

	(void)e;
	stream_run(s, now_ns);
	if (!s->target->over)
		s->target->ops->shaped(s->target, s->flow);
}

static struct stream *stream_of(struct target *t, enum flow flow)
{
	struct stream *s = t->streams[flow];

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->target = t;
	s->flow = flow;
	s->timer = (struct timer){ .due = stream_due, .owner = s };
	TAILQ_INIT(&s->stages);
	STAILQ_INIT(&s->out);
	return t->streams[flow] = s;
}

static void stream_schedule(struct stream *s)
{
	int64_t at = INT64_MAX;
	struct stage *st;

	TAILQ_FOREACH (st, &s->stages, in_stream)
		if (st->due_ns < at)
			at = st->due_ns;
	if (at == INT64_MAX)
		heap_remove(&engine_of(s)->timers, &s->timer.node);
	else
		heap_set(&engine_of(s)->timers, &s->timer.node, at);
}

static uint64_t stage_seed(const struct run *r, enum flow flow)
{
	const struct target *t = r->target;
	char label[192];

	snprintf(label, sizeof(label), "%s/%s/%s", r->fault->spec->name, t->door->spec->name,
	    flow_names[flow]);
	return rng_bits(r->fault->engine->seed, label, t->nth);
}

/* Where its fault stands among those that were armed before it. */
static void stage_insert(struct stream *s, struct stage *st)
{
	struct stage *behind;

	TAILQ_FOREACH (behind, &s->stages, in_stream)
		if (behind->run->fault->number > st->run->fault->number) {
			TAILQ_INSERT_BEFORE(behind, st, in_stream);
			return;
		}
	TAILQ_INSERT_TAIL(&s->stages, st, in_stream);
}

static bool stage_add(struct run *r, enum flow flow)
{
	struct stream *s = stream_of(r->target, flow);
	struct stage *st = s ? calloc(1, sizeof(*st) + r->fault->ops->stage_bytes) : NULL;

	if (!st)
		return false;
	st->run = r;
	st->stream = s;
	st->seed = stage_seed(r, flow);
	STAILQ_INIT(&st->in);
	stage_insert(s, st);
	r->stages[flow] = st;
	stream_schedule(s);
	return true;
}

/* The strikes of a run that is lifted never happen. How many there were. */
static uint32_t forget_strikes(struct stream *s, struct chunks *q, const struct run *r)
{
	struct chunk *c, *next;
	uint32_t n = 0;

	for (c = STAILQ_FIRST(q); c; c = next) {
		next = STAILQ_NEXT(c, next);
		if (c->kind != CHUNK_STRIKE || c->run != r)
			continue;
		STAILQ_REMOVE(q, c, chunk, next);
		stream_drop(s, c);
		n++;
	}
	return n;
}

static void forget_run(struct stream *s, const struct run *r)
{
	struct stage *st;

	TAILQ_FOREACH (st, &s->stages, in_stream)
		st->in_chunks -= forget_strikes(s, &st->in, r);
	forget_strikes(s, &s->out, r);
	if (s->blocked)
		wake_blocked(s); /* by what was forgotten, perhaps */
	stream_schedule(s);
}

static void stage_remove(struct run *r, enum flow flow)
{
	struct stage *st = r->stages[flow], *next = TAILQ_NEXT(st, in_stream);
	struct stream *s = st->stream;
	struct chunk *c;

	r->stages[flow] = NULL;
	while ((c = stage_first(st))) {
		stage_take(st);
		hand_on(s, st, c, c->at_ns);
	}
	if (next)
		next->due_ns = 0;
	TAILQ_REMOVE(&s->stages, st, in_stream);
	s->looked_at = false; /* whoever is left and looks says so again */
	free(st);
	forget_run(s, r);
}

bool stream_attach(struct run *r)
{
	unsigned flows = r->fault->ops->flows(run_spec(r));

	for (enum flow flow = 0; flow < FLOWS; flow++)
		if (flows & FLOW_BIT(flow) && !r->stages[flow] && !stage_add(r, flow)) {
			stream_detach(r);
			return false;
		}
	for (enum flow flow = 0; flow < FLOWS; flow++)
		if (r->stages[flow])
			r->target->ops->shaped(r->target, flow);
	return true;
}

static void detach_flows(struct run *r, unsigned flows)
{
	struct target *t = r->target;

	for (enum flow flow = 0; flow < FLOWS; flow++) {
		if (!(flows & FLOW_BIT(flow)) || !r->stages[flow])
			continue;
		stage_remove(r, flow);
		if (!t->over)
			t->ops->shaped(t, flow);
	}
}

void stream_detach(struct run *r)
{
	/* Its strikes may be where it has no stage. */
	for (enum flow flow = 0; flow < FLOWS; flow++)
		if (r->target->streams[flow])
			forget_run(r->target->streams[flow], r);
	detach_flows(r, FLOWS_ALL);
}

void stream_retune(struct run *r)
{
	detach_flows(r, FLOWS_ALL & ~r->fault->ops->flows(run_spec(r)));
	stream_attach(r);
	for (enum flow flow = 0; flow < FLOWS; flow++)
		if (r->stages[flow]) {
			r->stages[flow]->due_ns = 0;
			stream_schedule(r->stages[flow]->stream);
		}
}

/* --- what the owner of the target calls --- */

#define READ_OVER_LIMIT (16 << 10)

size_t stream_room(const struct stream *s)
{
	const struct engine *e = engine_of(s);
	size_t most;

	if (s->ended || s->waiting >= e->buffer_bytes)
		return 0;
	most = e->buffer_bytes - s->waiting;
	if (e->buffered < e->buffer_total)
		return most;
	/* Over the common limit each flow still gets one small read at a time through. */
	if (s->waiting)
		return 0;
	return most < READ_OVER_LIMIT ? most : READ_OVER_LIMIT;
}

/* b: made after c was; NULL: there was no memory for one of them. */
static bool push(struct stream *s, struct chunk *c, struct block *b, size_t len)
{
	if (!b) {
		free(c);
		return false;
	}
	c->block = b;
	c->len = (uint32_t)len;
	if (s->more)
		c->since_ns = s->read_ns;
	s->read_ns = c->at_ns;
	s->more = false;
	count(s, (int64_t)chunk_cost(c));
	hand_on(s, NULL, c, c->at_ns);
	return true;
}

bool stream_push(struct stream *s, const void *data, size_t len, int64_t now_ns)
{
	struct chunk *c = chunk_new(CHUNK_DATA, now_ns);

	return push(s, c, c ? block_of_bytes(data, len) : NULL, len);
}

bool stream_push_pipe(
    struct stream *s, struct pipe *pipe, struct pipe_pool *pool, size_t len, int64_t now_ns)
{
	struct chunk *c = chunk_new(CHUNK_DATA, now_ns);

	return push(s, c, c ? block_of_pipe(pipe, pool, len) : NULL, len);
}

static bool push_end(struct stream *s, bool reset, int64_t now_ns)
{
	struct chunk *c = chunk_new(CHUNK_END, now_ns);

	if (!c)
		return false;
	c->reset = reset;
	s->ended = true;
	count(s, (int64_t)chunk_cost(c));
	hand_on(s, NULL, c, now_ns);
	return true;
}

bool stream_end(struct stream *s, int64_t now_ns)
{
	return s->ended || push_end(s, false, now_ns);
}

bool stream_reset(struct stream *s, int64_t now_ns)
{
	return push_end(s, true, now_ns);
}

bool stream_strike_behind(struct stream *s, struct run *r, int64_t now_ns)
{
	struct stage *first = TAILQ_FIRST(&s->stages);

	if (stream_is_done(s) || !stream_end(s, now_ns) || !put_strike(s, NULL, r, now_ns))
		return false;
	if (first)
		first->due_ns = 0;
	stream_schedule(s);
	return true;
}

void stream_run(struct stream *s, int64_t now_ns)
{
	struct stage *st;

	TAILQ_FOREACH (st, &s->stages, in_stream) {
		pass_strikes(st);
		if (!stage_first(st) && st->due_ns > now_ns)
			continue;
		st->due_ns = INT64_MAX;
		st->run->fault->ops->pump(st, now_ns);
	}
	stream_schedule(s);
	TAILQ_FOREACH (st, &s->stages, in_stream) {
		if (!st->strike || s->target->over)
			continue;
		st->strike = false;
		run_strike(st->run);
	}
}

/* The first of `out` has left. */
static void out_left(struct stream *s, struct chunk *c)
{
	STAILQ_REMOVE_HEAD(&s->out, next);
	stream_drop(s, c);
	if (s->blocked && STAILQ_EMPTY(&s->out)) {
		wake_blocked(s);
		stream_schedule(s);
	}
}

struct chunk *stream_first(struct stream *s)
{
	struct chunk *c;

	while ((c = STAILQ_FIRST(&s->out)) && c->kind == CHUNK_STRIKE) {
		struct run *r = c->run;

		out_left(s, c);
		run_strike(r);
		if (s->target->over)
			return NULL;
	}
	return c;
}

void stream_taken(struct stream *s, size_t n)
{
	struct chunk *c = STAILQ_FIRST(&s->out);

	if (c->kind == CHUNK_DATA && block_pipe(c->block))
		block_taken(c->block, n);
	if (n < c->len) {
		c->off += (uint32_t)n;
		c->len -= (uint32_t)n;
		count(s, -(int64_t)n);
		return;
	}
	out_left(s, c);
}

bool stream_is_done(const struct stream *s)
{
	return TAILQ_EMPTY(&s->stages) && STAILQ_EMPTY(&s->out);
}

void stream_clear(struct stream *s)
{
	struct stage *st;

	TAILQ_FOREACH (st, &s->stages, in_stream) {
		drop_all(s, &st->in);
		st->in_bytes = st->in_chunks = 0;
	}
	drop_all(s, &s->out);
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	stream_clear(s);
	heap_remove(&engine_of(s)->timers, &s->timer.node);
	s->target->streams[s->flow] = NULL;
	free(s);
}
