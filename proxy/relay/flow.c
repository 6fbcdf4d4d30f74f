/*
 * Bytes from one leg to the other. Two ways, chosen anew with each read:
 *
 *   copy    read(2) into the relay's one scratch buffer, write(2); what the other side does not
 * take waits in a buffer of its own, at most RELAY_SCRATCH bytes splice  splice(2) through a pipe
 * of the pool, held only while bytes are in it
 *
 * A read that fills the scratch buffer turns to splice, a short splice turns back: below 16 KiB a
 * message a copy is 10-20 % cheaper, above it splice is, by 2 to 5 times at 64 KiB. While bytes
 * wait, the source is not read: that is all the back-pressure there is, and it bounds the memory.
 */
#include "relay/flow.h"
#include "base/mono.h"
#include "faults/stream.h"
#include "kernel/socket.h"
#include "relay/proxy.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 4 /* reads in one call: others want their turn, too */

bool flow_wants_write(const struct session *s, enum flow flow)
{
	const struct flow_state *f = &s->flows[flow];

	if (f->held || s->state != SESSION_OPEN)
		return false;
	return f->len || (flow_is_shaped(s, flow) && flow_shape_wants_write(s, flow));
}

bool flow_wants_read(const struct session *s, enum flow flow)
{
	const struct flow_state *f = &s->flows[flow];
	const struct leg_state *from = &s->legs[flow_source(flow)];

	if (!from->ready || f->held || s->state == SESSION_DIALING || s->state == SESSION_CLOSING)
		return false;
	if (s->state == SESSION_DEAD)
		return !from->wire.dirs; /* to see it end; its bytes have nowhere to go */
	if (flow_is_shaped(s, flow) && !f->discard)
		return !f->len && flow_shape_wants_read(s, flow);
	return !f->len && (f->discard || !f->eof);
}

void flow_clear(struct session *s, enum flow flow)
{
	struct flow_state *f = &s->flows[flow];

	if (f->pipe)
		pipe_drop(&s->relay->pipes, f->pipe);
	free(f->buf);
	f->pipe = NULL;
	f->buf = NULL;
	f->len = f->off = 0;
	if (flow_is_shaped(s, flow))
		stream_clear(s->target.streams[flow]);
}

static void flow_emptied(struct session *s, struct flow_state *f)
{
	if (f->pipe)
		pipe_give(&s->relay->pipes, f->pipe);
	free(f->buf);
	f->pipe = NULL;
	f->buf = NULL;
	f->off = 0;
}

bool flow_would_block(int err)
{
	return err == EAGAIN || err == EINTR;
}

enum step flow_delivered(struct session *s, enum flow flow, size_t n)
{
	struct flow_state *f = &s->flows[flow];

	f->bytes += n;
	if (f->bytes < f->mark)
		return STEP_AGAIN;
	engine_bytes(&s->relay->engine, &s->target, flow, mono_now_ns());
	return s->state == SESSION_OPEN && !f->held ? STEP_AGAIN : STEP_ENDED;
}

enum step flow_failed(struct session *s, enum leg leg)
{
	session_leg_failed(s, leg, errno);
	return STEP_ENDED;
}

size_t flow_room(const struct flow_state *f, size_t most)
{
	uint64_t left = f->mark - f->bytes;

	return left && left < most ? (size_t)left : most;
}

