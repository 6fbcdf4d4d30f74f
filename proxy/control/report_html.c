/*
 * report.html: one file that needs no other, and cannot load one: its own policy forbids it. No
 * script; tooltips are <title>.
 *
 *     header, expectations, deaths, bars, lanes, attempts, sequence, tables, the run, the scenario
 */
#include "control/report.h"
#include "control/report_escape.h"
#include "control/report_page.h"
#include "control/report_parts.h"
#include "control/report_tables.h"
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX    200
#define ROWS_OPEN   12 /* the others unfold */
#define ADVICE_MAX  5
#define WHOLE_MAX   11 /* columns of a cell that is not broken */
#define WORD_MAX    18 /* of a word that is not */
#define COLUMNS_MAX 16
#define MANY        8 /* columns, for a page that is not wide */

/* A class of the style; a text from outside never is one. */
static const char *class_of(const char *result)
{
	static const char *const known[] = { "pass", "fail", "vacuous", "error", "skipped" };

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(result, known[i]))
			return known[i];
	return "";
}

static void write_head(FILE *out, const json_t *verdict)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n",
	    out);
	markup_printf(out, "<title>%s: %s</title>\n<style>\n", part_text(verdict, "result"),
	    part_title(verdict));
	fputs(page_style, out);
	fputs("</style>\n</head>\n<body>\n", out);
	fputs(page_marks, out);
}

static void write_advice(FILE *out, const json_t *verdict)
{
	const char *advice[ADVICE_MAX];
	size_t n = part_advice(verdict, advice, ADVICE_MAX);

	if (!n || !strcmp(part_text(verdict, "result"), "pass"))
		return;
	fputs("<div class=\"advice\"><b>What would help</b><ul>", out);
	for (size_t i = 0; i < n; i++)
		markup_printf(out, "<li>%s</li>", advice[i]);
	fputs("</ul></div>\n", out);
}

static void write_header(FILE *out, const json_t *verdict)
{
	const json_t *run = json_object_get(verdict, "run");
	const char *result = part_text(verdict, "result");
	char took[40];

	markup_printf(out,
	    "<header><p class=\"badge %s\">%s</p><h1>%s</h1>\n<p class=\"summary\">%s</p>\n",
	    class_of(result), result, part_title(verdict), part_text(verdict, "summary"));
	markup_printf(out, "<p class=\"dim\">%s, %s, deadpeer %s, seed %s</p>\n",
	    part_text(run, "started"),
	    words_duration(took, sizeof(took), part_int(run, "duration_ns", 0)),
	    part_text(run, "tool"), part_text(run, "seed"));
	write_advice(out, verdict);
	fputs("</header>\n", out);
}

/* --- tables --- */

/* How it may be broken. */
static const char *class_of_cell(const char *cell)
{
	if (!cell || !*cell)
		return "empty";
	if (escape_columns(cell) <= WHOLE_MAX)
		return "whole";
	for (; *cell; cell += strspn(cell, " ")) {
		const size_t length = strcspn(cell, " ");

		if (length > WORD_MAX)
			return "long";
		cell += length;
	}
	return "words";
}

static void write_cell(FILE *out, const struct table_column *c, const json_t *row)
{
	char *cell = c->cell(row);

	markup_printf(
	    out, "<td role=\"cell\" data-head=\"%s\" class=\"%s\">", c->head, class_of_cell(cell));
	if (c->is_result)
		markup_printf(out, "<span class=\"badge %s\">%s</span>", class_of(cell), cell);
	else
		escape_write(out, ESCAPE_MARKUP, cell);
	fputs("</td>", out);
	free(cell);
}

struct columns {
	const struct table_column *column[COLUMNS_MAX];
	size_t n;
};

static bool has_words(const struct table_column *c, const json_t *const *rows, size_t count)
{
	bool found = false;

	for (size_t i = 0; i < count && !found; i++) {
		char *cell = c->cell(rows[i]);

		found = cell && *cell;
		free(cell);
	}
	return found;
}

/* Those that say something in one row at least. */
static struct columns columns_of(
    const struct report_table *t, const json_t *const *rows, size_t count)
{
	struct columns columns = { 0 };

	for (const struct table_column *c = t->columns; c->head; c++)
		if (columns.n < COLUMNS_MAX && has_words(c, rows, count))
			columns.column[columns.n++] = c;
	return columns;
}

