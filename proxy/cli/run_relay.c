/* What the relays have and how their clocks stand. See run_relay.h. */
#include "base/mono.h"
#include "cli/run.h"
#include "model/field_json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_ROUNDS 5
#define CLOCK_DRIFT  1000 /* two machines' differ by less than this part of what goes by */

bool names_have(const json_t *names, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(names, i, one) if (!strcmp(json_string_value(one), name)) return true;
	return false;
}

void names_add(json_t *names, const char *name)
{
	if (name && !names_have(names, name))
		json_array_append_new(names, json_string(name));
}

void names_remove(json_t *names, const char *name)
{
	for (size_t i = json_array_size(names); i-- > 0;)
		if (!strcmp(json_string_value(json_array_get(names, i)), name))
			json_array_remove(names, i);
}

/* --- one call --- */

char *relay_why(const struct run_relay *r, const struct answer *a, char why[RUN_WHY_MAX])
{
	json_t *o = a->status ? json_loads(a->body, 0, NULL) : NULL;
	const char *error = json_string_value(json_object_get(o, "error"));

	if (!a->status)
		snprintf(why, RUN_WHY_MAX, "%s", a->error);
	else if (error)
		snprintf(why, RUN_WHY_MAX, "%s", error);
	else
		snprintf(why, RUN_WHY_MAX, "%s answers with status %d", r->server.text, a->status);
	json_decref(o);
	return why;
}

struct asked {
	struct answer answer;
	bool done;
};

static void answered(void *arg, struct answer *a)
{
	struct asked *asked = arg;

	asked->answer = *a;
	asked->done = true;
}

/* A signal ends what is being set up, but not what cleans up. */
static void wait_answer(struct driver *run, struct asked *asked, struct client *call)
{
	while (!asked->done && (run->ended || !run->signal))
		driver_turn(run);
	if (asked->done)
		return;
	client_cancel(call);
	snprintf(asked->answer.error, sizeof(asked->answer.error), "interrupted");
}

json_t *relay_ask(struct run_relay *r, const char *method, const char *path, json_t *body,
    int *status, char why[RUN_WHY_MAX])
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	const struct request q = { .method = method, .path = path, .body = text };
	struct asked asked = { .answer.error = "out of memory" };
	struct client *call = client_start(r->run->base, &r->server, &q, answered, &asked);
	json_t *result = NULL;

	if (call)
		wait_answer(r->run, &asked, call);
	if (asked.answer.status / 100 == 2)
		result = json_loads(asked.answer.body, JSON_DECODE_ANY, NULL);
	if (!result)
		relay_why(r, &asked.answer, why);
	if (status)
		*status = asked.answer.status;
	answer_free(&asked.answer);
	free(text);
	json_decref(body);
	return result;
}

/* --- its clock --- */

/*
 * Its clocks are read so long after the question was asked: over TCP half of the way back is left
 * of two ways there and two back (the connection is new), over a Unix socket half of all.
 */
static int64_t asked_at(const struct run_relay *r, int64_t from_ns, int64_t to_ns)
{
	const bool tcp = r->server.sa[0].sa.sa_family != AF_UNIX;

	return from_ns + (to_ns - from_ns) / 4 * (tcp ? 3 : 2);
}

static bool read_clock(struct run_relay *r, char why[RUN_WHY_MAX])
{
	int64_t from_ns, to_ns, at_ns, wall_ns, best_ns = INT64_MAX;

	for (int i = 0; i < CLOCK_ROUNDS; i++) {
		json_t *o;

		from_ns = mono_now_ns();
		o = relay_ask(r, "GET", "/v1/time", NULL, NULL, why);
		to_ns = mono_now_ns();
		if (!o)
			return false;
		if (to_ns - from_ns < best_ns) {
			best_ns = to_ns - from_ns;
			at_ns = asked_at(r, from_ns, to_ns);
			wall_ns = mono_wall_ns() - (mono_now_ns() - at_ns);
			r->offset_ns = at_ns - json_integer_value(json_object_get(o, "mono_ns"));
			r->skew_ns = json_integer_value(json_object_get(o, "wall_ns")) - wall_ns;
		}
		json_decref(o);
	}
	r->rtt_ns = best_ns;
	if (r->is_own || llabs(r->offset_ns) < best_ns) /* the same clock */
		r->offset_ns = 0;
	if (r->is_own)
		r->skew_ns = 0;
	return true;
}

/* --- what it has --- */

static json_t *list(struct run_relay *r, const char *path, const char *member, char *why)
{
	json_t *o = relay_ask(r, "GET", path, NULL, NULL, why);
	json_t *rows = json_incref(json_object_get(o, member));

	if (o && !rows)
		snprintf(why, RUN_WHY_MAX, "%s: is that deadpeer?", r->server.text);
	json_decref(o);
	return rows;
}

