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
	return EXIT_DONE;
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

static int run(int argc, char **argv)
{
	int words;
	const struct command *c = command_find(commands, argc, argv, &words);

	if (c && c->main)
		return c->main(argc - words + 1, argv + words - 1);
	if (c)
		return ctl_main(c, argc - words + 1, argv + words - 1);
	if (command_is_group(argv[0]))
		return in_group(argv[0], argv[1]);
	return unknown(argv[0]);
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

/* "deadpeer --admin ADDR list": what stands before the command goes behind it. */
static int run_later(int argc, char **argv)
{
	char *words[WORDS_MAX + 1] = { NULL }, *before[WORDS_MAX], admin[ADMIN_MAX];
	const char *first = argv[0];
	int n = 0, n_before = 0, taken;

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
		return unknown(first);
	while (n < argc) {
		words[n] = argv[n];
		n++;
	}
	for (int i = 0; i < n_before; i++)
		words[n++] = before[i];
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
		return run_later(argc - 1, argv + 1);
	if (argc > 2 && !strcmp(argv[1], "help"))
		return help_of(argc - 2, argv + 2);
	if (is_help(argv[1]) || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return EXIT_DONE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("deadpeer " DEADPEER_VERSION);
		return EXIT_DONE;
	}
	return *argv[1] == '-' ? run_later(argc - 1, argv + 1) : run(argc - 1, argv + 1);
}
