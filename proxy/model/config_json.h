/*
 * A configuration as JSON, its values as the text that a file takes, and as such a file:
 *
 *     {"settings":{KEY:TEXT}, "hosts":[{"name":..,KEY:TEXT}], "proxies":[..], "faults":[{"name":..,
 *      "type":..,KEY:TEXT}]}
 */
#pragma once
#include "model/spec.h"
#include <jansson.h>
#include <stdio.h>

json_t *config_json(const struct config *c); /* NULL: no memory */

/* Its keys that are not the common ones' defaults, with its name and type. */
json_t *config_fault_json(const struct fault_spec *f);

/*
 * The file. False: a value cannot be said in one, and err names it and why (the rest was written
 * all the same). A caller looks at ferror(out) itself.
 */
bool config_write(const json_t *config, FILE *out, char *err, size_t size);
