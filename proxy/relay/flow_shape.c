/*
 * A flow whose bytes go through faults (faults/stream.h): read and pushed in, and written as they
 * come out, each piece by itself, so that a cut between two of them is seen by the other end. When
 * the last fault has gone and its stream is empty, the flow goes its own way again.
 *
 * As in flow.c a read that fills the scratch buffer turns to splice and a short one turns back:
 * what is only held up stays in the kernel, one pipe for each read, for as long as no fault wants
 * to see it and not too many pipes are out.
 */
#include "base/mono.h"
#include "faults/stream.h"
#include "relay/flow.h"
#include "relay/proxy.h"
#include <errno.h>
#include <fcntl.h>

#define TURN 256 /* writes in one call: small pieces are many */

bool flow_shape_wants_write(const struct session *s, enum flow flow)
{
	return !STAILQ_EMPTY(&s->target.streams[flow]->out);
}

bool flow_shape_wants_read(const struct session *s, enum flow flow)
{
	return stream_room(s->target.streams[flow]) > 0;
}

static bool goes_on(const struct session *s, enum flow flow)
{
	return s->state == SESSION_OPEN && !s->flows[flow].held;
}

static ssize_t shape_send(int fd, const struct chunk *c, size_t n)
{
	struct pipe *pipe = chunk_pipe(c);

	if (pipe)
		return splice(pipe->rd, NULL, fd, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	return send(fd, chunk_bytes(c), n, MSG_NOSIGNAL);
}

static enum step out_of_memory(struct session *s)
{
	session_close(s, ENDING_ABORT, "out_of_memory");
	return STEP_ENDED;
}

/* What has come out, to the sink. STEP_AGAIN: all of it. */
static enum step shape_write(struct session *s, enum flow flow)
{
	struct stream *st = s->target.streams[flow];
	struct flow_state *f = &s->flows[flow];
	struct chunk *c;
	int turn = TURN;

	while ((c = stream_first(st)) && goes_on(s, flow)) {
		ssize_t n;

		if (!turn--)
			return STEP_WAIT; /* the sink is writable: at once, after the others */

		if (c->kind == CHUNK_END) {
			bool reset = c->reset;

			stream_taken(st, 0);
			if (!reset)
				return flow_ended(s, flow);
			session_close(s, ENDING_ABORT, "reset");
			return STEP_ENDED;
		}
		n = shape_send(s->legs[flow_sink(flow)].fd, c, flow_room(f, c->len));
		if (n < 0)
			return flow_would_block(errno) ? STEP_WAIT
						       : flow_failed(s, flow_sink(flow));
		flow_passed(s, flow, chunk_pipe(c) ? NULL : (const char *)chunk_bytes(c), n);
		stream_taken(st, n);
		s->active_ns = mono_now_ns();
		if (flow_delivered(s, flow, n) == STEP_ENDED)
			return STEP_ENDED;
	}
	return goes_on(s, flow) ? STEP_AGAIN : STEP_ENDED;
}

/* A read into the pipe, or into the scratch buffer. */
static ssize_t shape_receive(struct session *s, int fd, struct pipe *pipe, size_t most)
{
	if (pipe)
		return splice(fd, NULL, pipe->wr, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	return recv(fd, s->relay->scratch, most, 0);
}

static struct pipe *shape_pipe(struct session *s, enum flow flow)
{
	struct relay *r = s->relay;
	const struct stream *st = s->target.streams[flow];
	struct pipe *pipe;
	bool wanted = r->splice == SPLICE_ON || s->flows[flow].splice;

	if (!wanted || st->looked_at || !flow_may_splice(s, flow) || r->pipes.n_out >= r->pipes_max)
		return NULL;
	pipe = pipe_take(&r->pipes);
	if (!pipe || pipe->capacity >= RELAY_SCRATCH)
		return pipe;
	pipe_give(&r->pipes, pipe);
	return NULL; /* the user has had his share of large ones, pipe(7) */
}

/* n bytes came, or the end (0). */
static bool shape_push(struct session *s, struct stream *st, struct pipe *pipe, size_t n, bool more)
{
	int64_t now = mono_now_ns();
	bool kept;

	if (!n)
		kept = stream_end(st, now);
	else if (pipe)
		kept = stream_push_pipe(st, pipe, &s->relay->pipes, n, now);
	else
		kept = stream_push(st, s->relay->scratch, n, now);
	st->more = more;
	if (kept)
		stream_run(st, now);
	return kept;
}

/* STEP_AGAIN: something came. */
static enum step shape_read(struct session *s, enum flow flow)
{
	struct stream *st = s->target.streams[flow];
	enum leg from = flow_source(flow);
	size_t room = stream_room(st), most;
	struct pipe *pipe;
	ssize_t n;

	if (!room)
		return STEP_WAIT;
	pipe = shape_pipe(s, flow);
	most = pipe ? (size_t)pipe->capacity : RELAY_SHAPED;
	if (room < most)
		most = room;
	n = shape_receive(s, s->legs[from].fd, pipe, most);
	flow_came(s, flow, n);
	s->flows[flow].splice = n >= RELAY_SCRATCH && s->relay->splice != SPLICE_OFF;
	if (pipe && n <= 0)
		pipe_give(&s->relay->pipes, pipe);
	if (n < 0)
		return flow_would_block(errno) ? STEP_WAIT : flow_failed(s, from);
	if (!shape_push(s, st, pipe, (size_t)n, (size_t)n == most)) {
		if (pipe && n)
			pipe_drop(&s->relay->pipes, pipe);
		return out_of_memory(s);
	}
	return goes_on(s, flow) ? STEP_AGAIN : STEP_ENDED;
}

enum step flow_shape(struct session *s, enum flow flow)
{
	struct stream *st = s->target.streams[flow];
	enum step step;

	if (st->failed)
		return out_of_memory(s);
	step = shape_write(s, flow);
	if (step == STEP_ENDED)
		return step;
	if (stream_is_done(st)) {
		stream_free(st);
		return step;
	}
	/* A full sink is no reason not to read: what is on its way is not due yet. */
	return s->flows[flow].discard ? STEP_WAIT : shape_read(s, flow);
}
