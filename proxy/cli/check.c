/* deadpeer check FILE: is this configuration, or scenario, right? All of its errors in one run. */
#include "cli/cli.h"
#include "faults/catalogue.h"
#include "model/scenario.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: deadpeer check FILE [--json]\n"
    "\n"
    "Reads a configuration, or a scenario (deadpeer run), and says everything that is wrong with "
    "it,\n"
    "each with its line; '-' is standard input. Nothing is started and no address is touched.\n"
    "\n"
    "  --json  the result as a JSON object\n"
    "\n"
    "Example:  deadpeer check config/deadpeer.ini\n"
    "Exit status: 0 right, 2 wrong.\n";

/* Files need not be UTF-8, nor their names: '?' for each byte that is none. */
static json_t *text_of(const char *text)
{
	json_t *value = json_string(text);
	char *copy = value ? NULL : strdup(text);

	for (char *at = copy; at && *at; at++)
		if (*at & 0x80)
			*at = '?';
	if (copy)
		value = json_string(copy);
	free(copy);
	return value;
}

static void print_json(const char *file, const struct scenario *s, const struct conf_errors *errors)
{
	json_t *o =
	    json_pack("{s:o, s:b, s:[]}", "file", text_of(file), "right", s != NULL, "errors");

	for (size_t i = 0; i < errors->count; i++)
		json_array_append_new(json_object_get(o, "errors"), text_of(errors->message[i]));
	if (s)
		json_object_update_new(o,
		    json_pack("{s:I, s:I, s:I, s:I}", "proxies", (json_int_t)s->config->n_proxies,
			"faults", (json_int_t)s->config->n_faults, "steps", (json_int_t)s->n_steps,
			"expectations", (json_int_t)s->n_expectations));
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static void print_count(const char *before, size_t count, const char *one, const char *more)
{
	printf("%s%zu %s", before, count, count == 1 ? one : more);
}

static void print_right(const char *path, const struct scenario *s)
{
	printf("%s: right:", path);
	if (s->n_steps > 0) {
		printf(" scenario %s:", s->name);
		print_count(" ", s->n_steps, "step", "steps");
		print_count(", ", s->n_expectations, "expectation,", "expectations,");
	}
	print_count(" ", s->config->n_proxies, "proxy", "proxies");
	print_count(", ", s->config->n_faults, "fault\n", "faults\n");
}

static void print_verdict(
    const char *file, const struct scenario *s, const struct conf_errors *errors)
{
	cli_print_errors(errors);
	if (s)
		print_right(file, s);
}

/* Takes --json out of the words. */
static bool take_json(int *argc, char **argv)
{
	int n = 0;

	for (int i = 0; i < *argc; i++)
		if (strcmp(argv[i], "--json") != 0)
			argv[n++] = argv[i];
	if (n == *argc)
		return false;
	*argc = n;
	return true;
}

int check_main(int argc, char **argv)
{
	struct conf_errors errors = { 0 };
	bool json = take_json(&argc, argv);
	struct scenario *s;
	int code;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (argc != 2 || (argv[1][0] == '-' && argv[1][1]))
		return cli_usage_error("check", "expected one FILE");
	s = scenario_load_either(argv[1], catalogue_types, &errors);
	(json ? print_json : print_verdict)(argv[1], s, &errors);
	conf_errors_free(&errors);
	code = cli_finish("check", true);
	if (!s)
		return EXIT_USAGE;
	scenario_free(s);
	return code;
}
