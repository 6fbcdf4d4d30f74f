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

static char *dump(const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	json_t *mended;

	if (text)
		return text;
	mended = json_copy((json_t *)object);
	null_unwritable(mended);
	text = json_dumps(mended, JSON_COMPACT);
	json_decref(mended);
	return text;
}

/* "{a}" and "{b}" become "{a,b}". */
static char *join(char *head, const char *rest, size_t *len)
{
	size_t head_len = strlen(head) - 1, rest_len = strlen(rest);
	char *line = realloc(head, head_len + rest_len + 1);

	if (!line) {
		free(head);
		return NULL;
	}
	line[head_len] = ',';
	memcpy(line + head_len + 1, rest + 1, rest_len);
	*len = head_len + rest_len;
	return line;
}

char *json_dump_line(struct json_t *head, const struct json_t *fields, size_t *len)
{
	char *line = head ? dump(head) : NULL, *rest;

	json_decref(head);
	*len = line ? strlen(line) : 0;
	if (!line || !fields || !json_object_size(fields))
		return line;
	rest = dump(fields);
	if (rest)
		line = join(line, rest, len);
	free(rest);
	return line;
}
