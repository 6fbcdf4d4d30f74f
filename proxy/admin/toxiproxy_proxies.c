/* Proxies, as Toxiproxy's clients know them. Messages are its own, since clients compare them. */
#include "admin/toxiproxy.h"
#include "control/draft.h"
#include "relay/resolve.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- addresses --- */

/* "localhost:http": the name of a service for a port, from /etc/services. */
static void service_to_port(char *buf, size_t size, const char *text)
{
	const char *colon = strrchr(text, ':');
	struct servent *service = NULL;

	if (colon && strncmp(text, "unix:", 5) != 0 && strncmp(text, "builtin:", 8) != 0 &&
	    strspn(colon + 1, "0123456789") < strlen(colon + 1))
		service = getservbyname(colon + 1, "tcp");
	if (service)
		snprintf(buf, size, "%.*s:%u", (int)(colon - text), text,
		    ntohs((uint16_t)service->s_port));
	else
		snprintf(buf, size, "%s", text);
}

static bool is_unspecified(const struct addr *a)
{
	if (a->kind != ADDR_IP)
		return false;
	if (a->sa.sa.sa_family == AF_INET)
		return a->sa.in.sin_addr.s_addr == INADDR_ANY;
	return IN6_IS_ADDR_UNSPECIFIED(&a->sa.in6.sin6_addr);
}

/* As Go says it: what clients have seen so far. known: an update, whose text lacks the prefix. */
static bool fail_address(
    struct edit *e, const char *text, const char *want, const struct proxy *known)
{
	const char *prefix = known ? "" : "listen tcp: ", *colon = strrchr(text, ':');

	if (!colon)
		return edit_fail(
		    e, EDIT_LISTEN, "%saddress %.256s: missing port in address", prefix, text);
	if (strspn(colon + 1, "0123456789") == strlen(colon + 1) &&
	    strtoul(colon + 1, NULL, 10) > 65535)
		return edit_fail(
		    e, EDIT_LISTEN, "%saddress %.256s: invalid port", prefix, colon + 1);
	return edit_fail(e, EDIT_LISTEN, "%saddress %.256s: expected %s", prefix, text, want);
}

static bool parse_listen(
    struct edit *e, const char *text, const struct proxy *known, struct addr *out)
{
	char buf[512];
	const char *want;

	service_to_port(buf, sizeof(buf), *text ? text : ":0");
	want = addr_parse(buf, out);
	if (!want && out->kind == ADDR_BUILTIN)
		want = "an address to listen on";
	if (want)
		return fail_address(e, buf, want, known);
	if (is_unspecified(out)) /* "0.0.0.0:1", "[::]:1": Toxiproxy listens on both, as for ":1" */
		snprintf(buf, sizeof(buf), ":%u", out->port);
	return !is_unspecified(out) || !addr_parse(buf, out);
}

/* The same, however it is written: as it was asked for, or where it listens now. */
static bool same_listen(
    const struct proxy_spec *p, const struct addr *wanted, const struct proxy *known)
{
	char x[ADDR_TEXT_MAX], y[ADDR_TEXT_MAX];
	struct addr resolved;

	if (!strcmp(addr_format(x, sizeof(x), wanted), addr_format(y, sizeof(y), &p->listen)))
		return true;
	if (!known || !resolve_listen(wanted, &resolved))
		return false;
	if (resolved.any)
		return p->listen.any && resolved.port && resolved.port == proxy_bound_port(known);
	return !strcmp(
	    addr_format(x, sizeof(x), &resolved), proxy_listen_text(known, y, sizeof(y)));
}

bool proxy_set_listen(
    struct edit *e, struct proxy_spec *p, const char *text, const struct proxy *known)
{
	struct addr wanted;

	if (!parse_listen(e, text, known, &wanted))
		return false;
	if (!same_listen(p, &wanted, known))
		p->listen = wanted;
	return true;
}

bool proxy_set_upstream(struct edit *e, struct proxy_spec *p, const char *text)
{
	char buf[512];
	const char *want;
	struct addr a;

	service_to_port(buf, sizeof(buf), text);
	want = addr_parse(buf, &a);
	if (want)
		return edit_fail(e, EDIT_BAD,
		    "bad request body: upstream: expected %s, got \"%.256s\"", want, text);
	p->upstream = a;
	return true;
}

/* Go's texts of errno are those of the C library, beginning with a small letter. */
static void go_error(struct edit *e)
{
	const char *listen = *e->listen == '*' ? e->listen + 1 : e->listen;
	int n = (int)strcspn(listen, ":");
	char text[128];

	if (e->kind != EDIT_LISTEN || !e->error)
		return;
	snprintf(text, sizeof(text), "%s", strerror(e->error));
	*text = (char)(*text | 0x20);
	if (e->error == ENOENT && strncmp(listen, "unix:", 5) != 0)
		snprintf(e->message, sizeof(e->message), "listen tcp: lookup %.*s: no such host", n,
		    listen);
	else
		snprintf(e->message, sizeof(e->message), "listen %s %s: bind: %s",
		    strncmp(listen, "unix:", 5) ? "tcp" : "unix", listen, text);
}

bool proxy_edit(struct control *c, struct edit *e, edit_change *change, void *arg)
{
	if (control_edit(c, e, change, arg))
		return true;
	go_error(e);
	return false;
}

/* --- JSON --- */

static json_t *address_json(const char *text)
{
	return json_string(strncmp(text, "*:", 2) ? text : text + 1);
}

