/*
 * evhttp tells of a connection when its first request is complete, which may be never. What it
 * does tell at once is that it wants a bufferevent. By the time it has made its connection of that
 * one, and before anything is read, `adopt` runs: the bufferevent's callbacks then lead to the
 * evhttp_connection, which is asked to tell of its end.
 *
 * A connection is ended by shutdown(2): evhttp sees the end of file and frees it by itself.
 */
#include "admin/conns.h"
#include "base/mono.h"
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

struct conn {
	struct conns *conns;
	struct bufferevent *bev;
	struct evhttp_connection *evcon; /* NULL: not adopted yet */
	int64_t active_ns;               /* when bytes came last */
	int64_t began_ns;                /* when the request began that is being read; 0: none */
	bool shut;
	struct event *closed;    /* while held: evhttp does not read, so it would not see the end */
	void (*gone)(void *arg); /* while held */
	void *gone_arg;
	TAILQ_ENTRY(conn) next;
};

struct conns {
	struct event_base *base;
	struct event *adopt, *sweep;
	unsigned count;
	TAILQ_HEAD(conn_list, conn) all; /* the idlest is the first */
	struct conn_list fresh;          /* not adopted yet */
};

static void conn_unhold(struct conn *conn)
{
	if (conn->closed)
		event_free(conn->closed);
	conn->closed = NULL;
	conn->gone = NULL;
}

static void conn_free(struct conn *conn)
{
	conn_unhold(conn);
	TAILQ_REMOVE(conn->evcon ? &conn->conns->all : &conn->conns->fresh, conn, next);
	conn->conns->count--;
	free(conn);
}

static void conn_gone(struct evhttp_connection *evcon, void *arg)
{
	struct conn *conn = arg;
	void (*gone)(void *) = conn->gone;
	void *gone_arg = conn->gone_arg;

	(void)evcon;
	conn_free(conn);
	if (gone)
		gone(gone_arg);
}

static void conn_shut(struct conn *conn)
{
	if (!conn->shut)
		shutdown(bufferevent_getfd(conn->bev), SHUT_RDWR);
	conn->shut = true;
}

static void bytes_came(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
	struct conn *conn = arg;

	(void)in;
	if (!info->n_added)
		return;
	conn->active_ns = mono_now_ns();
	if (!conn->began_ns)
		conn->began_ns = conn->active_ns;
	TAILQ_REMOVE(&conn->conns->all, conn, next);
	TAILQ_INSERT_TAIL(&conn->conns->all, conn, next);
}

static void adopt_one(struct conn *conn)
{
	void *evcon = NULL;

	bufferevent_getcb(conn->bev, NULL, NULL, NULL, &evcon);
	if (evcon) {
		TAILQ_REMOVE(&conn->conns->fresh, conn, next);
		TAILQ_INSERT_TAIL(&conn->conns->all, conn, next);
		conn->evcon = evcon;
		evhttp_connection_set_closecb(evcon, conn_gone, conn);
		evbuffer_add_cb(bufferevent_get_input(conn->bev), bytes_came, conn);
	}
	bufferevent_decref(conn->bev);
	if (!evcon) /* evhttp had no memory for it */
		conn_free(conn);
}

static void adopt_due(evutil_socket_t fd, short what, void *arg)
{
	struct conns *c = arg;

	(void)fd, (void)what;
	while (!TAILQ_EMPTY(&c->fresh))
		adopt_one(TAILQ_FIRST(&c->fresh));
}

static bool is_overdue(const struct conn *conn, int64_t now_ns)
{
	if (conn->gone)
		return false;
	return now_ns - conn->active_ns > CONNS_IDLE_S * NS_PER_S ||
	       (conn->began_ns && now_ns - conn->began_ns > CONNS_REQUEST_S * NS_PER_S);
}

static void sweep_due(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval second = { .tv_sec = 1 };
	int64_t now = mono_now_ns();
	struct conns *c = arg;
	struct conn *conn;

	(void)fd, (void)what;
	TAILQ_FOREACH (conn, &c->all, next)
		if (is_overdue(conn, now))
			conn_shut(conn);
	if (c->count)
		event_add(c->sweep, &second);
}

static void make_room(struct conns *c)
{
	struct conn *conn;

	if (c->count < CONNS_MAX)
		return;
	TAILQ_FOREACH (conn, &c->all, next)
		if (!conn->shut && !conn->gone) {
			conn_shut(conn);
			return;
		}
}

