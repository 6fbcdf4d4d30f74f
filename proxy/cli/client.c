/* One call, from its connection to its end. See client.h. */
#include "cli/client.h"
#include "kernel/socket.h"
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX       (64u << 20)
#define LINE_MAX_BYTES (1u << 20)

enum stage { STAGE_STATUS, STAGE_HEADERS, STAGE_BODY };

struct client {
	struct event_base *base;
	const struct server *server;
	client_done *done;
	void *done_arg;
	bool (*line)(void *arg, const char *line);
	void *line_arg;
	int64_t limit_s;
	struct event *limit, *connected;
	struct evbuffer *request;
	struct bufferevent *bev; /* once it is connected */
	unsigned next;           /* address */
	enum stage stage;
	int64_t length; /* of the body, as told; -1: not told */
	int fd;         /* while it connects; else -1 */
	struct answer answer;
};

void answer_free(struct answer *a)
{
	free(a->body);
	a->body = NULL;
}

/* evhttp leaves dots as they are: alone they would lead elsewhere (RFC 3986, 5.2.4). */
char *client_encode(const char *text)
{
	if (!strcmp(text, "."))
		return strdup("%2E");
	return strcmp(text, "..") ? evhttp_encode_uri(text) : strdup("%2E%2E");
}

static void client_free(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->connected)
		event_free(c->connected);
	if (c->limit)
		event_free(c->limit);
	if (c->bev)
		bufferevent_free(c->bev);
	if (c->request)
		evbuffer_free(c->request);
	free(c->answer.body);
	free(c);
}

void client_cancel(struct client *c)
{
	client_free(c);
}

static void finish(struct client *c)
{
	struct answer a = c->answer;
	client_done *done = c->done;
	void *arg = c->done_arg;

	if (!a.body)
		a.body = calloc(1, 1);
	c->answer.body = NULL;
	client_free(c);
	done(arg, &a);
}

__attribute__((format(printf, 2, 3))) static void fail(struct client *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->answer.error, sizeof(c->answer.error), fmt, ap);
	va_end(ap);
	c->answer.status = 0;
	finish(c);
}

static void fail_to_reach(struct client *c, int error)
{
	fail(c,
	    "cannot reach %s: %s: is `deadpeer serve` running? --admin or DEADPEER_ADMIN says "
	    "where",
	    c->server->text, strerror(error));
}

/* --- the answer --- */

/* What has come of the body, as the answer's. */
static bool keep_body(struct client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	size_t len = evbuffer_get_length(in);

	if (c->line && c->answer.status / 100 == 2)
		return c->length <= 0 || len == 0;
	if (c->length >= 0 && len != (size_t)c->length)
		return false;
	c->answer.body = malloc(len + 1);
	if (!c->answer.body)
		return false;
	evbuffer_remove(in, c->answer.body, len);
	c->answer.body[len] = '\0';
	return true;
}

static void complete(struct client *c)
{
	if (c->stage == STAGE_BODY && keep_body(c))
		finish(c);
	else if (c->stage == STAGE_STATUS)
		fail(c,
		    "%s closed the connection without an answer: does deadpeer's admin API listen "
		    "there?",
		    c->server->text);
	else
		fail(c, "%s broke off in the middle of its answer: try again", c->server->text);
}

/* False: it is no HTTP. */
static bool read_status(struct client *c, const char *text)
{
	int minor, status;

	if (sscanf(text, "HTTP/1.%d %3d", &minor, &status) != 2 || status < 100)
		return false;
	c->answer.status = status;
	c->stage = STAGE_HEADERS;
	return true;
}

static bool read_header(struct client *c, const char *text)
{
	static const char name[] = "Content-Length:";

	if (!*text)
		c->stage = STAGE_BODY;
	else if (!strncasecmp(text, name, sizeof(name) - 1))
		c->length = strtoll(text + sizeof(name) - 1, NULL, 10);
	return true;
}

/* A body of lines. True: somebody has had enough, and the call is over. */
static bool pass_lines(struct client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	bool more = true;
	char *text;

	while (more && (text = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF))) {
		more = c->line(c->line_arg, text);
		free(text);
	}
	if (!more)
		finish(c);
	return !more;
}

static void read_body(struct client *c)
{
	size_t len = evbuffer_get_length(bufferevent_get_input(c->bev));
	bool lines = c->line && c->answer.status / 100 == 2;

	if (lines && c->limit_s < 0)
		event_del(c->limit);
	if (lines && pass_lines(c))
		return;
	if (len > (lines ? LINE_MAX_BYTES : BODY_MAX))
		fail(c, "%s answers without end: is that deadpeer?", c->server->text);
	else if (!lines && c->length >= 0 && len >= (size_t)c->length)
		complete(c);
}

