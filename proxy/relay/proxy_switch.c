/*
 * A proxy's address: bound, given up while the proxy is disabled, and bound again where it was,
 * on the same port also when the kernel had chosen it.
 */
#include "kernel/socket.h"
#include "relay/proxy.h"
#include "relay/resolve.h"
#include "relay/session.h"
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

uint16_t proxy_bound_port(const struct proxy *p)
{
	if (p->bound.sa.sa_family == AF_INET6)
		return ntohs(p->bound.in6.sin6_port);
	return p->bound.sa.sa_family == AF_INET ? ntohs(p->bound.in.sin_port) : 0;
}

/* The address that was bound, to be bound again. */
static void remember(struct proxy *p, const struct addr *listen)
{
	p->address = *listen;
	p->door.family[LEG_CLIENT] = p->bound.sa.sa_family;
	if (listen->kind != ADDR_IP)
		return;
	p->address.sa = p->bound;
	p->address.port = proxy_bound_port(p);
	if (p->bound.sa.sa_family == AF_INET6)
		p->address.len = sizeof(p->bound.in6);
	else
		p->address.len = sizeof(p->bound.in);
}

bool proxy_bind(struct proxy *p, char *err, size_t size)
{
	char text[ADDR_TEXT_MAX];
	union sockaddr_any bound;
	struct addr listen;

	addr_format(text, sizeof(text), &p->address);
	if (!resolve_listen(&p->address, &listen)) {
		snprintf(err, size,
		    "proxy %s: cannot listen on %s: not in /etc/hosts (write the address)",
		    p->spec->name, p->address.name);
		errno = ENOENT;
		return false;
	}
	p->fd =
	    socket_listen(&listen, listen.kind == ADDR_UNIX ? (int)p->spec->backlog : -1, &bound);
	if (p->fd < 0) {
		snprintf(err, size, "proxy %s: cannot listen on %s: %s%s", p->spec->name, text,
		    strerror(errno), socket_listen_hint(errno));
		return false;
	}
	p->bound = bound;
	remember(p, &listen);
	return true;
}

void proxy_unbind(struct proxy *p)
{
	if (!p->spec->enabled)
		proxy_close_listener(p);
}

static bool pauses(const struct proxy *p)
{
	return p->fd >= 0 && p->listening && p->bound.sa.sa_family != AF_UNIX;
}

void proxy_pause(struct proxy *p)
{
	if (pauses(p))
		socket_refuse(p->fd);
}

void proxy_resume(struct proxy *p)
{
	if (pauses(p))
		socket_relisten(p->fd, (int)p->spec->backlog);
	if (p->full) { /* what filled the queue went with it */
		filling_drop(&p->filling);
		proxy_fill(p);
	}
	proxy_watch(p);
}

void proxy_end_sessions(struct proxy *p, const char *reason)
{
	struct target *t, *next;

	for (t = TAILQ_FIRST(&p->door.targets); t; t = next) {
		next = TAILQ_NEXT(t, in_door);
		session_close((struct session *)t, ENDING_CLOSE, reason);
	}
	relay_reap(p->relay);
}

void proxy_disable(struct proxy *p)
{
	struct timeline *t = p->relay->timeline;

	proxy_close_listener(p);
	proxy_reject(&p->door, false);
	p->listening = p->full = false;
	p->starved_ns = 0;
	proxy_end_sessions(p, "disabled");
	if (timeline_wants(t, EVENT_PROXY_DOWN))
		timeline_record(t, EVENT_PROXY_DOWN,
		    json_pack("{s:s, s:s}", "proxy", p->spec->name, "reason", "disabled"));
}

/* The door starts as a new one's does: bound, and not a SYN answered, until it is told its gate. */
void proxy_enable(struct proxy *p)
{
	p->closing = false;
	p->wire = (struct wire_state){ 0 };
	p->door.gate = GATE_REFUSE;
	p->door.rejecting = false;
	p->door.drops_told = 0;
	proxy_assign(p);
	proxy_tell_up(p);
}

char *proxy_listen_text(const struct proxy *p, char *buf, size_t size)
{
	if (p->bound.sa.sa_family != AF_UNSPEC)
		return addr_format_sa(buf, size, &p->bound.sa);
	return addr_format(buf, size, &p->spec->listen);
}
