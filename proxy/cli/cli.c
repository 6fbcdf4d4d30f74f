/* What the subcommands share. */
#include "cli/cli.h"
#include "model/conf.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* errno may be of something later; the pipe itself still knows (poll(2), POLLERR). */
static bool reader_has_left(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	return poll(&out, 1, 0) == 1 && out.revents & POLLERR;
}

int cli_finish(const char *command, bool printed)
{
	errno = 0;
	if (printed && !fflush(stdout) && !ferror(stdout))
		return EXIT_DONE;
	if (errno == EPIPE || reader_has_left())
		return EXIT_DONE;
	if (!errno && ferror(stdout)) { /* it failed before: once more, to be told why */
		clearerr(stdout);
		if (putchar('\n') != EOF)
			fflush(stdout);
		errno = errno ? errno : EIO;
	} else if (!errno) {
		errno = ENOMEM;
	}
	fprintf(stderr, "deadpeer %s: writing: %s\n", command, strerror(errno));
	return EXIT_FAILED;
}

void cli_print_errors(const struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		fprintf(stderr, "%s\n", errors->message[i]);
}
