/*
 * The ordered record of everything that happened. One call an event; it goes to the NDJSON sink
 * (`events =`) and, by its level, to the log. Nothing is built when nobody listens:
 *
 *     if (timeline_wants(t, EVENT_SESSION_OPENED))
 *             timeline_record(t, EVENT_SESSION_OPENED, json_pack("{s:s, s:I}", ...));
 *
 * An NDJSON record: {"seq":17,"mono_ns":...,"wall":"2026-...Z","event":"session.opened",
 * ...fields}. Names and fields are a contract (the table in timeline.c; a test holds the manual to
 * it). Losing a line (full disk, closed pipe) is counted: sink.h; the log is told at once
 * (events.lost), and again, with the NDJSON sink, once lines can be written again.
 */
#pragma once
#include "base/log.h"
#include <stdbool.h>
#include <stdint.h>

enum event_id {
	EVENT_START,             /* deadpeer.start: version, kernel, seed, pid, wire, config */
	EVENT_READY,             /* deadpeer.ready: proxies */
	EVENT_STOP,              /* deadpeer.stop: reason, sessions */
	EVENT_EVENTS_LOST,       /* events.lost: lost, error */
	EVENT_CONFIG_RELOADED,   /* config.reloaded: file and what changed */
	EVENT_CONFIG_REJECTED,   /* config.rejected: file, error */
	EVENT_PROXY_UP,          /* proxy.up: proxy, listen, upstream, host */
	EVENT_PROXY_DOWN,        /* proxy.down: proxy, reason */
	EVENT_PROXY_GATE,        /* proxy.gate: proxy, old, new */
	EVENT_ACCEPT_PAUSED,     /* accept.paused: proxy, error */
	EVENT_ACCEPT_RESUMED,    /* accept.resumed: proxy */
	EVENT_SESSION_OPENED,    /* session.opened: proxy, session, client */
	EVENT_SESSION_CONNECTED, /* session.connected: proxy, session, upstream, connect_ns */
	EVENT_SESSION_STATE,     /* session.state: proxy, session, old, new */
	EVENT_SESSION_CLOSED,    /* session.closed: proxy, session, client, reason, bytes, ns */
	EVENT_SESSION_DUMP,      /* session.dump: all of it (SIGUSR1) */
	EVENT_SEGMENTS_DROPPED,  /* segments.dropped: proxy, session, leg, segments, total */
	EVENT_FAULT_ARMED,       /* fault.armed: fault, type, side, delay_ns, duration_ns */
	EVENT_FAULT_ACTIVE,      /* fault.active: fault, type, grade, proxies */
	EVENT_FAULT_FIRED,       /* fault.fired: fault, type, sessions, grade, duration_ns */
	EVENT_FAULT_LIFTED,  /* fault.lifted: fault, type, reason, sessions, segments, silent_ns */
	EVENT_FAULT_REFUSED, /* fault.refused: fault, type, reason */
	EVENT_COUNT
};

struct event_row {
	const char *name;
	enum log_level level;
	const char *fields; /* comma-separated, for the manual */
	const char *help;
};

extern const struct event_row event_rows[EVENT_COUNT];

struct json_t;
struct sink;

struct timeline {
	struct log *log;     /* NULL: none */
	struct sink *events; /* NULL: none */
	uint64_t seq;
	uint64_t lost_told; /* how many lost lines events.lost has told */
	bool losing;        /* lines are being lost; the log has said so */
	/* Called for each event while set (demo, tests); fields is borrowed. */
	void (*watch)(void *arg, enum event_id id, int64_t mono_ns, const struct json_t *fields);
	void *watch_arg;
};

static inline bool timeline_wants(const struct timeline *t, enum event_id id)
{
	return t->events || t->watch || (t->log && log_wants(t->log, event_rows[id].level));
}

/* Takes over fields (a jansson object, decref'd here; NULL: none, also after an allocation
 * failure). The caller's json_pack makes them in the order of the table. */
void timeline_record(struct timeline *t, enum event_id id, struct json_t *fields);
