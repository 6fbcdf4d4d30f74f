/* What concerns everything at once: populate, also from a file, reset, version. */
#include "admin/toxiproxy.h"
#include "control/draft.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- populate --- */

struct population {
	struct control *control;
	const char *who;
	struct proxy_input *in;
	size_t n;
};

/* One that is there and equal stays as it is, with its toxics unless others are given; one that
 * differs is a new one under the same name. */
static bool renew(struct edit *e, struct config *draft, struct proxy_spec *p,
    const struct proxy_input *in, const struct proxy *known)
{
	struct proxy_spec before = *p;
	bool same;

	if (!proxy_set_listen(e, p, in->listen ? in->listen : "", known) ||
	    !proxy_set_upstream(e, p, in->upstream))
		return false;
	same = field_equal(field_find(proxy_fields, "listen"), &before, p) &&
	       field_equal(field_find(proxy_fields, "upstream"), &before, p);
	p->enabled = in->enabled != 0;
	return (same && !in->toxics) || draft_clear_toxics(e, draft, p);
}

static bool populate_one(
    struct edit *e, struct config *draft, const struct proxy_input *in, struct relay *relay)
{
	struct proxy_spec *p = config_find_proxy(draft, in->name);

	if (p && !renew(e, draft, p, in, relay_find_proxy(relay, in->name)))
		return false;
	if (!p) {
		p = draft_add_proxy(e, draft, in->name);
		if (!p || !proxy_set_listen(e, p, in->listen ? in->listen : "", NULL) ||
		    !proxy_set_upstream(e, p, in->upstream))
			return false;
		p->enabled = in->enabled != 0;
	}
	return toxics_add(e, draft, p, in->toxics);
}

static bool populate_all(struct edit *e, struct config *draft, void *arg)
{
	const struct population *all = arg;

	for (size_t i = 0; i < all->n; i++)
		if (!populate_one(e, draft, &all->in[i], all->control->relay))
			return false;
	*e->fault = '\0';
	return true;
}

/* Errors of this call alone are labelled as JSON, have no newline and a third member. */
static void reply_failure(struct call *c, int status, const char *message)
{
	reply_json(
	    c, status, json_pack("{s:s, s:i, s:n}", "error", message, "status", status, "proxies"));
}

/* False: err says which is wrong. */
static bool read_all(struct population *all, const json_t *body, char *err, size_t size)
{
	char why[200];

	for (size_t i = 0; i < all->n; i++) {
		struct proxy_input *in = &all->in[i];

		if (!proxy_input_read(in, json_array_get(body, i), why, sizeof(why)))
			snprintf(err, size, "bad request body: %s at proxy %zu", why, i + 1);
		else if (!in->name || !*in->name)
			snprintf(err, size, "missing required field: name at proxy %zu", i + 1);
		else if (!in->upstream || !*in->upstream)
			snprintf(err, size, "missing required field: upstream at proxy %zu", i + 1);
		else
			continue;
		return false;
	}
	return true;
}

static void reply_population(struct call *c, const struct population *all)
{
	json_t *proxies = all->n ? json_array() : json_null();

	for (size_t i = 0; i < all->n; i++)
		json_array_append_new(proxies,
		    proxy_json(c->control, config_find_proxy(c->control->config, all->in[i].name)));
	reply_json(c, 201, json_pack("{s:o}", "proxies", proxies));
}

/* The proxies of an array, all or none. False: e says why; all->in is the caller's to free. */
static bool populate_array(struct population *all, const json_t *array, struct edit *e)
{
	char err[256];

	all->n = json_array_size(array);
	all->in = calloc(all->n + 1, sizeof(*all->in));
	if (!all->in)
		return edit_fail(e, EDIT_NO_MEMORY, "out of memory");
	if (!read_all(all, array, err, sizeof(err)))
		return edit_fail(e, EDIT_BAD, "%s", err);
	e->what = "populate";
	e->who = all->who;
	return !all->n || proxy_edit(all->control, e, populate_all, all);
}

static void populate_from(struct call *c, const json_t *body)
{
	struct population all = { .control = c->control, .who = c->who };
	struct edit e = { .kind = EDIT_DONE };

	if (populate_array(&all, body, &e))
		reply_population(c, &all);
	else
		reply_failure(c, edit_status(&e), e.message);
	free(all.in);
}

void populate(struct call *c)
{
	char err[256];
	const json_t *body = call_read_body(c, err, sizeof(err));

	if (json_is_array(body) || json_is_null(body)) {
		populate_from(c, body);
		return;
	}
	if (body)
		snprintf(err, sizeof(err), "bad request body: expected an array, got %s",
		    json_kind(body));
	reply_failure(c, 400, err);
}

/* --- the same, from a file --- */

bool toxiproxy_load(struct control *control, const char *path, char *err, size_t size)
{
	struct population all = { .control = control, .who = path };
	struct edit e = { .kind = EDIT_DONE };
	json_error_t error;
	json_t *o = json_load_file(path, 0, &error);
	bool done = json_is_array(o) && populate_array(&all, o, &e);

	if (!o && error.line < 0)
		snprintf(err, size, "%s: %s", path, error.text);
	else if (!o)
		snprintf(err, size, "%s:%d: %s", path, error.line, error.text);
	else if (!json_is_array(o))
		snprintf(err, size, "%s: expected an array of proxies, got %s", path, json_kind(o));
	else
		snprintf(err, size, "%s: %s", path, e.message);
	free(all.in);
	json_decref(o);
	return done;
}

/* --- reset --- */

static bool heal(struct edit *e, struct config *draft, void *arg)
{
	(void)e, (void)arg;
	while (draft->n_faults)
		config_remove_fault(draft, draft->faults[draft->n_faults - 1]);
	for (size_t i = 0; i < draft->n_proxies; i++)
		draft->proxies[i]->enabled = true;
	return true;
}

void reset(struct call *c)
{
	struct edit e = { .what = "reset", .who = c->who };

	if (proxy_edit(c->control, &e, heal, NULL))
		reply_empty(c, 204);
	else
		reply_edit_error(c, &e);
}

/* --- version --- */

void version(struct call *c)
{
	evhttp_add_header(
	    evhttp_request_get_output_headers(c->req), "X-Deadpeer-Version", DEADPEER_VERSION);
	reply_text(
	    c, 200, "application/json;charset=utf-8", "{\"version\": \"" TOXIPROXY_VERSION "\"}\n");
}
