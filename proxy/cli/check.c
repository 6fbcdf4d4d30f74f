/* deadpeer check FILE: is this configuration right? All of its errors in one run. */
#include "cli/cli.h"
#include "faults/catalogue.h"
#include "model/conf.h"
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: deadpeer check FILE\n"
    "\n"
    "Reads a configuration and says everything that is wrong with it, each with its line; '-' is\n"
    "standard input. Nothing is started and no address is touched.\n"
    "\n"
    "Example:  deadpeer check config/deadpeer.ini\n"
    "Exit status: 0 right, 2 wrong.\n";

int check_main(int argc, char **argv)
{
	struct conf_errors errors = { 0 };
	struct config *c;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (argc != 2 || (argv[1][0] == '-' && argv[1][1]))
		return cli_usage_error("check", "expected one FILE");
	c = conf_load(argv[1], catalogue_types, &errors);
	cli_print_errors(&errors);
	conf_errors_free(&errors);
	if (!c)
		return EXIT_USAGE;
	printf("%s: right: %zu %s, %zu %s\n", argv[1], c->n_proxies,
	    c->n_proxies == 1 ? "proxy" : "proxies", c->n_faults,
	    c->n_faults == 1 ? "fault" : "faults");
	config_free(c);
	return EXIT_DONE;
}
