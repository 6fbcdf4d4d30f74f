/*
 * Sessions: states, legs, ends. See session.h for the states; flow.c moves the bytes, target.c
 * does what faults ask for.
 */
#include "relay/session.h"
#include "base/mono.h"
#include "faults/stream.h"
#include "kernel/socket.h"
#include "relay/builtin.h"
#include "relay/proxy.h"
#include "relay/witness.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const session_state_names[] = { "dialing", "open", "closing", "dead", "over", NULL };

void session_set_state(struct session *s, enum session_state state)
{
	struct timeline *t = s->relay->timeline;

	if (timeline_wants(t, EVENT_SESSION_STATE))
		timeline_record(t, EVENT_SESSION_STATE,
		    json_pack("{s:s, s:I, s:s, s:s}", "proxy", s->proxy->spec->name, "session",
			(json_int_t)s->target.id, "old", session_state_names[s->state], "new",
			session_state_names[state]));
	s->state = state;
	if (state > SESSION_OPEN)
		engine_session_done(&s->relay->engine, &s->target);
}

/* --- events --- */

static void leg_ready(evutil_socket_t fd, short what, void *arg)
{
	struct leg_state *leg = arg;
	struct session *s =
	    (struct session *)((char *)(leg - leg->which) - offsetof(struct session, legs));
	enum flow in = leg->which == LEG_CLIENT ? FLOW_DOWNSTREAM : FLOW_UPSTREAM;

	(void)fd;
	s->active_ns = mono_now_ns();
	if (what & EV_WRITE)
		flow_run(s, in);
	if (what & EV_READ && flow_wants_read(s, !in))
		flow_run(s, !in);
	if (s->state != SESSION_OVER)
		session_watch(s);
	relay_schedule(s->relay);
}

static void leg_watch(struct session *s, struct leg_state *leg, uint8_t what)
{
	if (leg->watched == what)
		return;
	if (leg->watched)
		event_del(&leg->ev);
	leg->watched = what;
	if (!what)
		return;
	event_assign(&leg->ev, s->relay->base, leg->fd, what | EV_PERSIST, leg_ready, leg);
	event_add(&leg->ev, NULL);
}

void session_watch(struct session *s)
{
	uint8_t what[LEGS] = { 0, 0 };

	for (enum flow f = 0; f < FLOWS; f++) {
		if (flow_wants_read(s, f))
			what[flow_source(f)] |= EV_READ;
		if (flow_wants_write(s, f))
			what[flow_sink(f)] |= EV_WRITE;
	}
	for (enum leg l = 0; l < LEGS; l++)
		if (s->legs[l].ready && !s->legs[l].over)
			leg_watch(s, &s->legs[l], what[l]);
}

/* --- the beginning --- */

static void tell_opened(const struct session *s)
{
	char client[ADDR_TEXT_MAX];

	if (!timeline_wants(s->relay->timeline, EVENT_SESSION_OPENED))
		return;
	timeline_record(s->relay->timeline, EVENT_SESSION_OPENED,
	    json_pack("{s:s, s:I, s:s}", "proxy", s->proxy->spec->name, "session",
		(json_int_t)s->target.id, "client",
		addr_format_sa(client, sizeof(client), &s->client.sa)));
}

struct session *session_open(
    struct proxy *p, int fd, const union sockaddr_ip *client, int64_t now_ns)
{
	struct relay *r = p->relay;
	struct session *s = calloc(1, sizeof(*s));

	if (!s) {
		socket_abort(fd);
		return NULL;
	}
	s->relay = r;
	s->proxy = p;
	s->client = *client;
	s->opened_ns = s->active_ns = now_ns;
	s->legs[LEG_CLIENT] = (struct leg_state){ .fd = fd, .which = LEG_CLIENT, .ready = true };
	s->legs[LEG_SERVER] = (struct leg_state){ .fd = -1, .which = LEG_SERVER };
	s->flows[FLOW_UPSTREAM].mark = s->flows[FLOW_DOWNSTREAM].mark = UINT64_MAX;
	s->target.ops = &session_target_ops;
	s->target.door = &p->door;
	s->target.id = ++r->sessions_opened;
	s->target.nth = ++p->accepted;
	r->sessions++;
	p->sessions++;
	if (r->witness)
		witness_opened(s);
	tell_opened(s);
	engine_session_opened(&r->engine, &s->target, now_ns);
	if (s->state == SESSION_DIALING && !s->dial && !s->undialled)
		dial_start(s);
	return s;
}

