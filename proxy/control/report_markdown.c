/* A job's summary: what a page of GitHub or GitLab shows of Markdown with tables and Mermaid. */
#include "control/report.h"
#include "control/report_escape.h"
#include "control/report_parts.h"
#include "control/report_story.h"
#include "control/report_tables.h"
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX   50
#define ADVICE_MAX 3

/* A sign before the word: a result is never told by colour alone. */
static const char *sign_of(const char *result)
{
	static const char *const signs[][2] = { { "pass", "✅ " }, { "fail", "❌ " },
		{ "vacuous", "⚠️ " }, { "error", "💥 " }, { "skipped", "⏭️ " } };

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (!strcmp(result, signs[i][0]))
			return signs[i][1];
	return "";
}

static void text(FILE *out, const char *from_outside)
{
	escape_write(out, ESCAPE_MARKDOWN, from_outside);
}

static void write_row(FILE *out, const struct report_table *t, const json_t *row)
{
	for (const struct table_column *c = t->columns; c->head; c++) {
		char *cell = c->is_wide ? NULL : c->cell(row);

		if (c->is_wide)
			continue;
		fprintf(out, "| %s", c->is_result ? sign_of(cell ? cell : "") : "");
		text(out, cell);
		putc(' ', out);
		free(cell);
	}
	fputs("|\n", out);
}

static void write_table(FILE *out, const json_t *verdict, const struct report_table *t)
{
	size_t n;
	const json_t **rows = table_rows(t, verdict, &n);
	size_t shown = table_most(t, ROWS_MAX);

	if (n || t->none)
		fprintf(out, "\n### %s\n\n", t->title);
	if (!n && t->none)
		fprintf(out, "%s\n", t->none);
	for (const struct table_column *c = t->columns; n && c->head; c++)
		if (!c->is_wide)
			fprintf(out, "| %s ", c->head);
	fputs(n ? "|\n" : "", out);
	for (const struct table_column *c = t->columns; n && c->head; c++)
		if (!c->is_wide)
			fputs("|---", out);
	fputs(n ? "|\n" : "", out);
	for (size_t i = 0; i < n && i < shown; i++)
		write_row(out, t, rows[i]);
	if (n > shown)
		fprintf(out, "\n%zu more are in verdict.json.\n", n - shown);
	free(rows);
}

static void write_messages(FILE *out, const json_t *verdict)
{
	const char *advice[ADVICE_MAX];
	size_t i, n = part_advice(verdict, advice, ADVICE_MAX);
	const json_t *e;

	putc('\n', out);
	json_array_foreach(part_list(verdict, "expectations"), i, e)
	{
		const char *result = part_text(e, "result");

		if (!strcmp(result, "pass"))
			continue;
		fprintf(out, "- %s**", sign_of(result));
		text(out, result);
		fputs("** ", out);
		text(out, part_text(e, "file"));
		fprintf(out, ":%lld: ", (long long)part_int(e, "line", 0));
		text(out, part_text(e, "message"));
		putc('\n', out);
	}
	for (i = 0; i < n && strcmp(part_text(verdict, "result"), "pass") != 0; i++) {
		fputs("- 💡 ", out);
		text(out, advice[i]);
		putc('\n', out);
	}
}

/* --- Mermaid --- */

static void write_beat(FILE *out, const struct beat *b)
{
	static const char *const places[] = { "client", "relay", "server" };
	static const char *const arrows[] = {
		[STORY_ARROW] = "->>", [STORY_BOTH] = "->", [STORY_LOST] = "--x"
	};
	char at[40], until[40];

	if (b->shape == STORY_BAND)
		fputs("    Note over client,server: ", out);
	else if (b->shape == STORY_NOTE)
		fprintf(out, "    Note over %s: ", places[b->from]);
	else
		fprintf(out, "    %s%s%s: ", places[b->from], arrows[b->shape], places[b->to]);
	escape_write(out, ESCAPE_MERMAID, b->words);
	if (*b->more) {
		fputs(", ", out);
		escape_write(out, ESCAPE_MERMAID, b->more);
	}
	if (b->count > 1)
		fprintf(out, " x %lld", (long long)b->count);
	fprintf(out, " (%s", words_duration(at, sizeof(at), b->at_ns));
	if (b->until_ns > b->at_ns)
		fprintf(out, " to %s", words_duration(until, sizeof(until), b->until_ns));
	fputs(")\n", out);
}

static void write_story(FILE *out, const json_t *verdict)
{
	struct story s;
	char *client;

	if (!story_make(verdict, &s))
		return;
	client = words_client(s.session);
	fprintf(out, "\n### The first session that was struck\n\n```mermaid\nsequenceDiagram\n"
		     "    participant client as ");
	escape_write(out, ESCAPE_MERMAID, client);
	fputs("\n    participant relay as deadpeer\n    participant server as ", out);
	escape_write(out, ESCAPE_MERMAID, part_text(s.session, "proxy"));
	fputs(" upstream\n", out);
	for (size_t i = 0; i < s.n; i++)
		write_beat(out, &s.beats[i]);
	if (s.left_out)
		fprintf(out, "    Note over client,server: %zu more\n", s.left_out);
	fputs("```\n", out);
	free(client);
	story_free(&s);
}

/* --- the whole --- */

/* Longer than any run of them in the text. */
static void write_fence(FILE *out, const char *inside)
{
	size_t longest = 2;

	for (const char *at = inside; *at; at++) {
		size_t run = strspn(at, "`");

		longest = run > longest ? run : longest;
		at += run ? run - 1 : 0;
	}
	for (size_t i = 0; i <= longest; i++)
		putc('`', out);
	putc('\n', out);
}

static void write_block(FILE *out, const char *title, const char *inside)
{
	fprintf(out, "\n### %s\n\n", title);
	write_fence(out, inside);
	escape_write(out, ESCAPE_FENCE, inside);
	putc('\n', out);
	write_fence(out, inside);
}

static void write_replay(FILE *out, const json_t *verdict)
{
	const json_t *run = json_object_get(verdict, "run");

	write_block(out, "To play it again", part_text(run, "replay"));
	fputs("\nseed ", out);
	text(out, part_text(run, "seed"));
	fputs(", deadpeer ", out);
	text(out, part_text(run, "tool"));
	fputs(", kernel ", out);
	text(out, part_text(run, "kernel"));
	putc('\n', out);
	if (*part_text(run, "config"))
		write_block(out, "The scenario", part_text(run, "config"));
}

bool report_markdown(const json_t *verdict, FILE *out)
{
	const char *result = part_text(verdict, "result");

	fprintf(out, "## %s", sign_of(result));
	text(out, result);
	fputs(": ", out);
	text(out, part_title(verdict));
	fputs("\n\n", out);
	text(out, part_text(verdict, "summary"));
	putc('\n', out);
	write_table(out, verdict, &table_expectations);
	write_messages(out, verdict);
	write_table(out, verdict, &table_deaths);
	write_table(out, verdict, &table_reconnects);
	write_table(out, verdict, &table_recoveries);
	write_table(out, verdict, &table_running);
	write_story(out, verdict);
	write_replay(out, verdict);
	return !ferror(out);
}
