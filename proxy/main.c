/* deadpeer: finds the subcommand and hands over; the name by which it is called may be one. */
#include "base/nearest.h"
#include "cli/cli.h"
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
	{ "serve", serve_main, "relay, with faults, from a file or from flags" },
	{ "toxiproxy-server", toxiproxy_server_main, "a Toxiproxy server, with its own flags" },
	{ "check", check_main, "validate a configuration file" },
	{ "demo", demo_main, "play every death there is against sockets of its own" },
	{ "fault", fault_main, "what faults there are: types, keys, presets" },
	{ "predict", predict_main, "when an application should learn of each death" },
	{ "doctor", doctor_main, "what works here, tried on loopback" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static void print_help(FILE *to)
{
	fputs("usage: deadpeer COMMAND [OPTIONS]\n"
	      "\n"
	      "A TCP relay whose peers really die: power loss, reboot, crash, hang, partition.\n"
	      "\n",
	    to);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(to, "  %-16s %s\n", commands[i].name, commands[i].help);
	fputs("\n"
	      "  --version  what this is\n"
	      "\n"
	      "'deadpeer COMMAND --help' says more; so does deadpeer(1).\n"
	      "Example:  deadpeer serve --listen 127.0.0.1:6380 --upstream 127.0.0.1:6379 \\\n"
	      "              --fault 'power_loss delay=5s duration=30s'\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage or configuration.\n",
	    to);
}

static int unknown(const char *name)
{
	const char *names[N_COMMANDS + 1] = { 0 };
	const char *near;

	for (size_t i = 0; i < N_COMMANDS; i++)
		names[i] = commands[i].name;
	near = nearest_find(name, names);
	fprintf(stderr, "deadpeer: no command '%s'", name);
	if (near)
		fprintf(stderr, " (did you mean '%s'?)", near);
	fputs("\nTry 'deadpeer --help'.\n", stderr);
	return EXIT_USAGE;
}

static bool is_called(const char *path, const char *name)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return path && !strcmp(slash ? slash + 1 : path, name);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (is_called(argv[0], "toxiproxy-server"))
		return toxiproxy_server_main(argc, argv);
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return EXIT_DONE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("deadpeer " DEADPEER_VERSION);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	return unknown(argv[1]);
}
