/* See sessions.h. */
#include "relay/sessions.h"
#include "base/mono.h"
#include "kernel/socket.h"
#include "relay/proxy.h"
#include "relay/session.h"
#include <jansson.h>
#include <string.h>

const char *const kill_names[] = { "fin", "rst", "silent", NULL };

void proxy_count(struct proxy *p, struct proxy_counts *out)
{
	struct target *t;

	*out = (struct proxy_counts){ p->sessions, p->accepted,
		{ p->bytes[FLOW_UPSTREAM], p->bytes[FLOW_DOWNSTREAM] } };
	TAILQ_FOREACH (t, &p->door.targets, in_door)
		for (enum flow f = 0; f < FLOWS; f++)
			out->bytes[f] += ((const struct session *)t)->flows[f].bytes;
}

bool proxy_is_serving(const struct proxy *p)
{
	return !p->spec->enabled || (p->fd >= 0 && !p->starved_ns);
}

/* --- one session --- */

static json_t *run_names(const struct session *s)
{
	json_t *all = json_array();
	struct run *run;

	LIST_FOREACH (run, &s->target.runs, in_target)
		json_array_append_new(all, json_string(run_spec(run)->name));
	return all;
}

static uint32_t segments_dropped(const struct session *s)
{
	struct target *t = (struct target *)(uintptr_t)&s->target;
	uint32_t n = 0;

	for (enum leg leg = 0; leg < LEGS; leg++)
		if (s->legs[leg].wire.dirs || s->legs[leg].sieve)
			n += t->ops->drops(t, leg);
	return n;
}

static json_t *peer_json(int fd)
{
	union sockaddr_any peer = { .sa.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(peer);
	char text[ADDR_TEXT_MAX];

	if (fd < 0 || getpeername(fd, &peer.sa, &len) < 0)
		return json_null();
	return json_string(addr_format_sa(text, sizeof(text), &peer.sa));
}

json_t *session_describe(const struct session *s)
{
	static const char *const dirs[] = { "speaks", "deaf", "mute", "silent" };
	char client[ADDR_TEXT_MAX];
	int64_t now_ns = mono_now_ns();

	return json_pack("{s:I, s:s, s:s, s:o, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:o, s:I}", "id",
	    (json_int_t)s->target.id, "proxy", s->proxy->spec->name, "client",
	    addr_format_sa(client, sizeof(client), &s->client.sa), "upstream",
	    peer_json(s->legs[LEG_SERVER].fd), "state", session_state_names[s->state], "age_ns",
	    (json_int_t)(now_ns - s->opened_ns), "idle_ns", (json_int_t)(now_ns - s->active_ns),
	    "upstream_bytes", (json_int_t)s->flows[FLOW_UPSTREAM].bytes, "downstream_bytes",
	    (json_int_t)s->flows[FLOW_DOWNSTREAM].bytes, "client_leg",
	    dirs[s->legs[LEG_CLIENT].wire.dirs & 3], "server_leg",
	    dirs[s->legs[LEG_SERVER].wire.dirs & 3], "faults", run_names(s), "segments_dropped",
	    (json_int_t)segments_dropped(s));
}

const char *session_proxy_name(const struct session *s)
{
	return s->proxy->spec->name;
}

int64_t session_opened_ns(const struct session *s)
{
	return s->opened_ns;
}

bool session_is_dead(const struct session *s)
{
	return s->state == SESSION_DEAD;
}

bool session_has_talked(const struct session *s)
{
	return s->flows[FLOW_UPSTREAM].bytes && s->flows[FLOW_DOWNSTREAM].bytes;
}

char *session_client_text(const struct session *s, char *buf, size_t size)
{
	union sockaddr_ip ip = s->client;
	char *port;

	addr_format_sa(buf, size, &ip.sa);
	port = ip.sa.sa_family == AF_UNIX ? NULL : strrchr(buf, ':');
	if (port)
		*port = '\0';
	return buf;
}

/* --- all of them --- */

static struct session *not_over(struct target *t)
{
	while (t && t->over)
		t = TAILQ_PREV(t, door_targets, in_door);
	return (struct session *)t;
}

struct session *proxy_newest_session(struct proxy *p)
{
	return not_over(TAILQ_LAST(&p->door.targets, door_targets));
}

struct session *session_before(struct session *s)
{
	return not_over(TAILQ_PREV(&s->target, door_targets, in_door));
}

uint64_t relay_list_sessions(struct relay *r, const struct session_filter *filter, json_t *array)
{
	uint64_t total = 0;
	struct proxy *p;

	TAILQ_FOREACH (p, &r->proxies, in_relay) {
		if (filter->proxy && strcmp(filter->proxy, p->spec->name) != 0)
			continue;
		for (struct session *s = proxy_newest_session(p); s; s = session_before(s)) {
			if (filter->state && strcmp(filter->state, session_state_names[s->state]))
				continue;
			if (total++ < filter->limit)
				json_array_append_new(array, session_describe(s));
		}
	}
	return total;
}

struct session *relay_find_session(struct relay *r, uint64_t id)
{
	struct proxy *p;

	TAILQ_FOREACH (p, &r->proxies, in_relay)
		for (struct session *s = proxy_newest_session(p); s; s = session_before(s))
			if (s->target.id == id)
				return s;
	return NULL;
}

/* --- the end of one --- */

static bool can_be_silent(const struct session *s)
{
	for (enum leg leg = 0; leg < LEGS; leg++) {
		int fd = s->legs[leg].fd;
		sa_family_t family = s->proxy->door.family[leg];

		if (fd >= 0 &&
		    (!socket_is_tcp(fd) || wire_grade(s->relay->wire, family ? family : AF_INET,
					       WIRE_BOTH) < GRADE_EQUIVALENT))
			return false;
	}
	return true;
}

static const char *fall_silent(struct session *s)
{
	if (!can_be_silent(s))
		return "no way to silence this session's sockets works here (see deadpeer doctor): "
		       "use how=rst or how=fin";
	if (!s->reason)
		s->reason = "killed";
	if (s->state == SESSION_CLOSING && s->limit) { /* its farewell */
		event_free(s->limit);
		s->limit = NULL;
	}
	if (s->dial)
		session_end_leg(s, LEG_SERVER, ENDING_ABORT);
	for (enum flow f = 0; f < FLOWS; f++)
		s->flows[f].held = true;
	session_watch(s);
	for (enum leg leg = 0; leg < LEGS; leg++)
		if (s->legs[leg].fd >= 0 && !s->legs[leg].lost && !session_fall_silent(s, leg))
			return "the kernel did not let this session fall silent: use how=rst";
	if (s->state != SESSION_DEAD)
		session_set_state(s, SESSION_DEAD);
	return NULL;
}

const char *session_kill(struct session *s, enum kill how)
{
	static const enum ending endings[] = { ENDING_CLOSE, ENDING_ABORT };

	if (how == KILL_SILENT)
		return fall_silent(s);
	session_close(s, endings[how], "killed");
	return NULL;
}
