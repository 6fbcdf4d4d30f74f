/*
 * Connecting a session to its upstream: the name, if it is one, then each of its addresses in turn
 * until one answers. The accept loop goes on meanwhile; connect_timeout bounds the whole.
 */
#include "base/mono.h"
#include "kernel/socket.h"
#include "relay/builtin.h"
#include "relay/proxy.h"
#include "relay/resolve.h"
#include "relay/session.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOSTS_TTL_NS                                                                               \
	NS_PER_S /* the file may be edited, but not read for each of 10,000 connections */

struct dial {
	struct session *session;
	struct resolution *resolution; /* NULL: not asking */
	struct event *connecting;      /* NULL: no connect under way */
	struct event *timeout;
	int fd;
	unsigned next; /* index of the address to try next */
	int error;     /* of the last one tried */
	unsigned n;    /* a copy: the proxy's own may change meanwhile */
	union sockaddr_any addrs[PROXY_ADDRS_MAX];
	socklen_t lens[PROXY_ADDRS_MAX];
};

static void dial_free(struct dial *d)
{
	if (d->resolution)
		resolve_cancel(d->resolution);
	if (d->connecting)
		event_free(d->connecting);
	if (d->timeout)
		event_free(d->timeout);
	d->session->dial = NULL;
	free(d);
}

void dial_cancel(struct session *s)
{
	if (!s->dial)
		return;
	if (s->dial->fd >= 0)
		socket_abort(s->dial->fd);
	dial_free(s->dial);
}

static void dial_done(struct dial *d, int err)
{
	struct session *s = d->session;
	int fd = d->fd;

	d->fd = -1;
	dial_free(d);
	if (err)
		session_unreachable(s, err);
	else
		session_connected(s, fd, mono_now_ns());
	relay_schedule(s->relay);
}

static void dial_next(struct dial *d);

static void dial_answered(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;
	int err = socket_error(fd);

	(void)what;
	event_free(d->connecting);
	d->connecting = NULL;
	if (!err) {
		dial_done(d, 0);
		return;
	}
	close(fd);
	d->fd = -1;
	d->error = err;
	dial_next(d);
}

static void dial_next(struct dial *d)
{
	while (d->next < d->n) {
		unsigned i = d->next++;
		bool in_progress;

		if (socket_connect(&d->addrs[i].sa, d->lens[i], &d->fd, &in_progress)) {
			d->fd = -1;
			d->error = errno;
			continue;
		}
		if (!in_progress) {
			dial_done(d, 0);
			return;
		}
		d->connecting =
		    event_new(d->session->relay->base, d->fd, EV_WRITE, dial_answered, d);
		if (d->connecting && !event_add(d->connecting, NULL))
			return;
		close(d->fd);
		d->fd = -1;
		d->error = ENOMEM;
	}
	dial_done(d, d->error ? d->error : ECONNREFUSED);
}

static void dial_timed_out(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;

	(void)fd, (void)what;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	dial_done(d, ETIMEDOUT);
}

static void take_addrs(
    struct dial *d, const union sockaddr_any *addrs, const socklen_t *lens, unsigned n)
{
	memcpy(d->addrs, addrs, n * sizeof(*addrs));
	memcpy(d->lens, lens, n * sizeof(*lens));
	d->n = n;
}

static void dial_resolved(void *arg, const union sockaddr_any *addrs, const socklen_t *lens,
    unsigned n, int ttl_s, const char *err)
{
	struct dial *d = arg;
	struct proxy *p = d->session->proxy;

	(void)err;
	d->resolution = NULL;
	d->error = EHOSTUNREACH;
	memcpy(p->addrs, addrs, n * sizeof(*addrs));
	memcpy(p->addr_lens, lens, n * sizeof(*lens));
	p->n_addrs = n;
	p->expires_ns = mono_now_ns() + ttl_s * NS_PER_S;
	take_addrs(d, addrs, lens, n);
	dial_next(d);
}

/* The upstream's addresses, if they are known without asking anybody. */
static bool addrs_known(struct dial *d, struct proxy *p, int64_t now_ns)
{
	const struct addr *up = &p->spec->upstream;

	if (up->kind == ADDR_NAME && now_ns >= p->expires_ns) {
		p->n_addrs =
		    resolve_hosts(up->name, up->port, p->addrs, p->addr_lens, PROXY_ADDRS_MAX);
		p->expires_ns = now_ns + HOSTS_TTL_NS;
	}
	take_addrs(d, p->addrs, p->addr_lens, p->n_addrs);
	return d->n > 0;
}

void dial_start(struct session *s)
{
	struct proxy *p = s->proxy;
	struct dial *d = calloc(1, sizeof(*d));
	struct timeval timeout = {
		.tv_sec = p->spec->connect_timeout_ns / NS_PER_S,
		.tv_usec = p->spec->connect_timeout_ns % NS_PER_S / NS_PER_US,
	};

	if (!d) {
		session_unreachable(s, ENOMEM);
		return;
	}
	d->session = s;
	d->fd = -1;
	s->dial = d;
	d->timeout = event_new(s->relay->base, -1, 0, dial_timed_out, d);
	if (!d->timeout || event_add(d->timeout, &timeout)) {
		dial_done(d, ENOMEM);
	} else if (addrs_known(d, p, mono_now_ns())) {
		dial_next(d);
	} else {
		d->resolution = resolve_dns(s->relay->resolver, p->spec->upstream.name,
		    p->spec->upstream.port, dial_resolved, d);
		if (!d->resolution)
			dial_done(d, EHOSTUNREACH);
	}
}
