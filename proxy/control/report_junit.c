/*
 * JUnit XML as its readers have agreed on it (github.com/testmoapp/junitxml): a suite is the
 * scenario, what was expected and done are its cases. A vacuous case is a failure of the type
 * "vacuous", not <skipped>, which a CI shows green.
 */
#include "control/report.h"
#include "control/report_cases.h"
#include "control/report_escape.h"
#include "control/report_parts.h"
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *result, *element;
} elements[] = {
	{ "fail", "failure" },
	{ "vacuous", "failure" },
	{ "error", "error" },
	{ "skipped", "skipped" },
};

static void write_property(FILE *out, const char *indent, const char *name, const char *value)
{
	markup_printf(out, "%s<property name=\"%s\" value=\"%s\"/>\n", indent, name, value);
}

static void write_value(FILE *out, const char *indent, const char *name, const json_t *value)
{
	char *dumped;

	if (json_is_string(value)) {
		write_property(out, indent, name, json_string_value(value));
		return;
	}
	dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
	write_property(out, indent, name, dumped);
	free(dumped);
}

static void write_run(FILE *out, const json_t *verdict)
{
	static const char *const of_run[] = { "tool", "kernel", "seed", "replay", "seen_by",
		"config" };
	static const char *const lists[] = { "relays", "faults", "deaths", "recoveries", "sessions",
		"attempts" };
	const json_t *run = json_object_get(verdict, "run");
	char *command = words_command(verdict), count[24];

	fputs("    <properties>\n", out);
	write_property(out, "      ", "result", part_text(verdict, "result"));
	write_property(out, "      ", "summary", part_text(verdict, "summary"));
	for (size_t i = 0; i < sizeof(of_run) / sizeof(*of_run); i++)
		write_property(out, "      ", of_run[i], part_text(run, of_run[i]));
	write_property(out, "      ", "command", command);
	write_property(out, "      ", "sha256", part_text(part_scenario(verdict), "sha256"));
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		snprintf(count, sizeof(count), "%zu",
		    json_array_size(json_object_get(verdict, lists[i])));
		write_property(out, "      ", lists[i], count);
	}
	fputs("    </properties>\n", out);
	free(command);
}

/* failure, error or skipped; the text is for those that show no attribute. */
static void write_result(FILE *out, const struct report_case *c)
{
	const char *prefix = strcmp(c->result, "vacuous") ? "" : "vacuous: ";

	for (size_t i = 0; i < sizeof(elements) / sizeof(*elements); i++) {
		const char *name = elements[i].element;

		if (strcmp(elements[i].result, c->result) != 0)
			continue;
		markup_printf(out, "      <%s message=\"%s%s\"", name, prefix, c->message);
		if (!strcmp(name, "skipped")) {
			fputs("/>\n", out);
			continue;
		}
		markup_printf(out, " type=\"%s\">%s%s", c->result, prefix, c->message);
		if (*c->file)
			markup_printf(out, "\n%s:%lld", c->file, c->line);
		markup_printf(out, "</%s>\n", name);
	}
}

static void write_case(FILE *out, const json_t *verdict, const struct report_case *c)
{
	const json_t *value = NULL;
	const char *name;

	markup_printf(out, "    <testcase name=\"%s\" classname=\"%s.%s\" time=\"%.6f\"", c->title,
	    part_text(part_scenario(verdict), "name"), c->group, c->seconds);
	if (*c->file)
		markup_printf(out, " file=\"%s\" line=\"%lld\"", c->file, c->line);
	fputs(">\n", out);
	if (case_number(c, 0, &value)) {
		fputs("      <properties>\n", out);
		for (size_t i = 0; (name = case_number(c, i, &value)); i++)
			write_value(out, "        ", name, value);
		fputs("      </properties>\n", out);
	}
	write_result(out, c);
	fputs("    </testcase>\n", out);
}

/* The same for the root and its only suite. ISO 8601 without a zone is what the readers' schemas
 * allow. */
static void write_counts(FILE *out, const json_t *verdict, const struct report_cases *c)
{
	const json_t *run = json_object_get(verdict, "run");
	char started[sizeof("2026-11-22T12:00:00")];

	markup_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"", c->n,
	    cases_count(c, "fail") + cases_count(c, "vacuous"), cases_count(c, "error"),
	    cases_count(c, "skipped"));
	markup_printf(out, " time=\"%.6f\"", (double)part_int(run, "duration_ns", 0) / 1e9);
	snprintf(started, sizeof(started), "%s", part_text(run, "started"));
	if (strlen(started) + 1 == sizeof(started))
		markup_printf(out, " timestamp=\"%s\"", started);
}

bool report_junit(const json_t *verdict, FILE *out)
{
	struct report_cases c;

	if (!cases_make(verdict, &c))
		return false;
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"deadpeer\"", out);
	write_counts(out, verdict, &c);
	markup_printf(
	    out, ">\n  <testsuite name=\"%s\"", part_text(part_scenario(verdict), "name"));
	write_counts(out, verdict, &c);
	markup_printf(out, " file=\"%s\">\n", part_text(part_scenario(verdict), "file"));
	write_run(out, verdict);
	for (size_t i = 0; i < c.n; i++)
		write_case(out, verdict, &c.cases[i]);
	fputs("  </testsuite>\n</testsuites>\n", out);
	cases_free(&c);
	return !ferror(out);
}