static void write_rows(FILE *out, const struct report_table *t, const struct columns *columns,
    const json_t *const *rows, size_t count)
{
	markup_printf(out,
	    "<div class=\"scroll%s\"><table role=\"table\"><thead role=\"rowgroup\"><tr "
	    "role=\"row\">",
	    columns->n < MANY ? "" : " many");
	for (size_t c = 0; c < columns->n; c++)
		markup_printf(out, "<th role=\"columnheader\" scope=\"col\">%s</th>",
		    columns->column[c]->head);
	fputs("</tr></thead><tbody role=\"rowgroup\">\n", out);
	for (size_t i = 0; i < count; i++) {
		markup_printf(
		    out, "<tr role=\"row\" class=\"%s\">", class_of(table_row_result(t, rows[i])));
		for (size_t c = 0; c < columns->n; c++)
			write_cell(out, columns->column[c], rows[i]);
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table></div>\n", out);
}

void page_table(FILE *out, const json_t *verdict, const struct report_table *t)
{
	size_t n, shown, open;
	const json_t **rows = table_rows(t, verdict, &n);
	struct columns columns;

	shown = n < table_most(t, ROWS_MAX) ? n : ROWS_MAX;
	columns = columns_of(t, rows, shown);
	open = n < (t->in_terminal == TABLE_ALL ? TABLE_ALL : ROWS_OPEN) ? n : ROWS_OPEN;
	if (n || t->none)
		markup_printf(out, "<section id=\"%s\"><h2>%s</h2>\n", t->id, t->title);
	if (n)
		write_rows(out, t, &columns, rows, open);
	else if (t->none)
		markup_printf(out, "<p>%s</p>\n", t->none);
	if (shown > open) {
		markup_printf(out, "<details><summary>%zu more</summary>\n", n - open);
		write_rows(out, t, &columns, rows + open, shown - open);
		if (n > shown)
			markup_printf(
			    out, "<p class=\"dim\">verdict.json has %zu more.</p>\n", n - shown);
		fputs("</details>\n", out);
	}
	if (n || t->none)
		fputs("</section>\n", out);
	free(rows);
}

/* --- the run --- */

static void write_fact(FILE *out, const char *name, const char *value)
{
	if (*value)
		markup_printf(out, "<dt>%s</dt><dd>%s</dd>\n", name, value);
}

static char *words_exit(const json_t *run)
{
	const json_t *status = json_object_get(run, "exit_status");

	if (part_has(status, "signal"))
		return words_make("signal %lld", (long long)part_int(status, "signal", 0));
	if (part_has(status, "code"))
		return words_make("%lld", (long long)part_int(status, "code", 0));
	return strdup("");
}

static void write_run(FILE *out, const json_t *verdict)
{
	const json_t *run = json_object_get(verdict, "run"), *scenario = part_scenario(verdict);
	char *command = words_command(verdict), *status = words_exit(run);

	fputs("<section id=\"run\"><h2>The run</h2>\n<dl>\n", out);
	write_fact(out, "started", part_text(run, "started"));
	write_fact(out, "seed", part_text(run, "seed"));
	write_fact(out, "deadpeer", part_text(run, "tool"));
	write_fact(out, "kernel", part_text(run, "kernel"));
	write_fact(out, "clients were seen by", part_text(run, "seen_by"));
	write_fact(out, "command", command ? command : "");
	write_fact(out, "it exited with", status ? status : "");
	write_fact(out, "scenario", part_text(scenario, "file"));
	write_fact(out, "its SHA-256", part_text(scenario, "sha256"));
	fputs("</dl>\n<h3>To play it again</h3>\n<pre tabindex=\"0\">", out);
	escape_write(out, ESCAPE_LINES, part_text(run, "replay"));
	markup_printf(out,
	    "</pre>\n<details><summary>The scenario: %s</summary><pre tabindex=\"0\">",
	    part_text(scenario, "file"));
	escape_write(out, ESCAPE_LINES, part_text(run, "config"));
	fputs("</pre></details></section>\n", out);
	free(command), free(status);
}

bool report_html(const json_t *verdict, FILE *out)
{
	write_head(out, verdict);
	write_header(out, verdict);
	fputs("<main>\n", out);
	page_table(out, verdict, &table_expectations);
	page_table(out, verdict, &table_deaths);
	page_bars(out, verdict);
	page_lanes(out, verdict);
	page_dots(out, verdict);
	page_sequence(out, verdict);
	page_table(out, verdict, &table_reconnects);
	page_table(out, verdict, &table_recoveries);
	page_table(out, verdict, &table_steps);
	page_table(out, verdict, &table_faults);
	page_table(out, verdict, &table_relays);
	write_run(out, verdict);
	fputs("</main>\n</body>\n</html>\n", out);
	return !ferror(out);
}