static bool read_lists(struct run_relay *r, char why[RUN_WHY_MAX])
{
	json_decref(r->proxies);
	json_decref(r->hosts);
	r->hosts = NULL;
	r->proxies = list(r, "/v1/proxies", "proxies", why);
	if (r->proxies)
		r->hosts = list(r, "/v1/hosts", "hosts", why);
	return r->hosts;
}

static const json_t *row_of(const json_t *rows, const char *name)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *its = json_string_value(json_object_get(row, "name"));

		if (its && !strcmp(its, name))
			return row;
	}
	return NULL;
}

const json_t *relay_proxy(const struct run_relay *r, const char *name)
{
	return row_of(r->proxies, name);
}

bool relay_has_host(const struct run_relay *r, const char *name)
{
	return row_of(r->hosts, name);
}

static bool is_unspecified(const union sockaddr_any *sa)
{
	return sa->sa.sa_family == AF_INET ? sa->in.sin_addr.s_addr == INADDR_ANY
					   : IN6_IS_ADDR_UNSPECIFIED(&sa->in6.sin6_addr);
}

/* What listens on every address of a relay's machine listens where its API does. */
bool relay_address(const struct run_relay *r, const json_t *proxy, struct addr *out, bool *any)
{
	const char *text = json_string_value(json_object_get(proxy, "listen"));
	const union sockaddr_any *api = &r->server.sa[0];
	char at[ADDR_TEXT_MAX + 8], host[ADDR_TEXT_MAX] = "127.0.0.1";

	*any = false;
	if (!text || addr_parse(text, out))
		return false;
	if (out->kind != ADDR_IP || !is_unspecified(&out->sa))
		return true;
	*any = api->sa.sa_family == AF_UNIX;
	if (!*any) {
		addr_format_sa(host, sizeof(host), &api->sa);
		*strrchr(host, ':') = '\0';
	}
	snprintf(at, sizeof(at), "%s:%u", host, out->port);
	return !addr_parse(at, out);
}

/* --- what a scenario brings to running ones --- */

static struct run_relay *relay_with_proxy(struct driver *run, const char *name)
{
	for (unsigned i = 0; i < run->n_relays; i++)
		if (relay_proxy(&run->relays[i], name))
			return &run->relays[i];
	return NULL;
}

static bool create(struct run_relay *r, const char *path, const char *name, json_t *body)
{
	char why[RUN_WHY_MAX];
	json_t *o;

	json_object_set_new(body, "name", json_string(name));
	o = relay_ask(r, "POST", path, body, NULL, why);
	if (!o)
		driver_say(r->run, "%s: %s: %s", r->server.text, name, why);
	json_decref(o);
	return o;
}

static json_t *all_keys(const struct field *table, const void *base)
{
	json_t *keys = json_object();

	fields_json(keys, table, base, NULL, NULL);
	return keys;
}

/* The first gets what none has. */
static int bring(struct driver *run)
{
	const struct config *c = run->scenario->config;
	struct run_relay *r = &run->relays[0];

	for (size_t i = 0; i < c->n_proxies; i++) {
		const struct proxy_spec *p = c->proxies[i];
		const struct host_spec *h = p->host ? config_find_host(c, p->host) : NULL;

		if (relay_with_proxy(run, p->name))
			continue;
		if (h && !relay_has_host(r, h->name) &&
		    !create(r, "/v1/hosts", h->name, all_keys(host_fields, h)))
			return RUN_USAGE;
		if (!create(r, "/v1/proxies", p->name, all_keys(proxy_fields, p)))
			return RUN_USAGE;
		names_add(r->created, p->name);
	}
	return 0;
}

/* --- all of them --- */

static int find_relays(struct driver *run)
{
	char err[512];

	for (size_t i = 0; i < run->o.n_admin; i++) {
		struct run_relay *r = &run->relays[run->n_relays];

		*r = (struct run_relay){ .run = run, .index = run->n_relays++ };
		if (server_find(&r->server, run->o.admin[i], run->o.token_file, err, sizeof(err)) !=
		    SERVER_FOUND) {
			driver_say(run, "%s", err);
			return RUN_USAGE;
		}
	}
	return 0;
}

static void tell_relay(struct run_relay *r)
{
	static const char *const grades[] = { "exact", "equivalent", "partial", "refused" };
	const json_t *wire = json_object_get(r->version, "wire");
	const char *best = "refused", *its;

	for (size_t i = sizeof(grades) / sizeof(*grades); i-- > 0;)
		for (const char *const *f = (const char *const[]){ "v4", "v6", NULL }; *f; f++)
			if ((its = json_string_value(json_object_get(wire, *f))) &&
			    !strcmp(its, grades[i]))
				best = grades[i];
	driver_tell(r->run, "run.relay",
	    json_pack("{s:s, s:s, s:s?, s:s, s:s?, s:I, s:I}", "relay",
		r->is_own ? "own" : r->server.text, "admin", r->server.text, "version",
		json_string_value(json_object_get(r->version, "version")), "wire", best, "witness",
		json_string_value(json_object_get(r->version, "witness")), "skew_ns",
		(json_int_t)r->skew_ns, "rtt_ns", (json_int_t)r->rtt_ns));
}

