/*
 * What the player wants of the relays, as calls: to each relay that it concerns, all at once. A
 * proxy, a host or a fault belongs to the relay that has it; what acts on all is asked of all.
 *
 *     order --order_add() for each relay--> calls --all answered--> done(worst result)
 */
#include "base/mono.h"
#include "cli/run.h"
#include "model/field_json.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_MAX_BYTES 1024
#define SETTLE_NS      (3 * NS_PER_S)

struct order_call {
	struct order_pending *order;
	struct run_relay *relay;
	struct client *call;
	char *fault; /* that it brings or takes; NULL: the answer says */
	TAILQ_ENTRY(order_call) in_order;
};

struct order_pending {
	struct driver *run;
	enum action_kind kind;
	stage_done *done;
	void *arg;
	TAILQ_HEAD(, order_call) calls;
	struct event *over; /* soon: nothing was to be asked */
	bool some_done;
	bool looks; /* at the sockets, before the instant comes */
	enum order_result result;
	char why[RUN_WHY_MAX];
	TAILQ_ENTRY(order_pending) in_run;
};

static struct driver *run_of(struct stage *s)
{
	return (struct driver *)s;
}

/* --- answers --- */

static void call_free(struct order_call *c)
{
	TAILQ_REMOVE(&c->order->calls, c, in_order);
	free(c->fault);
	free(c);
}

static void order_free(struct order_pending *o)
{
	struct order_call *c;

	while ((c = TAILQ_FIRST(&o->calls))) {
		if (c->call)
			client_cancel(c->call);
		call_free(c);
	}
	if (o->over)
		event_free(o->over);
	TAILQ_REMOVE(&o->run->orders, o, in_run);
	free(o);
}

static void order_over(struct order_pending *o)
{
	struct order_pending copy = *o;

	order_free(o);
	if (copy.looks)
		watch_settings(copy.run->watch);
	copy.done(copy.arg, copy.result, copy.result == ORDER_DONE ? NULL : copy.why);
}

static void over_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	order_over(arg);
}

static void note(struct order_pending *o, enum order_result result, const char *why)
{
	if (result <= o->result)
		return;
	o->result = result;
	snprintf(o->why, sizeof(o->why), "%s", why);
}

/* What the relay has now of this run, and has no more. */
static void keep_books(struct order_call *c, const json_t *answer)
{
	const json_t *names = json_object_get(answer, "faults"), *name;
	size_t i;

	switch (c->order->kind) {
	case ACTION_POWER_OFF:
		names_add(c->relay->faults, json_string_value(json_object_get(answer, "name")));
		break;
	case ACTION_PARTITION:
		json_array_foreach(names, i, name)
		    names_add(c->relay->faults, json_string_value(name));
		break;
	case ACTION_LIFT:
		names_remove(c->relay->faults, c->fault);
		break;
	default:
		break;
	}
}

static enum order_result result_of(const struct order_pending *o, const struct answer *a)
{
	const bool strikes = o->kind == ACTION_ARM || o->kind == ACTION_POWER_OFF;

	if (a->status / 100 == 2)
		return ORDER_DONE;
	if (!a->status)
		return ORDER_LOST;
	return strikes && a->status == 422 ? ORDER_REFUSED : ORDER_WRONG;
}

/* A fault to be lifted need be on one of them only; one that is gone already is lifted. */
static void answered(void *arg, struct answer *a)
{
	struct order_call *c = arg;
	struct order_pending *o = c->order;
	const enum order_result result = result_of(o, a);
	char why[RUN_WHY_MAX];
	json_t *body = result == ORDER_DONE ? json_loads(a->body, 0, NULL) : NULL;

	c->call = NULL;
	o->some_done |= result == ORDER_DONE;
	if (result == ORDER_DONE)
		keep_books(c, body);
	else
		note(o, result, relay_why(c->relay, a, why));
	if (o->kind == ACTION_ARM && result != ORDER_DONE && result != ORDER_LOST)
		names_remove(c->relay->faults, c->fault); /* one of that name is another's */
	json_decref(body);
	answer_free(a);
	call_free(c);
	if (!TAILQ_EMPTY(&o->calls))
		return;
	if (o->kind == ACTION_LIFT && o->some_done && o->result == ORDER_WRONG)
		o->result = ORDER_DONE;
	order_over(o);
}

