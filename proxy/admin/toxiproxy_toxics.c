/* Toxics: the faults that act on a proxy. */
#include "admin/toxiproxy.h"
#include "control/draft.h"
#include "faults/catalogue.h"
#include "model/spec_json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- JSON --- */

static void add_stream(
    json_t *array, const struct config *c, const struct proxy_spec *p, const char *stream)
{
	for (size_t i = 0; i < c->n_faults; i++)
		if (fault_spec_covers(c->faults[i], p) &&
		    !strcmp(spec_json_stream(c->faults[i]), stream))
			json_array_append_new(array, spec_json_toxic(c->faults[i]));
}

json_t *toxics_json(const struct config *c, const struct proxy_spec *p)
{
	json_t *array = json_array();

	add_stream(array, c, p, "upstream");
	add_stream(array, c, p, "downstream");
	return array;
}

/* --- from JSON --- */

struct toxic_input {
	const char *name, *type, *stream;
	const json_t *toxicity, *attributes;
};

static bool read_input(struct toxic_input *in, const json_t *o, char *err, size_t size)
{
	*in = (struct toxic_input){ NULL };
	if (!json_is_object(o)) {
		snprintf(err, size, "expected an object, got %s", json_kind(o));
		return false;
	}
	if (!json_take_text(o, "name", &in->name, err, size) ||
	    !json_take_text(o, "type", &in->type, err, size) ||
	    !json_take_text(o, "stream", &in->stream, err, size))
		return false;
	in->toxicity = json_member(o, "toxicity");
	in->attributes = json_member(o, "attributes");
	if (in->toxicity && !json_is_number(in->toxicity))
		snprintf(err, size, "toxicity: expected a number, got %s", json_kind(in->toxicity));
	else if (in->attributes && !json_is_object(in->attributes))
		snprintf(
		    err, size, "attributes: expected an object, got %s", json_kind(in->attributes));
	else
		return true;
	return false;
}

/* An attribute `host` widens it to all proxies of a host, which must be this one's. */
static bool settle_host(struct edit *e, struct fault_spec *f, const struct proxy_spec *p)
{
	if (!f->host)
		return true;
	for (size_t i = 0; i < f->proxies.count; i++)
		free(f->proxies.name[i]);
	free(f->proxies.name);
	f->proxies = (struct names){ 0 };
	if (fault_spec_covers(f, p))
		return true;
	return edit_fail(
	    e, EDIT_BAD, "attribute host: proxy %.255s is not on host %.255s", p->name, f->host);
}

static bool set_values(struct edit *e, struct fault_spec *f, const struct proxy_spec *p,
    const json_t *toxicity, const json_t *attributes)
{
	char err[1024];

	if (!spec_json_set_toxicity(f, toxicity, err, sizeof(err)) ||
	    !spec_json_set_attributes(f, attributes, err, sizeof(err)))
		return edit_fail(e, EDIT_BAD, "bad request body: %.1000s", err);
	return settle_host(e, f, p);
}

static struct fault_spec *add_named(struct edit *e, struct config *draft,
    const struct proxy_spec *p, const struct toxic_input *in, const struct fault_type *type)
{
	char *name = NULL;
	struct fault_spec *f;

	if (in->name && *in->name)
		return draft_add_toxic(e, draft, p, in->name, type);
	if (asprintf(&name, "%s_%s", type->name, in->stream ? in->stream : "downstream") < 0) {
		edit_fail(e, EDIT_NO_MEMORY, "out of memory");
		return NULL;
	}
	f = draft_add_toxic(e, draft, p, name, type);
	free(name);
	return f;
}

/* In Toxiproxy's order: stream, type, name, values. */
static bool add_from(
    struct edit *e, struct config *draft, const struct proxy_spec *p, const struct toxic_input *in)
{
	const struct fault_ops *ops = catalogue_find(in->type ? in->type : "");
	const char *want;
	struct fault_spec *f;

	if (in->stream && strcasecmp(in->stream, "upstream") != 0 &&
	    strcasecmp(in->stream, "downstream") != 0)
		return edit_fail(
		    e, EDIT_BAD, "stream was invalid, can be either upstream or downstream");
	if (!ops)
		return edit_fail(e, EDIT_BAD, "invalid toxic type");
	f = add_named(e, draft, p, in, &ops->type);
	if (!f)
		return false;
	edit_names_fault(e, f);
	if (!set_values(e, f, p, in->toxicity, in->attributes))
		return false;
	/* After them: which streams there are depends on what it acts as. */
	if (!json_object_get(in->attributes, "side") &&
	    !json_object_get(in->attributes, "direction") &&
	    (want = spec_json_set_stream(f, in->stream)))
		return edit_fail(e, EDIT_BAD, "%s", want);
	return true;
}

