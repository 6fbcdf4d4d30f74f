/*
 * The table of events, and the one function that tells an event to all who listen. A field with ?
 * is there when it says something: the session a trigger struck, the grade of a silence.
 */
#include "model/timeline.h"
#include "base/json.h"
#include "base/mono.h"
#include "base/sink.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const struct event_row event_rows[EVENT_COUNT] = {
	[EVENT_START] = { "deadpeer.start", LOG_INFO,
	    "version,kernel,seed,pid,wire,config,witness?", "the program started" },
	[EVENT_READY] = { "deadpeer.ready", LOG_INFO, "proxies,admin?",
	    "every proxy listens, and the HTTP API" },
	[EVENT_STOP] = { "deadpeer.stop", LOG_INFO, "reason,sessions", "the program ends" },
	[EVENT_EVENTS_LOST] = { "events.lost", LOG_WARN, "lost,error",
	    "so many events could not be written to the events file" },
	[EVENT_CONFIG_RELOADED] = { "config.reloaded", LOG_INFO,
	    "file,added,removed,kept,faults_armed,faults_lifted,needs_restart?",
	    "the file was read again and applied" },
	[EVENT_CONFIG_REJECTED] = { "config.rejected", LOG_ERROR, "file,error",
	    "the file was read again, is wrong, and changed nothing" },
	[EVENT_API_CHANGED] = { "api.changed", LOG_INFO, "who,what,proxy?,host?,fault?,session?",
	    "somebody changed something through the HTTP API" },
	[EVENT_PROXY_UP] = { "proxy.up", LOG_INFO, "proxy,listen,upstream,host",
	    "a proxy listens" },
	[EVENT_PROXY_DOWN] = { "proxy.down", LOG_INFO, "proxy,reason", "a proxy listens no more" },
	[EVENT_PROXY_GATE] = { "proxy.gate", LOG_INFO, "proxy,old,new",
	    "what a proxy's address answers to new connections changed" },
	[EVENT_ACCEPT_PAUSED] = { "accept.paused", LOG_WARN, "proxy,error",
	    "a proxy accepts nobody until there are resources again" },
	[EVENT_ACCEPT_RESUMED] = { "accept.resumed", LOG_INFO, "proxy", "a proxy accepts again" },
	[EVENT_SESSION_OPENED] = { "session.opened", LOG_DEBUG, "proxy,session,client",
	    "a client was accepted" },
	[EVENT_SESSION_CONNECTED] = { "session.connected", LOG_DEBUG,
	    "proxy,session,upstream,connect_ns",
	    "the upstream answered, at this of its addresses" },
	[EVENT_SESSION_STATE] = { "session.state", LOG_DEBUG, "proxy,session,old,new",
	    "a session's state changed" },
	[EVENT_SESSION_CLOSED] = { "session.closed", LOG_INFO,
	    "proxy,session,client,upstream_bytes,downstream_bytes,duration_ns,reason,fault?,"
	    "upstream_lost_bytes?,downstream_lost_bytes?",
	    "a session ended, and why" },
	[EVENT_SESSION_DUMP] = { "session.dump", LOG_INFO,
	    "proxy,session,client,upstream_bytes,downstream_bytes,duration_ns,state,idle_ns,"
	    "client_leg,server_leg,faults,shaped",
	    "one open session, as SIGUSR1 asks for" },
	[EVENT_SESSION_STRUCK] = { "session.struck", LOG_DEBUG,
	    "fault,proxy,session,client,watcher,shape,upstream_bytes,downstream_bytes,"
	    "upstream_idle_ns,downstream_idle_ns,unacked_bytes,unread_bytes,ago_ns,"
	    "upstream_lost_bytes?,downstream_lost_bytes?",
	    "a death struck this session, which was like that" },
	[EVENT_SESSION_BYTES] = { "session.bytes", LOG_DEBUG, "proxy,session,direction,bytes",
	    "the first bytes of a direction were delivered, or the first since a death" },
	[EVENT_SESSION_PEER] = { "session.peer", LOG_DEBUG, "proxy,session,leg,what,seen_by",
	    "an application ended its connection itself" },
	[EVENT_SESSION_REPEATED] = { "session.repeated", LOG_DEBUG, "proxy,session,of,bytes",
	    "what a struck session had no answer to came once more" },
	[EVENT_CLIENT_SYN] = { "client.syn", LOG_DEBUG, "proxy,client,retransmission",
	    "an attempt to connect arrived, answered or not" },
	[EVENT_SEGMENTS_DROPPED] = { "segments.dropped", LOG_DEBUG,
	    "proxy,session?,leg,segments,total",
	    "the kernel dropped segments that a peer sent to a silent socket" },
	[EVENT_BYTES_CORRUPTED] = { "bytes.corrupted", LOG_DEBUG,
	    "fault,proxy,session,direction,bytes,offsets",
	    "a fault flipped a bit in so many bytes of a session, at these places" },
	[EVENT_FAULT_ARMED] = { "fault.armed", LOG_INFO,
	    "fault,type,side,delay_ns,duration_ns,grade,note?",
	    "a fault was accepted and waits for its delay" },
	[EVENT_FAULT_ACTIVE] = { "fault.active", LOG_INFO, "fault,type,side,proxies?,host?,grade",
	    "a fault's delay is over: it acts from now on" },
	[EVENT_FAULT_FIRED] = { "fault.fired", LOG_INFO,
	    "fault,type,sessions,proxy?,session?,grade,armed_within_ns,settled_within_ns",
	    "a fault struck so many sessions, or one of them by its own trigger" },
	[EVENT_FAULT_UPDATED] = { "fault.updated", LOG_INFO, "fault,type,side,sessions,grade",
	    "a fault goes on with other parameters, on so many sessions so far" },
	[EVENT_FAULT_PHASE] = { "fault.phase", LOG_INFO, "fault,phase,cycle",
	    "a flap went down or came up again" },
	[EVENT_FAULT_LIFTED] = { "fault.lifted", LOG_INFO,
	    "fault,type,side,reason,sessions,segments,touched,active_ns,grade",
	    "a fault ended, and what it touched" },
	[EVENT_FAULT_REFUSED] = { "fault.refused", LOG_ERROR, "fault,type,reason",
	    "the kernel offers no way to do this, so it is not done" },
};

