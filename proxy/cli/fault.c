/* deadpeer fault WORD: what can be asked about faults, and done with them; a row for each word. */
#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/fault_types.h"
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} words[] = {
	{ "types", fault_types_main, "every type of fault, its keys, what it needs; presets" },
};

#define N_WORDS (sizeof(words) / sizeof(*words))

static void print_help(FILE *to)
{
	fputs("usage: deadpeer fault WORD [OPTIONS]\n\n", to);
	for (size_t i = 0; i < N_WORDS; i++)
		fprintf(to, "  %-8s %s\n", words[i].name, words[i].help);
	fputs("\n"
	      "'deadpeer fault WORD --help' says more.\n"
	      "Example:  deadpeer fault types idle_timeout\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage.\n",
	    to);
}

static int unknown(const char *name)
{
	const char *names[N_WORDS + 1] = { 0 };
	const char *near;

	for (size_t i = 0; i < N_WORDS; i++)
		names[i] = words[i].name;
	near = nearest_find(name, names);
	return cli_usage_error("fault",
	    near ? "unknown word '%s' (did you mean '%s'?)" : "unknown word '%s'", name, near);
}

int fault_main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help(stdout);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < N_WORDS; i++)
		if (!strcmp(argv[1], words[i].name))
			return words[i].run(argc - 1, argv + 1);
	return unknown(argv[1]);
}