/* --- calls --- */

/* Takes over body (NULL: none). */
static void order_add(struct order_pending *o, struct run_relay *r, const char *method,
    const char *path, json_t *body, const char *fault)
{
	struct order_call *c = calloc(1, sizeof(*c));
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	const struct request q = { .method = method, .path = path, .body = text };

	if (c) {
		*c = (struct order_call){ .order = o, .relay = r };
		c->fault = fault ? strdup(fault) : NULL;
		TAILQ_INSERT_TAIL(&o->calls, c, in_order);
		c->call = client_start(o->run->base, &r->server, &q, answered, c);
	}
	if (!c || !c->call)
		note(o, ORDER_LOST, "out of memory");
	if (c && !c->call)
		call_free(c);
	free(text);
	json_decref(body);
}

/* "/v1/hosts/NAME/power_off" */
static void order_add_named(struct order_pending *o, struct run_relay *r, const char *method,
    const char *format, const char *name, const char *fault)
{
	char path[PATH_MAX_BYTES], *text = client_encode(name);

	snprintf(path, sizeof(path), format, text ? text : "");
	free(text);
	order_add(o, r, method, path, *method == 'P' ? json_object() : NULL, fault);
}

/* --- arm --- */

static json_t *names_json(const struct names *names)
{
	json_t *all = json_array();

	for (size_t i = 0; i < names->count; i++)
		json_array_append_new(all, json_string(names->name[i]));
	return all;
}

/* Those of the fault's proxies that are there, "a,b"; NULL: none. */
static json_t *proxies_there(const struct run_relay *r, const struct names *names)
{
	char *text = NULL;
	size_t len;
	FILE *out;

	if (names->all)
		return json_array_size(r->proxies) ? json_string("*") : NULL;
	out = open_memstream(&text, &len);
	for (size_t i = 0; out && i < names->count; i++)
		if (relay_proxy(r, names->name[i]))
			fprintf(out, "%s%s", ftell(out) ? "," : "", names->name[i]);
	if (out)
		fclose(out);
	json_t *there = text && *text ? json_string(text) : NULL;
	free(text);
	return there;
}

static json_t *fault_json(const struct fault_spec *f, const char *name)
{
	static const char *const told[] = { "proxy", "host", NULL };
	json_t *o = json_pack("{s:s, s:s}", "name", name, "type", f->type->name);
	struct fault_spec plain = { 0 };

	field_defaults(fault_fields, &plain);
	plain.side = f->type->sides == 1u << f->side ? f->side : SIDE_SERVER;
	fields_json(o, fault_fields, f, &plain, told);
	fields_json(o, f->type->params, &f->params, NULL, NULL);
	field_release(fault_fields, &plain);
	return o;
}

/* The instant by the relay's own clock. */
static void set_instant(json_t *body, const struct run_relay *r, int64_t at_ns)
{
	const int64_t now_ns = driver_now_ns(r->run);
	char at[31];

	if (at_ns <= now_ns)
		return;
	mono_format_wall_ns(at, mono_wall_ns() + (at_ns - now_ns) + r->skew_ns);
	json_object_set_new(body, "at", json_string(at));
}

/* A proxy that it names and no relay has; NULL: none. */
static const char *missing_proxy(const struct driver *run, const struct names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		unsigned r = 0;

		while (r < run->n_relays && !relay_proxy(&run->relays[r], names->name[i]))
			r++;
		if (r == run->n_relays)
			return names->name[i];
	}
	return NULL;
}