static void write_event(
    struct timeline *t, enum event_id id, int64_t mono_ns, int64_t wall_ns, const json_t *fields)
{
	char wall[28], *line;
	json_t *head;
	size_t len;

	mono_format_wall(wall, wall_ns);
	head = json_pack("{s:I, s:I, s:s, s:s}", "seq", (json_int_t)t->seq, "mono_ns",
	    (json_int_t)mono_ns, "wall", wall, "event", event_rows[id].name);
	line = json_dump_line(head, fields, &len);
	if (line && t->events)
		sink_line(t->events, line, len);
	if (line && t->reader)
		t->reader(t->reader_arg, &(struct timeline_line){ id, t->seq, mono_ns, line, len },
		    fields);
	free(line);
}

static void tell(struct timeline *t, enum event_id id, const json_t *fields)
{
	int64_t mono_ns = mono_now_ns(), wall_ns = mono_wall_ns();

	t->seq++;
	if (t->events || t->reader)
		write_event(t, id, mono_ns, wall_ns, fields);
	if (t->log)
		log_event(t->log, event_rows[id].level, wall_ns, event_rows[id].name, fields);
	if (t->watch)
		t->watch(t->watch_arg, id, mono_ns, fields);
}

static json_t *loss_fields(const struct timeline *t)
{
	int error = sink_error(t->events);

	return json_pack("{s:I, s:s}", "lost", (json_int_t)(sink_lost(t->events) - t->lost_told),
	    "error", error ? strerror(error) : "the reader is too slow");
}

/* While lines are being lost only the log can say so. */
static void log_loss(struct timeline *t)
{
	const struct event_row *row = &event_rows[EVENT_EVENTS_LOST];
	json_t *fields = loss_fields(t);

	if (t->log)
		log_event(t->log, row->level, mono_wall_ns(), row->name, fields);
	json_decref(fields);
}

/* An episode of loss begins with the first line lost and ends when nothing waits any more. */
static void watch_loss(struct timeline *t, enum event_id id, uint64_t lost_before)
{
	uint64_t lost;

	if (t->losing)
		sink_flush(t->events); /* nothing is gathered then */
	lost = sink_lost(t->events);
	if (lost > t->lost_told && !t->losing) {
		t->losing = true;
		log_loss(t);
	} else if (t->losing && lost == lost_before && !sink_flush(t->events)) {
		json_t *fields = loss_fields(t);

		tell(t, EVENT_EVENTS_LOST, fields);
		json_decref(fields);
		sink_flush(t->events);
		if (sink_lost(t->events) > lost)
			return; /* the news was lost, too: not told */
		t->lost_told = lost;
		t->losing = false;
	} else if (t->losing && id == EVENT_STOP) {
		log_loss(t);
	}
}

void timeline_record(struct timeline *t, enum event_id id, struct json_t *fields)
{
	uint64_t lost = t->events ? sink_lost(t->events) : 0;

	tell(t, id, fields);
	json_decref(fields);
	if (t->events)
		watch_loss(t, id, lost);
}

void timeline_gather(struct timeline *t, void (*later)(void *arg), void *arg)
{
	if (t->log && t->log->sink)
		sink_gather(t->log->sink, later, arg);
	if (t->events)
		sink_gather(t->events, later, arg);
}

bool timeline_flush(struct timeline *t)
{
	bool waits = t->events && sink_flush(t->events);

	if (t->events && !t->losing)
		watch_loss(t, EVENT_COUNT, sink_lost(t->events));
	if (t->log && t->log->sink)
		waits |= sink_flush(t->log->sink);
	return waits;
}
