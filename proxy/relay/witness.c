/* What a strike found and what a session lost: see witness.h. */
#include "relay/witness.h"
#include "base/mono.h"
#include "faults/stream.h"
#include "relay/proxy.h"
#include <jansson.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

static const char *const lost_keys[] = { "upstream_lost_bytes", "downstream_lost_bytes" };

/* Bytes that moved no longer ago than this move still. */
#define MOMENT_NS (50 * NS_PER_MS)

/* --- what is in the sockets --- */

static uint64_t queued(int fd, unsigned long what)
{
	int bytes = 0;

	return ioctl(fd, what, &bytes) == 0 && bytes > 0 ? (uint64_t)bytes : 0;
}

void witness_leg_looks(struct session *s, enum leg which)
{
	const struct leg_state *leg = &s->legs[which];
	struct seen *w = s->seen;

	if (leg->fd < 0 || leg->wire.buried) /* then it is another socket, and an empty one */
		return;
	w->unread[which] = queued(leg->fd, SIOCINQ);
	if (s->proxy->door.family[which] == AF_UNIX) /* no acknowledgements: it is delivered */
		return;
	w->unacked[which] = queued(leg->fd, SIOCOUTQ);
	/* A part of that; of ten thousand legs most have nothing under way. */
	w->unsent[which] = w->unacked[which] ? queued(leg->fd, SIOCOUTQNSD) : 0;
}

/* What has left us may arrive, whatever follows it; what has not, and is thrown away, will not:
 * tcp_disconnect(), and tcp_close() where received data was unread. */
void witness_leg_ends(struct session *s, enum leg which, enum ending how)
{
	struct seen *w = s->seen;

	witness_leg_looks(s, which);
	w->lost_unread[which] = true;
	w->lost_unsent[which] = how != ENDING_CLOSE || w->unread[which];
}

/* It is kept, but says and hears nothing any more, whenever it is closed. */
static bool is_dead(const struct session *s, enum leg which)
{
	const struct leg_state *leg = &s->legs[which];

	return leg->wire.buried || leg->lost;
}

static uint64_t lost(const struct session *s, enum flow f)
{
	const struct seen *w = s->seen;
	const enum leg from = flow_source(f), to = flow_sink(f);

	return w->taken[f] - s->flows[f].bytes +
	       (w->lost_unread[from] || is_dead(s, from) ? w->unread[from] : 0) +
	       (w->lost_unsent[to] ? w->unsent[to] : 0);
}

void witness_add_lost(const struct session *s, json_t *o)
{
	for (enum flow f = 0; f < FLOWS; f++)
		if (lost(s, f))
			json_object_set_new(o, lost_keys[f], json_integer((json_int_t)lost(s, f)));
}

/* --- a strike --- */

static bool sink_is_full(const struct session *s, enum flow f)
{
	const struct stream *shaped = s->target.streams[f];

	return s->flows[f].len || (shaped && !STAILQ_EMPTY(&shaped->out));
}

void witness_look(struct target *t, int64_t struck_ns)
{
	struct session *s = (struct session *)t;
	struct sight *sight;
	struct seen *w = s->seen;

	if (!w)
		return;
	sight = &w->sight;
	sight->state = s->state;
	sight->struck_ns = struck_ns;
	for (enum flow f = 0; f < FLOWS; f++) {
		const enum leg from = flow_source(f);
		int64_t idle = struck_ns - w->passed_ns[f];

		witness_leg_looks(s, from);
		sight->idle_ns[f] = !w->passed_ns[f] ? -1 : idle > 0 ? idle : 0;
		sight->came[f] = w->came_ns[f] && struck_ns - w->came_ns[f] <= MOMENT_NS;
		sight->waits[f] = sink_is_full(s, f) && (!w->passed_ns[f] || idle > MOMENT_NS);
		sight->own_last[from] = w->came_ns[f] > w->passed_ns[!f];
	}
}

static const char *shape(const struct seen *w, enum leg watcher)
{
	const enum flow own = watcher == LEG_CLIENT ? FLOW_UPSTREAM : FLOW_DOWNSTREAM;
	const struct sight *sight = &w->sight;
	const int64_t served_ns = sight->idle_ns[!own];

	if (sight->waits[own])
		return "blocked";
	if (sight->came[own] || w->unread[watcher])
		return "busy";
	if (sight->own_last[watcher] || (served_ns >= 0 && served_ns <= MOMENT_NS))
		return "waiting";
	return "idle";
}

static void tell_struck(const struct session *s, const char *fault, enum side side)
{
	static const char *const watchers[] = {
		[SIDE_SERVER] = "client",
		[SIDE_CLIENT] = "server",
		[SIDE_BOTH] = "both",
	};
	const enum leg watcher = side == SIDE_CLIENT ? LEG_SERVER : LEG_CLIENT;
	const struct seen *w = s->seen;
	char client[ADDR_TEXT_MAX];
	json_t *o = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}",
	    "fault", fault, "proxy", s->proxy->spec->name, "session", (json_int_t)s->target.id,
	    "client", addr_format_sa(client, sizeof(client), &s->client.sa), "watcher",
	    watchers[side], "shape", shape(w, watcher), "upstream_bytes",
	    (json_int_t)s->flows[FLOW_UPSTREAM].bytes, "downstream_bytes",
	    (json_int_t)s->flows[FLOW_DOWNSTREAM].bytes, "upstream_idle_ns",
	    (json_int_t)w->sight.idle_ns[FLOW_UPSTREAM], "downstream_idle_ns",
	    (json_int_t)w->sight.idle_ns[FLOW_DOWNSTREAM], "unacked_bytes",
	    (json_int_t)w->unacked[watcher], "unread_bytes", (json_int_t)w->unread[watcher]);

	json_object_set_new(o, "ago_ns", json_integer(mono_now_ns() - w->sight.struck_ns));
	/* With one leg ended no byte gets through any more, however long the other is kept. */
	if (s->legs[LEG_CLIENT].fd < 0 || s->legs[LEG_SERVER].fd < 0)
		for (enum flow f = 0; f < FLOWS; f++)
			json_object_set_new(o, lost_keys[f], json_integer((json_int_t)lost(s, f)));
	timeline_record(s->relay->timeline, EVENT_SESSION_STRUCK, o);
}

void witness_struck(struct target *t, const char *fault, enum side side)
{
	struct session *s = (struct session *)t;

	/* What was dead already, or had come to its own end, has nobody who watches it. */
	if (!s->seen || s->seen->sight.state > SESSION_OPEN)
		return;
	s->seen->struck = true;
	witness_unanswered(s);
	if (timeline_wants(s->relay->timeline, EVENT_SESSION_STRUCK))
		tell_struck(s, fault, side);
}
