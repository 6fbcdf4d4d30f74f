/*
 * deadpeer's own API, under /v1, with /healthz, /readyz and /metrics: hosts, proxies, faults,
 * sessions, events, waiting. JSON in and out; errors are {"error","status"} and say what to do.
 * GET /v1/openapi.json, made of the routes, is its description.
 *
 *     native.c (routes, state) -> native_*.c (handlers) -> control/edit.h, relay/sessions.h
 *     timeline --> feed.c (the last events) --> native_events.c, native_wait.c, meter.c
 */
#pragma once
#include "admin/call.h"
#include "admin/conns.h"
#include "admin/feed.h"
#include "admin/meter.h"

struct native {
	struct control *control;
	struct conns *conns;
	const struct route *const *tables; /* of the whole API */
	struct feed feed;
	struct meter meter;
	int64_t began_ns;
	struct event *tick;
	uint64_t ticks;
	struct streams *streams; /* native_events.c */
	struct waits *waits;     /* native_wait.c */
};

extern const struct route native_routes[];

/* NULL: no memory. From now on every event is built. To be freed before evhttp is. */
struct native *native_new(
    struct control *control, struct conns *conns, const struct route *const *tables);
void native_free(struct native *n); /* NULL is fine */

/* Is the path this API's? */
bool native_owns(const char *path);
/* Is it a health check's, which needs no token and tells nothing but one word? */
bool native_is_probe(const char *path);

/* --- native_input.c: what was asked; false, NULL: answered with 400 --- */

/* The query's values into base (zeroed), by the rows of the route's table, with their defaults.
 * field_release() it, also when false. */
bool native_query(struct call *c, const struct field *table, void *base);

/* The body: an object; an empty body is an empty one. */
const json_t *native_body(struct call *c);

/* The members of o that the table has, into base. The others must be among `also`
 * (NULL-terminated; NULL: none). */
bool native_set(struct edit *e, const struct field *table, void *base, const json_t *o,
    const char *const *also);
/* One of them. False: the table has no such key, or e says what was expected. */
bool native_set_one(struct edit *e, const struct field *f, void *base, const json_t *value);

/* A text; NULL: not there, or e says that it is none. */
const char *native_text(struct edit *e, const json_t *o, const char *key);

/* control_edit() with the client's name; false: answered. */
bool native_edit(struct call *c, struct edit *e, edit_change *change, void *arg);

/* --- native_faults.c --- */

/* As GET shows it; NULL: no memory. */
json_t *native_fault_json(const struct control *c, const struct fault_spec *s);

/* A new fault from its object; proxy: where it acts when o does not say, NULL: it must. */
struct fault_spec *native_fault_add(
    struct edit *e, struct config *draft, const json_t *o, const char *proxy);

void native_fault_types(struct call *c);
void native_faults_list(struct call *c);
void native_faults_create(struct call *c);
void native_faults_show(struct call *c);
void native_faults_update(struct call *c);
void native_faults_delete(struct call *c);
void native_heal(struct call *c);

/* --- native_time.c --- */

/* The fault's delay counts from this wall time instead of from now. False: e says why not. */
bool native_set_at(struct edit *e, struct fault_spec *f, const char *at);
void native_time(struct call *c);

/* --- native_proxies.c --- */

void native_proxies_list(struct call *c);
void native_proxies_create(struct call *c);
void native_proxies_show(struct call *c);
void native_proxies_update(struct call *c);
void native_proxies_delete(struct call *c);

/* --- native_events.c --- */

extern const struct field native_events_query[];

void native_events(struct call *c);
void native_events_came(struct native *n); /* the feed has one more */
void native_events_tick(struct native *n); /* now and then */
bool native_events_init(struct native *n);
void native_events_free(struct native *n);

/* --- native_hosts.c --- */

void native_hosts_list(struct call *c);
void native_hosts_create(struct call *c);
void native_hosts_power_off(struct call *c);
void native_hosts_power_on(struct call *c);
void native_partitions_create(struct call *c);

/* --- native_config.c --- */

extern const struct field native_config_query[];

/* config: the one that holds, or a copy of it with other names. NULL: no memory. */
json_t *native_config_json(const struct control *c, const struct config *config);
void native_config_ini(struct call *c); /* native_ini.c */

void native_config(struct call *c);
void native_reload(struct call *c);

/* --- openapi.c --- */

json_t *openapi_json(const struct route *const *tables); /* NULL: no memory */
void native_openapi(struct call *c);

/* --- metrics.c --- */

void native_metrics(struct call *c);

/* --- native_wait.c --- */

extern const struct field native_wait_query[];

void native_wait(struct call *c);
void native_wait_came(struct native *n, const struct timeline_line *line, const json_t *fields);
bool native_wait_init(struct native *n);
void native_wait_free(struct native *n);

/* --- native_sessions.c --- */

extern const struct field native_sessions_query[], native_kill_query[];

void native_sessions_list(struct call *c);
void native_sessions_show(struct call *c);
void native_sessions_kill(struct call *c);
