/* The relay as a whole: its loop's timer and reaper, its proxies, its end. See relay.h. */
#include "relay/relay.h"
#include "base/mono.h"
#include "kernel/socket.h"
#include "relay/builtin.h"
#include "relay/proxy.h"
#include "relay/resolve.h"
#include "relay/session.h"
#include "relay/witness.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define REAP_AT_ONCE 256 /* about 2 ms: whoever lives is not to wait for all the dead */

static void reap(struct relay *r, size_t most)
{
	struct session *s;

	while (most-- && (s = STAILQ_FIRST(&r->reap))) {
		STAILQ_REMOVE_HEAD(&r->reap, in_reap);
		session_free(s);
	}
	if (r->idle && !relay_live_sessions(r))
		r->idle(r->idle_arg);
	relay_schedule(r); /* who has gone may have made room for others */
}

void relay_reap(struct relay *r)
{
	reap(r, SIZE_MAX);
}

#define KEPT_MAX  128
#define PIPES_MAX 256 /* what is under way at 2 GB/s and 10 ms, with reads of 80 KB */

static void reap_due(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	struct timeval next_round = { 0 };

	(void)fd, (void)what;
	reap(r, REAP_AT_ONCE);
	if (!STAILQ_EMPTY(&r->reap))
		event_add(r->reaper, &next_round);
}

static void timer_due(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	uint64_t times;

	(void)what;
	if (read(fd, &times, sizeof(times)) < 0)
		return; /* set anew since the loop saw it */
	r->scheduled_ns = INT64_MAX;
	engine_tick(&r->engine, mono_now_ns());
	relay_schedule(r);
}

/* A timer of our own, set only when the engine's next deadline changes: as precise as libevent's
 * EVENT_BASE_FLAG_PRECISE_TIMER, which sets its timer anew in every round of the loop. */
void relay_schedule(struct relay *r)
{
	int64_t at = engine_deadline(&r->engine);
	struct itimerspec when = { 0 };

	if (at == r->scheduled_ns)
		return;
	r->scheduled_ns = at;
	if (at <= 0)
		at = 1; /* 0 would disarm it */
	if (at != INT64_MAX)
		when.it_value = (struct timespec){ at / NS_PER_S, at % NS_PER_S };
	timerfd_settime(r->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (!config)
		return NULL;
	/* The changelist folds what one round changes about a descriptor into one epoll_ctl(2). */
	if (!event_config_set_flag(
		config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST | EVENT_BASE_FLAG_NOLOCK))
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

static bool make_timer(struct relay *r)
{
	r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (r->timer_fd < 0)
		return false;
	r->timer = event_new(r->base, r->timer_fd, EV_READ | EV_PERSIST, timer_due, r);
	return r->timer && !event_add(r->timer, NULL);
}

/* The kernel hands out the lowest free number, so a number near the limit says that the table is
 * nearly full. What lies above is for the upstream connections and pipes of sessions that are open.
 */
static int descriptor_ceiling(void)
{
	uint64_t limit = socket_raise_nofile(), kept = limit / 8 < KEPT_MAX ? limit / 8 : KEPT_MAX;

	return limit > INT_MAX ? INT_MAX : (int)(limit - kept);
}

/* Two numbers are tried, one for each leg, once the sessions alone come near the limit. */
bool relay_has_descriptors(const struct relay *r)
{
	int first, second;

	if (r->sessions * LEGS + r->pipes.n_out * 2 + KEPT_MAX < (uint64_t)r->fd_ceiling)
		return true;
	first = dup(r->timer_fd);
	second = dup(r->timer_fd);
	if (first >= 0)
		close(first);
	if (second >= 0)
		close(second);
	return second >= 0 && second < r->fd_ceiling;
}

struct relay *relay_new(struct timeline *timeline, const struct wire *wire,
    const struct settings *settings, const char **err)
{
	struct relay *r = calloc(1, sizeof(*r));

	*err = "out of memory";
	if (!r)
		return NULL;
	r->timeline = timeline;
	r->wire = wire;
	r->splice = settings->splice;
	r->fd_ceiling = descriptor_ceiling();
	r->pipes_max = r->fd_ceiling / 16 < PIPES_MAX ? (unsigned)r->fd_ceiling / 16 : PIPES_MAX;
	r->scheduled_ns = INT64_MAX;
	TAILQ_INIT(&r->proxies);
	STAILQ_INIT(&r->reap);
	engine_init(&r->engine, wire, timeline, settings->seed);
	r->engine.observe_interval_ns = settings->observe_interval_ns;
	r->engine.max_fault_ns = settings->max_fault_duration_ns;
	r->engine.buffer_bytes = settings->buffer;
	r->engine.buffer_total = settings->buffer_total;
	r->timer_fd = -1;
	r->base = new_base();
	if (r->base && make_timer(r)) {
		r->reaper = event_new(r->base, -1, 0, reap_due, r);
		r->resolver = resolver_new(r->base);
	}
	if (settings->witness && r->base)
		r->witness = witness_new(r);
	r->engine.witness = r->witness;
	if (r->reaper && r->resolver && !r->witness == !settings->witness)
		return r;
	relay_free(r);
	return NULL;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	while (!TAILQ_EMPTY(&r->proxies))
		proxy_stop(TAILQ_FIRST(&r->proxies), "stop");
	engine_free(&r->engine);
	for (int i = 0; i < BUILTINS; i++)
		builtin_free(r->builtin[i]);
	pipe_pool_free(&r->pipes);
	witness_free(r->witness);
	resolver_free(r->resolver);
	if (r->timer)
		event_free(r->timer);
	if (r->timer_fd >= 0)
		close(r->timer_fd);
	if (r->reaper)
		event_free(r->reaper);
	if (r->base)
		event_base_free(r->base);
	free(r);
}

struct proxy *relay_find_proxy(struct relay *r, const char *name)
{
	struct proxy *p;

	TAILQ_FOREACH (p, &r->proxies, in_relay)
		if (!strcmp(p->spec->name, name))
			return p;
	return NULL;
}

/* What `each` does may end a session, never free it. */
static void each_session(struct relay *r, void (*each)(struct session *s, void *arg), void *arg)
{
	struct target *t;
	struct proxy *p;

	TAILQ_FOREACH (p, &r->proxies, in_relay)
		TAILQ_FOREACH (t, &p->door.targets, in_door)
			if (!t->over)
				each((struct session *)t, arg);
}

static void dump_one(struct session *s, void *arg)
{
	(void)arg;
	session_dump(s);
}

void relay_dump(struct relay *r)
{
	each_session(r, dump_one, NULL);
}

static void abort_one(struct session *s, void *arg)
{
	if (s->state != SESSION_DEAD)
		session_close(s, ENDING_ABORT, arg);
}

void relay_abort_sessions(struct relay *r, const char *reason)
{
	each_session(r, abort_one, (void *)(uintptr_t)reason);
}

static void count_live(struct session *s, void *arg)
{
	if (s->state != SESSION_DEAD)
		++*(uint64_t *)arg;
}

uint64_t relay_live_sessions(const struct relay *r)
{
	uint64_t n = 0;

	each_session((struct relay *)(uintptr_t)r, count_live, &n);
	return n;
}
