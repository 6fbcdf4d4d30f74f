/*
 * Log lines for people and log collectors, on stderr by default.
 *   logfmt: time=2026-11-22T12:00:00.000000Z level=info event=session.opened proxy=redis session=17
 *   json:   {"time":"...","level":"info","event":"session.opened","proxy":"redis","session":17}
 * Values with blanks, quotes, '=' or control characters are quoted and escaped in logfmt.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct sink;
struct json_t;

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_LOGFMT, LOG_JSON };

struct log {
	struct sink *sink;
	enum log_level level;
	enum log_format format;
};

extern const char *const log_level_names[];  /* "error", "warn", "info", "debug", NULL */
extern const char *const log_format_names[]; /* "logfmt", "json", NULL */

static inline bool log_wants(const struct log *l, enum log_level level)
{
	return l->sink && level <= l->level;
}

/* One line: time, level, event, then the members of the jansson object fields in their order
 * (borrowed; may be NULL). */
void log_event(struct log *l, enum log_level level, int64_t wall_ns, const char *event,
    const struct json_t *fields);
