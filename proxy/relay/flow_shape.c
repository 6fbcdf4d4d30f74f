/*
 * A flow whose bytes go through faults (faults/stream.h): read and pushed in, and written as they
 * come out, each piece by itself, so that a cut between two of them is seen by the other end. When
 * the last fault has gone and its stream is empty, the flow goes its own way again.
 */
#include "base/mono.h"
#include "faults/stream.h"
#include "relay/flow.h"
#include "relay/proxy.h"
#include <errno.h>

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

/* What has come out, to the sink. STEP_AGAIN: all of it. */
static enum step shape_write(struct session *s, enum flow flow)
{
	struct stream *st = s->target.streams[flow];
	struct flow_state *f = &s->flows[flow];
	struct chunk *c;

	while ((c = stream_first(st)) && goes_on(s, flow)) {
		ssize_t n;

		if (c->kind == CHUNK_END) {
			bool reset = c->reset;

			stream_taken(st, 0);
			if (!reset)
				return flow_ended(s, flow);
			session_close(s, ENDING_ABORT, "reset");
			return STEP_ENDED;
		}
		n = send(s->legs[flow_sink(flow)].fd, chunk_bytes(c), flow_room(f, c->len),
		    MSG_NOSIGNAL);
		if (n < 0)
			return flow_would_block(errno) ? STEP_WAIT
						       : flow_failed(s, flow_sink(flow));
		stream_taken(st, n);
		s->active_ns = mono_now_ns();
		if (flow_delivered(s, flow, n) == STEP_ENDED)
			return STEP_ENDED;
	}
	return goes_on(s, flow) ? STEP_AGAIN : STEP_ENDED;
}

/* STEP_AGAIN: something came. */
static enum step shape_read(struct session *s, enum flow flow)
{
	struct stream *st = s->target.streams[flow];
	enum leg from = flow_source(flow);
	size_t room = stream_room(st);
	int64_t now;
	ssize_t n;
	bool kept;

	if (!room)
		return STEP_WAIT;
	n = recv(s->legs[from].fd, s->relay->scratch, room < RELAY_SHAPED ? room : RELAY_SHAPED, 0);
	if (n < 0)
		return flow_would_block(errno) ? STEP_WAIT : flow_failed(s, from);
	now = mono_now_ns();
	kept = n ? stream_push(st, s->relay->scratch, n, now) : stream_end(st, now);
	if (!kept) {
		session_close(s, ENDING_ABORT, "out_of_memory");
		return STEP_ENDED;
	}
	stream_run(st, now);
	return goes_on(s, flow) ? STEP_AGAIN : STEP_ENDED;
}

enum step flow_shape(struct session *s, enum flow flow)
{
	struct stream *st = s->target.streams[flow];
	enum step step = shape_write(s, flow);

	if (step != STEP_AGAIN)
		return step;
	if (stream_is_done(st)) {
		stream_free(st);
		return STEP_AGAIN;
	}
	return s->flows[flow].discard ? STEP_WAIT : shape_read(s, flow);
}
