/* For a terminal: columns as wide as what stands in them, and no wider than the terminal; what a
 * column has no room for goes on in the next line. */
#include "control/report.h"
#include "control/report_escape.h"
#include "control/report_parts.h"
#include "control/report_tables.h"
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16
#define NARROWEST   8
#define LINES_MAX   4 /* of a row; what comes then is cut */
#define ADVICE_MAX  3
#define RESULT_WIDE 7 /* VACUOUS */

struct paper {
	FILE *out;
	bool color;
	size_t columns; /* 0: as many as it takes */
};

static const struct {
	const char *result, *shown, *color;
} results[] = {
	{ "pass", "PASS", "\033[32m" },
	{ "fail", "FAIL", "\033[31m" },
	{ "vacuous", "VACUOUS", "\033[33m" },
	{ "error", "ERROR", "\033[35m" },
	{ "skipped", "SKIPPED", "\033[2m" },
};

static void write_result(const struct paper *p, const char *result, bool padded)
{
	const char *shown = result, *color = "";

	for (size_t i = 0; i < sizeof(results) / sizeof(*results); i++)
		if (!strcmp(result, results[i].result))
			shown = results[i].shown, color = results[i].color;
	fputs(p->color ? color : "", p->out);
	for (size_t n = escape_write_columns(p->out, shown, RESULT_WIDE); padded && n < RESULT_WIDE;
	     n++)
		putc(' ', p->out);
	fputs(p->color && *color ? "\033[0m" : "", p->out);
}

/* Words from outside, broken at blanks; each line begins with so many blanks. */
static void write_wrapped(const struct paper *p, size_t indent, const char *text)
{
	size_t used = 0, room = p->columns > indent + 20 ? p->columns - indent : 0;

	while (*text) {
		size_t length = strcspn(text, " ");
		char *word = strndup(text, length);
		size_t wide = escape_columns(word);

		if (used && room && used + 1 + wide > room) {
			putc('\n', p->out);
			used = 0;
		}
		fprintf(p->out, "%*s", used ? 1 : (int)indent, "");
		used += !!used;
		escape_write(p->out, ESCAPE_TERMINAL, word);
		used += wide;
		free(word);
		text += length + strspn(text + length, " ");
	}
	putc('\n', p->out);
}

/* --- tables --- */

struct grid {
	const struct table_column *columns[COLUMNS_MAX];
	size_t n, n_rows;
	char **cells; /* n_rows + 1 times n: the heads are the first row; NULL: "" */
	size_t widths[COLUMNS_MAX];
	size_t words[COLUMNS_MAX]; /* the widest of each */
};

static char **cell_of(const struct grid *g, size_t row, size_t column)
{
	return &g->cells[row * g->n + column];
}

static void drop_column(struct grid *g, size_t column)
{
	for (size_t r = 0; r <= g->n_rows; r++)
		free(*cell_of(g, r, column)), *cell_of(g, r, column) = NULL;
	g->widths[column] = 0;
}

/* A head alone is no column. */
static void drop_empty(struct grid *g)
{
	for (size_t c = 0; c < g->n; c++) {
		size_t wide = 0;

		for (size_t r = 1; r <= g->n_rows; r++)
			wide += escape_columns(*cell_of(g, r, c));
		if (!wide)
			drop_column(g, c);
	}
}

static size_t widest_word(const char *cell)
{
	size_t widest = 0;

	while (cell && *cell) {
		const size_t length = strcspn(cell, " ");
		char *word = strndup(cell, length);
		const size_t wide = escape_columns(word);

		widest = wide > widest ? wide : widest;
		free(word);
		cell += length + strspn(cell + length, " ");
	}
	return widest;
}

static size_t width_of_line(const struct grid *g)
{
	size_t total = 0;

	for (size_t i = 0; i < g->n; i++)
		total += g->widths[i] ? g->widths[i] + 2 : 0;
	return total;
}

/* The widest that is wider than its least gives, until the line fits or none can. */
static void narrow(struct grid *g, size_t columns, const size_t least[COLUMNS_MAX])
{
	for (size_t total = width_of_line(g); total > columns; total--) {
		size_t widest = COLUMNS_MAX;

		for (size_t i = 0; i < g->n; i++)
			if (g->widths[i] > least[i] && g->widths[i] > NARROWEST &&
			    (widest == COLUMNS_MAX || g->widths[i] > g->widths[widest]))
				widest = i;
		if (widest == COLUMNS_MAX)
			return;
		g->widths[widest]--;
	}
}

/* Words are broken only where nothing else helps. */
static void make_fit(struct grid *g, size_t columns)
{
	static const size_t nothing[COLUMNS_MAX];

	if (!columns)
		return;
	narrow(g, columns, g->words);
	narrow(g, columns, nothing);
}

static bool fill(
    struct grid *g, const struct report_table *t, const json_t *const *rows, size_t n_rows)
{
	g->n = 0;
	g->n_rows = n_rows;
	for (const struct table_column *c = t->columns; c->head; c++)
		if (!c->is_wide && g->n < COLUMNS_MAX)
			g->columns[g->n++] = c;
	g->cells = calloc((n_rows + 1) * g->n, sizeof(*g->cells));
	if (!g->cells)
		return false;
	for (size_t c = 0; c < g->n; c++) {
		*cell_of(g, 0, c) = strdup(g->columns[c]->head);
		for (size_t r = 0; r < n_rows; r++)
			*cell_of(g, r + 1, c) = g->columns[c]->cell(rows[r]);
	}
	for (size_t c = 0; c < g->n; c++) {
		g->widths[c] = g->words[c] = 0;
		for (size_t r = 0; r <= g->n_rows; r++) {
			const char *cell = *cell_of(g, r, c);
			const size_t wide = escape_columns(cell), word = widest_word(cell);

			g->widths[c] = wide > g->widths[c] ? wide : g->widths[c];
			g->words[c] = word > g->words[c] ? word : g->words[c];
		}
		if (g->columns[c]->is_result)
			g->widths[c] = RESULT_WIDE;
	}
	return true;
}

