/*
 * Toxiproxy's API: proxies and their toxics. What differs from it differs where it breaks its own
 * documentation: everything is all or nothing, every value is checked.
 */
#pragma once
#include "admin/call.h"

/* The version whose behaviour this is. Clients compare it. */
#define TOXIPROXY_VERSION "2.12.0"

extern const struct route toxiproxy_routes[];

/* --- toxiproxy_proxies.c --- */

/* What a body says of a proxy; texts are the body's. */
struct proxy_input {
	const char *name, *listen, *upstream; /* NULL: not given */
	int enabled;                          /* -1: not given */
	const json_t *toxics;                 /* NULL: not given; else an array */
};

/* False: err says what is wrong. */
bool proxy_input_read(struct proxy_input *in, const json_t *o, char *err, size_t size);

/* Change a draft. `known`: what the relay has of it; NULL: it is new. */
bool proxy_set_listen(
    struct edit *e, struct proxy_spec *p, const char *text, const struct proxy *known);
bool proxy_set_upstream(struct edit *e, struct proxy_spec *p, const char *text);

/* control_edit(), with failures to listen told as Toxiproxy tells them. */
bool proxy_edit(struct control *c, struct edit *e, edit_change *change, void *arg);

/* The proxy as the API shows it. */
json_t *proxy_json(const struct control *c, const struct proxy_spec *p);

void proxies_list(struct call *c);
void proxies_create(struct call *c);
void proxies_show(struct call *c);
void proxies_update(struct call *c);
void proxies_delete(struct call *c);

/* --- toxiproxy_toxics.c --- */

/* New toxics of p from an array of objects. */
bool toxics_add(
    struct edit *e, struct config *draft, const struct proxy_spec *p, const json_t *array);

/* Those of p in the API's order: all of stream upstream, then all of downstream. */
json_t *toxics_json(const struct config *c, const struct proxy_spec *p);

void toxics_list(struct call *c);
void toxics_create(struct call *c);
void toxics_show(struct call *c);
void toxics_update(struct call *c);
void toxics_delete(struct call *c);

/* --- toxiproxy_all.c --- */

/* What populate would do with the file. False: nothing was done, err says why. */
bool toxiproxy_load(struct control *control, const char *path, char *err, size_t size);

void populate(struct call *c);
void reset(struct call *c);
void version(struct call *c);
