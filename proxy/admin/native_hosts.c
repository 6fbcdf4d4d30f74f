/*
 * Hosts: proxies that live and die together. A proxy that names none is a host of its own name.
 * Their power, and partitions between them, are faults like any other.
 */
#include "admin/native.h"
#include "faults/catalogue.h"
#include "model/field_json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 160

/* --- which there are --- */

static const char *host_of(const struct proxy_spec *p)
{
	return p->host ? p->host : p->name;
}

static bool host_is(const struct config *c, const char *name)
{
	const struct proxy_spec *lone = config_find_proxy(c, name);

	return config_find_host(c, name) || (lone && !lone->host);
}

static bool has_proxies(const struct config *c, const char *host)
{
	for (size_t i = 0; i < c->n_proxies; i++)
		if (!strcmp(host_of(c->proxies[i]), host))
			return true;
	return false;
}

/* The fault that keeps its power off; NULL: it is on. */
static const struct fault_spec *power_fault(const struct control *c, const char *host)
{
	const struct fault_ops *ops = catalogue_find("power_loss");

	for (size_t i = 0; ops && i < c->config->n_faults; i++) {
		const struct fault_spec *s = c->config->faults[i];
		const struct fault *f = engine_find(&c->relay->engine, s->name);

		if (s->type == &ops->type && s->host && !strcmp(s->host, host) && f &&
		    f->state == FAULT_ACTIVE)
			return s;
	}
	return NULL;
}

static json_t *host_json(const struct control *c, const char *name)
{
	const struct host_spec *h = config_find_host(c->config, name);
	json_t *o = json_pack("{s:s}", "name", name), *proxies = json_array();

	if (h)
		fields_json(o, host_fields, h, NULL, NULL);
	for (size_t i = 0; i < c->config->n_proxies; i++)
		if (!strcmp(host_of(c->config->proxies[i]), name))
			json_array_append_new(proxies, json_string(c->config->proxies[i]->name));
	json_object_set_new(o, "proxies", proxies);
	json_object_set_new(o, "power", json_string(power_fault(c, name) ? "off" : "on"));
	return o;
}

void native_hosts_list(struct call *c)
{
	const struct config *config = c->control->config;
	json_t *all = json_array();

	for (size_t i = 0; i < config->n_hosts; i++)
		json_array_append_new(all, host_json(c->control, config->hosts[i]->name));
	for (size_t i = 0; i < config->n_proxies; i++)
		if (!config->proxies[i]->host)
			json_array_append_new(all, host_json(c->control, config->proxies[i]->name));
	reply_json(c, 200, json_pack("{s:o}", "hosts", all));
}

static bool create(struct edit *e, struct config *draft, void *arg)
{
	static const char *const also[] = { "name", NULL };
	const char *name = native_text(e, arg, "name");
	const char *want = spec_check_name(name ? name : "");
	struct host_spec *h;

	if (e->kind != EDIT_DONE)
		return false;
	if (want)
		return edit_fail(e, EDIT_BAD, "name: expected %s", want);
	if (host_is(draft, name))
		return edit_fail(e, EDIT_EXISTS, "there is a host %s", name);
	if (!edit_has_room(e, draft->n_hosts, "hosts"))
		return false;
	e->host = name;
	h = config_add_host(draft, name);
	if (!h)
		return edit_fail(e, EDIT_NO_MEMORY, "out of memory");
	return native_set(e, host_fields, h, arg, also);
}

void native_hosts_create(struct call *c)
{
	const json_t *body = native_body(c);
	struct edit e = { .what = "host.create" };

	if (body && native_edit(c, &e, create, (void *)(uintptr_t)body))
		reply_json(c, 201,
		    host_json(c->control, json_string_value(json_object_get(body, "name"))));
}

/* The host of the path; NULL: answered. */
static const char *find_host(struct call *c)
{
	const char *host = c->params.value[0];

	if (host_is(c->control->config, host))
		return host;
	reply_error(c, 404, "no host %.64s: GET /v1/hosts tells what there is", host);
	return NULL;
}

/* --- faults on hosts --- */

/* WHAT-NAME, or with a number where that one is in use; one that is over is forgotten. */
static struct fault_spec *add_fault(struct edit *e, struct control *c, struct config *draft,
    const char *stem, const char *type, const char *host)
{
	char name[NAME_MAX_BYTES];
	struct fault_spec *f;

	if (!edit_has_room(e, draft->n_faults, "faults (over or not)"))
		return NULL;
	snprintf(name, sizeof(name), "%s", stem);
	for (unsigned n = 2; (f = config_find_fault(draft, name)); n++) {
		const struct fault *known = engine_find(&c->relay->engine, name);

		if (known && known->state == FAULT_OVER)
			config_remove_fault(draft, f);
		snprintf(name, sizeof(name), "%s-%u", stem, n);
	}
	f = config_add_fault(draft, name, &catalogue_find(type)->type);
	if (f && (f->host = strdup(host)))
		return f;
	edit_fail(e, EDIT_NO_MEMORY, "out of memory");
	return NULL;
}

static bool set_duration(struct edit *e, struct fault_spec *f, const json_t *body)
{
	const json_t *value = json_object_get(body, "duration");

	return !value || native_set_one(e, field_find(fault_fields, "duration"), f, value);
}

