/* deadpeer fault types: its flags, and which way of showing they ask for. */
#include "cli/fault_types.h"
#include "base/nearest.h"
#include "cli/cli.h"
#include <getopt.h>
#include <stdio.h>

#define TYPES_MAX 64

static const char help[] =
    "usage: deadpeer fault types [TYPE] [--presets] [--json | --markdown]\n"
    "\n"
    "Lists every type of fault: what the peer sees, its own keys, whose end can fail, what it "
    "needs\n"
    "and the grade that it reaches; with TYPE that one at length. Nothing is tried.\n"
    "\n"
    "  --presets    the presets alone: middleboxes by name, their settings and who says so\n"
    "  --json       a JSON object\n"
    "  --markdown   the tables of README.md\n"
    "  -h, --help   this\n"
    "\n"
    "Example:  deadpeer fault types idle_timeout\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage.\n";

struct request {
	const struct fault_ops *only; /* NULL: all */
	bool presets, json, markdown, help;
};

/* The type's row; NULL: there is none, which has been said. */
static const struct fault_ops *find_type(const char *name)
{
	const struct fault_ops *ops = catalogue_find(name);
	const char *names[TYPES_MAX + 1] = { 0 };
	const char *near;

	if (ops)
		return ops;
	for (size_t i = 0; catalogue[i] && i < TYPES_MAX; i++)
		names[i] = catalogue[i]->type.name;
	near = nearest_find(name, names);
	cli_usage_error(
	    "fault types", near ? "no type '%s' (did you mean '%s'?)" : "no type '%s'", name, near);
	return NULL;
}

/* False: what is wrong has been said. */
static bool parse(int argc, char **argv, struct request *r)
{
	static const struct option flags[] = {
		{ "presets", no_argument, NULL, 'p' },
		{ "json", no_argument, NULL, 'j' },
		{ "markdown", no_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	optind = 1;
	argv[0] = (char *)(uintptr_t) "deadpeer fault types"; /* what getopt complains as */
	while ((c = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		if (c == '?') {
			fputs("Try 'deadpeer fault types --help'.\n", stderr);
			return false;
		}
		r->presets |= c == 'p';
		r->json |= c == 'j';
		r->markdown |= c == 'm';
		r->help |= c == 'h';
	}
	if (argc - optind > 1) {
		cli_usage_error("fault types", "unexpected '%s'", argv[optind + 1]);
		return false;
	}
	if (r->json && r->markdown) {
		cli_usage_error("fault types", "expected --json or --markdown, got both");
		return false;
	}
	if (optind < argc && !(r->only = find_type(argv[optind])))
		return false;
	if (!r->presets || !r->only || r->only->type.presets)
		return true;
	cli_usage_error("fault types", "%s has no presets", r->only->type.name);
	return false;
}

static bool print_json(json_t *o)
{
	bool printed = o && !json_dumpf(o, stdout, JSON_INDENT(2)) && putchar('\n') != EOF;

	json_decref(o);
	return printed;
}

static bool show(const struct request *r)
{
	if (r->json)
		return print_json(
		    r->presets ? fault_presets_json(r->only) : fault_types_json(r->only));
	if (!r->markdown)
		return r->presets ? fault_presets_text(r->only) : fault_types_text(r->only);
	if (r->presets)
		fault_presets_markdown(r->only);
	else
		fault_types_markdown(r->only);
	return true;
}

int fault_types_main(int argc, char **argv)
{
	struct request r = { 0 };

	if (!parse(argc, argv, &r))
		return EXIT_USAGE;
	if (r.help) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	return cli_finish("fault types", show(&r));
}
