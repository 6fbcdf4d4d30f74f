/* Echo and discard, the smallest servers there are; see builtin.h. */
#include "relay/builtin.h"
#include "kernel/socket.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define BUILTIN_BUFFER  (16 << 10)
#define BUILTIN_BACKLOG 4096

const char *const builtin_names[] = { "echo", "discard", NULL };

struct guest {
	struct builtin *builtin;
	struct event *ev;
	int fd;
	in_port_t peer_port;
	char *data; /* what was not taken yet; NULL: nothing waits, reading */
	size_t off, len;
	LIST_ENTRY(guest) link;
};

struct builtin {
	struct event_base *base;
	enum builtin_kind kind;
	struct event *ev;
	int fd;
	union sockaddr_any bound;
	LIST_HEAD(, guest) guests;
	char scratch[BUILTIN_BUFFER];
};

static void guest_free(struct guest *g)
{
	LIST_REMOVE(g, link);
	if (g->ev)
		event_free(g->ev);
	close(g->fd);
	free(g->data);
	free(g);
}

static void guest_ready(evutil_socket_t fd, short what, void *arg);

static void guest_wait(struct guest *g, short what)
{
	event_del(g->ev);
	event_assign(g->ev, g->builtin->base, g->fd, what | EV_PERSIST, guest_ready, g);
	event_add(g->ev, NULL);
}

/* False: the guest is gone. */
static bool guest_write(struct guest *g)
{
	while (g->len) {
		ssize_t n = send(g->fd, g->data + g->off, g->len, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n < 0) {
			guest_free(g);
			return false;
		}
		g->off += n;
		g->len -= n;
	}
	free(g->data);
	g->data = NULL;
	guest_wait(g, EV_READ);
	return true;
}

static void guest_keep(struct guest *g, const char *data, size_t n)
{
	g->data = malloc(n);
	if (!g->data) {
		guest_free(g);
		return;
	}
	memcpy(g->data, data, n);
	g->off = 0;
	g->len = n;
	guest_wait(g, EV_WRITE);
}

static void guest_read(struct guest *g)
{
	char *data = g->builtin->scratch;
	ssize_t n = recv(g->fd, data, BUILTIN_BUFFER, 0), sent = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* echo has nothing left to send either: the end of both directions */
		guest_free(g);
		return;
	}
	if (g->builtin->kind == BUILTIN_DISCARD)
		return;
	sent = send(g->fd, data, n, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		guest_free(g);
		return;
	}
	if (sent < n)
		guest_keep(g, data + (sent > 0 ? sent : 0), n - (sent > 0 ? sent : 0));
}

static void guest_ready(evutil_socket_t fd, short what, void *arg)
{
	struct guest *g = arg;

	(void)fd, (void)what;
	if (g->data)
		guest_write(g);
	else
		guest_read(g);
}

static void guest_new(struct builtin *b, int fd, in_port_t peer_port)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (!g) {
		close(fd);
		return;
	}
	g->builtin = b;
	g->fd = fd;
	g->peer_port = peer_port;
	LIST_INSERT_HEAD(&b->guests, g, link);
	g->ev = event_new(b->base, fd, EV_READ | EV_PERSIST, guest_ready, g);
	if (!g->ev || event_add(g->ev, NULL))
		guest_free(g);
}

static in_port_t port_of(const union sockaddr_ip *sa)
{
	return sa->sa.sa_family == AF_INET6 ? sa->in6.sin6_port : sa->in.sin_port;
}

static void knocked(evutil_socket_t fd, short what, void *arg)
{
	union sockaddr_ip peer;
	int guest;

	(void)what;
	while ((guest = socket_accept(fd, &peer)) >= 0)
		guest_new(arg, guest, port_of(&peer));
}

struct builtin *builtin_new(struct event_base *base, enum builtin_kind kind)
{
	struct builtin *b = calloc(1, sizeof(*b));
	struct addr a;

	if (!b)
		return NULL;
	b->base = base;
	b->kind = kind;
	addr_parse("127.0.0.1:0", &a);
	b->fd = socket_listen(&a, BUILTIN_BACKLOG, &b->bound);
	if (b->fd < 0) {
		addr_parse("[::1]:0", &a);
		b->fd = socket_listen(&a, BUILTIN_BACKLOG, &b->bound);
	}
	b->ev = b->fd < 0 ? NULL : event_new(base, b->fd, EV_READ | EV_PERSIST, knocked, b);
	if (!b->ev || event_add(b->ev, NULL)) {
		builtin_free(b);
		return NULL;
	}
	return b;
}

void builtin_free(struct builtin *b)
{
	if (!b)
		return;
	while (!LIST_EMPTY(&b->guests))
		guest_free(LIST_FIRST(&b->guests));
	if (b->ev)
		event_free(b->ev);
	if (b->fd >= 0)
		close(b->fd);
	free(b);
}

void builtin_let_go(struct builtin *b, int fd)
{
	union sockaddr_any there;
	union sockaddr_ip here;
	socklen_t len = sizeof(there);
	struct guest *g;

	if (getpeername(fd, &there.sa, &len) || len > sizeof(b->bound) ||
	    memcmp(&there, &b->bound, len) || !socket_local(fd, &here))
		return;
	LIST_FOREACH (g, &b->guests, link)
		if (g->peer_port == port_of(&here)) {
			guest_free(g);
			return;
		}
}

const union sockaddr_any *builtin_address(const struct builtin *b)
{
	return &b->bound;
}