static int64_t uptime_of(const json_t *version)
{
	return json_integer_value(json_object_get(version, "uptime_ns"));
}

/*
 * The same one has been there for its first uptime and all that went by since; another for less
 * than what went by. Halfway between the two late answers matter least.
 */
bool relay_is_another(const struct run_relay *r, const json_t *version, int64_t asked_ns)
{
	const int64_t went_by_ns = asked_ns - r->met_ns;

	return uptime_of(version) <
	       went_by_ns - went_by_ns / CLOCK_DRIFT + uptime_of(r->version) / 2;
}

static int get_to_know(struct run_relay *r)
{
	char why[RUN_WHY_MAX];

	r->faults = json_array();
	r->created = json_array();
	r->version = relay_ask(r, "GET", "/v1/version", NULL, NULL, why);
	r->met_ns = mono_now_ns();
	if (r->version && read_clock(r, why) && read_lists(r, why))
		return 0;
	if (r->run->signal)
		return RUN_SIGNAL + r->run->signal;
	driver_say(r->run, "%s", why);
	return RUN_NOT_INJECTED;
}

/* A name is one proxy. */
static int check_names(struct driver *run)
{
	for (unsigned i = 0; i < run->n_relays; i++)
		for (unsigned j = i + 1; j < run->n_relays; j++) {
			const json_t *row;
			size_t k;

			json_array_foreach(run->relays[i].proxies, k, row)
			{
				const char *name = json_string_value(json_object_get(row, "name"));

				if (!relay_proxy(&run->relays[j], name))
					continue;
				driver_say(run,
				    "%s and %s have a proxy %s each: rename one of them",
				    run->relays[i].server.text, run->relays[j].server.text, name);
				return RUN_USAGE;
			}
		}
	return 0;
}

static int begin_events(struct driver *run)
{
	char why[RUN_WHY_MAX];

	for (unsigned i = 0; i < run->n_relays; i++)
		if (!run->relays[i].is_own && !events_begin(&run->relays[i], why)) {
			driver_say(run, "%s", why);
			return RUN_NOT_INJECTED;
		}
	return 0;
}

static int start_foreign(struct driver *run)
{
	int code = find_relays(run);

	for (unsigned i = 0; !code && i < run->n_relays; i++)
		code = get_to_know(&run->relays[i]);
	if (!code)
		code = check_names(run);
	if (!code)
		code = begin_events(run);
	if (!code)
		code = bring(run);
	for (unsigned i = 0; !code && i < run->n_relays; i++) {
		char why[RUN_WHY_MAX];

		if (!read_lists(&run->relays[i], why))
			code = RUN_NOT_INJECTED;
	}
	return code;
}

int relays_start(struct driver *run)
{
	int code = run->o.n_admin ? start_foreign(run) : own_start(run);

	if (!code && !run->o.n_admin)
		code = get_to_know(&run->relays[0]);
	for (unsigned i = 0; !code && i < run->n_relays; i++)
		tell_relay(&run->relays[i]);
	return code;
}

static void take_back(struct run_relay *r, const char *path, const json_t *names)
{
	char why[RUN_WHY_MAX], full[1024];
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		char *text = client_encode(json_string_value(name));
		int status;

		snprintf(full, sizeof(full), "%s/%s", path, text ? text : "");
		free(text);
		json_decref(relay_ask(r, "DELETE", full, NULL, &status, why));
		if (status / 100 != 2 && status != 404)
			driver_say(r->run, "%s: %s is still there: %s", r->server.text,
			    json_string_value(name), why);
	}
}

void relays_end(struct driver *run)
{
	for (unsigned i = 0; i < run->n_relays; i++) {
		struct run_relay *r = &run->relays[i];

		events_stop(r);
		if (r->is_own)
			continue;
		take_back(r, "/v1/faults", r->faults);
		take_back(r, "/v1/proxies", r->created);
	}
	own_stop(run);
}

void relays_free(struct driver *run)
{
	for (unsigned i = 0; i < run->n_relays; i++) {
		struct run_relay *r = &run->relays[i];

		server_free(&r->server);
		json_decref(r->version);
		json_decref(r->proxies);
		json_decref(r->hosts);
		json_decref(r->faults);
		json_decref(r->created);
	}
	own_free(run);
}
