/*
 *     accept (conns.c) -> evhttp -> may they? (guard.c) -> path, method, browser -> handler
 *
 * The order of the last three is Toxiproxy's: what is not there is 404 to a browser, too.
 */
#include "admin/admin.h"
#include "admin/call.h"
#include "admin/conns.h"
#include "admin/guard.h"
#include "admin/native.h"
#include "admin/toxiproxy.h"
#include "base/rng.h"
#include "kernel/socket.h"
#include "relay/resolve.h"
#include <errno.h>
#include <event2/buffer.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX    (1 << 20)
#define HEADERS_MAX (16 << 10) /* with the request line */
#define BACKLOG     1024

#define METHODS                                                                                    \
	(EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | \
	    EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_PATCH)

struct admin {
	struct control *control;
	struct evhttp *http;
	struct conns *conns;
	struct native *native;
	struct evconnlistener *listener; /* evhttp's */
	struct event *resume;            /* after EMFILE */
	char *token;                     /* NULL: nobody is asked for one */
	union sockaddr_any bound;
	bool is_local;        /* loopback, or a Unix socket */
	bool token_is_public; /* everybody on this machine may read it */
	uint64_t seed, ids;   /* of request ids */
};

static const struct route *const tables[] = { toxiproxy_routes, native_routes, NULL };

bool admin_is_exposed(const struct admin *a)
{
	return !a->is_local && !a->token;
}

bool admin_token_is_public(const struct admin *a)
{
	return a->token_is_public;
}

bool admin_is_off(const struct settings *settings)
{
	return !settings->admin || !strcmp(settings->admin, "off");
}

/* --- may they? --- */

static const char *in_header(const struct call *c, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(c->req), name);
}

static bool is_read(const struct call *c)
{
	return evhttp_request_get_command(c->req) & (EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
}

/* A page that DNS rebinding has brought here is of the same origin as what it calls, by the name
 * that it came with. Where any name may be right, since nobody knows under which one a container is
 * reached, only a browser tells an origin. */
static bool is_foreign(const struct admin *a, const struct call *c, const char *host)
{
	const char *origin = in_header(c, "Origin");

	if (is_read(c) || !origin)
		return false;
	return !guard_origin_is_own(origin, host) ||
	       (admin_is_exposed(a) && !guard_host_is_address(host));
}

/* Does the Host header have to be this machine's own? */
static bool is_local_only(const struct admin *a)
{
	return !a->token && a->is_local && a->bound.sa.sa_family != AF_UNIX;
}

/* False: it has been answered. */
static bool may_call(const struct admin *a, struct call *c, bool room)
{
	const char *host = in_header(c, "Host");

	if (a->token && !guard_token_is(in_header(c, "Authorization"), a->token)) {
		evhttp_add_header(evhttp_request_get_output_headers(c->req), "WWW-Authenticate",
		    "Bearer realm=\"deadpeer\"");
		reply_error(c, 401, "this needs the header Authorization: Bearer TOKEN");
	} else if (is_local_only(a) && !guard_host_is_local(host)) {
		reply_error(c, 403,
		    "the Host header names another machine: call this one localhost or by its "
		    "address");
	} else if (is_foreign(a, c, host)) {
		reply_error(c, 403, "pages of other origins may not change anything");
	} else if (!room && evhttp_request_get_command(c->req) == EVHTTP_REQ_GET) {
		reply_error(c, 503, "too many answers wait to be read: read them, or try again");
	} else {
		return true;
	}
	return false;
}

static bool is_browser(const struct call *c)
{
	const char *agent = in_header(c, "User-Agent");

	return agent && !strncmp(agent, "Mozilla/", 8);
}

/* --- one request --- */

static void new_id(struct admin *a, char id[21])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	uint64_t bits[2] = { rng_bits(a->seed, "id", a->ids), rng_bits(a->seed, "more", a->ids) };

	a->ids++;
	for (int i = 0; i < 20; i++)
		id[i] = digits[bits[i / 10] >> 5 * (i % 10) & 31];
	id[20] = '\0';
}

static void redirect(struct call *c, const char *path)
{
	evhttp_add_header(evhttp_request_get_output_headers(c->req), "Location", path);
	reply_empty(c, 301);
}

/* HEAD is GET, and evhttp sends no body; Toxiproxy has none. */
static enum evhttp_cmd_type method_of(const struct call *c)
{
	enum evhttp_cmd_type method = evhttp_request_get_command(c->req);

	return c->is_native && method == EVHTTP_REQ_HEAD ? EVHTTP_REQ_GET : method;
}

static void dispatch(struct admin *a, struct call *c, const char *path)
{
	const struct route *route;
	char *clean = route_clean(path);

	if (clean) {
		redirect(c, clean);
		free(clean);
		return;
	}
	switch (route_find(tables, method_of(c), path, &route, &c->params)) {
	case ROUTE_NO_PATH:
		if (c->is_native)
			reply_error(c, 404, "no such path: /v1/openapi.json tells all there are");
		else
			reply_text(c, 404, "text/plain; charset=utf-8", "404 page not found\n");
		break;
	case ROUTE_NO_METHOD:
		if (c->is_native)
			reply_error(c, 405, "no such method here: see /v1/openapi.json");
		else
			reply_empty(c, 405);
		break;
	case ROUTE_FOUND:
		if (!c->is_native)
			new_id(a, c->id);
		if (is_browser(c) && !c->is_native)
			reply_text(c, 403, "text/plain; charset=utf-8", "User agent not allowed\n");
		else
			route->handle(c);
		break;
	}
}

