/*
 * What an operator may see of the sessions, and do to one: for admin/ and its metrics.
 */
#pragma once
#include "relay/relay.h"

struct json_t;

/* What a proxy has carried so far, sessions that are over included. */
struct proxy_counts {
	uint64_t sessions, accepted; /* now; ever */
	uint64_t bytes[FLOWS];
};

void proxy_count(struct proxy *p, struct proxy_counts *out);

/* False: an enabled proxy that has no descriptors to accept with. */
bool proxy_is_serving(const struct proxy *p);

struct session_filter {
	const char *proxy, *state; /* NULL: all */
	uint64_t limit;            /* so many are described, the newest first in each proxy */
};

/* The states that a session can be listed in, NULL-terminated. */
extern const char *const session_state_names[];

/* Adds the sessions to the array; returns how many there are that match. */
uint64_t relay_list_sessions(
    struct relay *r, const struct session_filter *filter, struct json_t *array);

/* NULL: no session of that number is open. */
struct session *relay_find_session(struct relay *r, uint64_t id);
struct json_t *session_describe(const struct session *s);
const char *session_proxy_name(const struct session *s);
int64_t session_opened_ns(const struct session *s);

/* The proxy's newest session that is open, the one before it; NULL: none. */
struct session *proxy_newest_session(struct proxy *p);
struct session *session_before(struct session *s);
bool session_is_dead(const struct session *s); /* SESSION_DEAD */
/* Bytes have gone both ways. */
bool session_has_talked(const struct session *s);
/* The client's address without its port. Returns buf (ADDR_TEXT_MAX). */
char *session_client_text(const struct session *s, char *buf, size_t size);

enum kill { KILL_FIN, KILL_RST, KILL_SILENT };
extern const char *const kill_names[]; /* "fin", "rst", "silent", NULL */

/*
 * fin, rst: both its connections end so. silent: neither end hears another word, for as long as it
 * may be trying; the session stays, dead. NULL: done; else why not (static).
 */
const char *session_kill(struct session *s, enum kill how);
