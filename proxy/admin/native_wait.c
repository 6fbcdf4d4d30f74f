/*
 * GET /v1/wait: one request, answered when something has happened.
 *
 *     feed (since) --catch up--\
 *                               wait_sees() -> met -> answered in the loop's next round
 *     timeline, live ----------/
 *
 * Events are told deep inside of what causes them, so nothing is answered there. To catch up can
 * take milliseconds: one wait does in each round of the loop, and sees what is live from then on.
 */
#include "admin/known.h"
#include "admin/native.h"
#include "base/mono.h"
#include "relay/proxy.h"
#include "relay/sessions.h"
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define WAITS_MAX  512
#define LOOK_MS    20 /* how often sessions are looked at for `recovered` */
#define TIMEOUT_NS (INT64_C(600) * NS_PER_S)

enum wait_for {
	FOR_OPENED,
	FOR_CONNECTED,
	FOR_CLOSED,
	FOR_ARMED,
	FOR_ACTIVE,
	FOR_FIRED,
	FOR_LIFTED,
	FOR_RECONNECTED,
	FOR_RECOVERED
};
static const char *const for_names[] = { "opened", "connected", "closed", "armed", "active",
	"fired", "lifted", "reconnected", "recovered", NULL };

/* The event that it is, or that may be it. */
static const enum event_id awaited[] = { EVENT_SESSION_OPENED, EVENT_SESSION_CONNECTED,
	EVENT_SESSION_CLOSED, EVENT_FAULT_ARMED, EVENT_FAULT_ACTIVE, EVENT_FAULT_FIRED,
	EVENT_FAULT_LIFTED, EVENT_SESSION_OPENED, EVENT_FAULT_LIFTED };

struct wait_query {
	int what; /* enum wait_for */
	char *proxy, *fault;
	uint64_t since, count;
	int64_t timeout_ns;
};

const struct field native_wait_query[] = {
	{ .key = "for",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(struct wait_query, what),
	    .choices = for_names,
	    .required = true,
	    .help =
		"what is waited for: a session opened, connected or closed; a fault armed, "
		"active, fired (sessions were struck) or lifted; reconnected: a client's address "
		"that lost a session has opened another one; recovered: after a fault was lifted "
		"a new session has carried bytes both ways" },
	{ .key = "proxy",
	    .kind = FIELD_TEXT,
	    .offset = offsetof(struct wait_query, proxy),
	    .help = "only on this proxy" },
	{ .key = "fault",
	    .kind = FIELD_TEXT,
	    .offset = offsetof(struct wait_query, fault),
	    .help = "only by this fault" },
	{ .key = "since",
	    .kind = FIELD_COUNT,
	    .offset = offsetof(struct wait_query, since),
	    .help = "also what has happened already, after the event of this seq; default: only "
		    "what is to come" },
	{ .key = "count",
	    .kind = FIELD_COUNT,
	    .offset = offsetof(struct wait_query, count),
	    .initial = "1",
	    .min = 1,
	    .max = 1000000,
	    .help = "so many times" },
	{ .key = "timeout",
	    .kind = FIELD_DURATION,
	    .offset = offsetof(struct wait_query, timeout_ns),
	    .initial = "10s",
	    .max = TIMEOUT_NS,
	    .help = "how long; then the answer is 408" },
	{ .key = NULL },
};

struct wait {
	struct waits *waits;
	struct evhttp_request *req;
	struct evhttp_connection *evcon;
	struct wait_query q;
	bool caught_up;
	int64_t began_ns, lifted_ns; /* lifted: recovered counts sessions from then on; 0: none */
	uint64_t seen;
	struct known known; /* reconnected: who had a session */
	json_t *event;      /* the one that met it; NULL: not met */
	struct event *due;
	TAILQ_ENTRY(wait) in_waits;
};

struct waits {
	struct native *native;
	struct event *answer, *look, *catch_up;
	unsigned count, looking;
	TAILQ_HEAD(, wait) all;
};

/* --- is it met? --- */

static const char *text(const json_t *record, const char *key)
{
	return json_string_value(json_object_get(record, key));
}