static bool add_one(
    struct edit *e, struct config *draft, const struct proxy_spec *p, const json_t *o)
{
	struct toxic_input in;
	char err[256];

	if (!read_input(&in, o, err, sizeof(err)))
		return edit_fail(e, EDIT_BAD, "bad request body: %s", err);
	return add_from(e, draft, p, &in);
}

bool toxics_add(
    struct edit *e, struct config *draft, const struct proxy_spec *p, const json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		size_t len;

		if (add_one(e, draft, p, json_array_get(array, i)))
			continue;
		len = strlen(e->message);
		snprintf(e->message + len, sizeof(e->message) - len,
		    " at toxic %zu of proxy %.255s", i + 1, p->name);
		return false;
	}
	return true;
}

/* --- handlers --- */

/* The proxy of the path; NULL: answered. */
static const struct proxy_spec *find_proxy(struct call *c)
{
	const struct proxy_spec *p = config_find_proxy(c->control->config, c->params.value[0]);

	if (!p)
		reply_error(c, 404, "proxy not found");
	return p;
}

void toxics_list(struct call *c)
{
	const struct proxy_spec *p = find_proxy(c);

	if (p)
		reply_json(c, 200, toxics_json(c->control->config, p));
}

static void reply_toxic(struct call *c, const char *proxy, const char *name)
{
	struct edit e;
	const struct config *config = c->control->config;
	const struct proxy_spec *p = draft_find_proxy(&e, config, proxy);
	const struct fault_spec *f = p ? draft_find_toxic(&e, config, p, name) : NULL;

	if (f)
		reply_json(c, 200, spec_json_toxic(f));
	else
		reply_edit_error(c, &e);
}

void toxics_show(struct call *c)
{
	reply_toxic(c, c->params.value[0], c->params.value[1]);
}

struct change {
	const char *toxic;
	struct toxic_input in;
};

static bool create(struct edit *e, struct config *draft, void *arg)
{
	const struct proxy_spec *p = draft_find_proxy(e, draft, e->proxy);
	struct change *change = arg;

	return p && add_from(e, draft, p, &change->in);
}

/* The body of a change; false: answered. */
static bool read_change(struct call *c, struct change *change)
{
	const json_t *body = call_body(c);
	char err[256];

	if (!body)
		return false;
	if (read_input(&change->in, body, err, sizeof(err)))
		return true;
	reply_error(c, 400, "bad request body: %s", err);
	return false;
}

void toxics_create(struct call *c)
{
	struct edit e = { .what = "toxic.add", .proxy = c->params.value[0], .who = c->who };
	struct change change = { NULL };
	const struct config *config;

	if (!find_proxy(c) || !read_change(c, &change))
		return;
	if (!control_edit(c->control, &e, create, &change)) {
		reply_edit_error(c, &e);
		return;
	}
	config = c->control->config;
	reply_json(c, 200, spec_json_toxic(config->faults[config->n_faults - 1]));
}

static bool update(struct edit *e, struct config *draft, void *arg)
{
	const struct proxy_spec *p = draft_find_proxy(e, draft, e->proxy);
	const struct change *change = arg;
	struct fault_spec *f = p ? draft_find_toxic(e, draft, p, change->toxic) : NULL;

	if (!f)
		return false;
	edit_names_fault(e, f);
	return set_values(e, f, p, change->in.toxicity, change->in.attributes);
}

void toxics_update(struct call *c)
{
	struct edit e = { .what = "toxic.update", .proxy = c->params.value[0], .who = c->who };
	struct change change = { .toxic = c->params.value[1] };
	const struct proxy_spec *p = find_proxy(c);

	if (!p)
		return;
	if (!draft_find_toxic(&e, c->control->config, p, change.toxic))
		reply_edit_error(c, &e);
	else if (!read_change(c, &change))
		return;
	else if (control_edit(c->control, &e, update, &change))
		reply_toxic(c, e.proxy, change.toxic);
	else
		reply_edit_error(c, &e);
}

static bool delete (struct edit *e, struct config *draft, void *arg)
{
	const struct proxy_spec *p = draft_find_proxy(e, draft, e->proxy);
	const struct change *change = arg;
	struct fault_spec *f = p ? draft_find_toxic(e, draft, p, change->toxic) : NULL;

	if (!f)
		return false;
	edit_names_fault(e, f);
	return draft_remove_toxic(e, draft, p, f);
}

void toxics_delete(struct call *c)
{
	struct edit e = { .what = "toxic.remove", .proxy = c->params.value[0], .who = c->who };
	struct change change = { .toxic = c->params.value[1] };

	if (control_edit(c->control, &e, delete, &change))
		reply_empty(c, 204);
	else
		reply_edit_error(c, &e);
}
