/* What the locale and the terminal allow. See look.h. */
#include "cli/look.h"
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct look look_of(int fd)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
	bool terminal = isatty(fd) && term && strcmp(term, "dumb");

	setlocale(LC_CTYPE, "");
	return (struct look){
		.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8"),
		.color = terminal && (!no_color || !*no_color),
		.redraw = terminal,
	};
}

int look_columns(int fd, int unknown)
{
	struct winsize size = { 0 };

	return ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col ? unknown : size.ws_col;
}
