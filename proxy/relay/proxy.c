/*
 * A proxy: its listening address as a door for faults, and the accept loop.
 *
 * The gate, and what it is to the kernel:
 *   open     listening, accepting
 *   hold     listening; nobody accepts, so the kernel completes handshakes until the queue is full
 *   full     listening, and the queue is full from the start (filling.h): SYNs are dropped
 *   refuse   bound, not listening (socket_refuse): SYNs get RST
 *   silent   listening, and the socket silent (wire.h): SYNs vanish
 * A proxy starts as refuse: bound, and not a SYN answered, until its door has been told what the
 * faults say.
 */
#include "relay/proxy.h"
#include "base/mono.h"
#include "kernel/socket.h"
#include "relay/builtin.h"
#include "relay/session.h"
#include "relay/witness.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCEPT_BATCH 64

static bool is_tcp(const struct proxy *p)
{
	return p->bound.sa.sa_family != AF_UNIX;
}

/* --- accepting --- */

static void tell(const struct proxy *p, enum event_id id, const char *error)
{
	json_t *o;

	if (!timeline_wants(p->relay->timeline, id))
		return;
	o = json_pack("{s:s}", "proxy", p->spec->name);
	if (error)
		json_object_set_new(o, "error", json_string(error));
	timeline_record(p->relay->timeline, id, o);
}

static void retry_due(evutil_socket_t fd, short what, void *arg);
static void listen_again(struct proxy *p);

static void retry_soon(struct proxy *p)
{
	struct timeval moment = { .tv_usec = 100 * 1000 };

	if (!p->retry)
		p->retry = event_new(p->relay->base, -1, 0, retry_due, p);
	if (p->retry)
		event_add(p->retry, &moment);
}

/* No descriptors or no memory, to accept or to listen: wait for a session to end, or a moment, and
 * try again. Told once. */
static void starve(struct proxy *p, int err)
{
	if (!p->starved_ns)
		tell(p, EVENT_ACCEPT_PAUSED, strerror(err));
	p->starved_ns = mono_now_ns();
	event_del(&p->ev);
	retry_soon(p);
}

static bool is_deaf(const struct proxy *p)
{
	return !p->listening && !p->closing && p->door.gate != GATE_REFUSE;
}

/* Told when it has gone well for a while, so that a relay at its limit does not fill the log. */
static void retry_due(evutil_socket_t fd, short what, void *arg)
{
	struct proxy *p = arg;

	(void)fd, (void)what;
	if (is_deaf(p))
		listen_again(p);
	if (is_deaf(p))
		return;
	if (!relay_has_descriptors(p->relay)) {
		starve(p, EMFILE);
	} else if (mono_now_ns() - p->starved_ns < NS_PER_S) {
		proxy_watch(p);
		retry_soon(p);
	} else {
		p->starved_ns = 0;
		tell(p, EVENT_ACCEPT_RESUMED, NULL);
		proxy_watch(p);
	}
}

static bool is_full(const struct proxy *p)
{
	return p->spec->max_sessions && p->sessions >= p->spec->max_sessions;
}

unsigned proxy_accept(struct proxy *p, unsigned limit)
{
	int64_t now = mono_now_ns();
	unsigned n = 0;

	while (!limit || (n < limit && !is_full(p))) {
		union sockaddr_ip client;
		int fd;

		if (limit && !relay_has_descriptors(p->relay)) {
			starve(p, EMFILE);
			break;
		}
		fd = socket_accept(p->fd, &client);
		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0 && errno != EAGAIN)
			starve(p, errno);
		if (fd < 0)
			break;
		n++;
		if (!filling_takes(&p->filling, fd))
			session_open(p, fd, &client, now);
	}
	return n;
}

static void knocked(evutil_socket_t fd, short what, void *arg)
{
	struct proxy *p = arg;

	(void)fd, (void)what;
	proxy_accept(p, ACCEPT_BATCH);
	if (is_full(p))
		proxy_watch(p);
	relay_schedule(p->relay);
}

void proxy_watch(struct proxy *p)
{
	bool want =
	    p->started && p->fd >= 0 && p->listening && p->door.gate == GATE_OPEN && !is_full(p);

	if (want && p->starved_ns)
		want = relay_has_descriptors(p->relay);

	if (p->fd < 0 || !event_initialized(&p->ev))
		return;
	if (want)
		event_add(&p->ev, NULL);
	else
		event_del(&p->ev);
}

void proxy_session_gone(struct proxy *p)
{
	if (!p->closing && (p->spec->max_sessions || p->starved_ns))
		proxy_watch(p);
}

/* --- the door --- */

static void open_unix(struct proxy *p)
{
	union sockaddr_any bound; /* nothing, if it fails */

	if (p->full)
		socket_relisten(p->fd, (int)p->spec->backlog);
	if (p->fd < 0)
		p->fd = socket_listen(&p->spec->listen, (int)p->spec->backlog, &bound);
	if (p->fd < 0) {
		starve(p, errno);
		return;
	}
	event_assign(&p->ev, p->relay->base, p->fd, EV_READ | EV_PERSIST, knocked, p);
	p->listening = true;
}

