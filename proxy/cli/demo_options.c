/* Flags of deadpeer demo, and its help. */
#include "cli/demo_options.h"
#include "cli/cli.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: deadpeer demo [--ipv6] [--json]\n"
    "\n"
    "Plays every death there is against real sockets of its own, all at once, in about 13 s, and "
    "puts\n"
    "what their kernel saw beside what it should have seen. Needs no configuration, no privilege "
    "and no\n"
    "server; as root the silence is exact.\n"
    "\n"
    "  --ipv6         over [::1] (127.0.0.1, where there is IPv4)\n"
    "  --json         the result as a JSON object, nothing else\n"
    "  --rung RUNG    for tests: no better rung of the wire ladder than best, exact, equivalent,\n"
    "                 partial or none\n"
    "  -h, --help     this\n"
    "\n"
    "Example:  deadpeer demo\n"
    "Exit status: 0 everything is as it should be, 1 something is not, 2 wrong usage.\n";

static bool parse_rung(const char *text, struct demo_options *o)
{
	static const struct {
		const char *name;
		enum grade best;
	} rungs[] = {
		{ "best", GRADE_EXACT },
		{ "exact", GRADE_EXACT },
		{ "equivalent", GRADE_EQUIVALENT },
		{ "partial", GRADE_PARTIAL },
		{ "none", GRADE_REFUSED },
	};

	for (size_t i = 0; i < sizeof(rungs) / sizeof(*rungs); i++) {
		if (strcmp(rungs[i].name, text))
			continue;
		o->best = rungs[i].best;
		o->exact = !strcmp(text, "exact");
		return true;
	}
	return false;
}

enum demo_parsed demo_parse(int argc, char **argv, struct demo_options *o)
{
	static const struct option flags[] = {
		{ "ipv6", no_argument, NULL, '6' },
		{ "json", no_argument, NULL, 'j' },
		{ "rung", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*o = (struct demo_options){ .best = GRADE_EXACT };
	optind = 1;
	argv[0] = (char *)(uintptr_t) "deadpeer demo"; /* what getopt complains as */
	while ((c = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return DEMO_HELP;
		}
		o->ipv6 |= c == '6';
		o->json |= c == 'j';
		if (c == 'r' && !parse_rung(optarg, o)) {
			cli_usage_error("demo",
			    "--rung: expected best, exact, equivalent, partial or none, got \"%s\"",
			    optarg);
			return DEMO_WRONG;
		}
		if (c == '?') {
			fputs("Try 'deadpeer demo --help'.\n", stderr);
			return DEMO_WRONG;
		}
	}
	if (optind == argc)
		return DEMO_RUN;
	cli_usage_error("demo", "unexpected '%s'", argv[optind]);
	return DEMO_WRONG;
}