static bool is_in_list(const char *list, const char *name)
{
	size_t len = strlen(name), n;

	for (; *list; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		if (n == len && !strncmp(list, name, n))
			return true;
	}
	return false;
}

/* Does a record that names a fault concern the proxy? By the fault as it is now, if it is. */
static bool fault_concerns(const struct control *c, const json_t *record, const char *proxy)
{
	const struct proxy_spec *p = config_find_proxy(c->config, proxy);
	const char *name = text(record, "fault"), *at = text(record, "proxy");
	const char *scope = text(record, "proxies");
	const struct fault_spec *f = name ? config_find_fault(c->config, name) : NULL;

	if (at)
		return !strcmp(at, proxy);
	if (scope)
		return !strcmp(scope, "*") || is_in_list(scope, proxy);
	return !f || (p && fault_spec_covers(f, p));
}

static bool concerns(const struct wait *w, const json_t *record)
{
	const char *fault = text(record, "fault"), *proxy = text(record, "proxy");

	if (w->q.fault && (!fault || strcmp(fault, w->q.fault) != 0))
		return false;
	if (!w->q.proxy)
		return true;
	if (fault && awaited[w->q.what] != EVENT_SESSION_CLOSED)
		return fault_concerns(w->waits->native->control, record, w->q.proxy);
	return proxy && !strcmp(proxy, w->q.proxy);
}

/* fired tells also of a fault that found nobody. */
static bool is_it(struct wait *w, enum event_id id, const json_t *record)
{
	if (w->q.what == FOR_RECONNECTED)
		return known_sees(&w->known, id, record) &&
		       (!w->q.proxy || !strcmp(text(record, "proxy"), w->q.proxy));
	if (awaited[w->q.what] != id || !concerns(w, record))
		return false;
	return id != EVENT_FAULT_FIRED ||
	       json_integer_value(json_object_get(record, "sessions")) > 0;
}

static bool cares(const struct wait *w, enum event_id id)
{
	if (!w->caught_up || w->event)
		return false;
	return awaited[w->q.what] == id ||
	       (w->q.what == FOR_RECONNECTED &&
		   (id == EVENT_SESSION_CLOSED || id == EVENT_FAULT_FIRED));
}

/* record: at least the fields; line: the whole. */
static void wait_sees(struct wait *w, enum event_id id, int64_t mono_ns, const json_t *record,
    const char *line, bool counts)
{
	bool met = is_it(w, id, record);

	if (met && w->q.what == FOR_RECOVERED)
		w->lifted_ns = mono_ns;
	else if (met && counts && ++w->seen >= w->q.count)
		w->event = json_loads(line, 0, NULL);
}

void native_wait_came(struct native *n, const struct timeline_line *line, const json_t *fields)
{
	struct wait *w;

	TAILQ_FOREACH (w, &n->waits->all, in_waits) {
		if (!cares(w, line->id))
			continue;
		wait_sees(w, line->id, line->mono_ns, fields, line->text, true);
		if (w->event)
			event_active(n->waits->answer, EV_TIMEOUT, 0);
	}
}

/* What has been: all of it tells who had sessions and when a fault was last lifted, what came
 * after `since` counts. */
static void catch_up(struct wait *w, const struct feed *f)
{
	for (uint64_t seq = f->first; seq < f->next; seq++) {
		const struct feed_line *line = feed_find(f, seq);
		json_t *record;

		if (!line->text || !cares(w, line->id))
			continue;
		if (w->q.since >= seq && w->q.what < FOR_RECONNECTED)
			continue;
		record = json_loadb(line->text, line->len, 0, NULL);
		if (record)
			wait_sees(w, line->id,
			    json_integer_value(json_object_get(record, "mono_ns")), record,
			    line->text, seq > w->q.since);
		json_decref(record);
	}
}

/* --- recovered: no event tells of bytes --- */

static json_t *recovered_record(const struct session *s)
{
	json_t *o = json_pack("{s:s}", "event", "session.recovered"), *rest = session_describe(s);

	json_object_update(o, rest);
	json_decref(rest);
	return o;
}

