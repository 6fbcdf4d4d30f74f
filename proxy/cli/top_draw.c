/*
 * A frame: a head, then tables below each other, then events with what is left of the screen.
 *
 *     deadpeer 127.0.0.1:8474  2 proxies, 9 sessions, 1 fault
 *     PROXY ...    at most a third of the screen
 *     FAULT ...    at most a quarter, as
 *     SESSION ...
 *     events       the rest
 */
#include "base/units.h"
#include "base/utf8.h"
#include "cli/ctl.h"
#include "cli/text_table.h"
#include "cli/top.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 10
#define ROWS_LEAST  3

#define BOLD     "\033[1m"
#define REVERSE  "\033[7m"
#define RED      "\033[31m"
#define PLAIN    "\033[0m"
#define LINE_END "\033[K\n"

struct shown_member {
	const char *head, *member;
};

/* clang-format off */
static const struct shown_member proxy_members[] = {
	{ "PROXY", "name" }, { "LISTEN", "listen" }, { "UPSTREAM", "upstream" },
	{ "STATE", "gate" }, { "SESSIONS", "sessions" }, { "SENT", "upstream_rate" },
	{ "RECEIVED", "downstream_rate" }, { "FAULTS", "faults" }, { NULL, NULL },
};
static const struct shown_member fault_members[] = {
	{ "FAULT", "name" }, { "TYPE", "type" }, { "STATE", "state" }, { "LEFT", "remaining_ns" },
	{ "GRADE", "grade" }, { "SESSIONS", "sessions" }, { "SEGMENTS", "segments" },
	{ "PROXIES", "proxies" }, { NULL, NULL },
};
static const struct shown_member session_members[] = {
	{ "SESSION", "id" }, { "PROXY", "proxy" }, { "CLIENT", "client" }, { "STATE", "state" },
	{ "AGE", "age_ns" }, { "IDLE", "idle_ns" }, { "SENT", "upstream_bytes" },
	{ "RECEIVED", "downstream_bytes" }, { "FAULTS", "faults" }, { NULL, NULL },
};
/* clang-format on */

struct frame {
	FILE *out;
	const struct top_view *view;
	int left; /* lines */
};

/* How many bytes of the text fit into so many cells: no character is cut. */
static int fit(const char *text, int cells)
{
	size_t n = 0, length;

	for (; text[n]; n += length)
		if ((cells -= (int)utf8_cells(text + n, &length)) < 0)
			break;
	return (int)n;
}

/* One line, cut where the screen ends. */
static void put_line(struct frame *f, const char *style, const char *text)
{
	bool styled = f->view->color && *style;

	if (f->left-- <= 0)
		return;
	fprintf(f->out, "%s%.*s%s%s", styled ? style : "", fit(text, f->view->columns), text,
	    styled ? PLAIN : "", f->left ? LINE_END : "\033[K");
}

/* --- tables --- */

struct grid {
	const struct shown_member *members;
	const json_t *rows;
	int n_columns, n_rows, width[COLUMNS_MAX];
};

static const char *cell(const struct grid *g, int row, int column, char *buf)
{
	const struct shown_member *m = &g->members[column];

	if (row < 0)
		return m->head;
	return ctl_value(buf, CELL_MAX, m->member,
	    json_object_get(json_array_get(g->rows, (size_t)row), m->member));
}

static void measure(struct grid *g)
{
	char buf[CELL_MAX];

	for (int c = 0; c < g->n_columns; c++)
		for (int r = -1; r < g->n_rows; r++) {
			int cells = (int)text_cells(cell(g, r, c, buf));

			if (cells > g->width[c])
				g->width[c] = cells;
		}
}

static void put_row(struct frame *f, const struct grid *g, int row)
{
	char line[COLUMNS_MAX * (CELL_MAX + 2)] = "", buf[CELL_MAX];
	size_t len = 0;

	for (int c = 0; c < g->n_columns && len < sizeof(line); c++) {
		const char *text = cell(g, row, c, buf);

		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%*s", text,
		    c + 1 < g->n_columns ? g->width[c] + 2 - (int)text_cells(text) : 0, "");
	}
	put_line(f, row < 0 ? BOLD : "", line);
}

