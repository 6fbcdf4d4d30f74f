/*
 * A configuration's JSON as lines. A file says less than JSON does: a line is short and ends where
 * a comment begins.
 */
#include "model/conf.h"
#include "model/config_json.h"
#include <ctype.h>
#include <string.h>

struct ini {
	FILE *out;
	const char *kind, *name;
	char *err; /* "": all could be said */
	size_t size;
};

/* inih takes what is behind a blank and ';' for a comment, and blanks at the ends for nothing. */
static const char *cannot_say(const char *key, const char *value)
{
	size_t len = strlen(value);

	if (strlen(key) + 3 + len > CONF_LINE_MAX)
		return "a line of a file has at most 199 bytes";
	if (!len || isspace((unsigned char)*value) || isspace((unsigned char)value[len - 1]))
		return "a file's values begin and end with no blank";
	for (const char *c = value; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return "a file's values have no control characters";
		else if (*c == ';' && (c == value || isspace((unsigned char)c[-1])))
			return "in a file a comment begins at \" ;\"";
	return NULL;
}

static void add_line(struct ini *ini, const char *key, const char *value)
{
	const char *why = cannot_say(key, value);

	if (why && !*ini->err)
		snprintf(ini->err, ini->size,
		    "cannot be written as a file: [%s%s%s] %s = %.256s: %s", ini->kind,
		    *ini->name ? " " : "", ini->name, key, value, why);
	fprintf(ini->out, "%s = %s\n", key, value);
}

/* As many lines as it takes: a key that is a list may be given again. */
static void add_list(struct ini *ini, const char *key, const char *value)
{
	size_t most = CONF_LINE_MAX - strlen(key) - 3;

	while (strlen(value) > most) {
		char line[CONF_LINE_MAX + 1];
		const char *end = memrchr(value, ',', most + 1);

		if (!end)
			break;
		snprintf(line, sizeof(line), "%.*s", (int)(end - value), value);
		add_line(ini, key, line);
		value = end + 1;
	}
	add_line(ini, key, value);
}

static void add_keys(struct ini *ini, json_t *o)
{
	const char *key;
	json_t *value;

	json_object_foreach(o, key, value)
	{
		if (!strcmp(key, "name"))
			continue;
		if (!strcmp(ini->kind, "fault") && !strcmp(key, "proxy"))
			add_list(ini, key, json_string_value(value));
		else
			add_line(ini, key, json_string_value(value));
	}
}

static void add_sections(struct ini *ini, const char *kind, const json_t *array)
{
	size_t i;
	json_t *o;

	json_array_foreach(array, i, o)
	{
		ini->kind = kind;
		ini->name = json_string_value(json_object_get(o, "name"));
		fprintf(ini->out, "\n[%s %s]\n", kind, ini->name);
		add_keys(ini, o);
	}
}

bool config_write(const json_t *config, FILE *out, char *err, size_t size)
{
	struct ini ini = { .out = out, .kind = "deadpeer", .name = "", .err = err, .size = size };

	*err = '\0';
	fprintf(out, "[deadpeer]\n");
	add_keys(&ini, json_object_get(config, "settings"));
	add_sections(&ini, "host", json_object_get(config, "hosts"));
	add_sections(&ini, "proxy", json_object_get(config, "proxies"));
	add_sections(&ini, "fault", json_object_get(config, "faults"));
	return !*err;
}
