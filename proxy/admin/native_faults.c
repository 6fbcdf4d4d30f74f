/* Faults: what there is, armed, changed, lifted. A fault of the configuration file is one of them.
 */
#include "admin/native.h"
#include "base/mono.h"
#include "base/nearest.h"
#include "control/draft.h"
#include "faults/facts.h"
#include "model/field_json.h"
#include "model/spec_json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPES_MAX 64

/* --- to JSON --- */

/* "*", or their names; those of a host are the ones that it has now. */
static json_t *proxies_json(const struct config *c, const struct fault_spec *s)
{
	json_t *all;

	if (s->proxies.all)
		return json_string("*");
	all = json_array();
	for (size_t i = 0; s->host && i < c->n_proxies; i++)
		if (fault_spec_covers(s, c->proxies[i]))
			json_array_append_new(all, json_string(c->proxies[i]->name));
	for (size_t i = 0; i < s->proxies.count; i++)
		json_array_append_new(all, json_string(s->proxies.name[i]));
	return all;
}

static json_t *values_json(const struct fault_spec *s)
{
	static const char *const told[] = { "proxy", "host", "side", NULL };
	struct fault_spec plain = { 0 };
	json_t *o = json_object();

	field_defaults(fault_fields, &plain);
	fields_json(o, fault_fields, s, &plain, told);
	fields_json(o, s->type->params, &s->params, NULL, NULL);
	field_release(fault_fields, &plain);
	return o;
}

/* Until its state changes by itself; null: it does not. */
static json_t *remaining_json(const struct fault *f)
{
	const struct heap_node *at = &f->timer.node, *cap = &f->cap.node;
	int64_t left;

	if (!at->index || (cap->index && cap->at_ns < at->at_ns))
		at = cap;
	if (!at->index)
		return json_null();
	left = at->at_ns - mono_now_ns();
	return json_integer(left > 0 ? left : 0);
}

json_t *native_fault_json(const struct control *c, const struct fault_spec *s)
{
	const struct fault *f = engine_find(&c->relay->engine, s->name);
	enum fault_state state = f ? f->state : FAULT_OVER;
	bool acts = state >= FAULT_ACTIVE && state <= FAULT_TAIL;
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "name", s->name, "type",
	    s->type->name, "state", fault_state_names[state], "grade",
	    grade_names[f ? f->grade : GRADE_REFUSED], "side", side_names[s->side], "proxies",
	    proxies_json(c->config, s));

	if (s->host)
		json_object_set_new(o, "host", json_string(s->host));
	if (s->toxic)
		json_object_set_new(o, "toxic", json_string(s->toxic));
	json_object_set_new(o, "values", values_json(s));
	json_object_set_new(o, "sessions", json_integer(f ? (json_int_t)f->sessions : 0));
	json_object_set_new(o, "segments", json_integer(f ? (json_int_t)f->segments : 0));
	json_object_set_new(o, "active_ns", json_integer(acts ? mono_now_ns() - f->active_ns : 0));
	json_object_set_new(o, "remaining_ns", f ? remaining_json(f) : json_null());
	return o;
}

/* --- from JSON --- */

static const struct fault_ops *find_type(struct edit *e, const char *name)
{
	const struct fault_ops *ops = catalogue_find(name);
	const char *names[TYPES_MAX + 1] = { NULL }, *near;

	for (size_t i = 0; !ops && catalogue[i] && i < TYPES_MAX; i++)
		names[i] = catalogue[i]->type.name;
	near = ops ? NULL : nearest_find(name, names);
	if (near)
		edit_fail(e, EDIT_BAD, "type: no \"%.64s\" (did you mean %s?)", name, near);
	else if (!ops)
		edit_fail(e, EDIT_BAD,
		    "type: no \"%.64s\": GET /v1/fault-types tells what there is", name);
	return ops;
}

/* N of "TYPE-N" as new_name() writes it; 0: it is none. */
static size_t number_of(const char *name, const char *type)
{
	size_t len = strlen(type), n;
	char *end;

	if (strncmp(name, type, len) != 0 || name[len] != '-' || name[len + 1] < '1' ||
	    name[len + 1] > '9')
		return 0;
	n = strtoul(name + len + 1, &end, 10);
	return *end ? 0 : n;
}

/* "TYPE-N" with the least N that is free; among n faults one up to n + 1 is. */
static char *new_name(const struct config *draft, const char *type)
{
	bool *taken = calloc(draft->n_faults + 2, sizeof(*taken));
	char *name = NULL;
	size_t n = 1;

	for (size_t i = 0; taken && i < draft->n_faults; i++) {
		size_t number = number_of(draft->faults[i]->name, type);

		if (number <= draft->n_faults)
			taken[number] = true;
	}
	while (taken && taken[n])
		n++;
	if (!taken || asprintf(&name, "%s-%zu", type, n) < 0)
		name = NULL;
	free(taken);
	return name;
}