static void name_client(struct call *c, evutil_socket_t fd)
{
	union sockaddr_any peer = { .sa.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(peer);

	if (getpeername(fd, &peer.sa, &len) < 0)
		peer.sa.sa_family = AF_UNSPEC;
	addr_format_sa(c->who, sizeof(c->who), &peer.sa);
}

/* As it was sent: evhttp would take "//a" for a host's name. Free it; NULL: none. */
static char *path_of(const struct evhttp_request *req)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *sent = evhttp_request_get_uri(req), *path;

	if (sent && *sent == '/')
		return strndup(sent, strcspn(sent, "?#"));
	path = uri ? evhttp_uri_get_path(uri) : NULL; /* "http://host/path" */
	return path && *path == '/' ? strdup(path) : NULL;
}

static void request_came(struct evhttp_request *req, void *arg)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(req);
	struct admin *a = arg;
	struct call c = { .control = a->control, .req = req, .native = a->native };
	bool room = conns_request(a->conns, evcon);
	char *path = path_of(req);

	name_client(&c, bufferevent_getfd(evhttp_connection_get_bufferevent(evcon)));
	c.is_native = native_owns(path ? path : "/");
	if (native_is_probe(path ? path : "/") || may_call(a, &c, room))
		dispatch(a, &c, path ? path : "/");
	free(path);
	route_params_free(&c.params);
	json_decref(c.body);
}

/* --- life --- */

static void resume_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	evconnlistener_enable(((struct admin *)arg)->listener);
}

/* No descriptors: a listening socket that stays readable would keep the loop busy. */
static void accept_failed(struct evconnlistener *listener, void *arg)
{
	const struct timeval moment = { .tv_usec = 100 * 1000 };
	struct admin *a = arg;

	evconnlistener_disable(listener);
	event_add(a->resume, &moment);
}

static bool is_loopback(const union sockaddr_any *sa)
{
	char text[ADDR_TEXT_MAX];

	if (sa->sa.sa_family == AF_UNIX)
		return true;
	return guard_host_is_local(addr_format_sa(text, sizeof(text), &sa->sa));
}

/* The listening socket, or -1 with err. */
static int listen_on(struct admin *a, const char *text, bool open, char *err, size_t size)
{
	struct addr addr, resolved;
	const char *want = addr_parse(text, &addr);
	int fd;

	if (want || addr.kind == ADDR_BUILTIN) {
		snprintf(err, size, "admin: expected %s, got \"%s\"",
		    want ? want : "an address to listen on", text);
		return -1;
	}
	if (!resolve_listen(&addr, &resolved)) {
		snprintf(err, size, "admin %s: not in /etc/hosts (write the address)", text);
		return -1;
	}
	fd = socket_listen(&resolved, BACKLOG, &a->bound);
	if (fd < 0)
		snprintf(err, size, "admin %s: %s (give another %s)", text, strerror(errno),
		    open ? "-host or -port" : "address, or off, with admin= or --admin");
	else if (!(a->is_local = is_loopback(&a->bound)) && !a->token && !open)
		snprintf(err, size,
		    "admin %s can be reached from other machines: give a token "
		    "(admin_token_file=, or DEADPEER_ADMIN_TOKEN in the environment), or listen on "
		    "127.0.0.1 or unix:/path",
		    text);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool start_http(struct admin *a, int fd)
{
	struct event_base *base = a->control->relay->base;
	struct evhttp_bound_socket *bound;

	a->http = evhttp_new(base);
	a->resume = event_new(base, -1, 0, resume_due, a);
	a->conns = a->http ? conns_new(base, a->http) : NULL;
	if (!a->conns || !a->resume)
		return false;
	a->native = native_new(a->control, a->conns, tables);
	if (!a->native)
		return false;
	evhttp_set_allowed_methods(a->http, METHODS);
	evhttp_set_max_body_size(a->http, BODY_MAX);
	evhttp_set_max_headers_size(a->http, HEADERS_MAX);
	evhttp_set_timeout(a->http, CONNS_IDLE_S);
	evhttp_set_default_content_type(a->http, NULL);
	evhttp_set_gencb(a->http, request_came, a);
	bound = evhttp_accept_socket_with_handle(a->http, fd);
	if (!bound)
		return false;
	a->listener = evhttp_bound_socket_get_listener(bound);
	evconnlistener_set_error_cb(a->listener, accept_failed);
	return true;
}

struct admin *admin_new(
    struct control *control, const struct settings *settings, bool open, char *err, size_t size)
{
	struct admin *a = calloc(1, sizeof(*a));
	int fd = -1;

	snprintf(err, size, "admin: out of memory");
	if (!a)
		return NULL;
	a->control = control;
	a->seed = rng_new_seed();
	if (guard_read_token(settings->admin_token_file, &a->token, &a->token_is_public, err, size))
		fd = listen_on(a, settings->admin, open, err, size);
	if (fd >= 0 && start_http(a, fd))
		return a;
	if (fd >= 0 && !a->listener)
		close(fd);
	admin_free(a);
	return NULL;
}

void admin_free(struct admin *a)
{
	if (!a)
		return;
	native_free(a->native);
	if (a->http)
		evhttp_free(a->http);
	conns_free(a->conns);
	if (a->resume)
		event_free(a->resume);
	if (a->listener && a->bound.sa.sa_family == AF_UNIX)
		unlink(a->bound.un.sun_path);
	free(a->token);
	free(a);
}

char *admin_address(const struct admin *a, char *buf, size_t size)
{
	return addr_format_sa(buf, size, &a->bound.sa);
}