/* One column's share of a line: as much of its rest as there is room for. */
static size_t write_part(
    const struct paper *p, const struct table_column *column, size_t width, bool last, char **rest)
{
	size_t n = RESULT_WIDE;

	if (column->is_result) {
		write_result(p, *rest, true);
		*rest += strlen(*rest);
	} else if (last) {
		n = escape_write_columns(p->out, *rest, width);
		*rest += strlen(*rest);
	} else {
		*rest = (char *)(uintptr_t)escape_write_words(p->out, *rest, width, &n);
	}
	return n;
}

/* False: nothing is left. */
static bool write_line(const struct paper *p, const struct grid *g, char **rest, bool last)
{
	size_t end = g->n;

	while (end && !*rest[end - 1])
		end--; /* no blanks at the end of a line */
	for (size_t c = 0; c < end; c++) {
		size_t n = 0;

		if (!g->widths[c])
			continue;
		fputs("  ", p->out);
		if (*rest[c])
			n = write_part(p, g->columns[c], g->widths[c], last, &rest[c]);
		for (; c + 1 < end && n < g->widths[c]; n++)
			putc(' ', p->out);
	}
	if (end)
		putc('\n', p->out);
	return end;
}

static void write_row(const struct paper *p, const struct grid *g, size_t row)
{
	static char none[] = "";
	char *rest[COLUMNS_MAX];
	int line = 0;

	for (size_t c = 0; c < g->n; c++)
		rest[c] = *cell_of(g, row, c) ? *cell_of(g, row, c) : none;
	while (write_line(p, g, rest, line + 1 == LINES_MAX))
		line++;
}

static void write_grid(const struct paper *p, struct grid *g)
{
	drop_empty(g);
	make_fit(g, p->columns);
	for (size_t r = 0; r <= g->n_rows; r++)
		write_row(p, g, r);
	for (size_t i = 0; i < (g->n_rows + 1) * g->n; i++)
		free(g->cells[i]);
	free(g->cells);
}

static void write_table(const struct paper *p, const json_t *verdict, const struct report_table *t)
{
	size_t n;
	const json_t **rows = table_rows(t, verdict, &n);
	struct grid g;

	if (n || t->none)
		fprintf(p->out, "\n%s\n", t->title);
	if (!n && t->none)
		fprintf(p->out, "  %s\n", t->none);
	if (n && fill(&g, t, rows, n < t->in_terminal ? n : t->in_terminal))
		write_grid(p, &g);
	if (n > t->in_terminal)
		fprintf(p->out, "  and %zu more\n", n - t->in_terminal);
	free(rows);
}

/* --- sentences --- */

static void write_messages(const struct paper *p, const json_t *verdict)
{
	const json_t *e;
	size_t i;

	json_array_foreach(part_list(verdict, "expectations"), i, e)
	{
		if (!strcmp(part_text(e, "result"), "pass"))
			continue;
		putc('\n', p->out);
		write_wrapped(p, 2, part_text(e, "message"));
	}
	json_array_foreach(part_list(verdict, "steps"), i, e)
	{
		char *step, *line;

		if (!strcmp(part_text(e, "result"), "pass") || !part_has(e, "message"))
			continue;
		step = words_step(e);
		line = words_make(
		    "%s %s: %s", step ? step : "", part_text(e, "result"), part_text(e, "message"));
		putc('\n', p->out);
		write_wrapped(p, 2, line ? line : "");
		free(step), free(line);
	}
}

static void write_refused(const struct paper *p, const json_t *verdict)
{
	const json_t *fault;
	size_t i;

	json_array_foreach(part_list(verdict, "faults"), i, fault)
	{
		char *line;

		if (!part_has(fault, "refused"))
			continue;
		line = words_make("fault %s was refused: %s", part_text(fault, "name"),
		    part_text(fault, "refused"));
		putc('\n', p->out);
		write_wrapped(p, 2, line ? line : "");
		free(line);
	}
}

static void write_advice(const struct paper *p, const json_t *verdict)
{
	const char *advice[ADVICE_MAX];
	size_t n = part_advice(verdict, advice, ADVICE_MAX);

	if (!n || !strcmp(part_text(verdict, "result"), "pass"))
		return;
	fputs("\nWhat would help\n", p->out);
	for (size_t i = 0; i < n; i++)
		write_wrapped(p, 2, advice[i]);
}

bool report_text(const json_t *verdict, FILE *out, bool color, int columns)
{
	struct paper p = { out, color, columns > 0 ? (size_t)columns : 0 };

	putc('\n', out);
	write_result(&p, part_text(verdict, "result"), false);
	fputs("  ", out);
	escape_write(out, ESCAPE_TERMINAL, part_title(verdict));
	putc('\n', out);
	write_wrapped(&p, 2, part_text(verdict, "summary"));
	write_table(&p, verdict, &table_expectations);
	write_messages(&p, verdict);
	write_refused(&p, verdict);
	write_table(&p, verdict, &table_deaths);
	write_table(&p, verdict, &table_reconnects);
	write_table(&p, verdict, &table_recoveries);
	write_table(&p, verdict, &table_running);
	write_advice(&p, verdict);
	fputs("\nReplay: ", out);
	escape_write(out, ESCAPE_FENCE, part_text(json_object_get(verdict, "run"), "replay"));
	putc('\n', out);
	return !ferror(out);
}
