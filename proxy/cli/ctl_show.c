/* Answers for people: tables by rows of columns, and single members. */
#include "base/mono.h"
#include "base/units.h"
#include "cli/ctl.h"
#include "cli/demo_show.h" /* look_of() */
#include "cli/text_table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct shown {
	const char *head, *member;
};

/* clang-format off */
static const struct shown proxy_columns[] = {
	{ "PROXY", "name" }, { "LISTEN", "listen" }, { "UPSTREAM", "upstream" },
	{ "STATE", "gate" }, { "SESSIONS", "sessions" }, { "ACCEPTED", "accepted" },
	{ "SENT", "upstream_bytes" }, { "RECEIVED", "downstream_bytes" }, { "HOST", "host" },
	{ "FAULTS", "faults" }, { NULL, NULL },
};
static const struct shown fault_columns[] = {
	{ "FAULT", "name" }, { "TYPE", "type" }, { "STATE", "state" }, { "PROXIES", "proxies" },
	{ "SIDE", "side" }, { "GRADE", "grade" }, { "LEFT", "remaining_ns" },
	{ "SESSIONS", "sessions" }, { "SEGMENTS", "segments" }, { "SETTINGS", "values" },
	{ NULL, NULL },
};
static const struct shown session_columns[] = {
	{ "SESSION", "id" }, { "PROXY", "proxy" }, { "CLIENT", "client" },
	{ "UPSTREAM", "upstream" }, { "STATE", "state" }, { "AGE", "age_ns" },
	{ "IDLE", "idle_ns" }, { "SENT", "upstream_bytes" }, { "RECEIVED", "downstream_bytes" },
	{ "CLIENT LEG", "client_leg" }, { "SERVER LEG", "server_leg" }, { "FAULTS", "faults" },
	{ NULL, NULL },
};
static const struct shown host_columns[] = {
	{ "HOST", "name" }, { "POWER", "power" }, { "ADDRESS", "address" }, { "TITLE", "title" },
	{ "PROXIES", "proxies" },
	{ NULL, NULL },
};
/* clang-format on */

/* --- values --- */

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

int ctl_key_length(const char *key)
{
	return (int)strlen(key) - (ends_in(key, "_ns") ? 3 : 0);
}

/* A duration to three digits or so: nobody reads nanoseconds of minutes. */
static int64_t round_ns(int64_t ns)
{
	int64_t unit = 1;

	while (unit < NS_PER_S && ns / unit >= 1000)
		unit *= 10;
	return (ns + unit / 2) / unit * unit;
}

static void put_number(FILE *out, const char *member, json_int_t n)
{
	char text[64];

	if (ends_in(member, "_ns") && n >= 0)
		fputs(units_format_duration(text, sizeof(text), round_ns(n)), out);
	else if (ends_in(member, "_bytes") && n >= 0)
		fputs(units_format_size(text, sizeof(text), (uint64_t)n), out);
	else
		fprintf(out, "%" JSON_INTEGER_FORMAT, n);
}

static void put_value(FILE *out, const char *member, const json_t *value)
{
	const char *key, *gap = "";
	json_t *one;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)value, key, one)
	{
		fprintf(out, "%s%s=", gap, key);
		put_value(out, key, one);
		gap = " ";
	}
	json_array_foreach((json_t *)(uintptr_t)value, i, one)
	{
		fputs(gap, out);
		put_value(out, member, one);
		gap = ", ";
	}
	if (json_is_string(value))
		fputs(json_string_value(value), out);
	else if (json_is_integer(value))
		put_number(out, member, json_integer_value(value));
	else if (json_is_real(value))
		fprintf(out, "%g", json_real_value(value));
	else if (json_is_boolean(value))
		fputs(json_is_true(value) ? "yes" : "no", out);
}

