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
#include <stddef.h>
#include <stdint.h>

/* Their names, levels and fields: event_rows. */
enum event_id {
	EVENT_START,
	EVENT_READY,
	EVENT_STOP,
	EVENT_EVENTS_LOST,
	EVENT_CONFIG_RELOADED,
	EVENT_CONFIG_REJECTED,
	EVENT_API_CHANGED,
	EVENT_PROXY_UP,
	EVENT_PROXY_DOWN,
	EVENT_PROXY_GATE,
	EVENT_ACCEPT_PAUSED,
	EVENT_ACCEPT_RESUMED,
	EVENT_SESSION_OPENED,
	EVENT_SESSION_CONNECTED,
	EVENT_SESSION_STATE,
	EVENT_SESSION_CLOSED,
	EVENT_SESSION_DUMP,
	EVENT_SESSION_STRUCK,
	EVENT_SESSION_BYTES,
	EVENT_SESSION_PEER,
	EVENT_SESSION_REPEATED,
	EVENT_CLIENT_SYN,
	EVENT_SEGMENTS_DROPPED,
	EVENT_BYTES_CORRUPTED,
	EVENT_FAULT_ARMED,
	EVENT_FAULT_ACTIVE,
	EVENT_FAULT_FIRED,
	EVENT_FAULT_UPDATED,
	EVENT_FAULT_PHASE,
	EVENT_FAULT_LIFTED,
	EVENT_FAULT_REFUSED,
	EVENT_COUNT
};

struct event_row {
	const char *name;
	enum log_level level;
	const char *fields; /* "a,b,grade?": in their order, with ? where not always there */
	const char *help;
};

extern const struct event_row event_rows[EVENT_COUNT];

struct json_t;
struct sink;

/* One event as it was told; text has no newline. */
struct timeline_line {
	enum event_id id;
	uint64_t seq;
	int64_t mono_ns;
	const char *text;
	size_t len;
};

struct timeline {
	struct log *log;     /* NULL: none */
	struct sink *events; /* NULL: none */
	uint64_t seq;
	uint64_t lost_told; /* how many lost lines events.lost has told */
	bool losing;        /* lines are being lost; the log has said so */
	/* Called for each event while set (demo, tests); fields is borrowed. */
	void (*watch)(void *arg, enum event_id id, int64_t mono_ns, const struct json_t *fields);
	void *watch_arg;
	/* The same with the NDJSON line (the API); line is borrowed. */
	void (*reader)(void *arg, const struct timeline_line *line, const struct json_t *fields);
	void *reader_arg;
};

static inline bool timeline_wants(const struct timeline *t, enum event_id id)
{
	return t->events || t->watch || t->reader ||
	       (t->log && log_wants(t->log, event_rows[id].level));
}

/* Takes over fields (a jansson object, decref'd here; NULL: none, also after an allocation
 * failure). The caller's json_pack makes them in the order of the table. */
void timeline_record(struct timeline *t, enum event_id id, struct json_t *fields);

/* What is told is written when timeline_flush() is called, which later(arg) is to bring about
 * before the loop sleeps (sink.h); NULL: at once, as at first. */
void timeline_gather(struct timeline *t, void (*later)(void *arg), void *arg);
/* Writes what waits, for the NDJSON sink and the log; true while something still does. */
bool timeline_flush(struct timeline *t);
