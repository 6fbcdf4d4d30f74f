/*
 * A session as faults see it (faults/target.h): what the engine wants, done to the legs.
 */
#include "base/mono.h"
#include "kernel/socket.h"
#include "relay/proxy.h"
#include "relay/session.h"
#include "relay/witness.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A peer of a silent upstream tries for tcp_retries2's timeout, 924.6 s by default; after this
 * nobody is there any more whom an answer could mislead. */
#define SILENT_KEPT_S (20 * 60)

static struct session *session_of(struct target *t)
{
	return (struct session *)t;
}

static void leg_speaks_again(struct session *s, struct leg_state *leg)
{
	enum ending how = leg->later - 1;

	/* An RST that was said into the silence was lost; the kernel of a process that ended
	 * repeats its FIN. */
	if (how == ENDING_CLOSE) {
		wire_silence(s->relay->wire, leg->fd, &leg->wire, 0);
		if (s->seen)
			witness_leg_ends(s, leg->which, how);
		close(leg->fd);
		leg->fd = -1;
		leg->later = 0;
	} else {
		session_vanish_leg(s, leg->which);
	}
	if (s->legs[!leg->which].fd < 0)
		session_close(s, ENDING_ABORT, "fault");
}

/* A silence by filter has the socket's one program; what it ends with is none. */
static enum grade leg_sieve(struct leg_state *leg)
{
	struct wire_sieve *s = leg->sieve;

	if (!s || leg->wire.powers & WIRE_FILTER)
		return GRADE_EXACT;
	if (s->probes) {
		if (wire_receive_next(leg->fd, &s->probe_seq) < 0)
			return GRADE_REFUSED;
		s->probe_seq--;
	}
	return wire_sieve_set(leg->fd, s) == 0 ? GRADE_EXACT : GRADE_REFUSED;
}

static enum grade target_silence(struct target *t, enum leg which, unsigned dirs)
{
	struct session *s = session_of(t);
	struct leg_state *leg = &s->legs[which];
	enum grade grade;

	if (leg->fd < 0)
		return GRADE_EXACT;
	if (leg->later && !(dirs & WIRE_OUT)) {
		leg_speaks_again(s, leg);
		return GRADE_EXACT;
	}
	if (leg->lost || leg->wire.dirs == dirs)
		return leg->wire.dirs ? (enum grade)leg->wire.grade : GRADE_EXACT;
	grade = wire_silence(s->relay->wire, leg->fd, &leg->wire, dirs);
	leg_sieve(leg);
	return dirs ? grade : GRADE_EXACT;
}

static enum grade target_sieve(struct target *t, enum leg which, const struct wire_sieve *joined)
{
	struct leg_state *leg = &session_of(t)->legs[which];

	if (leg->fd < 0)
		return GRADE_EXACT;
	if (!joined) {
		if (leg->sieve && !(leg->wire.powers & WIRE_FILTER))
			wire_sieve_set(leg->fd, NULL);
		free(leg->sieve);
		leg->sieve = NULL;
		return GRADE_EXACT;
	}
	if (!leg->sieve) {
		leg->sieve = malloc(sizeof(*leg->sieve));
		if (!leg->sieve)
			return GRADE_REFUSED;
		if (!leg->wire.dirs) /* counts from here; modular */
			leg->wire.drops -= wire_drops(leg->fd, &leg->wire);
	}
	*leg->sieve = *joined;
	return leg_sieve(leg);
}

static enum grade target_bury(struct target *t, enum leg which)
{
	struct session *s = session_of(t);
	struct leg_state *leg = &s->legs[which];
	struct proxy *p = s->proxy;

	if (leg->fd < 0)
		return GRADE_EXACT;
	return wire_bury(s->relay->wire, leg->fd, &leg->wire,
	    which == LEG_CLIENT && p->door.gate != GATE_REFUSE ? p->fd : -1);
}