static ssize_t flow_write(const struct flow_state *f, int fd)
{
	size_t most = flow_room(f, f->len);

	if (f->pipe)
		return splice(f->pipe->rd, NULL, fd, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	return send(fd, f->buf + f->off, most, MSG_NOSIGNAL);
}

/* What waits, to the sink. STEP_AGAIN: nothing waits any more. */
static enum step flow_drain(struct session *s, enum flow flow)
{
	struct flow_state *f = &s->flows[flow];
	int fd = s->legs[flow_sink(flow)].fd;

	while (f->len) {
		ssize_t n = flow_write(f, fd);

		if (n < 0)
			return flow_would_block(errno) ? STEP_WAIT
						       : flow_failed(s, flow_sink(flow));
		flow_passed(s, flow, f->pipe ? NULL : f->buf + f->off, n);
		f->off += n;
		f->len -= n;
		if (!f->len)
			flow_emptied(s, f);
		if (flow_delivered(s, flow, n) == STEP_ENDED)
			return STEP_ENDED;
	}
	return STEP_AGAIN;
}

enum step flow_ended(struct session *s, enum flow flow)
{
	struct flow_state *f = &s->flows[flow];

	f->eof = true;
	if (!f->fin) {
		f->fin = true;
		socket_shut_write(s->legs[flow_sink(flow)].fd);
	}
	if (s->flows[FLOW_UPSTREAM].fin && s->flows[FLOW_DOWNSTREAM].fin) {
		session_finish(s);
		return STEP_ENDED;
	}
	return STEP_WAIT;
}

/* What the sink did not take of the scratch buffer. */
static enum step flow_keep(struct session *s, struct flow_state *f, const char *data, size_t n)
{
	f->buf = malloc(n);
	if (!f->buf) {
		session_close(s, ENDING_ABORT, "out_of_memory");
		return STEP_ENDED;
	}
	memcpy(f->buf, data, n);
	f->off = 0;
	f->len = n;
	return STEP_WAIT;
}

static enum step flow_copy(struct session *s, enum flow flow)
{
	struct flow_state *f = &s->flows[flow];
	char *data = s->relay->scratch;
	ssize_t n, sent;

	n = recv(s->legs[flow_source(flow)].fd, data, flow_room(f, RELAY_SCRATCH), 0);
	flow_came(s, flow, n);
	if (n < 0)
		return flow_would_block(errno) ? STEP_WAIT : flow_failed(s, flow_source(flow));
	if (n == 0)
		return flow_ended(s, flow);
	f->splice = n == RELAY_SCRATCH && s->relay->splice != SPLICE_OFF;
	sent = send(s->legs[flow_sink(flow)].fd, data, n, MSG_NOSIGNAL);
	if (sent < 0 && !flow_would_block(errno))
		return flow_failed(s, flow_sink(flow));
	if (sent < 0)
		sent = 0;
	flow_passed(s, flow, data, sent);
	if (sent < n && flow_keep(s, f, data + sent, n - sent) == STEP_ENDED)
		return STEP_ENDED;
	if (sent && flow_delivered(s, flow, sent) == STEP_ENDED)
		return STEP_ENDED;
	/* A read that did not fill the buffer has emptied the socket, or nearly so. */
	return sent < n || n < RELAY_SCRATCH ? STEP_WAIT : STEP_AGAIN;
}

static enum step flow_splice(struct session *s, enum flow flow)
{
	struct flow_state *f = &s->flows[flow];
	struct pipe *pipe = pipe_take(&s->relay->pipes);
	ssize_t n;

	if (!pipe) { /* no descriptors for it: copying needs none */
		f->splice = false;
		return flow_copy(s, flow);
	}
	n = splice(s->legs[flow_source(flow)].fd, NULL, pipe->wr, NULL,
	    flow_room(f, pipe->capacity), SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	flow_came(s, flow, n);
	if (n <= 0) {
		pipe_give(&s->relay->pipes, pipe);
		if (n == 0)
			return flow_ended(s, flow);
		if (!flow_would_block(errno))
			return flow_failed(s, flow_source(flow));
		f->splice = s->relay->splice == SPLICE_ON;
		return STEP_WAIT;
	}
	f->splice = n >= RELAY_SCRATCH || s->relay->splice == SPLICE_ON;
	f->pipe = pipe;
	f->len = n;
	return flow_drain(s, flow);
}

/* Nobody takes these bytes; they are read so that the end is seen. */
static enum step flow_discard(struct session *s, enum flow flow)
{
	enum leg leg = flow_source(flow);
	ssize_t n = recv(s->legs[leg].fd, s->relay->scratch, RELAY_SCRATCH, 0);

	flow_came(s, flow, n);
	if (n > 0)
		return STEP_AGAIN;
	if (n < 0)
		return flow_would_block(errno) ? STEP_WAIT : flow_failed(s, leg);
	s->flows[flow].discard = false;
	if (s->state == SESSION_DEAD)
		session_end_leg(s, leg, ENDING_CLOSE);
	return STEP_ENDED;
}

static enum step flow_step(struct session *s, enum flow flow)
{
	struct flow_state *f = &s->flows[flow];

	if (f->held) /* called for another reason than an event */
		return STEP_ENDED;
	if (f->len && flow_drain(s, flow) != STEP_AGAIN)
		return STEP_WAIT;
	if (s->state == SESSION_OVER || f->held)
		return STEP_ENDED;
	if (s->state == SESSION_DEAD)
		return flow_discard(s, flow);
	if (flow_is_shaped(s, flow)) {
		enum step step = flow_shape(s, flow);

		if (step != STEP_WAIT || !f->discard)
			return step;
	}
	if (f->eof && !f->fin && flow_ended(s, flow) == STEP_ENDED)
		return STEP_ENDED;
	if (f->discard)
		return flow_discard(s, flow);
	if (f->eof)
		return STEP_WAIT;
	if ((f->splice || s->relay->splice == SPLICE_ON) && flow_may_splice(s, flow))
		return flow_splice(s, flow);
	return flow_copy(s, flow);
}

/* A mark that is met amid a step lets faults act, and what they do may come back to this flow: it
 * is one of the steps to follow, not one within the other. */
void flow_run(struct session *s, enum flow flow)
{
	struct flow_state *f = &s->flows[flow];

	f->again = f->running;
	if (f->running)
		return;
	f->running = true;
	do {
		f->again = false;
		for (int i = 0; i < ROUNDS; i++)
			if (flow_step(s, flow) != STEP_AGAIN)
				break;
	} while (f->again && s->state == SESSION_OPEN);
	f->running = false;
}
