/*
 * A door whose segments are answered with ICMP: it hears them on raw sockets of its own
 * (kernel/icmp.h) and asks the engine about each. It can be made neither a loud nor a strong
 * voice: so many answers in a moment and no more, none longer than what it answers by more than a
 * header, and what is not heard in time is dropped by the kernel; it comes again, being TCP.
 */
#include "base/mono.h"
#include "relay/proxy.h"
#include <stdlib.h>

#define MOMENT_NS (100 * NS_PER_MS)
#define MOST      100 /* answers in a moment: 1000 a second */
#define BATCH     64  /* segments heard before others have their turn */

struct rejecter {
	struct proxy *proxy;
	struct icmp icmp;
	struct event ev[WIRE_FAMILIES];
	int64_t moment_ns; /* when it began */
	unsigned answers;  /* in it */
};

static bool may_answer(struct rejecter *r)
{
	const int64_t now = mono_now_ns();

	if (now - r->moment_ns >= MOMENT_NS) {
		r->moment_ns = now;
		r->answers = 0;
	}
	return r->answers < MOST;
}

static void segment_arrived(struct rejecter *r, const struct icmp_segment *s)
{
	struct proxy *p = r->proxy;
	struct icmp_error how;

	if (s->rst || !engine_rejects(&p->relay->engine, &p->door, s, &how) || !may_answer(r))
		return;
	r->answers++;
	icmp_answer(&r->icmp, s, &how);
}

static void arrived(struct rejecter *r, enum wire_family family)
{
	struct icmp_segment s;

	for (int i = 0, got; i < BATCH && (got = icmp_hear(&r->icmp, family, &s)); i++)
		if (got > 0)
			segment_arrived(r, &s);
}

static void arrived_v4(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	arrived(arg, WIRE_V4);
}

static void arrived_v6(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	arrived(arg, WIRE_V6);
}

static void rejecter_free(struct rejecter *r)
{
	for (int f = 0; f < WIRE_FAMILIES; f++)
		if (r->icmp.of[f].in >= 0)
			event_del(&r->ev[f]);
	icmp_close(&r->icmp);
	free(r);
}

static struct rejecter *rejecter_new(struct proxy *p)
{
	static const event_callback_fn callbacks[] = { arrived_v4, arrived_v6 };
	struct rejecter *r = calloc(1, sizeof(*r));

	if (!r || icmp_open(&r->icmp, p->fd) < 0) {
		free(r);
		return NULL;
	}
	r->proxy = p;
	for (int f = 0; f < WIRE_FAMILIES; f++) {
		if (r->icmp.of[f].in < 0)
			continue;
		event_assign(&r->ev[f], p->relay->base, r->icmp.of[f].in, EV_READ | EV_PERSIST,
		    callbacks[f], r);
		event_add(&r->ev[f], NULL);
	}
	return r;
}

bool proxy_reject(struct door *d, bool on)
{
	struct proxy *p = (struct proxy *)d;

	if (!on && p->rejecter)
		rejecter_free(p->rejecter);
	if (!on)
		p->rejecter = NULL;
	else if (!p->rejecter && !p->closing)
		p->rejecter = rejecter_new(p);
	return !on || p->rejecter || p->closing; /* a disabled one is asked again: proxy_enable() */
}
