/* Proxies, with what goes through them now. */
#include "admin/native.h"
#include "admin/toxiproxy.h"
#include "control/draft.h"
#include "model/field_json.h"
#include "relay/sessions.h"
#include <stdlib.h>
#include <string.h>

/* --- to JSON --- */

static const char *gate_of(struct proxy *p, const struct proxy_spec *s)
{
	struct proxy_counts now;

	if (!s->enabled)
		return "refuse";
	proxy_count(p, &now);
	if (proxy_door(p)->gate == GATE_OPEN && s->max_sessions && now.sessions >= s->max_sessions)
		return "full";
	return gate_names[proxy_door(p)->gate];
}

static json_t *faults_on(const struct config *c, const struct proxy_spec *p)
{
	json_t *all = json_array();

	for (size_t i = 0; i < c->n_faults; i++)
		if (fault_spec_covers(c->faults[i], p))
			json_array_append_new(all, json_string(c->faults[i]->name));
	return all;
}

static json_t *proxy_to_json(const struct control *c, const struct proxy_spec *s)
{
	static const char *const told[] = { "listen", "upstream", "enabled", "host", NULL };
	struct proxy *p = relay_find_proxy(c->relay, s->name);
	char listen[ADDR_TEXT_MAX], upstream[ADDR_TEXT_MAX];
	struct proxy_counts now;
	json_t *o;

	if (!p)
		return NULL;
	proxy_count(p, &now);
	o = json_pack("{s:s, s:s, s:s, s:b, s:s, s:s}", "name", s->name, "listen",
	    proxy_listen_text(p, listen, sizeof(listen)), "upstream",
	    addr_format(upstream, sizeof(upstream), &s->upstream), "enabled", s->enabled, "host",
	    s->host ? s->host : s->name, "gate", gate_of(p, s));
	fields_json(o, proxy_fields, s, NULL, told);
	json_object_set_new(o, "sessions", json_integer((json_int_t)now.sessions));
	json_object_set_new(o, "accepted", json_integer((json_int_t)now.accepted));
	json_object_set_new(
	    o, "upstream_bytes", json_integer((json_int_t)now.bytes[FLOW_UPSTREAM]));
	json_object_set_new(
	    o, "downstream_bytes", json_integer((json_int_t)now.bytes[FLOW_DOWNSTREAM]));
	json_object_set_new(o, "faults", faults_on(c->config, s));
	return o;
}

/* --- handlers --- */

void native_proxies_list(struct call *c)
{
	const struct config *config = c->control->config;
	json_t *all = json_array();

	for (size_t i = 0; i < config->n_proxies; i++)
		json_array_append_new(all, proxy_to_json(c->control, config->proxies[i]));
	reply_json(c, 200, json_pack("{s:o}", "proxies", all));
}

static void reply_proxy(struct call *c, int status, const char *name)
{
	const struct proxy_spec *s = config_find_proxy(c->control->config, name);

	if (s)
		reply_json(c, status, proxy_to_json(c->control, s));
	else
		reply_error(c, 404, "no proxy %.64s: GET /v1/proxies tells what there is", name);
}

void native_proxies_show(struct call *c)
{
	reply_proxy(c, 200, c->params.value[0]);
}

static bool add_faults(
    struct edit *e, struct config *draft, const json_t *faults, const struct proxy_spec *p)
{
	if (faults && !json_is_array(faults))
		return edit_fail(
		    e, EDIT_BAD, "faults: expected an array of faults, got %s", json_kind(faults));
	for (size_t i = 0; i < json_array_size(faults); i++)
		if (!native_fault_add(e, draft, json_array_get(faults, i), p->name))
			return false;
	*e->fault = '\0';
	return true;
}

static bool create(struct edit *e, struct config *draft, void *arg)
{
	static const char *const also[] = { "name", "faults", NULL };
	const char *name = native_text(e, arg, "name"), *want;
	struct proxy_spec *p;

	if (e->kind != EDIT_DONE)
		return false;
	if (!name)
		return edit_fail(e, EDIT_BAD, "name: missing");
	want = spec_check_name(name);
	if (want)
		return edit_fail(e, EDIT_BAD, "name: expected %s, got \"%.64s\"", want, name);
	if (config_find_proxy(draft, name))
		return edit_fail(e, EDIT_EXISTS,
		    "there is a proxy %.64s: PATCH or DELETE /v1/proxies/%.64s, or give another "
		    "name",
		    name, name);
	p = draft_add_proxy(e, draft, name);
	if (!p || !native_set(e, proxy_fields, p, arg, also))
		return false;
	for (const struct field *f = proxy_fields; f->key; f++)
		if (f->required && !json_object_get(arg, f->key))
			return edit_fail(e, EDIT_BAD, "%s: missing: %s", f->key, f->help);
	e->proxy = p->name;
	return add_faults(e, draft, json_object_get(arg, "faults"), p);
}

void native_proxies_create(struct call *c)
{
	const json_t *body = native_body(c);
	struct edit e = { .what = "proxy.create" };

	if (body && native_edit(c, &e, create, (void *)(uintptr_t)body))
		reply_proxy(c, 201, e.proxy);
}

static struct proxy_spec *find(struct edit *e, const struct config *draft)
{
	struct proxy_spec *p = config_find_proxy(draft, e->proxy);

	if (!p)
		edit_fail(e, EDIT_NOT_FOUND, "no proxy %.64s: GET /v1/proxies tells what there is",
		    e->proxy);
	return p;
}

struct change {
	struct control *control;
	const json_t *body;
};

/* The address that it has already, perhaps by a port that the kernel chose, is no change. */
static bool update(struct edit *e, struct config *draft, void *arg)
{
	const struct change *change = arg;
	struct proxy_spec *p = find(e, draft);
	const char *listen;
	struct addr before;

	if (!p)
		return false;
	before = p->listen;
	if (!native_set(e, proxy_fields, p, change->body, NULL))
		return false;
	listen = json_string_value(json_object_get(change->body, "listen"));
	p->listen = before;
	return !listen ||
	       proxy_set_listen(e, p, listen, relay_find_proxy(change->control->relay, e->proxy));
}

void native_proxies_update(struct call *c)
{
	struct edit e = { .what = "proxy.update", .proxy = c->params.value[0] };
	struct change change = { c->control, native_body(c) };

	if (change.body && native_edit(c, &e, update, &change))
		reply_proxy(c, 200, e.proxy);
}

static bool delete (struct edit *e, struct config *draft, void *arg)
{
	struct proxy_spec *p = find(e, draft);

	(void)arg;
	if (p)
		draft_remove_proxy(draft, p);
	return p;
}

void native_proxies_delete(struct call *c)
{
	struct edit e = { .what = "proxy.delete", .proxy = c->params.value[0] };

	if (native_edit(c, &e, delete, NULL))
		reply_json(c, 200, json_pack("{s:s}", "removed", e.proxy));
}