static void tell_connected(const struct session *s, int fd, int64_t now_ns)
{
	union sockaddr_any there = { .sa.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(there);
	char upstream[ADDR_TEXT_MAX];

	if (!timeline_wants(s->relay->timeline, EVENT_SESSION_CONNECTED))
		return;
	getpeername(fd, &there.sa, &len);
	timeline_record(s->relay->timeline, EVENT_SESSION_CONNECTED,
	    json_pack("{s:s, s:I, s:s, s:I}", "proxy", s->proxy->spec->name, "session",
		(json_int_t)s->target.id, "upstream",
		addr_format_sa(upstream, sizeof(upstream), &there.sa), "connect_ns",
		(json_int_t)(now_ns - s->opened_ns)));
}

void session_connected(struct session *s, int fd, int64_t now_ns)
{
	struct leg_state *leg = &s->legs[LEG_SERVER];

	leg->fd = fd;
	leg->ready = true;
	if (s->seen)
		witness_leg(s, LEG_SERVER);
	tell_connected(s, fd, now_ns);
	session_set_state(s, SESSION_OPEN);
	if (!LIST_EMPTY(&s->target.runs))
		engine_leg_ready(&s->relay->engine, &s->target, now_ns);
	if (flow_wants_read(s, FLOW_UPSTREAM))
		flow_run(s, FLOW_UPSTREAM); /* a client that speaks first has spoken by now */
	if (s->state == SESSION_OPEN && s->flows[FLOW_DOWNSTREAM].eof)
		flow_run(s, FLOW_DOWNSTREAM); /* a fault has ended it meanwhile */
	if (s->state != SESSION_OVER)
		session_watch(s);
}

/* --- the end --- */

static void session_over(struct session *s)
{
	if (s->state == SESSION_OVER)
		return;
	session_set_state(s, SESSION_OVER);
	s->target.over = true;
	STAILQ_INSERT_TAIL(&s->relay->reap, s, in_reap);
	event_active(s->relay->reaper, EV_TIMEOUT, 0);
}

void session_vanish_leg(struct session *s, enum leg which)
{
	struct leg_state *leg = &s->legs[which];

	for (int kind = 0; kind < BUILTINS && which == LEG_SERVER; kind++)
		if (s->relay->builtin[kind])
			builtin_let_go(s->relay->builtin[kind], leg->fd);
	if (s->seen)
		witness_leg_ends(s, which, ENDING_VANISH);
	wire_vanish(s->relay->wire, leg->fd, &leg->wire);
	leg->fd = -1;
	leg->later = 0;
}

static void leg_close(struct session *s, struct leg_state *leg, enum ending how)
{
	engine_leg_ends(&s->target);
	if (how == ENDING_VANISH) {
		session_vanish_leg(s, leg->which);
		return;
	}
	if (s->seen)
		witness_leg_ends(s, leg->which, how);
	if (how == ENDING_ABORT)
		socket_abort(leg->fd);
	else
		close(leg->fd);
	leg->fd = -1;
	leg->later = 0;
}

static void flow_finish(struct session *s, enum flow f)
{
	struct stream *shaped = s->target.streams[f];

	s->flows[f].discard = true;
	if (!shaped || !stream_end(shaped, mono_now_ns())) /* else: behind what is on its way */
		s->flows[f].eof = true;
	else
		stream_run(shaped, mono_now_ns());
	if (s->state == SESSION_OPEN && !s->flows[f].len) /* DIALING: session_connected() does it */
		flow_run(s, f);
}

static void leg_end(struct session *s, enum leg which, enum ending how)
{
	struct leg_state *leg = &s->legs[which];
	bool silent = leg->wire.dirs & WIRE_OUT;

	if (leg->over) {
		if (leg->later && how == ENDING_VANISH)
			leg->later = 1 + how;
		return;
	}
	if (s->dial) { /* whichever ends: nobody waits for the other any more */
		dial_cancel(s);
		s->legs[LEG_SERVER].over = true;
	}
	if (leg->fd >= 0)
		leg_watch(s, leg, 0);
	leg->over = true;
	leg->ready = false;
	for (enum flow f = 0; f < FLOWS; f++)
		flow_clear(s, f);
	if (leg->fd >= 0 && silent)
		leg->later = 1 + how;
	else if (leg->fd >= 0)
		leg_close(s, leg, how);
}

void session_end_leg(struct session *s, enum leg which, enum ending how)
{
	if (how == ENDING_FINISH) {
		flow_finish(s, which == LEG_CLIENT ? FLOW_DOWNSTREAM : FLOW_UPSTREAM);
		return;
	}
	leg_end(s, which, how);
	if (s->legs[LEG_CLIENT].fd < 0 && s->legs[LEG_SERVER].fd < 0)
		session_over(s);
	else if (s->state != SESSION_DEAD && s->state != SESSION_OVER)
		session_set_state(s, SESSION_DEAD);
	if (s->state == SESSION_DEAD)
		session_watch(s);
}

static void set_reason(struct session *s, const char *reason)
{
	if (!s->reason)
		s->reason = reason;
}

void session_close(struct session *s, enum ending how, const char *reason)
{
	if (s->state == SESSION_OVER)
		return;
	set_reason(s, reason);
	for (enum leg l = 0; l < LEGS; l++) {
		struct leg_state *leg = &s->legs[l];

		/* What is silent stays so to the end: its host is dead, or cut off. */
		leg_end(s, l, how);
		if (leg->later)
			leg_close(s, leg, ENDING_VANISH);
	}
	session_over(s);
}

void session_unreachable(struct session *s, int err)
{
	bool silence = err == ETIMEDOUT && session_fall_silent(s, LEG_CLIENT);

	if (err == ECONNREFUSED)
		set_reason(s, "connect_refused");
	set_reason(s, err == ETIMEDOUT ? "connect_timeout" : "connect_failed");
	session_end_leg(s, LEG_SERVER, ENDING_ABORT);
	if (!silence)
		session_end_leg(s, LEG_CLIENT, ENDING_ABORT);
}

/* Where bytes are on a slow way to the other leg, the reset keeps its place behind them. Until it
 * arrives nobody is there to take what comes the other way. */
static bool resets_in_its_place(struct session *s, enum leg which)
{
	enum flow out = which == LEG_CLIENT ? FLOW_UPSTREAM : FLOW_DOWNSTREAM;
	struct stream *shaped = s->target.streams[out];
	int64_t now = mono_now_ns();

	if (s->state != SESSION_OPEN || s->legs[!which].failed || !shaped)
		return false;
	if (!s->legs[which].failed && !stream_reset(shaped, now))
		return false;
	s->legs[which].failed = true;
	flow_clear(s, !out);
	s->flows[!out].discard = true;
	stream_run(shaped, now);
	return true;
}

void session_leg_failed(struct session *s, enum leg which, int err)
{
	static const char *const reasons[LEGS][2] = {
		[LEG_CLIENT] = { "client_reset", "client_timeout" },
		[LEG_SERVER] = { "server_reset", "server_timeout" },
	};
	enum leg other = !which;
	bool silent = err == ETIMEDOUT || err == EHOSTUNREACH || err == ENETUNREACH;

	set_reason(s, reasons[which][silent]);
	if (s->seen && !silent)
		witness_peer(s, which, PEER_RST, BY_BYTES);
	if (!silent && resets_in_its_place(s, which))
		return;
	session_end_leg(s, which, ENDING_ABORT);
	if (!s->legs[other].over && !(silent && session_fall_silent(s, other)))
		session_end_leg(s, other, ENDING_ABORT);
}

static json_t *session_json(const struct session *s)
{
	char client[ADDR_TEXT_MAX];

	return json_pack("{s:s, s:I, s:s, s:I, s:I, s:I}", "proxy", s->proxy->spec->name, "session",
	    (json_int_t)s->target.id, "client",
	    addr_format_sa(client, sizeof(client), &s->client.sa), "upstream_bytes",
	    (json_int_t)s->flows[FLOW_UPSTREAM].bytes, "downstream_bytes",
	    (json_int_t)s->flows[FLOW_DOWNSTREAM].bytes, "duration_ns",
	    (json_int_t)(mono_now_ns() - s->opened_ns));
}

static void tell_closed(const struct session *s)
{
	json_t *o;

	if (!timeline_wants(s->relay->timeline, EVENT_SESSION_CLOSED))
		return;
	o = session_json(s);
	json_object_set_new(o, "reason", json_string(s->fault ? "fault" : s->reason));
	if (s->fault)
		json_object_set_new(o, "fault", json_string(s->fault));
	if (s->seen)
		witness_add_lost(s, o);
	timeline_record(s->relay->timeline, EVENT_SESSION_CLOSED, o);
}

void session_dump(struct session *s)
{
	static const char *const dirs[] = { "speaks", "deaf", "mute", "silent" };
	json_t *o, *faults, *shaped;
	struct run *run;

	if (!timeline_wants(s->relay->timeline, EVENT_SESSION_DUMP))
		return;
	o = session_json(s);
	faults = json_array();
	LIST_FOREACH (run, &s->target.runs, in_target)
		json_array_append_new(faults, json_string(run_spec(run)->name));
	shaped = json_array();
	for (enum flow f = 0; f < FLOWS; f++)
		if (s->target.streams[f])
			json_array_append_new(shaped, json_string(flow_names[f]));
	json_object_set_new(o, "state", json_string(session_state_names[s->state]));
	json_object_set_new(o, "idle_ns", json_integer(mono_now_ns() - s->active_ns));
	json_object_set_new(o, "client_leg", json_string(dirs[s->legs[LEG_CLIENT].wire.dirs & 3]));
	json_object_set_new(o, "server_leg", json_string(dirs[s->legs[LEG_SERVER].wire.dirs & 3]));
	json_object_set_new(o, "faults", faults);
	json_object_set_new(o, "shaped", shaped);
	timeline_record(s->relay->timeline, EVENT_SESSION_DUMP, o);
}

void session_free(struct session *s)
{
	struct proxy *p = s->proxy;

	engine_session_closed(&s->relay->engine, &s->target, mono_now_ns());
	tell_closed(s);
	if (s->seen)
		witness_closed(s);
	if (s->limit)
		event_free(s->limit);
	for (enum flow f = 0; f < FLOWS; f++)
		p->bytes[f] += s->flows[f].bytes;
	s->relay->sessions--;
	p->sessions--;
	for (enum leg l = 0; l < LEGS; l++)
		free(s->legs[l].sieve);
	free(s->fault);
	free(s);
	proxy_session_gone(p);
}
