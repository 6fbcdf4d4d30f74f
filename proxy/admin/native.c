/* The routes, and what all of them share. See native.h. */
#include "admin/native.h"
#include "base/mono.h"
#include "relay/sessions.h"
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define KEEPALIVE_TICKS 15

#define GET    EVHTTP_REQ_GET
#define POST   EVHTTP_REQ_POST
#define PATCH  EVHTTP_REQ_PATCH
#define DELETE EVHTTP_REQ_DELETE

static void healthz(struct call *c);
static void readyz(struct call *c);
static void version(struct call *c);

const struct route native_routes[] = {
	{ GET, "/healthz", healthz, "the process answers", .answers = "200 text" },
	{ GET, "/readyz", readyz, "every proxy accepts", .answers = "200 text, 503" },
	{ GET, "/metrics", native_metrics, "counters, as Prometheus reads them",
	    .answers = "200 text" },
	{ GET, "/v1/version", version, "what runs here, and how well it can be silent",
	    .answers = "200 Version" },
	{ GET, "/v1/time", native_time,
	    "what time it is here, on the clock of events and by the wall", .answers = "200 Time" },
	{ GET, "/v1/openapi.json", native_openapi, "this description", .answers = "200 OpenAPI" },
	{ GET, "/v1/config", native_config, "all values that hold now",
	    .query = native_config_query, .answers = "200 Config|text, 400, 422" },
	{ POST, "/v1/reload", native_reload,
	    "reads the configuration file again, as SIGHUP does: what is not in it goes",
	    .answers = "200 Reloaded, 400" },
	{ GET, "/v1/hosts", native_hosts_list, "all hosts, and whether they have power",
	    .answers = "200 Hosts" },
	{ POST, "/v1/hosts", native_hosts_create, "a new host, for proxies to come",
	    .body = "NewHost", .answers = "201 Host, 400, 409" },
	{ POST, "/v1/hosts/{host}/power_off", native_hosts_power_off,
	    "its power fails, for a time or until power_on", .body = "PowerOff",
	    .answers = "200 Fault, 400, 404, 409, 422" },
	{ POST, "/v1/hosts/{host}/power_on", native_hosts_power_on, "its power is back: it boots",
	    .answers = "200 Lifted, 404, 409" },
	{ POST, "/v1/partitions", native_partitions_create,
	    "cuts hosts off from each other, each of a from each of b", .body = "NewPartition",
	    .answers = "201 Partitioned, 400, 404, 422" },
	{ GET, "/v1/proxies", native_proxies_list, "all proxies", .answers = "200 Proxies" },
	{ POST, "/v1/proxies", native_proxies_create,
	    "a new proxy; its faults strike before the first accept", .body = "NewProxy",
	    .answers = "201 Proxy, 400, 409, 422, 500" },
	{ GET, "/v1/proxies/{proxy}", native_proxies_show, "one proxy",
	    .answers = "200 Proxy, 404" },
	{ PATCH, "/v1/proxies/{proxy}", native_proxies_update, "changes some of its keys",
	    .body = "ProxyChange", .answers = "200 Proxy, 400, 404, 422, 500" },
	{ DELETE, "/v1/proxies/{proxy}", native_proxies_delete,
	    "removes it, with the faults that acted on it alone", .answers = "200 Removed, 404" },
	{ GET, "/v1/fault-types", native_fault_types, "what faults there are, with every key",
	    .answers = "200 FaultTypes" },
	{ GET, "/v1/faults", native_faults_list, "all faults", .answers = "200 Faults" },
	{ POST, "/v1/faults", native_faults_create, "arms a fault", .body = "NewFault",
	    .answers = "201 Fault, 400, 409, 422" },
	{ GET, "/v1/faults/{fault}", native_faults_show, "one fault", .answers = "200 Fault, 404" },
	{ PATCH, "/v1/faults/{fault}", native_faults_update,
	    "changes some of its keys: it goes on where its type can, as all can with another "
	    "duration, else it is armed again",
	    .body = "FaultChange", .answers = "200 Fault, 400, 404, 422" },
	{ DELETE, "/v1/faults/{fault}", native_faults_delete, "lifts a fault",
	    .answers = "200 Lifted, 404" },
	{ POST, "/v1/heal", native_heal, "lifts every fault, or those of one proxy alone",
	    .body = "Heal", .answers = "200 Healed, 400, 404" },
	{ GET, "/v1/sessions", native_sessions_list, "the sessions that are open",
	    .query = native_sessions_query, .answers = "200 Sessions, 400, 404" },
	{ GET, "/v1/sessions/{session}", native_sessions_show, "one session",
	    .answers = "200 Session, 400, 404" },
	{ DELETE, "/v1/sessions/{session}", native_sessions_kill, "ends a session",
	    .query = native_kill_query, .answers = "200 Killed, 400, 404, 422" },
	{ GET, "/v1/events", native_events,
	    "what happened, a JSON object a line; live as server-sent events",
	    .query = native_events_query, .answers = "200 events, 400, 503" },
	{ GET, "/v1/wait", native_wait, "answers when something has happened",
	    .query = native_wait_query, .answers = "200 Waited, 400, 404, 408 Waited, 503" },
	{ .path = NULL },
};

