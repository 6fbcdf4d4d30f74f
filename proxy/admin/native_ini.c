/*
 * The configuration as a file that `deadpeer check` takes and that says the same. A file says less
 * than the API does: names are plainer, a line is short and ends where a comment begins.
 *
 *     config_copy -> names a file can have -> the JSON of it -> lines; false: what no line can say
 */
#include "admin/native.h"
#include "model/conf.h"
#include <ctype.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_ROOM 64

/* --- names --- */

static bool name_taken(const struct config *c, const char *name, bool is_fault)
{
	if (is_fault)
		return config_find_fault(c, name);
	return config_find_proxy(c, name) || config_find_host(c, name);
}

static bool is_plain(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

/* 1 to 63 of what a section's name may have, and nobody else's; nth: its place among its kind,
 * so that many that look alike find theirs at once. */
static void plain_name(
    const struct config *c, const char *name, bool is_fault, size_t nth, char out[static NAME_ROOM])
{
	char stem[NAME_ROOM];
	size_t len = 0;

	for (; name[len] && len < NAME_ROOM - 1; len++)
		stem[len] = is_plain(name[len]) ? name[len] : '_';
	stem[len] = '\0';
	snprintf(out, NAME_ROOM, "%s", stem);
	for (size_t n = nth + 1; name_taken(c, out, is_fault); n++)
		snprintf(out, NAME_ROOM, "%.42s-%zu", stem, n);
}

static bool replace(char **text, const char *old, const char *name)
{
	char *copy;

	if (!*text || strcmp(*text, old) != 0)
		return true;
	copy = strdup(name);
	if (!copy)
		return false;
	free(*text);
	*text = copy;
	return true;
}

/* Wherever the proxy is named: by faults, and as a host of its own. */
static bool rename_proxy(struct config *c, size_t nth)
{
	struct proxy_spec *p = c->proxies[nth];
	char name[NAME_ROOM];
	bool ok = true;

	plain_name(c, p->name, false, nth, name);
	for (size_t i = 0; i < c->n_faults; i++) {
		struct fault_spec *f = c->faults[i];

		for (size_t n = 0; n < f->proxies.count; n++)
			ok = ok && replace(&f->proxies.name[n], p->name, name);
		ok = ok && replace(&f->host, p->name, name);
	}
	return ok && replace(&p->name, p->name, name);
}

static bool rename_fault(struct config *c, size_t nth)
{
	struct fault_spec *f = c->faults[nth];
	char name[NAME_ROOM];

	plain_name(c, f->name, true, nth, name);
	return replace(&f->name, f->name, name);
}

static bool rename_all(struct config *c)
{
	bool ok = true;

	for (size_t i = 0; i < c->n_proxies; i++)
		if (spec_check_name(c->proxies[i]->name))
			ok = ok && rename_proxy(c, i);
	for (size_t i = 0; i < c->n_faults; i++)
		if (spec_check_name(c->faults[i]->name))
			ok = ok && rename_fault(c, i);
	return ok;
}

/* --- lines --- */

struct ini {
	struct evbuffer *out;
	const char *kind, *name;
	char err[1024]; /* "" : all could be said */
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
		snprintf(ini->err, sizeof(ini->err),
		    "cannot be written as a file: [%s%s%s] %s = %.256s: %s", ini->kind,
		    *ini->name ? " " : "", ini->name, key, value, why);
	evbuffer_add_printf(ini->out, "%s = %s\n", key, value);
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
		evbuffer_add_printf(ini->out, "\n[%s %s]\n", kind, ini->name);
		add_keys(ini, o);
	}
}

static void reply_ini(struct call *c, const json_t *o)
{
	struct ini ini = { .out = evbuffer_new(), .kind = "deadpeer", .name = "" };

	if (!ini.out) {
		reply_error(c, 500, "out of memory");
		return;
	}
	evbuffer_add_printf(ini.out, "[deadpeer]\n");
	add_keys(&ini, json_object_get(o, "settings"));
	add_sections(&ini, "host", json_object_get(o, "hosts"));
	add_sections(&ini, "proxy", json_object_get(o, "proxies"));
	add_sections(&ini, "fault", json_object_get(o, "faults"));
	if (!*ini.err) {
		reply_buffer(c, 200, "text/plain; charset=utf-8", ini.out);
		return;
	}
	evbuffer_free(ini.out);
	reply_error(c, 422, "%s", ini.err);
}

void native_config_ini(struct call *c)
{
	struct config *plain = config_copy(c->control->config);
	json_t *o;

	if (!plain || !rename_all(plain)) {
		reply_error(c, 500, "out of memory");
	} else {
		o = native_config_json(c->control, plain);
		reply_ini(c, o);
		json_decref(o);
	}
	config_free(plain);
}