/* A Unix socket cannot stop listening and start again: it is closed (its path refuses), and bound
 * anew. */
static void refuse_unix(struct proxy *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->listening = false;
}

static void listen_again(struct proxy *p)
{
	if (!is_tcp(p))
		open_unix(p);
	else if ((!p->listening || p->full) && socket_relisten(p->fd, (int)p->spec->backlog))
		starve(p, errno);
	else
		p->listening = true;
	p->full = false;
}

enum grade proxy_fill(struct proxy *p)
{
	if (p->fd < 0)
		return GRADE_EXACT;
	p->full = true;
	if (filling_make(&p->filling, p->fd, &p->bound, p->door.room))
		return GRADE_EXACT;
	return GRADE_PARTIAL;
}

static void stop_listening(struct proxy *p)
{
	if (!is_tcp(p))
		refuse_unix(p);
	else if (p->listening)
		socket_refuse(p->fd);
	p->listening = false;
	p->full = false;
	filling_drop(&p->filling);
}

static enum grade door_gate(struct door *d, enum gate gate)
{
	struct proxy *p = (struct proxy *)d;
	enum grade grade = GRADE_EXACT;

	if (p->closing)
		return grade;
	if (p->fd >= 0 && event_initialized(&p->ev))
		event_del(&p->ev);
	if (gate == GATE_SILENT) {
		/* First deaf, then listening: not one SYN is answered between the two. */
		grade = wire_silence_listener(p->relay->wire, p->fd, &p->wire, NULL, true);
		listen_again(p);
		proxy_accept(p, 0); /* what waited would otherwise stay alive in the queue */
		/* Half-done handshakes have their SYN-ACKs repeated (signed, so that nobody hears):
		 * after a partition they are completed so; a host that died knows nothing of them.
		 */
		if (d->forgets)
			wire_bury(p->relay->wire, p->fd, &p->wire, -1);
		return grade;
	}
	if (gate == GATE_REFUSE)
		stop_listening(p);
	if (p->wire.dirs)
		wire_silence_listener(p->relay->wire, p->fd, &p->wire, NULL, false);
	if (gate != GATE_REFUSE && !(gate == GATE_FULL && p->full))
		listen_again(p);
	if (gate == GATE_FULL)
		grade = proxy_fill(p);
	proxy_watch(p);
	return grade;
}

static enum grade door_range(struct door *d, const struct cidr *clients, bool silent)
{
	struct proxy *p = (struct proxy *)d;

	return p->fd < 0 ? GRADE_EXACT
			 : wire_silence_listener(p->relay->wire, p->fd, &p->wire, clients, silent);
}

static uint32_t door_drops(struct door *d)
{
	struct proxy *p = (struct proxy *)d;

	return p->fd < 0 ? 0 : wire_drops(p->fd, &p->wire);
}

static const struct sockaddr *door_client(const struct target *t)
{
	return &((const struct session *)t)->client.sa;
}

const struct door_ops proxy_door_ops = {
	.gate = door_gate,
	.range = door_range,
	.drops = door_drops,
	.reject = proxy_reject,
	.client = door_client,
};

/* --- life --- */

static void take_address(struct proxy *p, const union sockaddr_any *sa, socklen_t len)
{
	p->addrs[0] = *sa;
	p->addr_lens[0] = len;
	p->n_addrs = 1;
	p->door.family[LEG_SERVER] = sa->sa.sa_family;
}

static bool take_builtin(struct proxy *p, const char *name)
{
	enum builtin_kind kind =
	    strcmp(name, builtin_names[BUILTIN_ECHO]) ? BUILTIN_DISCARD : BUILTIN_ECHO;
	struct builtin **b = &p->relay->builtin[kind];
	socklen_t len = sizeof(struct sockaddr_in);

	if (!*b)
		*b = builtin_new(p->relay->base, kind);
	if (!*b)
		return false;
	if (builtin_address(*b)->sa.sa_family == AF_INET6)
		len = sizeof(struct sockaddr_in6);
	take_address(p, builtin_address(*b), len);
	return true;
}

static bool take_upstream(struct proxy *p, const struct addr *up)
{
	p->n_addrs = 0;
	p->expires_ns = 0;
	p->door.family[LEG_SERVER] = AF_UNSPEC;
	if (up->kind == ADDR_BUILTIN)
		return take_builtin(p, up->name);
	if (up->kind != ADDR_NAME)
		take_address(p, &up->sa, up->len);
	return true;
}

struct proxy *proxy_prepare(struct relay *r, const struct proxy_spec *spec, char *err, size_t size)
{
	struct proxy *p = calloc(1, sizeof(*p));
	char text[ADDR_TEXT_MAX];
	int error;

