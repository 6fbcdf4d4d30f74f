/* Sessions: who is connected, and the end of one. */
#include "admin/native.h"
#include "base/units.h"
#include "relay/sessions.h"

#define SESSIONS_LIMIT "1000"

struct list_query {
	char *proxy;
	int state;
	uint64_t limit;
};

static const char *const states[] = { "any", "dialing", "open", "closing", "dead", NULL };

const struct field native_sessions_query[] = {
	{ .key = "proxy",
	    .kind = FIELD_TEXT,
	    .offset = offsetof(struct list_query, proxy),
	    .help = "only those of this proxy" },
	{ .key = "state",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(struct list_query, state),
	    .initial = "any",
	    .choices = states,
	    .help = "only those in this state" },
	{ .key = "limit",
	    .kind = FIELD_COUNT,
	    .offset = offsetof(struct list_query, limit),
	    .initial = SESSIONS_LIMIT,
	    .max = 10000,
	    .help = "at most so many, the newest of each proxy first" },
	{ .key = NULL },
};

static void list(struct call *c, const struct list_query *q)
{
	const struct session_filter filter = { q->proxy, q->state ? states[q->state] : NULL,
		q->limit };
	json_t *array;
	uint64_t total;

	if (q->proxy && !relay_find_proxy(c->control->relay, q->proxy)) {
		reply_error(
		    c, 404, "no proxy %.64s: GET /v1/proxies tells what there is", q->proxy);
		return;
	}
	array = json_array();
	total = relay_list_sessions(c->control->relay, &filter, array);
	reply_json(c, 200, json_pack("{s:o, s:I}", "sessions", array, "total", (json_int_t)total));
}

void native_sessions_list(struct call *c)
{
	struct list_query q = { NULL };

	if (native_query(c, native_sessions_query, &q))
		list(c, &q);
	field_release(native_sessions_query, &q);
}

/* The session of the path; NULL: answered. */
static struct session *find(struct call *c)
{
	uint64_t id = 0;
	const char *want = units_parse_count(c->params.value[0], &id);
	struct session *s = want ? NULL : relay_find_session(c->control->relay, id);

	if (want)
		reply_error(
		    c, 400, "session: expected its number, got \"%.64s\"", c->params.value[0]);
	else if (!s)
		reply_error(c, 404, "no session %.20s is open: GET /v1/sessions tells which are",
		    c->params.value[0]);
	return s;
}

void native_sessions_show(struct call *c)
{
	const struct session *s = find(c);

	if (s)
		reply_json(c, 200, session_describe(s));
}

const struct field native_kill_query[] = {
	{ .key = "how",
	    .kind = FIELD_CHOICE,
	    .offset = 0,
	    .initial = "rst",
	    .choices = kill_names,
	    .help = "what both its ends see: an orderly end, a reset, or nothing any more" },
	{ .key = NULL },
};

static void tell(struct call *c, const char *proxy, uint64_t id)
{
	if (timeline_wants(c->control->timeline, EVENT_API_CHANGED))
		timeline_record(c->control->timeline, EVENT_API_CHANGED,
		    json_pack("{s:s, s:s, s:s, s:I}", "who", c->who, "what", "session.kill",
			"proxy", proxy, "session", (json_int_t)id));
}

void native_sessions_kill(struct call *c)
{
	struct session *s = find(c);
	const char *why;
	uint64_t id = 0;
	int how = 0;

	if (!s || !native_query(c, native_kill_query, &how))
		return;
	why = session_kill(s, (enum kill)how);
	if (why) {
		reply_error(c, 422, "%s", why);
		return;
	}
	units_parse_count(c->params.value[0], &id);
	tell(c, session_proxy_name(s), id);
	reply_json(
	    c, 200, json_pack("{s:I, s:s}", "killed", (json_int_t)id, "how", kill_names[how]));
	relay_schedule(c->control->relay);
}