static void target_hold(struct target *t, unsigned flows)
{
	struct session *s = session_of(t);

	if (s->seen && !flows && (s->flows[0].held || s->flows[1].held))
		witness_released(s);
	for (enum flow f = 0; f < FLOWS; f++) {
		s->flows[f].held = flows & FLOW_BIT(f);
		/* A FIN that waited for the hold to end: no event would bring it. */
		if (s->state == SESSION_OPEN && !s->flows[f].held && s->flows[f].eof &&
		    !s->flows[f].fin)
			flow_run(s, f);
	}
	if (s->state == SESSION_OPEN || s->state == SESSION_DEAD)
		session_watch(s);
}

static void target_end(struct target *t, enum leg leg, enum ending how, const char *why)
{
	struct session *s = session_of(t);

	if (s->state == SESSION_OVER)
		return;
	if (!s->reason && how != ENDING_FINISH) {
		s->reason = "fault";
		s->fault = strdup(why);
	}
	session_end_leg(s, leg, how);
	if (s->state == SESSION_OPEN)
		session_watch(s);
}

static void target_dial(struct target *t, bool may)
{
	struct session *s = session_of(t);

	s->undialled = !may;
	if (may && s->state == SESSION_DIALING && !s->dial)
		dial_start(s);
}

static uint32_t target_drops(struct target *t, enum leg leg)
{
	struct leg_state *l = &session_of(t)->legs[leg];

	return l->fd < 0 ? 0 : wire_drops(l->fd, &l->wire);
}

static uint32_t target_segments(struct target *t, enum leg leg)
{
	struct leg_state *l = &session_of(t)->legs[leg];

	return l->ready ? wire_segments_in(l->fd) : 0;
}

static void target_mark(struct target *t, enum flow flow, uint64_t bytes)
{
	session_of(t)->flows[flow].mark = bytes;
}

static int64_t target_active_ns(const struct target *t)
{
	return ((const struct session *)t)->active_ns;
}

static uint64_t target_bytes(const struct target *t, enum flow flow)
{
	return ((const struct session *)t)->flows[flow].bytes;
}

static void target_shaped(struct target *t, enum flow flow)
{
	struct session *s = session_of(t);

	if (s->state == SESSION_OPEN)
		flow_run(s, flow);
	if (s->state == SESSION_OPEN || s->state == SESSION_DEAD)
		session_watch(s);
}

const struct target_ops session_target_ops = {
	.silence = target_silence,
	.bury = target_bury,
	.sieve = target_sieve,
	.hold = target_hold,
	.end = target_end,
	.drops = target_drops,
	.segments = target_segments,
	.mark = target_mark,
	.dial = target_dial,
	.active_ns = target_active_ns,
	.bytes = target_bytes,
	.shaped = target_shaped,
	.look = witness_look,
	.struck = witness_struck,
};

static void silent_long_enough(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	(void)fd, (void)what;
	session_close(s, ENDING_VANISH, s->reason);
}

bool session_fall_silent(struct session *s, enum leg which)
{
	struct timeval kept = { .tv_sec = SILENT_KEPT_S };
	struct leg_state *leg = &s->legs[which];

	if (leg->fd < 0 || !socket_is_tcp(leg->fd) ||
	    wire_silence(s->relay->wire, leg->fd, &leg->wire, WIRE_BOTH) < GRADE_EQUIVALENT)
		return false;
	if (!s->limit)
		s->limit = event_new(s->relay->base, -1, 0, silent_long_enough, s);
	if (!s->limit || event_add(s->limit, &kept))
		return false;
	if (s->seen)
		witness_leg_looks(s, which);
	wire_bury(s->relay->wire, leg->fd, &leg->wire, which == LEG_CLIENT ? s->proxy->fd : -1);
	leg->lost = true;
	for (enum flow f = 0; f < FLOWS; f++)
		s->flows[f].held = true;
	return true;
}
