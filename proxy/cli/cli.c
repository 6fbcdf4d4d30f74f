/* What the subcommands share. */
#include "cli/cli.h"
#include "model/conf.h"
#include <stdarg.h>
#include <stdio.h>

int cli_usage_error(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "deadpeer %s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry 'deadpeer %s --help'.\n", command);
	return EXIT_USAGE;
}

void cli_print_errors(const struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		fprintf(stderr, "%s\n", errors->message[i]);
}
