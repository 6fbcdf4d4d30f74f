/*
 * Renders a verdict without a run:
 *
 *     render FORMAT [COLUMNS [color]] < verdict.json     junit, tap, markdown, text, html
 *     render all DIR < verdict.json
 */
#include "control/report.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int columns;
static bool color;

static bool text(const json_t *verdict, FILE *out)
{
	return report_text(verdict, out, color, columns);
}

static const struct {
	const char *name;
	bool (*write)(const json_t *verdict, FILE *out);
} formats[] = {
	{ "junit", report_junit },
	{ "tap", report_tap },
	{ "markdown", report_markdown },
	{ "text", text },
	{ "html", report_html },
};

static bool render_all(const json_t *verdict, const char *dir)
{
	const char *failed;

	if (report_all(verdict, dir, &failed))
		return true;
	fprintf(stderr, "render: %s: %s\n", failed, strerror(errno));
	return false;
}

static bool render(const json_t *verdict, const char *format)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (!strcmp(format, formats[i].name))
			return formats[i].write(verdict, stdout) && !fflush(stdout);
	fprintf(stderr, "render: no format %s\n", format);
	return false;
}

int main(int argc, char **argv)
{
	json_error_t error;
	json_t *verdict = json_loadf(stdin, 0, &error);
	bool done;

	if (!verdict || argc < 2) {
		fprintf(stderr, "render: %s\n", verdict ? "which format?" : error.text);
		json_decref(verdict);
		return EXIT_FAILURE;
	}
	columns = argc > 2 ? atoi(argv[2]) : 0;
	color = argc > 3;
	done = !strcmp(argv[1], "all") && argc > 2 ? render_all(verdict, argv[2])
						   : render(verdict, argv[1]);
	json_decref(verdict);
	return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
