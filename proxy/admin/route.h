/*
 * The table of what the API answers: one row for each method and path. Paths are compared segment
 * by segment as they were sent, and what stands for {NAME} is percent-decoded afterwards, so that a
 * name may have a slash in it (%2F).
 */
#pragma once
#include "model/field.h"
#include <event2/http.h>
#include <stdbool.h>

#define ROUTE_PARAMS 4

struct call;

struct route {
	enum evhttp_cmd_type method;
	const char *path; /* "/proxies/{proxy}/toxics"; NULL ends a table */
	void (*handle)(struct call *c);
	const char *summary;       /* one sentence fragment, for the API's description */
	const struct field *query; /* what may stand behind "?"; NULL: nothing */
	const char *body;          /* the schema of what is sent; NULL: nothing is */
	const char *answers; /* "201 Proxy, 400, 409": statuses, with the schema of what is told;
				NULL: not described */
};

/* What {NAME} stood for, in the order of the path; owned. */
struct route_params {
	char *value[ROUTE_PARAMS];
};

enum route_found { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };

/* tables: NULL-terminated. *found and params are set on ROUTE_FOUND. */
enum route_found route_find(const struct route *const *tables, enum evhttp_cmd_type method,
    const char *path, const struct route **found, struct route_params *params);
void route_params_free(struct route_params *params);

/* The path without "//", "/./" and "/../" (RFC 3986, 5.2.4); NULL: it has none of them, or there
 * is no memory. Free it. */
char *route_clean(const char *path);
