/*
 * deadpeer toxiproxy-cli, or deadpeer called by that name: what scripts written for Toxiproxy's
 * command line rely on. Its commands are rows as all others; three of them print otherwise than
 * deadpeer's own of the same name. Like Go's flag package it takes long flags with one dash, too.
 */
#include "admin/toxiproxy.h"
#include "cli/cli.h"
#include "cli/ctl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX    256
#define EXIT_NO_HELP 3 /* an unknown command: "No help topic" */

#define ONE_PROXY .args = "PROXY", .least = 1, .most = 1, .takes = { ARG_PROXY }

static const struct flag create_flags[] = {
	{ "listen", 'l', "ADDR", "where clients are accepted", .member = "listen",
	    .required = true },
	{ "upstream", 'u', "ADDR", "the real server", .member = "upstream", .required = true },
	{ NULL },
};

/* clang-format off */
static const struct command own[] = {
	{ "list", { "ls", "l", "li" }, "the proxies", .example = "toxiproxy-cli list",
	    .method = "GET", .path = "/proxies", .show = show_toxiproxies },
	{ "create", { "c", "new" }, "a new proxy", ONE_PROXY, .flags = create_flags,
	    .example = "toxiproxy-cli create -l 127.0.0.1:6380 -u 127.0.0.1:6379 redis",
	    .method = "POST", .path = "/proxies", .body = body_proxy, .quiet = "name",
	    .done = "Created new proxy {name}" },
	{ "delete", { "d" }, "remove a proxy", ONE_PROXY, .example = "toxiproxy-cli delete redis",
	    .method = "DELETE", .path = "/proxies/{1}", .done = "Deleted proxy {1}" },
	{ NULL },
};
/* clang-format on */

static const char help[] =
    "usage: deadpeer toxiproxy-cli [--host URL] COMMAND [OPTIONS]\n"
    "\n"
    "Does and prints what toxiproxy-cli does, also when it is called by that name, against "
    "deadpeer\n"
    "or any Toxiproxy server.\n"
    "\n"
    "  list                                   the proxies\n"
    "  inspect PROXY                          its toxics\n"
    "  create -l ADDR -u ADDR PROXY           a new proxy\n"
    "  toggle PROXY                           enable it, or disable it\n"
    "  delete PROXY                           remove it\n"
    "  toxic add -t TYPE [-n NAME] [-u | -d] [--toxicity SHARE] [-a KEY=VALUE]... PROXY\n"
    "  toxic update -n NAME [--toxicity SHARE] [-a KEY=VALUE]... PROXY\n"
    "  toxic remove -n NAME PROXY\n"
    "\n"
    "  --host, -h URL  where the API listens: TOXIPROXY_URL, or http://localhost:8474\n"
    "\n"
    "Example:  deadpeer toxiproxy-cli toxic add -t power_loss -a duration=30000 redis\n"
    "Exit status: 0 done, 1 not so, 3 unknown command.\n";

/* Its commands alone: of those that both tables have, its own. */
static const struct command *find(int argc, char **argv, int *words)
{
	const struct command *c = command_find(own, argc, argv, words);

	if (c)
		return c;
	c = command_find(commands, argc, argv, words);
	return c && (c->show == show_toxics || c->run == run_toggle ||
			!strncmp(c->name, "toxic ", 6))
		   ? c
		   : NULL;
}

/* "-type" or "-type=x" of a flag "type" is "--type"; a new string then. */
static char *with_two_dashes(const struct command *c, const char *word)
{
	size_t n = strcspn(word, "=");
	char *longer;

	if (word[0] != '-' || word[1] == '-' || n < 3)
		return NULL;
	for (const struct flag *f = c->flags; f && f->name; f++)
		if (strlen(f->name) == n - 1 && !strncmp(f->name, word + 1, n - 1))
			return asprintf(&longer, "-%s", word) < 0 ? NULL : longer;
	return NULL;
}

/* argv[0] is the last word of the command's name. */
static int run(const struct command *c, const char *host, int argc, char **argv)
{
	char *words[WORDS_MAX + 2] = { NULL }, *longer[WORDS_MAX] = { NULL }, admin[512];
	int n = 0, code;

	for (int i = 0; i < argc; i++) {
		longer[i] = with_two_dashes(c, argv[i]);
		words[n++] = longer[i] ? longer[i] : argv[i];
		if (i > 0 || !host)
			continue;
		snprintf(admin, sizeof(admin), "--admin=%s", host);
		words[n++] = admin;
	}
	code = ctl_main(c, n, words);
	for (int i = 0; i < argc; i++)
		free(longer[i]);
	return code ? EXIT_FAILED : EXIT_DONE;
}

static bool is_one_of(const char *word, const char *const *names)
{
	while (*names && strcmp(word, *names) != 0)
		names++;
	return *names;
}

int toxiproxy_cli_main(int argc, char **argv)
{
	static const char *const helps[] = { "-h", "--help", "-help", "help", "h", NULL };
	static const char *const groups[] = { "toxic", "t", NULL };
	static const char *const versions[] = { "-v", "--version", "-version", NULL };
	const char *host = NULL, *found;
	const struct command *c;
	int taken;

	for (argc--, argv++; argc > 0 && (found = ctl_host(argc, argv, &taken)); host = found)
		argc -= taken, argv += taken;
	if (argc < 1 || is_one_of(argv[0], helps) || (argc == 1 && is_one_of(argv[0], groups))) {
		fputs(help, stdout);
		return cli_finish("toxiproxy-cli", true);
	}
	if (is_one_of(argv[0], versions)) {
		puts("toxiproxy-cli version " TOXIPROXY_VERSION);
		return cli_finish("toxiproxy-cli", true);
	}
	c = argc < WORDS_MAX ? find(argc, argv, &taken) : NULL;
	if (c)
		return run(c, host, argc - taken + 1, argv + taken - 1);
	fprintf(
	    stderr, "No help topic for '%s'\n\nTry 'deadpeer toxiproxy-cli --help'.\n", argv[0]);
	return EXIT_NO_HELP;
}