/* evhttp is about to make a connection of it. */
static struct bufferevent *conn_wanted(struct event_base *base, void *arg)
{
	const struct timeval second = { .tv_sec = 1 };
	struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
	struct conn *conn = bev ? calloc(1, sizeof(*conn)) : NULL;
	struct conns *c = arg;

	if (!conn)
		return bev;
	make_room(c);
	/* evhttp goes on reading while it writes: it would keep all that comes meanwhile. */
	bufferevent_setwatermark(bev, EV_READ, 0, CONNS_AHEAD);
	*conn = (struct conn){ .conns = c, .bev = bev, .active_ns = mono_now_ns() };
	bufferevent_incref(bev); /* until it is adopted */
	TAILQ_INSERT_TAIL(&c->fresh, conn, next);
	if (!c->count++)
		event_add(c->sweep, &second);
	event_active(c->adopt, EV_TIMEOUT, 0);
	return bev;
}

struct conns *conns_new(struct event_base *base, struct evhttp *http)
{
	struct conns *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->base = base;
	TAILQ_INIT(&c->all);
	TAILQ_INIT(&c->fresh);
	c->adopt = event_new(base, -1, 0, adopt_due, c);
	c->sweep = event_new(base, -1, 0, sweep_due, c);
	if (!c->adopt || !c->sweep) {
		conns_free(c);
		return NULL;
	}
	evhttp_set_bevcb(http, conn_wanted, c);
	return c;
}

void conns_free(struct conns *c)
{
	if (!c)
		return;
	while (!TAILQ_EMPTY(&c->fresh)) {
		bufferevent_decref(TAILQ_FIRST(&c->fresh)->bev);
		conn_free(TAILQ_FIRST(&c->fresh));
	}
	if (c->adopt)
		event_free(c->adopt);
	if (c->sweep)
		event_free(c->sweep);
	free(c);
}

static struct conn *find(struct conns *c, const struct evhttp_connection *evcon)
{
	struct conn *conn;

	TAILQ_FOREACH_REVERSE(conn, &c->all, conn_list, next)
	if (conn->evcon == evcon)
		break;
	return conn;
}

static void client_closed(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	evhttp_connection_free(((struct conn *)arg)->evcon);
}

bool conns_hold(
    struct conns *c, struct evhttp_connection *evcon, void (*gone)(void *arg), void *arg)
{
	struct conn *conn = find(c, evcon);

	if (!conn)
		return false;
	conn->closed =
	    event_new(c->base, bufferevent_getfd(conn->bev), EV_CLOSED, client_closed, conn);
	if (!conn->closed || event_add(conn->closed, NULL)) {
		conn_unhold(conn);
		return false;
	}
	conn->gone = gone;
	conn->gone_arg = arg;
	return true;
}

void conns_release(struct conns *c, struct evhttp_connection *evcon)
{
	struct conn *conn = find(c, evcon);

	if (!conn)
		return;
	conn_unhold(conn);
	conn->active_ns = mono_now_ns();
}

/* evhttp_connection_incoming_fail() */
void conns_forget(struct evhttp_request *req)
{
	if (!evhttp_request_get_connection(req))
		evhttp_request_free(req);
}

void conns_drop(struct conns *c, struct evhttp_connection *evcon)
{
	if (find(c, evcon))
		evhttp_connection_free(evcon);
}

/* What goes still takes its room: in one round of the loop a request can come on each of them. */
static bool has_room(struct conns *c)
{
	size_t total = 0, most = 0;
	struct conn *conn, *worst = NULL;

	TAILQ_FOREACH (conn, &c->all, next) {
		size_t unread = evbuffer_get_length(bufferevent_get_output(conn->bev));

		total += unread;
		if (unread > most && !conn->shut) {
			most = unread;
			worst = conn;
		}
	}
	if (total <= CONNS_UNREAD)
		return true;
	if (worst)
		conn_shut(worst);
	return false;
}

bool conns_request(struct conns *c, struct evhttp_connection *evcon)
{
	struct conn *conn = find(c, evcon);

	/* Bytes that are there already begin the next request. */
	if (conn)
		conn->began_ns =
		    evbuffer_get_length(bufferevent_get_input(conn->bev)) ? mono_now_ns() : 0;
	return has_room(c);
}
