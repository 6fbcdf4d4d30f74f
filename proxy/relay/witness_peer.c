/*
 * Who is seen, and what the peers do: sessions from their opening on, and legs that nobody reads,
 * whose state alone says that the application at their other end has ended them.
 */
#include "base/mono.h"
#include "kernel/socket.h"
#include "relay/proxy.h"
#include "relay/witness.h"
#include <jansson.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

/* As in faults/tell.c: no more than a twentieth of the loop's time. */
#define OBSERVE_SHARE 20

struct witness {
	struct relay *relay;
	struct hearing *hearing; /* NULL: no segment is heard */
	struct event *timer;
};

/* --- legs that are not read --- */

/* Silent to what arrives: what is heard of it is another's business (witness_heard.c). */
static bool is_unread(const struct session *s, enum leg which)
{
	const struct leg_state *leg = &s->legs[which];

	return leg->fd >= 0 && leg->ready && !leg->over && !(leg->wire.dirs & WIRE_IN) &&
	       s->proxy->door.family[which] != AF_UNIX &&
	       !flow_wants_read(s, which == LEG_CLIENT ? FLOW_UPSTREAM : FLOW_DOWNSTREAM);
}

/* After our own FIN, CLOSE is what follows the peer's: tcp_time_wait(), or LAST_ACK's end. */
static void look_at_state(struct session *s, enum leg which)
{
	const enum flow in = which == LEG_CLIENT ? FLOW_DOWNSTREAM : FLOW_UPSTREAM;
	struct tcp_info info;

	if (!socket_tcp_info(s->legs[which].fd, &info))
		return;
	switch (info.tcpi_state) {
	case TCP_CLOSE:
		witness_peer(s, which, s->flows[in].fin ? PEER_FIN : PEER_RST, BY_STATE);
		break;
	case TCP_CLOSE_WAIT:
	case TCP_LAST_ACK:
	case TCP_CLOSING:
	case TCP_TIME_WAIT:
		witness_peer(s, which, PEER_FIN, BY_STATE);
		break;
	default:
		break;
	}
}

void witness_states(struct relay *r)
{
	struct target *t;
	struct proxy *p;

	TAILQ_FOREACH (p, &r->proxies, in_relay)
		TAILQ_FOREACH (t, &p->door.targets, in_door) {
			struct session *s = (struct session *)t;

			for (enum leg leg = 0; leg < LEGS && s->seen && !t->over; leg++)
				if (!(s->seen->told[leg] & 1 << PEER_RST) && is_unread(s, leg))
					look_at_state(s, leg);
		}
}

static void look_again(struct witness *w, int64_t pause_ns)
{
	struct timeval pause = { .tv_sec = pause_ns / NS_PER_S,
		.tv_usec = pause_ns % NS_PER_S / NS_PER_US };

	event_add(w->timer, &pause);
}

static void look_due(evutil_socket_t fd, short what, void *arg)
{
	struct witness *w = arg;
	int64_t began = mono_now_ns(), pause;

	(void)fd, (void)what;
	witness_states(w->relay);
	pause = (mono_now_ns() - began) * OBSERVE_SHARE;
	if (pause < w->relay->engine.observe_interval_ns)
		pause = w->relay->engine.observe_interval_ns;
	look_again(w, pause);
}

/* --- what they did --- */

void witness_peer(struct session *s, enum leg leg, enum peer_end what, enum peer_sight by)
{
	static const char *const legs[] = { "client", "server" }, *const ends[] = { "fin", "rst" },
				 *const sights[] = { "bytes", "segment", "state" };
	struct timeline *t = s->relay->timeline;

	if (s->seen->told[leg] & 1 << what)
		return;
	s->seen->told[leg] |= (uint8_t)(1 << what);
	if (timeline_wants(t, EVENT_SESSION_PEER))
		timeline_record(t, EVENT_SESSION_PEER,
		    json_pack("{s:s, s:I, s:s, s:s, s:s}", "proxy", s->proxy->spec->name, "session",
			(json_int_t)s->target.id, "leg", legs[leg], "what", ends[what], "seen_by",
			sights[by]));
}

/* --- who is seen --- */

static void put_ip(uint8_t to[16], in_port_t *port, const union sockaddr_ip *sa)
{
	if (sa->sa.sa_family == AF_INET6) {
		memcpy(to, &sa->in6.sin6_addr, 16);
		*port = sa->in6.sin6_port;
		return;
	}
	memset(to, 0, 10);
	memset(to + 10, 0xff, 2);
	memcpy(to + 12, &sa->in.sin_addr, 4);
	*port = sa->in.sin_port;
}

void ends_set(struct ends *e, const union sockaddr_ip *from, const union sockaddr_ip *to)
{
	put_ip(e->from, &e->from_port, from);
	put_ip(e->to, &e->to_port, to);
}

static bool peer_of(int fd, union sockaddr_ip *out)
{
	socklen_t len = sizeof(*out);

	return getpeername(fd, &out->sa, &len) == 0;
}

void witness_leg(struct session *s, enum leg which)
{
	struct hearing *h = s->relay->witness->hearing;
	struct heard_leg *leg = &s->seen->heard[which];
	union sockaddr_ip from, to;
	int fd = s->legs[which].fd;

	if (!h || s->proxy->door.family[which] == AF_UNIX || !socket_local(fd, &to) ||
	    (to.sa.sa_family != AF_INET && to.sa.sa_family != AF_INET6) || !peer_of(fd, &from))
		return;
	ends_set(&leg->ends, &from, &to);
	leg->session = s;
	leg->leg = (uint8_t)which;
	hearing_leg(h, leg);
}

void witness_opened(struct session *s)
{
	s->seen = calloc(1, sizeof(*s->seen));
	if (s->seen)
		witness_leg(s, LEG_CLIENT);
}

void witness_closed(struct session *s)
{
	for (enum leg leg = 0; leg < LEGS; leg++)
		if (s->relay->witness->hearing)
			hearing_leg_gone(s->relay->witness->hearing, &s->seen->heard[leg]);
	free(s->seen->recent);
	free(s->seen);
	s->seen = NULL;
}

struct witness *witness_new(struct relay *r)
{
	struct witness *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->relay = r;
	w->hearing = hearing_new(r);
	w->timer = event_new(r->base, -1, 0, look_due, w);
	if (!w->timer) {
		witness_free(w);
		return NULL;
	}
	look_again(w, r->engine.observe_interval_ns);
	return w;
}

void witness_free(struct witness *w)
{
	if (!w)
		return;
	if (w->timer)
		event_free(w->timer);
	hearing_free(w->hearing);
	free(w);
}
