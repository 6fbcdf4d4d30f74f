/* deadpeer check FILE: is this configuration, or scenario, right? All of its errors in one run. */
#include "cli/cli.h"
#include "faults/catalogue.h"
#include "model/scenario.h"
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: deadpeer check FILE\n"
    "\n"
    "Reads a configuration, or a scenario (deadpeer run), and says everything that is wrong with "
    "it,\n"
    "each with its line; '-' is standard input. Nothing is started and no address is touched.\n"
    "\n"
    "Example:  deadpeer check config/deadpeer.ini\n"
    "Exit status: 0 right, 2 wrong.\n";

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

int check_main(int argc, char **argv)
{
	struct conf_errors errors = { 0 };
	struct scenario *s;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (argc != 2 || (argv[1][0] == '-' && argv[1][1]))
		return cli_usage_error("check", "expected one FILE");
	s = scenario_load_either(argv[1], catalogue_types, &errors);
	cli_print_errors(&errors);
	conf_errors_free(&errors);
	if (!s)
		return EXIT_USAGE;
	print_right(argv[1], s);
	scenario_free(s);
	return EXIT_DONE;
}