/* At most so many rows, and how many more there are. */
static void put_table(struct frame *f, const struct shown_member *members, const json_t *rows,
    int most, json_int_t total)
{
	struct grid g = { .members = members, .rows = rows, .n_rows = (int)json_array_size(rows) };
	char more[64];

	if (!g.n_rows)
		return;
	if (g.n_rows > most)
		g.n_rows = most;
	while (members[g.n_columns].head)
		g.n_columns++;
	measure(&g);
	put_line(f, "", "");
	for (int r = -1; r < g.n_rows; r++)
		put_row(f, &g, r);
	if (total <= g.n_rows)
		return;
	snprintf(more, sizeof(more), "... %" JSON_INTEGER_FORMAT " more", total - g.n_rows);
	put_line(f, "", more);
}

/* --- the frame --- */

static void put_head(struct frame *f, json_int_t sessions)
{
	const struct top_view *v = f->view;
	size_t proxies = json_array_size(json_object_get(v->proxies, "proxies"));
	size_t faults = json_array_size(json_object_get(v->faults, "faults"));
	char line[1024];

	snprintf(line, sizeof(line),
	    "deadpeer %s  %s  %zu %s, %" JSON_INTEGER_FORMAT " %s, %zu %s  (q: quit)", v->server,
	    v->clock, proxies, proxies == 1 ? "proxy" : "proxies", sessions,
	    sessions == 1 ? "session" : "sessions", faults, faults == 1 ? "fault" : "faults");
	put_line(f, REVERSE, line);
	if (*v->error)
		put_line(f, RED, v->error);
}

static void put_events(struct frame *f)
{
	const struct top_view *v = f->view;
	int first;

	if (!v->n_events || f->left < 2)
		return;
	put_line(f, "", "");
	first = v->n_events > f->left ? v->n_events - f->left : 0;
	for (int i = first; i < v->n_events; i++)
		put_line(f, "", v->events[i]);
}

static int share(int rows, int of)
{
	return rows / of > ROWS_LEAST ? rows / of : ROWS_LEAST;
}

char *top_draw(const struct top_view *v)
{
	const json_t *proxies = json_object_get(v->proxies, "proxies");
	const json_t *faults = json_object_get(v->faults, "faults");
	json_int_t sessions = json_integer_value(json_object_get(v->sessions, "total"));
	struct frame f = { .view = v, .left = v->rows };
	char *text = NULL;
	size_t len;

	f.out = open_memstream(&text, &len);
	if (!f.out)
		return NULL;
	fputs("\033[H", f.out);
	put_head(&f, sessions);
	put_table(
	    &f, proxy_members, proxies, share(v->rows, 3), (json_int_t)json_array_size(proxies));
	put_table(
	    &f, fault_members, faults, share(v->rows, 4), (json_int_t)json_array_size(faults));
	put_table(&f, session_members, json_object_get(v->sessions, "sessions"), share(v->rows, 4),
	    sessions);
	put_events(&f);
	fputs("\033[J", f.out);
	if (!fclose(f.out))
		return text;
	free(text);
	return NULL;
}

/* --- rates --- */

static json_t *find_proxy(const json_t *answer, const char *name)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(answer, "proxies"), i, row)
	{
		const char *its = json_string_value(json_object_get(row, "name"));

		if (its && name && !strcmp(its, name))
			return row;
	}
	return NULL;
}

static void add_rate(
    json_t *row, const json_t *old, const char *bytes, const char *rate, int64_t ns)
{
	json_int_t more = json_integer_value(json_object_get(row, bytes)) -
			  json_integer_value(json_object_get(old, bytes));
	char size[32], text[40] = "-";

	if (old && more >= 0 && ns > 0)
		snprintf(text, sizeof(text), "%s/s",
		    units_format_size(
			size, sizeof(size), (uint64_t)((double)more * 1e9 / (double)ns)));
	json_object_set_new(row, rate, json_string(text));
}

void top_add_rates(json_t *proxies, const json_t *before, int64_t elapsed_ns)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(proxies, "proxies"), i, row)
	{
		const json_t *old =
		    find_proxy(before, json_string_value(json_object_get(row, "name")));

		add_rate(row, old, "upstream_bytes", "upstream_rate", elapsed_ns);
		add_rate(row, old, "downstream_bytes", "downstream_rate", elapsed_ns);
		if (json_is_false(json_object_get(row, "enabled")))
			json_object_set_new(row, "gate", json_string("disabled"));
	}
}
