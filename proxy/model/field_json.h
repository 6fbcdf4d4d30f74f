/*
 * Values as JSON: the text that the INI file takes, or a JSON value that says the same. A whole
 * number is milliseconds where a duration is wanted and bytes where a size is; a rate is a text.
 */
#pragma once
#include "model/field.h"
#include <jansson.h>

/* As field_parse(). */
const char *field_parse_json(
    const struct field *f, void *base, const json_t *value, char *buf, size_t size);

/* The value as the text that the INI file takes; NULL: no memory. */
json_t *field_json(const struct field *f, const void *base);

/* {key: text} of the rows whose value differs from that in plain; plain NULL: of all that have
 * one. skip: keys that are left out, NULL-terminated; NULL: none. Adds to o. */
void fields_json(json_t *o, const struct field *table, const void *base, const void *plain,
    const char *const *skip);

/* What the row takes, as a JSON Schema. */
json_t *field_schema(const struct field *f);
