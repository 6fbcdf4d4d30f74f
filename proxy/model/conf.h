/*
 * Configuration files: INI through inih, into a scratch config that is handed out only when the
 * whole file is right. All of a file's errors are found in one run, each with its place:
 *
 *     FILE:LINE: [SECTION] KEY: what was expected, got "VALUE" (did you mean "X"?)
 *
 * Found here: syntax; over-long lines (inih 55 cuts at 199 bytes: a counting reader sees them
 * first); unknown sections and keys; duplicate names and keys; values; required keys; two proxies
 * on one address; names of hosts, proxies, types that do not exist; keys a type refuses; a fault
 * that needs a TCP leg on a Unix-socket proxy.
 */
#pragma once
#include "model/spec.h"
#include <stdio.h>

#define CONF_LINE_MAX 199 /* bytes, without the newline: what inih as Debian builds it keeps */

/* Every message is complete (no newline at its end). */
struct conf_errors {
	char **message;
	size_t count;
};

void conf_errors_add(struct conf_errors *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* With the place where the fault was written before it. */
void conf_errors_add_fault(struct conf_errors *e, const struct fault_spec *f, const char *message);
void conf_errors_free(struct conf_errors *e);

/* types: NULL-terminated. NULL when anything is wrong: errors then has at least one message.
 * path "-" reads stdin. */
struct config *conf_load(
    const char *path, const struct fault_type *const *types, struct conf_errors *errors);

/* One fault as on a command line: "power_loss delay=5s duration=30s". Appended to c under the
 * name name (or its own name=KEY). proxy defaults to "*". False: errors has messages, nothing
 * was added. */
bool conf_add_fault_text(struct config *c, const char *name, const char *text,
    const struct fault_type *const *types, struct conf_errors *errors);

/* What holds between the parts of a config (duplicate addresses, dangling names, refused keys);
 * conf_load calls it. True: no error added. */
bool conf_check(const struct config *c, struct conf_errors *errors);