/* Also NAME#2: a scenario's fault that is armed again and again is called so. */
static const char *check_name(const char *name)
{
	const char *number = strrchr(name, '#');
	char stem[64];

	if (!number || !number[1] || number[1 + strspn(number + 1, "0123456789")] ||
	    number - name >= (ptrdiff_t)sizeof(stem))
		return spec_check_name(name);
	snprintf(stem, sizeof(stem), "%.*s", (int)(number - name), name);
	return spec_check_name(stem);
}

static struct fault_spec *add_named(
    struct edit *e, struct config *draft, const char *name, const struct fault_type *type)
{
	const char *want = name ? check_name(name) : NULL;
	char *made = name ? NULL : new_name(draft, type->name);
	struct fault_spec *f = NULL;

	if (want)
		edit_fail(e, EDIT_BAD, "name: expected %s, got \"%.64s\"", want, name);
	else if (name && config_find_fault(draft, name))
		edit_fail(e, EDIT_EXISTS,
		    "there is a fault %.64s: PATCH or DELETE /v1/faults/%.64s, or give another "
		    "name",
		    name, name);
	else if (!name && !made)
		edit_fail(e, EDIT_NO_MEMORY, "out of memory");
	else if (!(f = config_add_fault(draft, name ? name : made, type)))
		edit_fail(e, EDIT_NO_MEMORY, "out of memory");
	free(made);
	return f;
}

#define OTHER_KEYS_MAX 32

/* What a fault takes beside fault_fields: its type's own keys, and those of a new one. */
static void list_others(
    const char *others[OTHER_KEYS_MAX + 1], const struct fault_spec *f, bool is_new)
{
	static const char *const also[] = { "name", "type", "at" };
	size_t n = 0;

	for (size_t i = 0; is_new && i < sizeof(also) / sizeof(*also); i++)
		others[n++] = also[i];
	for (const struct field *row = f->type->params; row && row->key && n < OTHER_KEYS_MAX;
	     row++)
		others[n++] = row->key;
	others[n] = NULL;
}

/* Keys of its type first, as in the INI file. */
static bool set_values(struct edit *e, struct fault_spec *f, const json_t *o, bool is_new)
{
	const char *key, *others[OTHER_KEYS_MAX + 1];
	json_t *value;

	list_others(others, f, is_new);
	spec_json_preset(f, o);
	json_object_foreach((json_t *)(uintptr_t)o, key, value)
	{
		const struct field *own = field_find(f->type->params, key);
		json_t *one;
		bool ok;

		if (own && !native_set_one(e, own, &f->params, value))
			return false;
		if (own)
			continue;
		one = json_pack("{s:O}", key, value);
		ok = native_set(e, fault_fields, f, one, others);
		json_decref(one);
		if (!ok)
			return false;
	}
	if (is_new && !json_object_get(o, "side")) /* a key may have named the type that acts */
		f->side = fault_spec_side_initial(f);
	spec_json_side(f, o);
	return true;
}

struct fault_spec *native_fault_add(
    struct edit *e, struct config *draft, const json_t *o, const char *proxy)
{
	const char *name, *type, *at;
	const struct fault_ops *ops;
	struct fault_spec *f;
	json_t *where;

	e->kind = EDIT_DONE;
	name = native_text(e, o, "name");
	type = native_text(e, o, "type");
	at = native_text(e, o, "at");
	if (e->kind != EDIT_DONE)
		return NULL;
	if (!type) {
		edit_fail(e, EDIT_BAD, "type: missing: GET /v1/fault-types tells what there is");
		return NULL;
	}
	ops = edit_has_room(e, draft->n_faults, "faults (over or not)") ? find_type(e, type) : NULL;
	f = ops ? add_named(e, draft, name, &ops->type) : NULL;
	if (!f || !set_values(e, f, o, true) || (at && !native_set_at(e, f, at)))
		return NULL;
	if (!f->host && !f->proxies.all && !f->proxies.count) {
		where = json_string(proxy ? proxy : "*");
		if (!proxy)
			edit_fail(e, EDIT_BAD,
			    "proxy: missing: a name, several, \"*\" for all, "
			    "or a host instead");
		else
			native_set_one(e, field_find(fault_fields, "proxy"), f, where);
		json_decref(where);
	}
	edit_names_fault(e, f);
	return e->kind == EDIT_DONE ? f : NULL;
}

/* --- handlers --- */

void native_fault_types(struct call *c)
{
	reply_json(c, 200, fault_types_json(NULL));
}

