/*
 * deadpeer events: each record as a line. What is kept comes as JSON lines, what is to come as
 * server-sent events ("data: {...}").
 */
#include "base/units.h"
#include "cli/cli.h"
#include "cli/ctl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fields of every record, which the line shows in its own way. */
static bool is_common(const char *key)
{
	static const char *const common[] = { "seq", "mono_ns", "wall", "event", NULL };

	for (const char *const *c = common; *c; c++)
		if (!strcmp(*c, key))
			return true;
	return false;
}

void ctl_print_fields(FILE *out, json_t *record)
{
	const char *key;
	json_t *value;
	char text[CELL_MAX];

	json_object_foreach(record, key, value) if (!is_common(key)) fprintf(
	    out, " %.*s=%s", ctl_key_length(key), key, ctl_value(text, sizeof(text), key, value));
}

/* "2026-11-22T12:00:00.000000Z" is 12:00:00.000, by UTC. */
void ctl_print_event(FILE *out, json_t *record)
{
	char event[CELL_MAX];
	const char *wall = json_string_value(json_object_get(record, "wall"));

	fprintf(out, "%8" JSON_INTEGER_FORMAT "  %.12s  %-17s ",
	    json_integer_value(json_object_get(record, "seq")),
	    wall && strlen(wall) > 23 ? wall + 11 : "-",
	    ctl_value(event, sizeof(event), "event", json_object_get(record, "event")));
	ctl_print_fields(out, record);
	fputc('\n', out);
}

struct reader {
	const struct ctl *c;
	uint64_t left; /* events to tell */
};

static bool line_came(void *arg, const char *line)
{
	static const char data[] = "data: ";
	struct reader *r = arg;
	const struct ctl *c = r->c;
	json_t *record;

	if (!strncmp(line, data, sizeof(data) - 1))
		line += sizeof(data) - 1;
	if (*line != '{')
		return true; /* an id, a comment, a gap */
	record = json_loads(line, 0, NULL);
	if (c->json)
		puts(line);
	else if (record && !c->quiet)
		ctl_print_event(stdout, record);
	json_decref(record);
	return --r->left && !ferror(stdout) && !(ctl_flag(c, "follow") && fflush(stdout));
}

int run_events(struct ctl *c)
{
	const char *limit = ctl_flag(c, "limit");
	struct reader reader = { c, UINT64_MAX };
	bool follow = ctl_flag(c, "follow");
	char *path = ctl_path(c, follow ? "/v1/events?follow=yes" : "/v1/events");
	const struct request r = { .method = "GET",
		.path = path,
		.limit_s = follow ? -1 : 0,
		.line = line_came,
		.arg = &reader };
	struct answer a;
	int code;

	if (limit) /* if it is none, the server says so */
		units_parse_count(limit, &reader.left);
	code = path ? ctl_send(c, &r, &a) : EXIT_FAILED;
	if (path)
		answer_free(&a);
	free(path);
	if (follow && code == EXIT_DONE && reader.left && !ferror(stdout))
		fprintf(stderr, "%s: the server has ended the stream\n", c->called);
	return code;
}