static void came(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct client *c = arg;
	bool ok = true;
	char *text;

	while (
	    ok && c->stage != STAGE_BODY && (text = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF))) {
		ok = c->stage == STAGE_STATUS ? read_status(c, text) : read_header(c, text);
		free(text);
	}
	if (!ok || (c->stage != STAGE_BODY && evbuffer_get_length(in) > LINE_MAX_BYTES))
		fail(c, "%s does not speak HTTP: does deadpeer's admin API listen there?",
		    c->server->text);
	else if (c->stage == STAGE_BODY)
		read_body(c);
}

static void ended(struct bufferevent *bev, short what, void *arg)
{
	struct client *c = arg;

	(void)bev;
	if (what & BEV_EVENT_EOF)
		complete(c);
	else if (what & BEV_EVENT_ERROR && c->stage != STAGE_BODY)
		fail_to_reach(c, errno);
	else if (what & BEV_EVENT_ERROR)
		complete(c);
}

/* --- the way there --- */

static void limit_due(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd, (void)what;
	fail(c,
	    "no answer from %s within %lld s: is `deadpeer serve` running there, and not stopped?",
	    c->server->text, (long long)(c->limit_s > 0 ? c->limit_s : CLIENT_PATIENCE));
}

static void start_talking(struct client *c)
{
	c->bev = bufferevent_socket_new(c->base, c->fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->bev) {
		fail_to_reach(c, ENOMEM);
		return;
	}
	c->fd = -1;
	bufferevent_setcb(c->bev, came, NULL, ended, c);
	bufferevent_write_buffer(c->bev, c->request);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void connect_due(evutil_socket_t fd, short what, void *arg);

/* Waits for the socket, or for the loop when it is connected already or has failed. */
static void connect_next(struct client *c)
{
	const struct server *s = c->server;
	bool in_progress = false;
	int error = 0;

	if (socket_connect(&s->sa[c->next].sa, s->len[c->next], &c->fd, &in_progress) < 0)
		error = errno;
	c->next++;
	if (c->connected)
		event_free(c->connected);
	c->connected = event_new(c->base, c->fd, EV_WRITE, connect_due, c);
	if (!c->connected)
		error = ENOMEM;
	else if (!error)
		event_add(c->connected, NULL);
	if (error && c->next < s->n)
		connect_next(c);
	else if (error)
		fail_to_reach(c, error);
}

static void connect_due(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	int error = socket_error(fd);

	(void)what;
	if (!error) {
		start_talking(c);
		return;
	}
	close(c->fd);
	c->fd = -1;
	if (c->next < c->server->n)
		connect_next(c);
	else
		fail_to_reach(c, error);
}

static void begin_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	connect_next(arg);
}

static void write_request(struct client *c, const struct request *r)
{
	const struct server *s = c->server;
	bool is_unix = s->sa[0].sa.sa_family == AF_UNIX;

	evbuffer_add_printf(c->request,
	    "%s %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: deadpeer/" DEADPEER_VERSION "\r\n",
	    r->method, r->path,
	    is_unix || *s->text == ':' || *s->text == '*' ? "localhost" : s->text);
	if (s->token)
		evbuffer_add_printf(c->request, "Authorization: Bearer %s\r\n", s->token);
	if (r->body)
		evbuffer_add_printf(c->request,
		    "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(r->body));
	evbuffer_add_printf(c->request, "\r\n%s", r->body ? r->body : "");
}

struct client *client_start(struct event_base *base, const struct server *server,
    const struct request *r, client_done *done, void *arg)
{
	struct timeval limit = { .tv_sec = r->limit_s > 0 ? r->limit_s : CLIENT_PATIENCE };
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct client){ .base = base, .server = server, .done = done, .done_arg = arg };
	c->line = r->line;
	c->line_arg = r->arg;
	c->limit_s = r->limit_s;
	c->length = c->fd = -1;
	c->request = evbuffer_new();
	c->limit = event_new(base, -1, 0, limit_due, c);
	c->connected = event_new(base, -1, 0, begin_due, c);
	if (!c->request || !c->limit || !c->connected) {
		client_free(c);
		return NULL;
	}
	write_request(c, r);
	event_add(c->limit, &limit);
	event_active(c->connected, EV_TIMEOUT, 0); /* done() is never called from in here */
	return c;
}

static void take_answer(void *arg, struct answer *a)
{
	*(struct answer *)arg = *a;
}

void client_call(const struct server *server, const struct request *r, struct answer *a)
{
	struct event_base *base = event_base_new();

	*a = (struct answer){ .error = "out of memory" };
	if (base && client_start(base, server, r, take_answer, a))
		event_base_dispatch(base);
	if (base)
		event_base_free(base);
}
