/*
 * NDJSON back to records. Events are told from the driver's own records by their names: a record of
 * the driver may have a field "relay" itself.
 */
#include "control/journal_read.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES ((size_t)16 << 20)
#define RELAYS_MAX     1024

struct reading {
	const char *path;
	size_t line;
	char **why;
};

static bool wrong(const struct reading *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static bool wrong(const struct reading *r, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (asprintf(r->why, "%s:%zu: %s", r->path, r->line, text) < 0)
		*r->why = NULL;
	return false;
}

/* *whose stays the driver's for its own. */
static bool read_whose(const struct reading *r, const char *event, json_t *o, unsigned *whose)
{
	static const char *const own[] = { "run.", "step.", "action.", "command.", "peer.", NULL };
	const json_t *relay = json_object_get(o, "relay");

	*whose = JOURNAL_DRIVER;
	for (size_t i = 0; own[i]; i++)
		if (!strncmp(event, own[i], strlen(own[i])))
			return true;
	if (!json_is_integer(relay) || json_integer_value(relay) < 0 ||
	    json_integer_value(relay) >= RELAYS_MAX)
		return wrong(r, "expected \"relay\": its number, from 0 to %d", RELAYS_MAX - 1);
	*whose = (unsigned)json_integer_value(relay);
	json_object_del(o, "relay");
	return true;
}

static bool take_record(struct journal *j, const struct reading *r, json_t *o)
{
	const json_t *at = json_object_get(o, "at_ns");
	const char *event = json_string_value(json_object_get(o, "event"));
	int64_t at_ns = json_is_integer(at) ? json_integer_value(at) : 0;
	unsigned whose;
	char *name;
	bool added;

	if (!json_is_integer(at))
		return wrong(r, "expected \"at_ns\": a number of nanoseconds");
	if (!event || !*event)
		return wrong(r, "expected \"event\": an event's name");
	if (!read_whose(r, event, o, &whose))
		return false;
	name = strdup(event);
	if (!name)
		return wrong(r, "%s", strerror(ENOMEM));
	json_object_del(o, "at_ns");
	json_object_del(o, "event");
	if (json_is_null(json_object_get(o, "relay")))
		json_object_del(o, "relay");
	added = journal_add(j, at_ns, whose, name, json_incref(o));
	free(name);
	return added || wrong(r, "%s", strerror(ENOMEM));
}

static bool read_line(struct journal *j, const struct reading *r, const char *line, size_t len)
{
	json_error_t error;
	json_t *o;
	bool taken;

	if (len > LINE_MAX_BYTES)
		return wrong(r, "expected a line of at most %zu bytes", LINE_MAX_BYTES);
	o = json_loadb(line, len, 0, &error);
	if (!o)
		return wrong(r, "expected a JSON object: %s", error.text);
	taken = json_is_object(o) ? take_record(j, r, o) : wrong(r, "expected a JSON object");
	json_decref(o);
	return taken;
}

static bool is_blank(const char *line)
{
	return line[strspn(line, " \t\r\n")] == '\0';
}

bool journal_read(struct journal *j, const char *path, char **why)
{
	struct reading r = { path, 0, why };
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	bool ok = true;

	*why = NULL;
	if (!in) {
		if (asprintf(why, "%s: %s", path, strerror(errno)) < 0)
			*why = NULL;
		return false;
	}
	while (ok && (len = getline(&line, &room, in)) >= 0) {
		r.line++;
		ok = is_blank(line) || read_line(j, &r, line, (size_t)len);
	}
	if (ok && ferror(in))
		ok = wrong(&r, "%s", strerror(errno));
	free(line);
	fclose(in);
	return ok;
}
