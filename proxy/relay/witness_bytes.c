/*
 * Bytes as they come and pass: the first of each direction, and the first once a death that had
 * struck the session is over and it lives; and those of a client that come once
 * more after the session that had brought them was struck before they were answered.
 *
 * A session keeps its last upstream bytes, those that were delivered. When it is struck, as many of
 * them as had come since the last downstream byte are what it had no answer to; its proxy keeps
 * them (a few: WITNESS_UNANSWERED), and looks for them in what sessions bring that are opened from
 * then on. What was found is forgotten.
 */
#include "base/mono.h"
#include "relay/proxy.h"
#include "relay/witness.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MIN 4

struct unanswered {
	TAILQ_ENTRY(unanswered) in_proxy;
	uint64_t of, opened; /* the session; how many had been opened when it was struck */
	uint32_t len;
	char bytes[];
};

void witness_came(struct session *s, enum flow flow, ssize_t n)
{
	struct seen *w = s->seen;

	if (n > 0) {
		w->taken[flow] += (uint64_t)n;
		w->came_ns[flow] = mono_now_ns();
	} else if (n == 0) {
		witness_peer(s, flow_source(flow), PEER_FIN, BY_BYTES);
	}
}

static void tell_first(const struct session *s, enum flow flow, size_t n)
{
	if (timeline_wants(s->relay->timeline, EVENT_SESSION_BYTES))
		timeline_record(s->relay->timeline, EVENT_SESSION_BYTES,
		    json_pack("{s:s, s:I, s:s, s:I}", "proxy", s->proxy->spec->name, "session",
			(json_int_t)s->target.id, "direction", flow_names[flow], "bytes",
			(json_int_t)n));
}

void witness_released(struct session *s)
{
	struct seen *w = s->seen;

	if (w->struck)
		w->bytes_told[FLOW_UPSTREAM] = w->bytes_told[FLOW_DOWNSTREAM] = false;
}

/* --- what is remembered --- */

static void forget(struct proxy *p, struct unanswered *u)
{
	TAILQ_REMOVE(&p->unanswered, u, in_proxy);
	p->n_unanswered--;
	free(u);
}

void witness_forget(struct proxy *p)
{
	while (!TAILQ_EMPTY(&p->unanswered))
		forget(p, TAILQ_FIRST(&p->unanswered));
}

void witness_unanswered(struct session *s)
{
	const struct seen *w = s->seen;
	struct proxy *p = s->proxy;
	struct unanswered *u;
	uint32_t len = w->since < w->n_recent ? (uint32_t)w->since : w->n_recent;

	if (len < REQUEST_MIN || w->sight.waits[FLOW_UPSTREAM] || w->unsent[LEG_SERVER])
		return; /* or the server has not got all of it */
	u = malloc(sizeof(*u) + len);
	if (!u)
		return;
	u->of = s->target.id;
	u->opened = s->relay->sessions_opened;
	u->len = len;
	memcpy(u->bytes, w->recent + w->n_recent - len, len);
	if (p->n_unanswered == WITNESS_UNANSWERED)
		forget(p, TAILQ_FIRST(&p->unanswered));
	TAILQ_INSERT_TAIL(&p->unanswered, u, in_proxy);
	p->n_unanswered++;
}

/* Room for n more of the last bytes; the first ones make place. */
static bool make_room(struct seen *w, size_t n)
{
	size_t room = w->room ? w->room : 256, drop;
	char *grown;

	while (room < w->n_recent + n && room < WITNESS_RECENT)
		room *= 2;
	if (room > w->room) {
		grown = realloc(w->recent, room);
		if (!grown)
			return false;
		w->recent = grown;
		w->room = (uint32_t)room;
	}
	drop = w->n_recent + n > room ? w->n_recent + n - room : 0;
	memmove(w->recent, w->recent + drop, w->n_recent - drop);
	w->n_recent -= (uint32_t)drop;
	return true;
}

static void remember(struct seen *w, const char *data, size_t n)
{
	w->since += n;
	if (n > WITNESS_RECENT) {
		data += n - WITNESS_RECENT;
		n = WITNESS_RECENT;
	}
	if (!make_room(w, n)) { /* what follows would not be what came after it */
		w->n_recent = 0;
		w->since = 0;
		return;
	}
	memcpy(w->recent + w->n_recent, data, n);
	w->n_recent += (uint32_t)n;
}

/* --- what comes once more --- */

static size_t lesser(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* In these bytes, or where they join those before. */
static bool brings(const struct seen *w, const struct unanswered *u, const char *data, size_t n)
{
	const size_t before = lesser(w->n_recent, u->len - 1), after = lesser(n, u->len - 1);
	char join[2 * WITNESS_RECENT];

	if (memmem(data, n, u->bytes, u->len))
		return true;
	if (!before || before + after < u->len)
		return false;
	memcpy(join, w->recent + w->n_recent - before, before);
	memcpy(join + before, data, after);
	return memmem(join, before + after, u->bytes, u->len);
}

static void look_for_repeats(struct session *s, const char *data, size_t n)
{
	struct timeline *t = s->relay->timeline;
	struct proxy *p = s->proxy;
	struct unanswered *u, *next;

	for (u = TAILQ_FIRST(&p->unanswered); u; u = next) {
		next = TAILQ_NEXT(u, in_proxy);
		if (s->target.id <= u->opened || !brings(s->seen, u, data, n))
			continue;
		if (timeline_wants(t, EVENT_SESSION_REPEATED))
			timeline_record(t, EVENT_SESSION_REPEATED,
			    json_pack("{s:s, s:I, s:I, s:I}", "proxy", p->spec->name, "session",
				(json_int_t)s->target.id, "of", (json_int_t)u->of, "bytes",
				(json_int_t)u->len));
		forget(p, u);
	}
}

void witness_passed(struct session *s, enum flow flow, const char *data, size_t n)
{
	struct seen *w = s->seen;

	if (!n)
		return;
	if (!w->bytes_told[flow])
		tell_first(s, flow, n);
	w->bytes_told[flow] = true;
	w->passed_ns[flow] = mono_now_ns();
	if (flow == FLOW_DOWNSTREAM) {
		w->since = 0;
	} else if (data) {
		look_for_repeats(s, data, n);
		remember(w, data, n);
	}
}
