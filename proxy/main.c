/* deadpeer: finds the subcommand and hands over; the name by which it is called may be one. */
#include "cli/cli.h"
#include "cli/ctl.h"
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 256
#define ADMIN_MAX 512

static void print_help(FILE *to)
{
	if (to == stderr) {
		fputs("usage: deadpeer COMMAND [OPTIONS]\nTry 'deadpeer --help'.\n", to);
		return;
	}
	puts("usage: deadpeer COMMAND [OPTIONS]\n"
	     "\n"
	     "A TCP relay whose peers really die: power loss, reboot, crash, hang, partition.\n");
	command_print_list(NULL);
	puts("\n"
	     "  --version  what this is\n"
	     "\n"
	     "'deadpeer COMMAND --help' says more; so does deadpeer(1).\n"
	     "Example:  deadpeer serve --listen 127.0.0.1:6380 --upstream 127.0.0.1:6379 \\\n"
	     "              --fault 'power_loss delay=5s duration=30s'\n"
	     "Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 no running "
	     "deadpeer.");
}

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

/* What there is behind "fault". */
static int in_group(const char *group, const char *word)
{
	const char *near = word && !is_help(word) ? command_nearest(word, group) : NULL;
	const struct command *first;

	if (near)
		return cli_usage_error(group, "unknown word '%s' (did you mean '%s'?)", word, near);
	if (word && !is_help(word))
		return cli_usage_error(group, "unknown word '%s'", word);
	if (!word) {
		fprintf(stderr, "usage: deadpeer %s WORD [OPTIONS]\nTry 'deadpeer %s --help'.\n",
		    group, group);
		return EXIT_USAGE;
	}
	printf("usage: deadpeer %s WORD [OPTIONS]\n\n", group);
	first = command_print_list(group);
	printf("\n'deadpeer %s WORD --help' says more.\n"
	       "Example:  deadpeer %s\n"
	       "Exit status: 0 done, 1 failed, 2 wrong usage, 3 no running deadpeer.\n",
	    group, first->example);
	return cli_finish(group, true);
}

static int unknown(const char *name)
{
	const char *near = command_nearest(name, NULL);

	fprintf(stderr, "deadpeer: no command '%s'", name);
	if (near)
		fprintf(stderr, " (did you mean '%s'?)", near);
	fputs("\nTry 'deadpeer --help'.\n", stderr);
	return EXIT_USAGE;
}

static int run_later(int argc, char **argv, char *group);

static int run(int argc, char **argv)
{
	int words, code;
	const struct command *c = command_find(commands, argc, argv, &words);

	if (c && c->main) {
		code = c->main(argc - words + 1, argv + words - 1);
		return code == EXIT_DONE && argc > words && is_help(argv[words])
			   ? cli_finish(c->name, true)
			   : code;
	}
	if (c)
		return ctl_main(c, argc - words + 1, argv + words - 1);
	if (!command_is_group(argv[0]))
		return unknown(argv[0]);
	if (argc > 1 && *argv[1] == '-' && !is_help(argv[1]))
		return run_later(argc - 1, argv + 1, argv[0]);
	return in_group(argv[0], argv[1]);
}

/* "deadpeer help fault add" */
static int help_of(int argc, char **argv)
{
	static char flag[] = "--help";
	char *words[] = { argv[0], argc > 1 ? argv[1] : flag, argc > 1 ? flag : NULL, NULL };

	if (argc > 2)
		return unknown(argv[2]);
	return run(argc + 1, words);
}

/* "deadpeer --admin ADDR list", "deadpeer fault --json list": what stands before the command, or
 * before its second word, goes behind it all. */
static int run_later(int argc, char **argv, char *group)
{
	char *words[WORDS_MAX + 2] = { group }, *before[WORDS_MAX], admin[ADMIN_MAX];
	const char *first = argv[0];
	int n = group != NULL, n_before = 0, taken;

	if (argc > WORDS_MAX)
		return unknown(first);
	while (argc > 0 && **argv == '-') {
		const char *host = ctl_host(argc, argv, &taken);

		if (host) {
			snprintf(admin, sizeof(admin), "--admin=%s", host);
			before[n_before++] = admin;
		} else {
			taken = ctl_flag_takes(*argv) && argc > 1 ? 2 : 1;
			for (int i = 0; i < taken; i++)
				before[n_before++] = argv[i];
		}
		argc -= taken;
		argv += taken;
	}
	if (argc < 1)
		return group ? in_group(group, NULL) : unknown(first);
	for (; argc > 0 && strcmp(*argv, "--") != 0; argc--)
		words[n++] = *argv++;
	for (int i = 0; i < n_before; i++)
		words[n++] = before[i];
	while (argc-- > 0)
		words[n++] = *argv++;
	return run(n, words);
}

static bool is_called(const char *path, const char *name)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return path && !strcmp(slash ? slash + 1 : path, name);
}

int main(int argc, char **argv)
{
	int words;

	signal(SIGPIPE, SIG_IGN);
	if (is_called(argv[0], "toxiproxy-cli"))
		return toxiproxy_cli_main(argc, argv);
	if (is_called(argv[0], "toxiproxy-server"))
		return toxiproxy_server_main(argc, argv);
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (ctl_host(argc - 1, argv + 1, &words))
		return run_later(argc - 1, argv + 1, NULL);
	if (argc > 2 && !strcmp(argv[1], "help"))
		return help_of(argc - 2, argv + 2);
	if (is_help(argv[1]) || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return cli_finish("help", true);
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("deadpeer " DEADPEER_VERSION);
		return cli_finish("version", true);
	}
	return *argv[1] == '-' ? run_later(argc - 1, argv + 1, NULL) : run(argc - 1, argv + 1);
}