static void arm(struct order_pending *o, const struct order *order)
{
	const struct fault_spec *f = order->action->fault;
	const char *missing = missing_proxy(o->run, &f->proxies);
	struct driver *run = o->run;
	char why[RUN_WHY_MAX];

	if (missing) {
		snprintf(why, sizeof(why), "no relay has a proxy %s", missing);
		note(o, ORDER_WRONG, why);
		return;
	}
	o->looks = order->at_ns > driver_now_ns(run); /* the relays are told first */
	if (!o->looks)
		watch_settings(run->watch);
	for (unsigned i = 0; i < run->n_relays; i++) {
		struct run_relay *r = &run->relays[i];
		json_t *there = NULL, *body;

		if (f->host && relay_has_host(r, f->host))
			there = json_string(f->host);
		else if (!f->host)
			there = proxies_there(r, &f->proxies);
		if (!there)
			continue;
		names_add(r->faults, order->fault); /* whatever becomes of the answer */
		body = fault_json(f, order->fault);
		json_object_set_new(body, f->host ? "host" : "proxy", there);
		set_instant(body, r, order->at_ns);
		order_add(o, r, "POST", "/v1/faults", body, order->fault);
	}
	if (TAILQ_EMPTY(&o->calls))
		note(o, ORDER_WRONG, "no relay has the proxy or host that it acts on");
}

/* --- the others --- */

static void lift(struct order_pending *o, const struct order *order)
{
	const bool all = !strcmp(order->fault, "*");
	struct driver *run = o->run;
	const json_t *name;
	size_t k;

	for (unsigned i = 0; i < run->n_relays; i++) {
		struct run_relay *r = &run->relays[i];

		json_array_foreach(r->faults, k, name)
		{
			const char *its = json_string_value(name);

			if (all || !strcmp(its, order->fault))
				order_add_named(o, r, "DELETE", "/v1/faults/%s", its, its);
		}
	}
	for (unsigned i = 0; !all && TAILQ_EMPTY(&o->calls) && i < run->n_relays; i++)
		order_add_named(o, &run->relays[i], "DELETE", "/v1/faults/%s", order->fault,
		    order->fault); /* of a configuration */
}

static void power(struct order_pending *o, const struct order *order)
{
	const bool off = order->action->kind == ACTION_POWER_OFF;
	const char *host = order->action->text;

	if (off)
		watch_settings(o->run->watch);
	for (unsigned i = 0; i < o->run->n_relays; i++)
		if (relay_has_host(&o->run->relays[i], host))
			order_add_named(o, &o->run->relays[i], "POST",
			    off ? "/v1/hosts/%s/power_off" : "/v1/hosts/%s/power_on", host, NULL);
	if (TAILQ_EMPTY(&o->calls))
		note(o, ORDER_WRONG, "no relay has this host");
}

static json_t *hosts_there(const struct run_relay *r, const struct names *names)
{
	json_t *all = names_json(names);

	for (size_t i = json_array_size(all); i-- > 0;)
		if (!relay_has_host(r, json_string_value(json_array_get(all, i))))
			json_array_remove(all, i);
	return all;
}

static void partition(struct order_pending *o, const struct order *order)
{
	watch_settings(o->run->watch);
	for (unsigned i = 0; i < o->run->n_relays; i++) {
		struct run_relay *r = &o->run->relays[i];
		json_t *a = hosts_there(r, &order->action->side_a);
		json_t *b = hosts_there(r, &order->action->side_b);

		if (json_array_size(a) && json_array_size(b))
			order_add(o, r, "POST", "/v1/partitions",
			    json_pack("{s:O, s:O}", "a", a, "b", b), NULL);
		json_decref(a);
		json_decref(b);
	}
	if (TAILQ_EMPTY(&o->calls))
		note(o, ORDER_WRONG, "no relay has hosts of both sides");
}

static void heal(struct order_pending *o, const struct order *order)
{
	const char *proxy = order->action->text;
	const bool all = !strcmp(proxy, "*");

	for (unsigned i = 0; i < o->run->n_relays; i++)
		if (all || relay_proxy(&o->run->relays[i], proxy))
			order_add(o, &o->run->relays[i], "POST", "/v1/heal",
			    all ? json_object() : json_pack("{s:s}", "proxy", proxy), NULL);
	if (TAILQ_EMPTY(&o->calls))
		note(o, ORDER_WRONG, "no relay has this proxy");
}

