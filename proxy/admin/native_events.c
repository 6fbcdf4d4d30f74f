/*
 * Events, as NDJSON of what the feed keeps or live as server-sent events.
 *
 *     feed --pump--> evhttp's buffer --> client
 *
 * A stream remembers the number of the next event it is to tell. One chunk is under way at a time,
 * and the next is made when that one has left: what waits for a slow reader waits in the feed, and
 * who is so slow that the feed has forgotten what comes next is let go.
 */
#include "admin/native.h"
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define STREAMS_MAX  256
#define CHUNK_BYTES  (256u << 10)
#define BEHIND_LINES (FEED_MAX / 2)

struct stream_out {
	struct streams *streams;
	struct evhttp_request *req;
	struct evhttp_connection *evcon;
	uint64_t next; /* seq */
	bool busy;     /* a chunk is under way */
	TAILQ_ENTRY(stream_out) in_streams;
};

struct streams {
	struct native *native;
	struct event *pump; /* soon: every stream */
	unsigned count;
	TAILQ_HEAD(, stream_out) all;
};

struct events_query {
	uint64_t since, limit;
	bool follow;
};

const struct field native_events_query[] = {
	{ .key = "since",
	    .kind = FIELD_COUNT,
	    .offset = offsetof(struct events_query, since),
	    .help = "only events with a greater seq; default: all that are kept (the last 10,000), "
		    "or with follow those to come" },
	{ .key = "limit",
	    .kind = FIELD_COUNT,
	    .offset = offsetof(struct events_query, limit),
	    .initial = "10000",
	    .min = 1,
	    .max = FEED_MAX,
	    .help =
		"at most so many: after since the first, without it the last; a live stream has "
		"no end" },
	{ .key = "follow",
	    .kind = FIELD_BOOL,
	    .offset = offsetof(struct events_query, follow),
	    .initial = "no",
	    .help = "live, as server-sent events" },
	{ .key = NULL },
};

/* --- as they are kept --- */

static uint64_t first_after(const struct feed *f, uint64_t since)
{
	return since + 1 > f->first ? since + 1 : f->first;
}

/* Without a number to go on from it is the newest that somebody wants to see. */
static uint64_t kept_from(const struct feed *f, const struct events_query *q)
{
	if (q->since != UINT64_MAX)
		return first_after(f, q->since);
	return f->next - f->first > q->limit ? f->next - q->limit : f->first;
}

static void reply_kept(struct call *c, const struct events_query *q)
{
	const struct feed *f = &c->native->feed;
	uint64_t from = kept_from(f, q), n = 0;
	struct evbuffer *out = evbuffer_new();

	for (uint64_t seq = from; out && seq < f->next && n < q->limit; seq++, n++) {
		const struct feed_line *line = feed_find(f, seq);

		if (line->text && !evbuffer_add(out, line->text, line->len))
			evbuffer_add(out, "\n", 1);
	}
	if (out)
		reply_buffer(c, 200, "application/x-ndjson", out);
	else
		reply_error(c, 500, "out of memory");
}

/* --- live --- */

static void stream_free(struct stream_out *s)
{
	TAILQ_REMOVE(&s->streams->all, s, in_streams);
	s->streams->count--;
	free(s);
}

static void stream_gone(void *arg)
{
	struct stream_out *s = arg;

	conns_forget(s->req);
	stream_free(s);
}

static void chunk_left(struct evhttp_connection *evcon, void *arg);

static void add_event(struct evbuffer *out, uint64_t seq, const struct feed_line *line)
{
	if (line->text)
		evbuffer_add_printf(
		    out, "id: %llu\ndata: %s\n\n", (unsigned long long)seq, line->text);
}

static void send_chunk(struct stream_out *s, struct evbuffer *out)
{
	s->busy = true;
	evhttp_send_reply_chunk_with_cb(s->req, out, chunk_left, s);
}

static void stream_pump(struct stream_out *s, size_t most)
{
	const struct feed *f = &s->streams->native->feed;
	struct evbuffer *out;

	if (s->next < f->first || s->next == f->next)
		return;
	out = evbuffer_new();
	while (out && s->next < f->next && evbuffer_get_length(out) < most) {
		add_event(out, s->next, feed_find(f, s->next));
		s->next++;
	}
	if (out && evbuffer_get_length(out))
		send_chunk(s, out);
	if (out)
		evbuffer_free(out);
}

static void chunk_left(struct evhttp_connection *evcon, void *arg)
{
	struct stream_out *s = arg;

	(void)evcon;
	s->busy = false;
	if (s->next != s->streams->native->feed.next)
		event_active(s->streams->pump, EV_TIMEOUT, 0);
}