static void look_at(struct wait *w, struct proxy *p, uint64_t *found)
{
	for (struct session *s = proxy_newest_session(p); s; s = session_before(s)) {
		if (session_opened_ns(s) < w->lifted_ns)
			return;
		if (session_has_talked(s) && ++*found >= w->q.count) {
			w->event = recovered_record(s);
			return;
		}
	}
}

static void look(struct wait *w)
{
	struct relay *r = w->waits->native->control->relay;
	uint64_t found = 0;
	struct proxy *p;

	if (w->q.what != FOR_RECOVERED || w->event || !w->lifted_ns)
		return;
	TAILQ_FOREACH (p, &r->proxies, in_relay)
		if (!w->event && (!w->q.proxy || !strcmp(proxy_spec_of(p)->name, w->q.proxy)))
			look_at(w, p, &found);
	if (w->event)
		event_active(w->waits->answer, EV_TIMEOUT, 0);
}

static void look_soon(struct waits *all)
{
	const struct timeval soon = { .tv_usec = LOOK_MS * 1000 };

	if (all->looking)
		event_add(all->look, &soon);
}

static void look_due(evutil_socket_t fd, short what, void *arg)
{
	struct waits *all = arg;
	struct wait *w;

	(void)fd, (void)what;
	TAILQ_FOREACH (w, &all->all, in_waits)
		look(w);
	look_soon(all);
}

/* --- the answer --- */

static void wait_free(struct wait *w)
{
	struct waits *all = w->waits;

	TAILQ_REMOVE(&all->all, w, in_waits);
	all->count--;
	all->looking -= w->q.what == FOR_RECOVERED;
	if (w->due)
		event_free(w->due);
	field_release(native_wait_query, &w->q);
	known_free(&w->known);
	json_decref(w->event);
	free(w);
}

static void wait_gone(void *arg)
{
	struct wait *w = arg;

	conns_forget(w->req);
	wait_free(w);
}

static void wait_answer(struct wait *w)
{
	struct call c = { .req = w->req, .is_native = true };
	json_t *o = json_pack("{s:b, s:O?, s:I, s:I}", "met", w->event != NULL, "event", w->event,
	    "count", (json_int_t)w->seen, "waited_ns", (json_int_t)(mono_now_ns() - w->began_ns));
	int status = w->event ? 200 : 408;

	conns_release(w->waits->native->conns, w->evcon);
	wait_free(w);
	reply_json(&c, status, o);
}

static void answer_due(evutil_socket_t fd, short what, void *arg)
{
	struct waits *all = arg;
	struct wait *w, *next;

	(void)fd, (void)what;
	for (w = TAILQ_FIRST(&all->all); w; w = next) {
		next = TAILQ_NEXT(w, in_waits);
		if (w->event)
			wait_answer(w);
	}
}

static bool wait_until(struct wait *w, int64_t left_ns)
{
	struct timeval left = { left_ns / NS_PER_S, left_ns % NS_PER_S / NS_PER_US };

	return !event_add(w->due, &left);
}

/* libevent counts from when the loop's turn began: the end may come early by so much. */
static void timeout_due(evutil_socket_t fd, short what, void *arg)
{
	struct wait *w = arg;
	int64_t left_ns = w->began_ns + w->q.timeout_ns - mono_now_ns();

	(void)fd, (void)what;
	if (left_ns <= 0 || !wait_until(w, left_ns + NS_PER_US))
		wait_answer(w);
}

/* --- the handler --- */

/* Those who have sessions now, which may be older than the feed. */
static void know_sessions(struct wait *w, struct relay *r)
{
	char client[ADDR_TEXT_MAX];
	struct proxy *p;

	TAILQ_FOREACH (p, &r->proxies, in_relay)
		for (struct session *s = proxy_newest_session(p); s; s = session_before(s))
			known_add(&w->known, session_proxy_name(s),
			    session_client_text(s, client, sizeof(client)), session_is_dead(s));
}