json_t *proxy_json(const struct control *c, const struct proxy_spec *p)
{
	const struct proxy *known = relay_find_proxy(c->relay, p->name);
	char listen[ADDR_TEXT_MAX], upstream[ADDR_TEXT_MAX];

	if (known)
		proxy_listen_text(known, listen, sizeof(listen));
	else
		addr_format(listen, sizeof(listen), &p->listen);
	addr_format(upstream, sizeof(upstream), &p->upstream);
	return json_pack("{s:s, s:o, s:o, s:b, s:o}", "name", p->name, "listen",
	    address_json(listen), "upstream", address_json(upstream), "enabled", p->enabled,
	    "toxics", toxics_json(c->config, p));
}

bool proxy_input_read(struct proxy_input *in, const json_t *o, char *err, size_t size)
{
	bool enabled = true;

	*in = (struct proxy_input){ .enabled = -1 };
	if (!json_is_object(o)) {
		snprintf(err, size, "expected an object, got %s", json_kind(o));
		return false;
	}
	if (!json_take_text(o, "name", &in->name, err, size) ||
	    !json_take_text(o, "listen", &in->listen, err, size) ||
	    !json_take_text(o, "upstream", &in->upstream, err, size) ||
	    !json_take_bool(o, "enabled", &enabled, err, size))
		return false;
	if (json_member(o, "enabled"))
		in->enabled = enabled;
	in->toxics = json_member(o, "toxics");
	if (!in->toxics || json_is_array(in->toxics))
		return true;
	snprintf(err, size, "toxics: expected an array, got %s", json_kind(in->toxics));
	return false;
}

/* --- handlers --- */

/* The names sorted by bytes, as Go writes the keys of a map. */
static int by_name(const void *a, const void *b)
{
	return strcmp(
	    (*(struct proxy_spec *const *)a)->name, (*(struct proxy_spec *const *)b)->name);
}

void proxies_list(struct call *c)
{
	const struct config *config = c->control->config;
	struct proxy_spec **sorted = calloc(config->n_proxies + 1, sizeof(*sorted));
	json_t *o = sorted ? json_object() : NULL;

	for (size_t i = 0; sorted && i < config->n_proxies; i++)
		sorted[i] = config->proxies[i];
	if (sorted)
		qsort(sorted, config->n_proxies, sizeof(*sorted), by_name);
	for (size_t i = 0; o && i < config->n_proxies; i++)
		json_object_set_new(o, sorted[i]->name, proxy_json(c->control, sorted[i]));
	free(sorted);
	reply_json(c, 200, o);
}

static void reply_proxy(struct call *c, int status, const char *name)
{
	const struct proxy_spec *p = config_find_proxy(c->control->config, name);

	if (p)
		reply_json(c, status, proxy_json(c->control, p));
	else
		reply_error(c, 404, "proxy not found");
}

static bool create(struct edit *e, struct config *draft, void *arg)
{
	const struct proxy_input *in = arg;
	struct proxy_spec *p = draft_add_proxy(e, draft, in->name);

	if (!p || !proxy_set_listen(e, p, in->listen ? in->listen : "", NULL) ||
	    !proxy_set_upstream(e, p, in->upstream))
		return false;
	p->enabled = in->enabled != 0;
	if (!toxics_add(e, draft, p, in->toxics))
		return false;
	*e->fault = '\0';
	return true;
}

void proxies_create(struct call *c)
{
	struct edit e = { .what = "proxy.create", .who = c->who };
	const json_t *body = call_body(c);
	struct proxy_input in;
	char err[256];

	if (!body)
		return;
	if (!proxy_input_read(&in, body, err, sizeof(err)))
		reply_error(c, 400, "bad request body: %s", err);
	else if (!in.name || !*in.name)
		reply_error(c, 400, "missing required field: name");
	else if (!in.upstream || !*in.upstream)
		reply_error(c, 400, "missing required field: upstream");
	else if (e.proxy = in.name, proxy_edit(c->control, &e, create, &in))
		reply_proxy(c, 201, in.name);
	else
		reply_edit_error(c, &e);
}

void proxies_show(struct call *c)
{
	reply_proxy(c, 200, c->params.value[0]);
}

struct update {
	struct call *call;
	struct proxy_input in;
};

static bool update(struct edit *e, struct config *draft, void *arg)
{
	const struct update *u = arg;
	struct proxy_spec *p = draft_find_proxy(e, draft, e->proxy);
	const struct proxy *known = relay_find_proxy(u->call->control->relay, e->proxy);

	if (!p || (u->in.listen && !proxy_set_listen(e, p, u->in.listen, known)) ||
	    (u->in.upstream && !proxy_set_upstream(e, p, u->in.upstream)))
		return false;
	if (u->in.enabled >= 0)
		p->enabled = u->in.enabled;
	return true;
}

void proxies_update(struct call *c)
{
	struct edit e = { .what = "proxy.update", .proxy = c->params.value[0], .who = c->who };
	struct update u = { .call = c };
	const json_t *body;
	char err[256];

	if (!config_find_proxy(c->control->config, e.proxy)) {
		reply_error(c, 404, "proxy not found");
		return;
	}
	body = call_body(c);
	if (!body)
		return;
	if (!proxy_input_read(&u.in, body, err, sizeof(err)))
		reply_error(c, 400, "bad request body: %s", err);
	else if (proxy_edit(c->control, &e, update, &u))
		reply_proxy(c, 200, e.proxy);
	else
		reply_edit_error(c, &e);
}

static bool delete (struct edit *e, struct config *draft, void *arg)
{
	struct proxy_spec *p = draft_find_proxy(e, draft, e->proxy);

	(void)arg;
	if (p)
		draft_remove_proxy(draft, p);
	return p;
}

void proxies_delete(struct call *c)
{
	struct edit e = { .what = "proxy.delete", .proxy = c->params.value[0], .who = c->who };

	if (proxy_edit(c->control, &e, delete, NULL))
		reply_empty(c, 204);
	else
		reply_edit_error(c, &e);
}