static void stage_order(struct stage *s, const struct order *order, stage_done *done, void *arg)
{
	static void (*const does[ACTION_KINDS])(struct order_pending *, const struct order *) = {
		[ACTION_ARM] = arm,
		[ACTION_LIFT] = lift,
		[ACTION_POWER_OFF] = power,
		[ACTION_POWER_ON] = power,
		[ACTION_PARTITION] = partition,
		[ACTION_HEAL] = heal,
	};
	struct order_pending *o = calloc(1, sizeof(*o));
	struct driver *run = run_of(s);

	if (!o || !(o->over = event_new(run->base, -1, 0, over_due, o))) {
		free(o);
		run->no_memory = true; /* which ends it all */
		return;
	}
	o->run = run;
	o->kind = order->action->kind;
	o->done = done;
	o->arg = arg;
	TAILQ_INIT(&o->calls);
	TAILQ_INSERT_TAIL(&run->orders, o, in_run);
	does[o->kind](o, order);
	if (TAILQ_EMPTY(&o->calls))
		event_active(o->over, EV_TIMEOUT, 0);
}

/* What was asked for is waited for a moment: what it brings must be taken back. */
void stage_cancel(struct driver *run)
{
	const int64_t until_ns = mono_now_ns() + SETTLE_NS;

	while (!TAILQ_EMPTY(&run->orders) && mono_now_ns() < until_ns)
		driver_turn(run);
	while (!TAILQ_EMPTY(&run->orders))
		order_free(TAILQ_FIRST(&run->orders));
	run->shell_done = NULL;
}

/* --- a shell --- */

static void shell_over(struct driver *run, enum order_result result, const char *why)
{
	stage_done *done = run->shell_done;

	run->shell_done = NULL;
	if (done)
		done(run->shell_arg, result, why);
}

void stage_shell_ended(struct process *p)
{
	char how[96], why[128];

	process_status(how, sizeof(how), p->status);
	snprintf(why, sizeof(why), "it %s", p->too_long ? "took too long and was killed" : how);
	shell_over(p->run, p->status ? ORDER_WRONG : ORDER_DONE, p->status ? why : NULL);
}

static void shell_failed(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	shell_over(arg, ORDER_WRONG, "/bin/sh cannot be started");
}

static void stage_shell(
    struct stage *s, const char *text, int64_t limit_ns, stage_done *done, void *arg)
{
	char shell[] = "/bin/sh", flag[] = "-c";
	char *argv[] = { shell, flag, (char *)(uintptr_t)text, NULL };
	static const struct timeval now = { 0 };
	struct driver *run = run_of(s);

	run->shell_done = done;
	run->shell_arg = arg;
	if (process_start(&run->shell, argv, STDERR_FILENO))
		process_limit(&run->shell, limit_ns);
	else
		event_base_once(run->base, -1, EV_TIMEOUT, shell_failed, run, &now);
}

/* --- the rest --- */

static int64_t stage_now(struct stage *s)
{
	return driver_now_ns(run_of(s));
}

static void stage_wake(struct stage *s, int64_t at_ns)
{
	struct driver *run = run_of(s);
	int64_t left_ns = at_ns - driver_now_ns(run);
	struct timeval t = { 0 };

	if (left_ns > 0)
		t = (struct timeval){ left_ns / NS_PER_S,
			(left_ns % NS_PER_S + NS_PER_US - 1) / NS_PER_US };
	event_add(run->wake, &t);
}

static void stage_record(struct stage *s, const char *event, json_t *fields)
{
	driver_tell(run_of(s), event, fields);
}

const struct stage_ops run_stage_ops = {
	.now_ns = stage_now,
	.order = stage_order,
	.shell = stage_shell,
	.wake = stage_wake,
	.record = stage_record,
};
