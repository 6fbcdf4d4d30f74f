/*
 * deadpeer fault types: the catalogue as text. Facts are derived from the rows alone, nothing is
 * tried:
 *
 *     catalogue -> fault_facts.c (words) -> fault_types_text.c, _markdown.c, _json.c
 */
#pragma once
#include "faults/catalogue.h"
#include <jansson.h>

int fault_types_main(int argc, char **argv);

/* --- fault_facts.c --- */

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

/* --- the ways to show it; only: one type, or NULL for all. False: no memory. --- */

bool fault_types_text(const struct fault_ops *only);
bool fault_presets_text(const struct fault_ops *only);
void fault_types_markdown(const struct fault_ops *only);
void fault_presets_markdown(const struct fault_ops *only);
json_t *fault_types_json(const struct fault_ops *only);
json_t *fault_presets_json(const struct fault_ops *only);
