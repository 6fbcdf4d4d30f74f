/* TAP version 14 (testanything.org): a test point and a YAML block for each case. Neither skipped
 * nor vacuous hides what was not shown: vacuous is "not ok". */
#include "control/report.h"
#include "control/report_cases.h"
#include "control/report_escape.h"
#include "control/report_parts.h"
#include <stdlib.h>
#include <string.h>

static void write_text(FILE *out, const char *name, const char *text)
{
	fprintf(out, "  %s: \"", name);
	escape_write(out, ESCAPE_YAML, text);
	fputs("\"\n", out);
}

static void write_value(FILE *out, const char *name, const json_t *value)
{
	char *dumped;

	if (json_is_string(value)) {
		write_text(out, name, json_string_value(value));
		return;
	}
	dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
	fprintf(out, "  %s: %s\n", name, dumped ? dumped : "null");
	free(dumped);
}

static void write_block(FILE *out, const struct report_case *c)
{
	const json_t *value = NULL;
	const char *name;

	fputs("  ---\n", out);
	write_text(out, "result", c->result);
	if (*c->message)
		write_text(out, "message", c->message);
	if (*c->file) {
		write_text(out, "file", c->file);
		fprintf(out, "  line: %lld\n", c->line);
	}
	fprintf(out, "  duration_ms: %.3f\n", c->seconds * 1e3);
	for (size_t i = 0; (name = case_number(c, i, &value)); i++)
		if (strcmp(name, "duration_ns") != 0)
			write_value(out, name, value);
	fputs("  ...\n", out);
}

static void write_case(FILE *out, size_t number, const struct report_case *c)
{
	bool is_skipped = !strcmp(c->result, "skipped");
	bool is_ok = is_skipped || !strcmp(c->result, "pass");

	fprintf(out, "%s %zu - %s: ", is_ok ? "ok" : "not ok", number, c->group);
	escape_write(out, ESCAPE_TAP, c->title);
	if (is_skipped) {
		fputs(" # SKIP ", out);
		escape_write(out, ESCAPE_TAP, c->message);
	}
	putc('\n', out);
	write_block(out, c);
}

/* A comment, with all lines of the text just as they are. */
static void write_comment(FILE *out, const char *head, const char *text)
{
	fprintf(out, "# %s", head);
	for (size_t length; *text; text += length) {
		char *line;

		length = strcspn(text, "\n");
		line = strndup(text, length);
		escape_write(out, ESCAPE_FENCE, line);
		free(line);
		if (text[length]) {
			fputs(text[length + 1] ? "\n# " : "", out);
			length++;
		}
	}
	putc('\n', out);
}

static void write_run(FILE *out, const json_t *run)
{
	write_comment(out, "deadpeer ", part_text(run, "tool"));
	write_comment(out, "kernel ", part_text(run, "kernel"));
	write_comment(out, "seed ", part_text(run, "seed"));
	write_comment(out, "replay: ", part_text(run, "replay"));
	write_comment(out, "scenario:\n# ", part_text(run, "config"));
}

bool report_tap(const json_t *verdict, FILE *out)
{
	struct report_cases c;

	if (!cases_make(verdict, &c))
		return false;
	fprintf(out, "TAP version 14\n1..%zu\n# ", c.n);
	escape_write(out, ESCAPE_TAP, part_title(verdict));
	fputs(": ", out);
	escape_write(out, ESCAPE_TAP, part_text(verdict, "summary"));
	putc('\n', out);
	for (size_t i = 0; i < c.n; i++)
		write_case(out, i + 1, &c.cases[i]);
	write_run(out, json_object_get(verdict, "run"));
	cases_free(&c);
	return !ferror(out);
}
