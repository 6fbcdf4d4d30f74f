/* Tries as it is, and repairs only what turns out to be unwritable. */
#include "base/json.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void null_unwritable(json_t *line)
{
	const char *key;
	json_t *value;

	json_object_foreach(line, key, value)
	{
		char *text = json_dumps(value, JSON_ENCODE_ANY);

		if (!text)
			json_object_set_new_nocheck(line, key, json_null());
		free(text);
	}
}

char *json_dump_line(struct json_t *head, const struct json_t *fields, size_t *len)
{
	char *text = NULL;

	if (head && (!fields || json_object_update(head, (json_t *)fields) == 0)) {
		text = json_dumps(head, JSON_COMPACT);
		if (!text) {
			null_unwritable(head);
			text = json_dumps(head, JSON_COMPACT);
		}
	}
	json_decref(head);
	*len = text ? strlen(text) : 0;
	return text;
}