static bool begins(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

bool native_is_probe(const char *path)
{
	return !strcmp(path, "/healthz") || !strcmp(path, "/readyz");
}

bool native_owns(const char *path)
{
	return begins(path, "/v1/") || !strcmp(path, "/v1") || !strcmp(path, "/metrics") ||
	       native_is_probe(path);
}

/* --- health --- */

#define PLAIN "text/plain; charset=utf-8"

static void healthz(struct call *c)
{
	reply_text(c, 200, PLAIN, "ok\n");
}

static void readyz(struct call *c)
{
	const struct config *config = c->control->config;

	for (size_t i = 0; i < config->n_proxies; i++) {
		const struct proxy *p =
		    relay_find_proxy(c->control->relay, config->proxies[i]->name);

		if (!p || !proxy_is_serving(p)) {
			reply_error(
			    c, 503, "proxy %s does not accept now", config->proxies[i]->name);
			return;
		}
	}
	reply_text(c, 200, PLAIN, "ready\n");
}

static void version(struct call *c)
{
	const struct relay *r = c->control->relay;
	struct utsname u;

	uname(&u);
	reply_json(c, 200,
	    json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:{s:s, s:s}}", "name", "deadpeer", "version",
		DEADPEER_VERSION, "kernel", u.release, "seed", (json_int_t)r->engine.seed,
		"uptime_ns", (json_int_t)(mono_now_ns() - c->native->began_ns), "witness",
		relay_witness(r), "wire", "v4",
		grade_names[wire_grade(r->wire, AF_INET, WIRE_BOTH)], "v6",
		grade_names[wire_grade(r->wire, AF_INET6, WIRE_BOTH)]));
}

/* --- life --- */

static void event_came(void *arg, const struct timeline_line *line, const json_t *fields)
{
	struct native *n = arg;

	feed_add(&n->feed, line);
	meter_count(&n->meter, line->id, fields);
	native_events_came(n);
	native_wait_came(n, line, fields);
}

static bool is_there(void *arg, const char *proxy)
{
	return config_find_proxy(arg, proxy);
}

/* How late this comes is how busy the loop is. */
static void tick_due(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval next = { .tv_sec = METER_TICK_NS / NS_PER_S };
	struct native *n = arg;

	(void)fd, (void)what;
	meter_tick(&n->meter, mono_now_ns());
	meter_forget(&n->meter, n->control->config->n_proxies, is_there, n->control->config);
	if (++n->ticks % KEEPALIVE_TICKS == 0)
		native_events_tick(n);
	event_add(n->tick, &next);
}

static bool start(struct native *n)
{
	const struct timeval soon = { .tv_sec = METER_TICK_NS / NS_PER_S };

	n->tick = event_new(n->control->relay->base, -1, 0, tick_due, n);
	return feed_init(&n->feed, n->control->timeline->seq + 1) && meter_init(&n->meter) &&
	       native_events_init(n) && native_wait_init(n) && n->tick &&
	       !event_add(n->tick, &soon);
}

struct native *native_new(
    struct control *control, struct conns *conns, const struct route *const *tables)
{
	struct native *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->control = control;
	n->conns = conns;
	n->tables = tables;
	n->began_ns = mono_now_ns();
	if (!start(n)) {
		native_free(n);
		return NULL;
	}
	control->timeline->reader = event_came;
	control->timeline->reader_arg = n;
	return n;
}

void native_free(struct native *n)
{
	if (!n)
		return;
	n->control->timeline->reader = NULL;
	native_events_free(n);
	native_wait_free(n);
	if (n->tick)
		event_free(n->tick);
	feed_free(&n->feed);
	meter_free(&n->meter);
	free(n);
}