static void pump_due(evutil_socket_t fd, short what, void *arg)
{
	struct streams *all = arg;
	struct stream_out *s, *next;

	(void)fd, (void)what;
	for (s = TAILQ_FIRST(&all->all); s; s = next) {
		next = TAILQ_NEXT(s, in_streams);
		if (!s->busy)
			stream_pump(s, CHUNK_BYTES);
		if (s->next < all->native->feed.first)
			conns_drop(all->native->conns, s->evcon);
	}
}

/* Thousands of events can come at once, more than the feed keeps, before the loop comes round: who
 * has kept up so far gets half of them at a time. */
static void hurry(struct streams *all, uint64_t next)
{
	struct stream_out *s;

	TAILQ_FOREACH (s, &all->all, in_streams) {
		struct bufferevent *bev = evhttp_connection_get_bufferevent(s->evcon);

		if (next - s->next >= BEHIND_LINES &&
		    evbuffer_get_length(bufferevent_get_output(bev)) < CHUNK_BYTES)
			stream_pump(s, SIZE_MAX);
	}
}

void native_events_came(struct native *n)
{
	struct streams *all = n->streams;

	if (TAILQ_EMPTY(&all->all))
		return;
	event_active(all->pump, EV_TIMEOUT, 0);
	if (n->feed.next % (BEHIND_LINES / 2) == 0)
		hurry(all, n->feed.next);
}

/* So that a connection that leads nowhere any more is found out. */
void native_events_tick(struct native *n)
{
	struct evbuffer *out;
	struct stream_out *s;

	TAILQ_FOREACH (s, &n->streams->all, in_streams) {
		if (s->busy || !(out = evbuffer_new()))
			continue;
		evbuffer_add(out, ":\n\n", 3);
		send_chunk(s, out);
		evbuffer_free(out);
	}
}

static void header(struct call *c, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(c->req), name, value);
}

/* The kernel would grow it to megabytes for a reader that reads nothing (tcp_wmem). */
static void bound_queue(struct evhttp_connection *evcon)
{
	int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(evcon)), size = CHUNK_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void follow(struct call *c, uint64_t next)
{
	struct streams *all = c->native->streams;
	struct stream_out *s = all->count < STREAMS_MAX ? calloc(1, sizeof(*s)) : NULL;
	struct evhttp_connection *evcon = evhttp_request_get_connection(c->req);

	if (!s || !conns_hold(c->native->conns, evcon, stream_gone, s)) {
		free(s);
		reply_error(c, 503, "too many readers of events: end one of them");
		return;
	}
	*s = (struct stream_out){ .streams = all, .req = c->req, .evcon = evcon, .next = next };
	TAILQ_INSERT_TAIL(&all->all, s, in_streams);
	all->count++;
	bound_queue(evcon);
	header(c, "Content-Type", "text/event-stream");
	header(c, "Cache-Control", "no-store");
	evhttp_send_reply_start(c->req, 200, "OK");
	event_active(all->pump, EV_TIMEOUT, 0);
	native_events_tick(c->native); /* a first line: the reader knows that it reads */
}

/* --- the handler --- */

/* A reader that comes back with a number that has not been given yet has it from the process before
 * this one: all is new to it. */
static uint64_t first_live(const struct feed *f, uint64_t since)
{
	if (since == UINT64_MAX)
		return f->next;
	return since < f->next ? first_after(f, since) : f->first;
}

static const char *in_header(const struct call *c, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(c->req), name);
}

static bool wants_stream(const struct call *c)
{
	const char *accept = in_header(c, "Accept");

	return accept && strstr(accept, "text/event-stream");
}

void native_events(struct call *c)
{
	struct events_query q = { .since = UINT64_MAX };
	const char *last = in_header(c, "Last-Event-ID");
	char *end;

	if (!native_query(c, native_events_query, &q))
		return;
	if (q.since == UINT64_MAX && last && strspn(last, "0123456789") == strlen(last))
		q.since = strtoull(last, &end, 10);
	if (!q.follow && !wants_stream(c))
		reply_kept(c, &q);
	else
		follow(c, first_live(&c->native->feed, q.since));
}

/* --- life --- */

bool native_events_init(struct native *n)
{
	struct streams *all = calloc(1, sizeof(*all));

	n->streams = all;
	if (!all)
		return false;
	all->native = n;
	TAILQ_INIT(&all->all);
	all->pump = event_new(n->control->relay->base, -1, 0, pump_due, all);
	return all->pump;
}

void native_events_free(struct native *n)
{
	struct streams *all = n->streams;

	if (!all)
		return;
	while (!TAILQ_EMPTY(&all->all)) {
		conns_release(n->conns, TAILQ_FIRST(&all->all)->evcon);
		stream_free(TAILQ_FIRST(&all->all));
	}
	if (all->pump)
		event_free(all->pump);
	free(all);
	n->streams = NULL;
}