static bool start(struct wait *w, struct native *n)
{
	int64_t left_ns = w->began_ns + w->q.timeout_ns - mono_now_ns();

	w->due = event_new(n->control->relay->base, -1, 0, timeout_due, w);
	if (!w->due || !known_init(&w->known))
		return false;
	catch_up(w, &n->feed);
	if (w->q.what == FOR_RECONNECTED)
		know_sessions(w, n->control->relay);
	look(w);
	look_soon(n->waits);
	if (w->event)
		event_active(n->waits->answer, EV_TIMEOUT, 0);
	return wait_until(w, left_ns > 0 ? left_ns : 0);
}

static void wait_fail(struct wait *w)
{
	struct call c = { .req = w->req, .is_native = true };

	conns_release(w->waits->native->conns, w->evcon);
	wait_free(w);
	reply_error(&c, 500, "out of memory");
}

static void catch_up_soon(struct waits *all)
{
	const struct timeval next_round = { 0 };

	event_add(all->catch_up, &next_round);
}

static void catch_up_due(evutil_socket_t fd, short what, void *arg)
{
	struct waits *all = arg;
	struct wait *w = TAILQ_FIRST(&all->all);

	(void)fd, (void)what;
	while (w && w->caught_up)
		w = TAILQ_NEXT(w, in_waits);
	if (!w)
		return;
	w->caught_up = true;
	if (!start(w, all->native))
		wait_fail(w);
	catch_up_soon(all);
}

static void begin(struct call *c, const struct wait_query *q)
{
	struct waits *all = c->native->waits;
	struct evhttp_connection *evcon = evhttp_request_get_connection(c->req);
	struct wait *w = all->count < WAITS_MAX ? calloc(1, sizeof(*w)) : NULL;

	if (!w || !conns_hold(c->native->conns, evcon, wait_gone, w)) {
		free(w);
		field_release(native_wait_query, (void *)(uintptr_t)q);
		reply_error(c, 503, "too many wait already: end one of them");
		return;
	}
	*w = (struct wait){ .waits = all, .req = c->req, .evcon = evcon, .q = *q };
	w->began_ns = mono_now_ns();
	TAILQ_INSERT_TAIL(&all->all, w, in_waits);
	all->count++;
	all->looking += q->what == FOR_RECOVERED;
	catch_up_soon(all);
}

/* False: answered. */
static bool check(struct call *c, const struct wait_query *q)
{
	if (q->what < 0)
		reply_error(c, 400,
		    "?for: missing: opened, connected, closed, armed, active, fired, "
		    "lifted, reconnected or recovered");
	else if (q->proxy && !config_find_proxy(c->control->config, q->proxy))
		reply_error(
		    c, 404, "no proxy %.64s: GET /v1/proxies tells what there is", q->proxy);
	else
		return true;
	return false;
}

void native_wait(struct call *c)
{
	struct wait_query q = { .what = -1, .since = c->native->feed.next - 1 };

	if (native_query(c, native_wait_query, &q) && check(c, &q))
		begin(c, &q);
	else
		field_release(native_wait_query, &q);
}

/* --- life --- */

bool native_wait_init(struct native *n)
{
	struct waits *all = calloc(1, sizeof(*all));

	n->waits = all;
	if (!all)
		return false;
	all->native = n;
	TAILQ_INIT(&all->all);
	all->answer = event_new(n->control->relay->base, -1, 0, answer_due, all);
	all->look = event_new(n->control->relay->base, -1, 0, look_due, all);
	all->catch_up = event_new(n->control->relay->base, -1, 0, catch_up_due, all);
	return all->answer && all->look && all->catch_up;
}

void native_wait_free(struct native *n)
{
	struct waits *all = n->waits;

	if (!all)
		return;
	while (!TAILQ_EMPTY(&all->all)) {
		conns_release(n->conns, TAILQ_FIRST(&all->all)->evcon);
		wait_free(TAILQ_FIRST(&all->all));
	}
	if (all->answer)
		event_free(all->answer);
	if (all->look)
		event_free(all->look);
	if (all->catch_up)
		event_free(all->catch_up);
	free(all);
	n->waits = NULL;
}