static bool known_keys(struct edit *e, const json_t *body, const char *const *keys)
{
	static const struct field none[] = { { .key = NULL } };

	return native_set(e, none, NULL, body, keys);
}

struct power {
	struct control *control;
	const json_t *body;
	const char *host;
};

static bool power_off(struct edit *e, struct config *draft, void *arg)
{
	static const char *const keys[] = { "duration", NULL };
	const struct power *p = arg;
	char stem[NAME_MAX_BYTES - 16];
	struct fault_spec *f;

	if (power_fault(p->control, p->host))
		return edit_fail(e, EDIT_EXISTS,
		    "the power of %.64s is off: POST /v1/hosts/%.64s/power_on first", p->host,
		    p->host);
	snprintf(stem, sizeof(stem), "power-%.120s", p->host);
	f = add_fault(e, p->control, draft, stem, "power_loss", p->host);
	if (!f || !known_keys(e, p->body, keys) || !set_duration(e, f, p->body))
		return false;
	edit_names_fault(e, f);
	return true;
}

void native_hosts_power_off(struct call *c)
{
	const char *host = find_host(c);
	struct power p = { c->control, host ? native_body(c) : NULL, host };
	struct edit e = { .what = "host.power_off", .host = host };

	if (p.body && native_edit(c, &e, power_off, &p))
		reply_json(c, 200,
		    native_fault_json(c->control, config_find_fault(c->control->config, e.fault)));
}

static bool power_on(struct edit *e, struct config *draft, void *arg)
{
	const struct power *p = arg;
	const struct fault_spec *f = power_fault(p->control, p->host);

	if (!f)
		return edit_fail(e, EDIT_EXISTS, "the power of %.64s is on", p->host);
	edit_names_fault(e, f);
	config_remove_fault(draft, config_find_fault(draft, f->name));
	return true;
}

void native_hosts_power_on(struct call *c)
{
	const char *host = find_host(c);
	struct power p = { .control = c->control, .host = host };
	struct edit e = { .what = "host.power_on", .host = host };

	if (host && native_edit(c, &e, power_on, &p))
		reply_json(c, 200, json_pack("{s:s}", "lifted", e.fault));
}

/* --- partitions --- */

#define CUT_MAX 100 /* each of one side from each of the other */

struct partition {
	struct control *control;
	const json_t *body;
	json_t *names; /* of the faults */
};

/* What clients on `from` have of the services on `to`. */
static bool cut(struct edit *e, struct config *draft, const struct partition *p, const char *from,
    const char *to)
{
	const struct host_spec *h = config_find_host(draft, from);
	char stem[NAME_MAX_BYTES - 16];
	struct fault_spec *f;

	if (!has_proxies(draft, to))
		return true;
	if (!h || !h->address.family)
		return edit_fail(e, EDIT_REFUSED,
		    "nothing tells the connections of host %.64s: give its [host] an address=",
		    from);
	snprintf(stem, sizeof(stem), "partition-%.64s-%.64s", from, to);
	f = add_fault(e, p->control, draft, stem, "partition", to);
	if (!f || !set_duration(e, f, p->body))
		return false;
	f->clients = h->address;
	json_array_append_new(p->names, json_string(f->name));
	return true;
}

static const char *nth_host(
    struct edit *e, const struct config *draft, const json_t *array, const char *key, size_t i)
{
	const char *name = json_string_value(json_array_get(array, i));

	if (!name)
		edit_fail(e, EDIT_BAD, "%s: expected an array of hosts' names", key);
	else if (!host_is(draft, name))
		edit_fail(e, EDIT_NOT_FOUND, "%s: no host %.64s: GET /v1/hosts tells what there is",
		    key, name);
	else
		return name;
	return NULL;
}

static bool partition(struct edit *e, struct config *draft, void *arg)
{
	static const char *const keys[] = { "a", "b", "duration", NULL };
	const struct partition *p = arg;
	const json_t *a = json_object_get(p->body, "a"), *b = json_object_get(p->body, "b");

	if (!known_keys(e, p->body, keys))
		return false;
	if (json_array_size(a) > CUT_MAX || json_array_size(b) > CUT_MAX)
		return edit_fail(e, EDIT_BAD, "a, b: expected at most %d hosts each", CUT_MAX);
	if (!json_array_size(a) || !json_array_size(b))
		return edit_fail(e, EDIT_BAD, "a, b: expected an array of hosts' names each");
	for (size_t i = 0; i < json_array_size(a); i++)
		for (size_t j = 0; j < json_array_size(b); j++) {
			const char *x = nth_host(e, draft, a, "a", i);
			const char *y = x ? nth_host(e, draft, b, "b", j) : NULL;

			if (!y)
				return false;
			if (!strcmp(x, y))
				return edit_fail(e, EDIT_BAD, "%.64s: it is on both sides", x);
			if (!cut(e, draft, p, x, y) || !cut(e, draft, p, y, x))
				return false;
		}
	return json_array_size(p->names) ||
	       edit_fail(e, EDIT_REFUSED, "none of these hosts has a proxy: nothing to cut");
}

void native_partitions_create(struct call *c)
{
	struct partition p = { c->control, native_body(c), json_array() };
	struct edit e = { .what = "partition" };

	if (p.body && native_edit(c, &e, partition, &p))
		reply_json(c, 201, json_pack("{s:O}", "faults", p.names));
	json_decref(p.names);
}