	if (!p || !(p->spec = proxy_spec_copy(spec))) {
		snprintf(err, size, "proxy %s: out of memory", spec->name);
		free(p);
		errno = ENOMEM;
		return NULL;
	}
	p->relay = r;
	p->door.ops = &proxy_door_ops;
	p->door.spec = p->spec;
	p->door.gate = GATE_REFUSE;
	TAILQ_INIT(&p->door.targets);
	TAILQ_INIT(&p->unanswered);
	p->fd = -1;
	p->address = spec->listen;
	p->door.family[LEG_CLIENT] = spec->listen.sa.sa.sa_family; /* a name: unknown */
	p->closing = !spec->enabled;
	if (!take_upstream(p, &spec->upstream))
		snprintf(err, size, "proxy %s: cannot start %s: %s", spec->name,
		    addr_format(text, sizeof(text), &spec->upstream), strerror(errno));
	else if (!spec->enabled || proxy_bind(p, err, size))
		return p;
	error = errno;
	proxy_stop(p, NULL);
	errno = error;
	return NULL;
}

void proxy_assign(struct proxy *p)
{
	p->listening = !is_tcp(p);
	event_assign(&p->ev, p->relay->base, p->fd, EV_READ | EV_PERSIST, knocked, p);
}

void proxy_tell_up(const struct proxy *p)
{
	char bound[ADDR_TEXT_MAX], up[ADDR_TEXT_MAX];

	if (timeline_wants(p->relay->timeline, EVENT_PROXY_UP))
		timeline_record(p->relay->timeline, EVENT_PROXY_UP,
		    json_pack("{s:s, s:s, s:s, s:s}", "proxy", p->spec->name, "listen",
			addr_format_sa(bound, sizeof(bound), &p->bound.sa), "upstream",
			addr_format(up, sizeof(up), &p->spec->upstream), "host",
			p->spec->host ? p->spec->host : p->spec->name));
}

void proxy_start(struct proxy *p)
{
	p->started = true;
	if (p->spec->enabled)
		proxy_assign(p);
	TAILQ_INSERT_TAIL(&p->relay->proxies, p, in_relay);
	engine_door_add(&p->relay->engine, &p->door, mono_now_ns());
	if (p->spec->enabled)
		proxy_tell_up(p);
}

void proxy_close_listener(struct proxy *p)
{
	p->closing = true;
	filling_drop(&p->filling);
	if (p->fd < 0)
		return;
	if (event_initialized(&p->ev))
		event_del(&p->ev);
	close(p->fd);
	if (!is_tcp(p))
		unlink(p->bound.un.sun_path);
	p->fd = -1;
}

void proxy_stop(struct proxy *p, const char *reason)
{
	struct target *t, *next;

	if (p->started) {
		TAILQ_REMOVE(&p->relay->proxies, p, in_relay);
		for (t = TAILQ_FIRST(&p->door.targets); t; t = next) {
			next = TAILQ_NEXT(t, in_door);
			session_close((struct session *)t, ENDING_ABORT, reason);
		}
		relay_reap(p->relay);
		engine_door_remove(&p->relay->engine, &p->door);
		if (p->spec->enabled && timeline_wants(p->relay->timeline, EVENT_PROXY_DOWN))
			timeline_record(p->relay->timeline, EVENT_PROXY_DOWN,
			    json_pack("{s:s, s:s}", "proxy", p->spec->name, "reason", reason));
	}
	proxy_close_listener(p);
	proxy_reject(&p->door, false);
	witness_forget(p);
	if (p->retry)
		event_free(p->retry);
	proxy_spec_free(p->spec);
	free(p);
}

bool proxy_update(struct proxy *p, const struct proxy_spec *spec)
{
	struct proxy_spec *copy = proxy_spec_copy(spec);
	bool was_enabled = p->spec->enabled;

	if (!copy || !take_upstream(p, &copy->upstream)) {
		take_upstream(p, &p->spec->upstream); /* it worked before */
		proxy_spec_free(copy);
		return false;
	}
	proxy_spec_free(p->spec);
	p->spec = copy;
	p->door.spec = copy;
	if (was_enabled && !copy->enabled)
		proxy_disable(p);
	if (!was_enabled && copy->enabled)
		proxy_enable(p);
	engine_door_changed(&p->relay->engine, &p->door);
	if (p->fd < 0)
		return true;
	if (p->door.gate == GATE_OPEN || p->door.gate == GATE_HOLD)
		socket_relisten(
		    p->fd, (int)copy->backlog); /* listen(2) again: the new length of its queue */
	proxy_watch(p);
	return true;
}

const struct proxy_spec *proxy_spec_of(const struct proxy *p)
{
	return p->spec;
}

struct door *proxy_door(struct proxy *p)
{
	return &p->door;
}

const union sockaddr_any *proxy_bound(const struct proxy *p)
{
	return &p->bound;
}
