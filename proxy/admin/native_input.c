/* Queries and bodies by the rows of tables. Messages name the key and what was expected. */
#include "admin/native.h"
#include "base/nearest.h"
#include "model/field_json.h"
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 48

/* " limit, proxy" */
static const char *list_keys(
    char *buf, size_t size, const struct field *table, const char *const *also)
{
	size_t len = 0;

	*buf = '\0';
	for (; also && *also && len < size; also++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "", *also);
	for (; table && table->key && len < size; table++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "", table->key);
	return *buf ? buf : "none";
}

static bool all_digits(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

static bool query_one(
    struct call *c, const struct field *table, void *base, const char *key, const char *text)
{
	const struct field *f = table ? field_find(table, key) : NULL;
	char buf[512], known[512], ms[64];
	const char *want;

	if (!f) {
		reply_error(c, 400, "?%.64s: no such parameter; there are: %s", key,
		    list_keys(known, sizeof(known), table, NULL));
		return false;
	}
	if (f->kind == FIELD_DURATION && all_digits(text)) {
		snprintf(ms, sizeof(ms), "%.32sms", text);
		want = field_parse(f, base, ms, buf, sizeof(buf));
	} else {
		want = field_parse(f, base, text, buf, sizeof(buf));
	}
	if (want)
		reply_error(c, 400, "?%s: expected %s, got \"%.128s\"", key, want, text);
	return !want;
}

bool native_query(struct call *c, const struct field *table, void *base)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(c->req);
	const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
	struct evkeyvalq pairs;
	struct evkeyval *pair;
	bool ok = true;

	if (table)
		field_defaults(table, base);
	if (!query || !*query)
		return true;
	if (evhttp_parse_query_str(query, &pairs)) {
		reply_error(c, 400, "the query: expected key=value&key=value");
		return false;
	}
	TAILQ_FOREACH (pair, &pairs, next)
		if (ok)
			ok = query_one(c, table, base, pair->key, pair->value);
	evhttp_clear_headers(&pairs);
	return ok;
}

const json_t *native_body(struct call *c)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(c->req);
	size_t len = evbuffer_get_length(in);
	const char *text = len ? (const char *)evbuffer_pullup(in, -1) : "";
	json_error_t error;

	if (!len)
		c->body = json_object();
	else
		c->body = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!c->body)
		reply_error(c, 400, "the body: expected JSON: line %d: %s", error.line, error.text);
	else if (!json_is_object(c->body))
		reply_error(c, 400, "the body: expected a JSON object, got %s", json_kind(c->body));
	else
		return c->body;
	return NULL;
}

bool native_set_one(struct edit *e, const struct field *f, void *base, const json_t *value)
{
	char buf[512], *got;
	const char *want = field_parse_json(f, base, value, buf, sizeof(buf));

	if (!want)
		return true;
	got = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
	edit_fail(e, EDIT_BAD, "%s: expected %s, got %.128s", f->key, want, got ? got : "?");
	free(got);
	return false;
}

static bool is_in(const char *const *list, const char *key)
{
	for (; list && *list; list++)
		if (!strcmp(*list, key))
			return true;
	return false;
}

static bool fail_unknown(
    struct edit *e, const char *key, const struct field *table, const char *const *also)
{
	const char *names[KEYS_MAX + 1] = { NULL }, *near;
	char known[768];
	size_t n = 0;

	for (size_t i = 0; also && also[i] && n < KEYS_MAX; i++)
		names[n++] = also[i];
	for (const struct field *f = table; f && f->key && n < KEYS_MAX; f++)
		names[n++] = f->key;
	near = nearest_find(key, names);
	if (near)
		return edit_fail(e, EDIT_BAD, "%.64s: no such key (did you mean %s?)", key, near);
	return edit_fail(e, EDIT_BAD, "%.64s: no such key; there are: %s", key,
	    list_keys(known, sizeof(known), table, also));
}

bool native_set(
    struct edit *e, const struct field *table, void *base, const json_t *o, const char *const *also)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)o, key, value)
	{
		const struct field *f = field_find(table, key);

		if (f ? !native_set_one(e, f, base, value) : !is_in(also, key)) {
			if (!f)
				fail_unknown(e, key, table, also);
			return false;
		}
	}
	return true;
}

const char *native_text(struct edit *e, const json_t *o, const char *key)
{
	const json_t *value = json_object_get(o, key);

	if (value && !json_is_string(value))
		edit_fail(e, EDIT_BAD, "%s: expected a text, got %s", key, json_kind(value));
	return json_string_value(value);
}

bool native_edit(struct call *c, struct edit *e, edit_change *change, void *arg)
{
	e->who = c->who;
	if (control_edit(c->control, e, change, arg))
		return true;
	reply_edit_error(c, e);
	return false;
}
