/* See call.h. How Toxiproxy's server writes its answers is described with each. */
#include "admin/call.h"
#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define JSON_STYLE (JSON_COMPACT | JSON_REAL_PRECISION(15))

/* --- what was asked --- */

static bool is_blank(const char *text, size_t len)
{
	while (len && strchr(" \t\r\n", text[len - 1]) && text[len - 1])
		len--;
	return !len;
}

json_t *call_read_body(struct call *c, char *err, size_t size)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(c->req);
	size_t len = evbuffer_get_length(in);
	const char *text = len ? (const char *)evbuffer_pullup(in, -1) : "";
	json_error_t error;

	if (is_blank(text, len)) {
		snprintf(err, size, "bad request body: EOF");
		return NULL;
	}
	c->body = json_loadb(text, len, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &error);
	if (!c->body && json_error_code(&error) == json_error_premature_end_of_input)
		snprintf(err, size, "bad request body: unexpected EOF");
	else if (!c->body)
		snprintf(err, size, "bad request body: %s", error.text);
	return c->body;
}

json_t *call_body(struct call *c)
{
	char err[256];
	json_t *body = call_read_body(c, err, sizeof(err));

	if (!body)
		reply_error(c, 400, "%s", err);
	else if (json_is_null(body))
		body = c->body = json_object();
	return body;
}

json_t *json_member(const json_t *o, const char *key)
{
	json_t *value, *found = NULL;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)o, name, value)
	{
		if (!strcasecmp(name, key) && !json_is_null(value))
			found = value;
	}
	return found;
}

const char *json_kind(const json_t *value)
{
	static const char *const kinds[] = { [JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string",
		[JSON_INTEGER] = "a number",
		[JSON_REAL] = "a number",
		[JSON_TRUE] = "a bool",
		[JSON_FALSE] = "a bool",
		[JSON_NULL] = "null" };

	return kinds[json_typeof(value)];
}

static bool take_fails(const char *key, const char *want, const json_t *got, char *err, size_t size)
{
	snprintf(err, size, "%s: expected %s, got %s", key, want, json_kind(got));
	return false;
}

bool json_take_text(const json_t *o, const char *key, const char **out, char *err, size_t size)
{
	json_t *value = json_member(o, key);

	if (!value)
		return true;
	if (!json_is_string(value))
		return take_fails(key, "a string", value, err, size);
	*out = json_string_value(value);
	return true;
}

bool json_take_bool(const json_t *o, const char *key, bool *out, char *err, size_t size)
{
	json_t *value = json_member(o, key);

	if (!value)
		return true;
	if (!json_is_boolean(value))
		return take_fails(key, "a bool", value, err, size);
	*out = json_is_true(value);
	return true;
}

/* --- the answer --- */

static const char *reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = { { 200, "OK" }, { 201, "Created" }, { 204, "No Content" },
		{ 301, "Moved Permanently" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
		{ 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 408, "Request Timeout" }, { 409, "Conflict" }, { 422, "Unprocessable Content" },
		{ 503, "Service Unavailable" }, { 500, "Internal Server Error" },
		{ 501, "Not Implemented" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].status == status)
			return rows[i].reason;
	return "Unknown";
}

static void header(struct call *c, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(c->req), name, value);
}

void reply_buffer(struct call *c, int status, const char *type, struct evbuffer *out)
{
	if (*c->id)
		header(c, "X-Toxiproxy-Request-Id", c->id);
	if (type)
		header(c, "Content-Type", type);
	if (!out && status != 204)
		header(c, "Content-Length", "0");
	evhttp_send_reply(c->req, status, reason_of(status), out);
	if (out)
		evbuffer_free(out);
}

static void reply(struct call *c, int status, const char *type, const char *text)
{
	struct evbuffer *out = text ? evbuffer_new() : NULL;

	if (out)
		evbuffer_add(out, text, strlen(text));
	reply_buffer(c, status, type, out);
}

void reply_json(struct call *c, int status, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_STYLE) : NULL;

	json_decref(o);
	if (text)
		reply(c, status, "application/json", text);
	else
		reply_error(c, 500, "out of memory");
	free(text);
}

void reply_empty(struct call *c, int status)
{
	reply(c, status, NULL, NULL);
}

void reply_text(struct call *c, int status, const char *type, const char *text)
{
	if (status >= 400)
		header(c, "X-Content-Type-Options", "nosniff");
	reply(c, status, type, text);
}

/* Text that was cut short may end within a character. */
static json_t *text_json(const char *text)
{
	size_t len = strlen(text);
	json_t *o;

	while (!(o = json_stringn(text, len)) && len)
		len--;
	return o;
}

/* Toxiproxy's errors are JSON labelled as text, with a newline: some clients decode what is
 * labelled as JSON and trip over what they do not expect there. */
void reply_error(struct call *c, int status, const char *fmt, ...)
{
	char message[2048], *text, *line = NULL;
	json_t *o;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	o = json_pack("{s:o, s:i}", "error", text_json(message), "status", status);
	text = o ? json_dumps(o, JSON_STYLE) : NULL;
	if (!text || asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	reply_text(c, status, c->is_native ? "application/json" : "text/plain; charset=utf-8",
	    line ? line : "{\"error\":\"?\"}\n");
	free(line);
	free(text);
	json_decref(o);
}

int edit_status(const struct edit *e)
{
	static const int status[] = { [EDIT_DONE] = 200,
		[EDIT_BAD] = 400,
		[EDIT_NOT_FOUND] = 404,
		[EDIT_EXISTS] = 409,
		[EDIT_LISTEN] = 500,
		[EDIT_REFUSED] = 501,
		[EDIT_NO_MEMORY] = 500 };

	return status[e->kind];
}

void reply_edit_error(struct call *c, const struct edit *e)
{
	int status = edit_status(e);

	reply_error(c, c->is_native && status == 501 ? 422 : status, "%s", e->message);
}
