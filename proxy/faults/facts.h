/*
 * The catalogue in words and as JSON. Facts are derived from the rows alone, nothing is tried:
 *
 *     catalogue -> facts.c (words), facts_json.c -> deadpeer fault types, GET /v1/fault-types
 */
#pragma once
#include "faults/catalogue.h"
#include <jansson.h>

#define FACT_MAX 256

/* Who runs deadpeer. */
enum privilege { PRIVILEGE_ROOT, PRIVILEGE_NONE };

/* The best grade that it can reach, with its defaults. */
enum grade fact_grade(const struct fault_ops *ops, enum privilege who);

/* Each writes to buf, of FACT_MAX bytes, and returns it. */
char *fact_sides(char *buf, const struct fault_type *type); /* "server, client"; "any" */
char *fact_needs(char *buf, const struct fault_type *type); /* "TCP, CAP_NET_ADMIN"; "nothing" */
/* "duration, 10ms to 30d", "drop|fin" */
char *fact_value(char *buf, const struct fault_type *type, const struct field *f);

const char *fact_capability(const struct fault_type *type); /* NULL: none */
/* Is it the key that names a preset? */
bool fact_names_presets(const struct fault_type *type, const struct field *f);

/* {"types":[...],"common":[...]}: only one type, or NULL for all, and the keys that every type has.
 * NULL: no memory. */
json_t *fault_types_json(const struct fault_ops *only);
json_t *fault_presets_json(const struct fault_ops *only); /* {"presets":[...]} */