/* A terminal obeys control characters, and these are somebody else's. */
static void defuse(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

char *ctl_value(char *buf, size_t size, const char *member, const json_t *value)
{
	FILE *out = fmemopen(buf, size, "w");

	*buf = '\0';
	if (out) {
		put_value(out, member, value);
		fclose(out);
	}
	buf[size - 1] = '\0';
	if (!*buf)
		snprintf(buf, size, "-");
	defuse(buf);
	return buf;
}

/* --- tables --- */

static bool add_row(struct text_table *t, const struct shown *columns, const json_t *row)
{
	char text[TEXT_TABLE_COLUMNS][CELL_MAX];
	const char *cells[TEXT_TABLE_COLUMNS];

	for (size_t i = 0; i < t->columns; i++)
		cells[i] = row ? ctl_value(text[i], CELL_MAX, columns[i].member,
				     json_object_get(row, columns[i].member))
			       : columns[i].head;
	return text_table_add(t, cells);
}

/* Nothing but a remark on stderr when there is no row. */
static bool show_table(
    const struct ctl *c, const struct shown *columns, const json_t *rows, const char *what)
{
	struct text_table t = { .columns = 0 };
	bool whole;
	size_t i;
	json_t *row;

	if (!json_array_size(rows)) {
		fprintf(stderr, "%s: there are no %s\n", c->called, what);
		return true;
	}
	while (columns[t.columns].head)
		t.columns++;
	whole = add_row(&t, columns, NULL);
	json_array_foreach((json_t *)(uintptr_t)rows, i, row) whole =
	    whole && add_row(&t, columns, row);
	if (whole)
		text_table_print(&t, look_of(STDOUT_FILENO).color);
	else
		fprintf(stderr, "%s: out of memory\n", c->called);
	text_table_free(&t);
	return whole;
}

bool show_proxies(const struct ctl *c, json_t *answer)
{
	json_t *rows = json_object_get(answer, "proxies"), *row;
	size_t i;

	json_array_foreach(rows, i, row) if (json_is_false(json_object_get(row, "enabled")))
	    json_object_set_new(row, "gate", json_string("disabled"));
	return show_table(c, proxy_columns, rows, "proxies: deadpeer create makes one");
}

bool show_faults(const struct ctl *c, json_t *answer)
{
	return show_table(
	    c, fault_columns, json_object_get(answer, "faults"), "faults: all is well");
}

bool show_sessions(const struct ctl *c, json_t *answer)
{
	const json_t *rows = json_object_get(answer, "sessions");
	json_int_t total = json_integer_value(json_object_get(answer, "total"));

	if (!show_table(c, session_columns, rows, "such sessions"))
		return false;
	if ((size_t)total > json_array_size(rows))
		fprintf(stderr, "%s: %zu of %" JSON_INTEGER_FORMAT ": --limit N tells more\n",
		    c->called, json_array_size(rows), total);
	return true;
}

bool show_hosts(const struct ctl *c, json_t *answer)
{
	return show_table(c, host_columns, json_object_get(answer, "hosts"), "hosts");
}

bool show_members(const struct ctl *c, json_t *answer)
{
	const char *key;
	json_t *value;
	int width = 0;

	(void)c;
	json_object_foreach(answer, key, value) width =
	    (int)strlen(key) > width ? (int)strlen(key) : width;
	json_object_foreach(answer, key, value)
	{
		int n = ctl_key_length(key);
		char text[CELL_MAX];

		printf("%.*s%*s%s\n", n, key, width + 2 - n, "",
		    ctl_value(text, sizeof(text), key, value));
	}
	return true;
}

bool show_heal(const struct ctl *c, json_t *answer)
{
	json_t *lifted = json_object_get(answer, "lifted");
	char text[CELL_MAX];

	(void)c;
	if (json_array_size(lifted))
		printf("lifted %s\n", ctl_value(text, sizeof(text), "lifted", lifted));
	else
		puts("there was nothing to lift");
	return true;
}

/* --- as toxiproxy-cli does: tabs, attributes by name --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_attributes(json_t *attributes)
{
	size_t n = json_object_size(attributes), i = 0;
	const char **keys = calloc(n + 1, sizeof(*keys)), *key;
	char text[CELL_MAX];
	json_t *value;

	if (!keys)
		return;
	json_object_foreach(attributes, key, value) keys[i++] = key;
	qsort(keys, n, sizeof(*keys), by_name);
	for (i = 0; i < n; i++)
		printf("%s=%s\t", keys[i],
		    ctl_value(text, sizeof(text), "", json_object_get(attributes, keys[i])));
	free(keys);
}

/* The members of a proxy, or of all by their names. */
bool show_toxiproxies(const struct ctl *c, json_t *answer)
{
	char listen[CELL_MAX], upstream[CELL_MAX], text[CELL_MAX];
	const char *name;
	json_t *row;

	(void)c;
	json_object_foreach(answer, name, row) printf("%s\t%s\t%s\t%s\t%zu\n",
	    ctl_value(text, sizeof(text), "", json_object_get(row, "name")),
	    ctl_value(listen, sizeof(listen), "", json_object_get(row, "listen")),
	    ctl_value(upstream, sizeof(upstream), "", json_object_get(row, "upstream")),
	    json_is_true(json_object_get(row, "enabled")) ? "enabled" : "disabled",
	    json_array_size(json_object_get(row, "toxics")));
	return true;
}

bool show_toxics(const struct ctl *c, json_t *answer)
{
	char name[CELL_MAX], type[CELL_MAX], stream[CELL_MAX];
	json_t *row;
	size_t i;

	(void)c;
	json_array_foreach(json_object_get(answer, "toxics"), i, row)
	{
		printf("%s\ttype=%s\tstream=%s\ttoxicity=%.2f\tattributes=[\t",
		    ctl_value(name, sizeof(name), "", json_object_get(row, "name")),
		    ctl_value(type, sizeof(type), "", json_object_get(row, "type")),
		    ctl_value(stream, sizeof(stream), "", json_object_get(row, "stream")),
		    json_number_value(json_object_get(row, "toxicity")));
		print_attributes(json_object_get(row, "attributes"));
		puts("]");
	}
	return true;
}
