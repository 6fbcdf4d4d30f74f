/*
 *     config_copy -> change -> two proxies on one address? -> conf_check -> control_apply -> told
 */
#include "control/edit.h"
#include "relay/resolve.h"
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void edit_names_fault(struct edit *e, const struct fault_spec *f)
{
	snprintf(e->fault, sizeof(e->fault), "%s", f->name);
}

bool edit_fail(struct edit *e, enum edit_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->message, sizeof(e->message), fmt, ap);
	va_end(ap);
	e->kind = kind;
	return false;
}

bool edit_has_room(struct edit *e, size_t count, const char *what)
{
	return count < EDIT_MAX ||
	       edit_fail(e, EDIT_BAD,
		   "there are %zu %s already, the most that the API makes: remove some first",
		   count, what);
}

static bool fail_listen(struct edit *e, int error, const struct addr *listen)
{
	struct addr resolved;

	e->error = error;
	if (!resolve_listen(listen, &resolved))
		resolved = *listen;
	addr_format(e->listen, sizeof(e->listen), &resolved);
	return edit_fail(e, EDIT_LISTEN, "cannot listen on %s: %s", e->listen, strerror(error));
}

/* Two enabled proxies cannot have one address: what bind(2) would say, before it is asked. */
static bool addresses_differ(struct edit *e, const struct config *draft)
{
	for (size_t i = 0; i < draft->n_proxies; i++)
		for (size_t j = 0; j < i; j++) {
			const struct proxy_spec *p = draft->proxies[i], *q = draft->proxies[j];

			if (p->enabled && q->enabled && addr_same_listen(&p->listen, &q->listen))
				return fail_listen(e, EADDRINUSE, &p->listen);
		}
	return true;
}

static bool check(struct edit *e, const struct config *draft)
{
	struct conf_errors errors = { 0 };
	bool right = conf_check(draft, &errors);

	if (!right)
		edit_fail(e, EDIT_BAD, "%s", errors.message[0]);
	conf_errors_free(&errors);
	return right;
}

static bool apply(struct control *c, struct edit *e, struct config *draft)
{
	struct conf_errors errors = { 0 };
	bool done;

	c->edit = e;
	done = control_apply(c, draft, &errors);
	c->edit = NULL;
	if (!done && c->why.what == WHY_LISTEN)
		fail_listen(e, c->why.error, &c->why.proxy->listen);
	else if (!done)
		edit_fail(e, c->why.what == WHY_WIRE ? EDIT_REFUSED : EDIT_NO_MEMORY, "%s",
		    errors.count ? errors.message[0] : "out of memory");
	conf_errors_free(&errors);
	return done;
}

/* Those whose sessions lead to where the proxy no longer does: by their place in the draft. */
static bool *find_redirected(const struct config *now, const struct config *draft)
{
	const struct field *upstream = field_find(proxy_fields, "upstream");
	bool *redirected = calloc(draft->n_proxies + 1, sizeof(*redirected));

	for (size_t i = 0; redirected && i < draft->n_proxies; i++) {
		const struct proxy_spec *old = config_find_proxy(now, draft->proxies[i]->name);

		redirected[i] = old && !field_equal(upstream, old, draft->proxies[i]);
	}
	return redirected;
}

static void end_redirected(struct control *c, const bool *redirected)
{
	for (size_t i = 0; i < c->config->n_proxies; i++)
		if (redirected[i])
			proxy_end_sessions(
			    relay_find_proxy(c->relay, c->config->proxies[i]->name), "redirected");
}

static void tell(struct control *c, const struct edit *e)
{
	json_t *o;

	if (!timeline_wants(c->timeline, EVENT_API_CHANGED))
		return;
	o = json_pack("{s:s, s:s}", "who", e->who, "what", e->what);
	if (e->proxy)
		json_object_set_new(o, "proxy", json_string(e->proxy));
	if (e->host)
		json_object_set_new(o, "host", json_string(e->host));
	if (*e->fault)
		json_object_set_new(o, "fault", json_string(e->fault));
	timeline_record(c->timeline, EVENT_API_CHANGED, o);
}

static bool apply_draft(struct control *c, struct edit *e, struct config *draft)
{
	bool *redirected = find_redirected(c->config, draft);

	if (!redirected)
		return edit_fail(e, EDIT_NO_MEMORY, "out of memory");
	if (!apply(c, e, draft)) {
		free(redirected);
		return false;
	}
	end_redirected(c, redirected);
	free(redirected);
	return true;
}

bool control_edit(struct control *c, struct edit *e, edit_change *change, void *arg)
{
	struct config *draft = config_copy(c->config);

	e->kind = EDIT_DONE;
	*e->message = '\0';
	if (!draft)
		return edit_fail(e, EDIT_NO_MEMORY, "out of memory");
	if (!change(e, draft, arg) || !addresses_differ(e, draft) || !check(e, draft) ||
	    !apply_draft(c, e, draft)) {
		config_free(draft);
		return false;
	}
	tell(c, e);
	if (c->edited)
		c->edited(c->edited_arg);
	return true;
}
