/*
 * One request, from its route to its answer. A handler answers exactly once, with one of reply_*().
 */
#pragma once
#include "admin/route.h"
#include "control/edit.h"
#include <jansson.h>

struct call {
	struct control *control;
	struct evhttp_request *req;
	struct route_params params;
	char id[21];             /* X-Toxiproxy-Request-Id; "" : none is sent */
	char who[ADDR_TEXT_MAX]; /* the client's address */
	json_t *body;            /* of call_read_body(); freed with the call */
	struct native *native;   /* native.h */
	bool is_native;          /* its answers are JSON, errors too */
};

/* --- what was asked --- */

/* The body as JSON, under the rules of Toxiproxy's decoder: the first value of what was sent.
 * NULL: err says why not. */
json_t *call_read_body(struct call *c, char *err, size_t size);
/* `null` is an empty object; NULL: answered, with 400. */
json_t *call_body(struct call *c);

/* A member of an object, whatever the case of its key, the last that is not null; NULL: none. */
json_t *json_member(const json_t *o, const char *key);

/* "an object", "a number" ... */
const char *json_kind(const json_t *value);

/* What a member is expected to be, as err says it: "name: expected a string, got a number". True,
 * with *out untouched, when there is no such member. */
bool json_take_text(const json_t *o, const char *key, const char **out, char *err, size_t size);
bool json_take_bool(const json_t *o, const char *key, bool *out, char *err, size_t size);

/* --- the answer --- */

/* Takes over o (NULL: no memory, 500). */
void reply_json(struct call *c, int status, json_t *o);
void reply_empty(struct call *c, int status);
void reply_text(struct call *c, int status, const char *type, const char *text);

/* Takes over body. */
void reply_buffer(struct call *c, int status, const char *type, struct evbuffer *body);

/* {"error":MESSAGE,"status":STATUS} */
void reply_error(struct call *c, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What became of a failed edit: its status. */
int edit_status(const struct edit *e);
void reply_edit_error(struct call *c, const struct edit *e);
