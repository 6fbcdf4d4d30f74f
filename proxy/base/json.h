/*
 * JSON for lines: logs and timelines. Text that comes from outside (a file's name, say) need not be
 * UTF-8, which JSON cannot carry; a line must come out all the same.
 */
#pragma once
#include <stddef.h>

struct json_t;

/* The members of head (at least one), then those of fields (borrowed; NULL: none; other keys than
 * head's), as one compact line. A member that is no valid JSON becomes null. Takes over head, a
 * jansson object (NULL: a failed json_pack). NULL when out of memory; free(3) the result. */
char *json_dump_line(struct json_t *head, const struct json_t *fields, size_t *len);
