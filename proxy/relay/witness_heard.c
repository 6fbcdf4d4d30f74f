/*
 * Segments as the kernel hears them before a silent socket drops them (kernel/sniff.h): FIN and RST
 * of legs that are silent, and every attempt to connect to a proxy's address, answered or not.
 *
 * Two trees (tsearch(3)) know what a segment belongs to: the legs, by both ends of their
 * connection, and the attempts. A kernel repeats its SYN with the same number (tcp_retransmit_skb()
 * sends what tcp_connect_queue_skb() has made), so another number from the same port is another
 * attempt. So many attempts are remembered, then the oldest is not.
 */
#include "kernel/socket.h"
#include "relay/proxy.h"
#include "relay/witness.h"
#include <jansson.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#define BATCH        256 /* segments before others have their turn */
#define ATTEMPTS_MAX 65536

struct attempt {
	struct ends ends; /* first */
	uint32_t seq;
	TAILQ_ENTRY(attempt) in_order;
};

struct hearing {
	struct relay *relay;
	struct sniff sniff;
	struct event ev[WIRE_FAMILIES];
	void *legs, *attempts; /* trees */
	TAILQ_HEAD(, attempt) order;
	unsigned n_attempts;
};

static int by_ends(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ends));
}

/* --- legs --- */

void hearing_leg(struct hearing *h, struct heard_leg *leg)
{
	struct heard_leg **found = tsearch(leg, &h->legs, by_ends);

	if (!found)
		return;
	(*found)->known = false; /* a vanished connection's, whose ends have come back */
	*found = leg;
	leg->known = true;
}

void hearing_leg_gone(struct hearing *h, struct heard_leg *leg)
{
	if (leg->known)
		tdelete(leg, &h->legs, by_ends);
	leg->known = false;
}

static void ended(struct hearing *h, const struct ends *ends, enum peer_end what)
{
	struct heard_leg **found = tfind(ends, &h->legs, by_ends);
	const struct leg_state *leg;

	if (!found)
		return;
	leg = &(*found)->session->legs[(*found)->leg];
	if (leg->fd >= 0 && leg->wire.dirs & WIRE_IN)
		witness_peer((*found)->session, (*found)->leg, what, BY_SEGMENT);
}

/* --- attempts --- */

/* A listener at [::] has what comes to IPv4 addresses, too, unless it says otherwise. */
static bool takes_v4(int fd)
{
	int only = 1;
	socklen_t len = sizeof(only);

	return getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len) == 0 && !only;
}

static bool is_at(const struct proxy *p, const struct sniff_segment *s, const struct ends *ends)
{
	static const struct ends nowhere;
	const bool v6 = p->bound.sa.sa_family == AF_INET6;
	union sockaddr_ip bound = { .in = p->bound.in };
	struct ends at;

	if (p->fd < 0 || proxy_bound_port(p) != ntohs(ends->to_port))
		return false;
	if (v6)
		bound.in6 = p->bound.in6;
	ends_set(&at, &bound, &bound);
	if (!memcmp(at.to, ends->to, sizeof(at.to)))
		return true;
	if (!v6)
		return p->bound.in.sin_addr.s_addr == INADDR_ANY && s->to.sa.sa_family == AF_INET;
	return !memcmp(at.to, nowhere.to, sizeof(at.to)) &&
	       (s->to.sa.sa_family == AF_INET6 || takes_v4(p->fd));
}

/* Connections to ourselves that only take a place in the queue. */
static bool is_filler(const struct proxy *p, const struct ends *ends)
{
	for (unsigned i = 0; i < p->filling.n; i++) {
		const union sockaddr_any *local = &p->filling.fillers[i].local;
		union sockaddr_ip from = { .in = local->in };
		struct ends own;

		if (local->sa.sa_family == AF_INET6)
			from.in6 = local->in6;
		ends_set(&own, &from, &from);
		if (own.from_port == ends->from_port && !memcmp(own.from, ends->from, 16))
			return true;
	}
	return false;
}

static void forget_oldest(struct hearing *h)
{
	struct attempt *a = TAILQ_FIRST(&h->order);

	TAILQ_REMOVE(&h->order, a, in_order);
	tdelete(a, &h->attempts, by_ends);
	free(a);
	h->n_attempts--;
}

/* Was it heard before? */
static bool is_repeated(struct hearing *h, const struct ends *ends, uint32_t seq)
{
	struct attempt **found = tfind(ends, &h->attempts, by_ends), *a;
	bool same = found && (*found)->seq == seq;

	if (found) {
		(*found)->seq = seq;
		return same;
	}
	a = calloc(1, sizeof(*a));
	if (!a)
		return false;
	a->ends = *ends;
	a->seq = seq;
	if (!tsearch(a, &h->attempts, by_ends)) {
		free(a);
		return false;
	}
	TAILQ_INSERT_TAIL(&h->order, a, in_order);
	if (++h->n_attempts > ATTEMPTS_MAX)
		forget_oldest(h);
	return false;
}

static void attempted(struct hearing *h, const struct sniff_segment *s, const struct ends *ends)
{
	struct timeline *t = h->relay->timeline;
	char client[ADDR_TEXT_MAX];
	struct proxy *p;

	TAILQ_FOREACH (p, &h->relay->proxies, in_relay)
		if (p->bound.sa.sa_family != AF_UNIX && is_at(p, s, ends))
			break;
	if (!p || is_filler(p, ends))
		return;
	bool again = is_repeated(h, ends, s->seq);

	if (timeline_wants(t, EVENT_CLIENT_SYN))
		timeline_record(t, EVENT_CLIENT_SYN,
		    json_pack("{s:s, s:s, s:b}", "proxy", p->spec->name, "client",
			addr_format_sa(client, sizeof(client), &s->from.sa), "retransmission",
			again));
}

/* --- hearing --- */

static void heard(struct hearing *h, enum wire_family family)
{
	struct sniff_segment s;

	for (int i = 0, got; i < BATCH && (got = sniff_hear(&h->sniff, family, &s)); i++) {
		struct ends ends;

		if (got < 0)
			continue;
		ends_set(&ends, &s.from, &s.to);
		if (s.syn)
			attempted(h, &s, &ends);
		else
			ended(h, &ends, s.rst ? PEER_RST : PEER_FIN);
	}
}

static void heard_v4(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	heard(arg, WIRE_V4);
}

static void heard_v6(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	heard(arg, WIRE_V6);
}

struct hearing *hearing_new(struct relay *r)
{
	static const event_callback_fn callbacks[] = { heard_v4, heard_v6 };
	struct hearing *h = calloc(1, sizeof(*h));

	if (!h || sniff_open(&h->sniff) < 0) {
		free(h);
		return NULL;
	}
	h->relay = r;
	TAILQ_INIT(&h->order);
	for (int f = 0; f < WIRE_FAMILIES; f++) {
		if (h->sniff.fd[f] < 0)
			continue;
		event_assign(
		    &h->ev[f], r->base, h->sniff.fd[f], EV_READ | EV_PERSIST, callbacks[f], h);
		event_add(&h->ev[f], NULL);
	}
	return h;
}

void hearing_free(struct hearing *h)
{
	if (!h)
		return;
	for (int f = 0; f < WIRE_FAMILIES; f++)
		if (h->sniff.fd[f] >= 0)
			event_del(&h->ev[f]);
	sniff_close(&h->sniff);
	while (!TAILQ_EMPTY(&h->order))
		forget_oldest(h);
	free(h);
}