void native_faults_list(struct call *c)
{
	const struct config *config = c->control->config;
	json_t *all = json_array();

	for (size_t i = 0; i < config->n_faults; i++)
		json_array_append_new(all, native_fault_json(c->control, config->faults[i]));
	reply_json(c, 200, json_pack("{s:o}", "faults", all));
}

static void reply_fault(struct call *c, int status, const char *name)
{
	const struct fault_spec *s = config_find_fault(c->control->config, name);

	if (s)
		reply_json(c, status, native_fault_json(c->control, s));
	else
		reply_error(c, 404, "no fault %.64s: GET /v1/faults tells what there is", name);
}

void native_faults_show(struct call *c)
{
	reply_fault(c, 200, c->params.value[0]);
}

static bool create(struct edit *e, struct config *draft, void *arg)
{
	return native_fault_add(e, draft, arg, NULL);
}

void native_faults_create(struct call *c)
{
	const json_t *body = native_body(c);
	struct edit e = { .what = "fault.add" };

	if (body && native_edit(c, &e, create, (void *)(uintptr_t)body))
		reply_fault(c, 201, e.fault);
}

struct change {
	const char *name;
	const json_t *body;
};

static struct fault_spec *find(struct edit *e, const struct config *draft, const char *name)
{
	struct fault_spec *f = config_find_fault(draft, name);

	if (f)
		edit_names_fault(e, f);
	else
		edit_fail(
		    e, EDIT_NOT_FOUND, "no fault %.64s: GET /v1/faults tells what there is", name);
	return f;
}

static bool update(struct edit *e, struct config *draft, void *arg)
{
	const struct change *change = arg;
	struct fault_spec *f = find(e, draft, change->name);

	return f && set_values(e, f, change->body, false);
}

void native_faults_update(struct call *c)
{
	struct edit e = { .what = "fault.update" };
	struct change change = { c->params.value[0], native_body(c) };

	if (change.body && native_edit(c, &e, update, &change))
		reply_fault(c, 200, change.name);
}

static bool delete (struct edit *e, struct config *draft, void *arg)
{
	struct fault_spec *f = find(e, draft, arg);

	if (f)
		config_remove_fault(draft, f);
	return f;
}

void native_faults_delete(struct call *c)
{
	struct edit e = { .what = "fault.remove" };

	if (native_edit(c, &e, delete, c->params.value[0]))
		reply_json(c, 200, json_pack("{s:s}", "lifted", e.fault));
}

/* --- heal --- */

struct healing {
	struct control *control;
	const char *proxy; /* NULL: everything */
	json_t *lifted;
};

/* Does it act on this proxy and on no other? */
static bool covers_only(const struct config *draft, const struct fault_spec *f, const char *proxy)
{
	bool covers = false;

	for (size_t i = 0; i < draft->n_proxies; i++)
		if (fault_spec_covers(f, draft->proxies[i])) {
			if (strcmp(draft->proxies[i]->name, proxy) != 0)
				return false;
			covers = true;
		}
	return covers;
}

/* Nothing of it is left to be undone, and that has been told. */
static bool is_over(const struct control *c, const struct fault_spec *s)
{
	const struct fault *f = engine_find(&c->relay->engine, s->name);

	return f && f->state == FAULT_OVER;
}

/* What is over is forgotten, too, but was not lifted. */
static bool heal(struct edit *e, struct config *draft, void *arg)
{
	const struct healing *h = arg;

	if (h->proxy && !config_find_proxy(draft, h->proxy))
		return edit_fail(e, EDIT_NOT_FOUND,
		    "no proxy %.64s: GET /v1/proxies tells what there is", h->proxy);
	for (size_t i = draft->n_faults; i-- > 0;) {
		struct fault_spec *f = draft->faults[i];

		if (h->proxy && !covers_only(draft, f, h->proxy))
			continue;
		if (!is_over(h->control, f))
			json_array_insert_new(h->lifted, 0, json_string(f->name));
		config_remove_fault(draft, f);
	}
	return true;
}

void native_heal(struct call *c)
{
	static const struct field table[] = {
		{ .key = "proxy", .kind = FIELD_TEXT, .offset = 0 },
		{ .key = NULL },
	};
	const json_t *body = native_body(c);
	struct edit e = { .what = "heal" };
	struct healing h = { .control = c->control };
	char *proxy = NULL;

	if (!body)
		return;
	h.lifted = json_array();
	if (!native_set(&e, table, &proxy, body, NULL))
		reply_edit_error(c, &e);
	else if (h.proxy = e.proxy = proxy, native_edit(c, &e, heal, &h))
		reply_json(c, 200, json_pack("{s:O}", "lifted", h.lifted));
	json_decref(h.lifted);
	free(proxy);
}
