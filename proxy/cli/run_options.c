/* What stands on the command line; behind -- is a command, and nothing of that is read. */
#include "cli/run_options.h"
#include "base/units.h"
#include "cli/cli.h"
#include "model/spec.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX (UINT64_C(1) << 53) /* what a number in JSON carries */

enum {
	FLAG_SEED = 1,
	FLAG_REPORT,
	FLAG_JSON,
	FLAG_QUIET,
	FLAG_DRY_RUN,
	FLAG_LIMIT,
	FLAG_UPSTREAM,
	FLAG_LISTEN,
	FLAG_ADMIN,
	FLAG_TOKEN_FILE,
	FLAG_RUNG,
	FLAG_JUDGE
};

static const struct option flags[] = {
	{ "seed", required_argument, NULL, FLAG_SEED },
	{ "report", required_argument, NULL, FLAG_REPORT },
	{ "json", no_argument, NULL, FLAG_JSON },
	{ "quiet", no_argument, NULL, FLAG_QUIET },
	{ "dry-run", no_argument, NULL, FLAG_DRY_RUN },
	{ "limit", required_argument, NULL, FLAG_LIMIT },
	{ "upstream", required_argument, NULL, FLAG_UPSTREAM },
	{ "listen", required_argument, NULL, FLAG_LISTEN },
	{ "admin", required_argument, NULL, FLAG_ADMIN },
	{ "admin-token-file", required_argument, NULL, FLAG_TOKEN_FILE },
	{ "rung", required_argument, NULL, FLAG_RUNG },
	{ "judge", required_argument, NULL, FLAG_JUDGE },
	{ "help", no_argument, NULL, 'h' },
	{ NULL },
};

static const char help[] =
    "usage: deadpeer run SCENARIO [OPTIONS] [-- COMMAND ARGS...]\n"
    "\n"
    "Plays a scenario, deadpeer-scenario(5), against an application and says whether that did "
    "what\n"
    "is expected. COMMAND is the application, or whatever drives it; it finds the proxies in its\n"
    "environment: DEADPEER_<PROXY>=host:port, with _HOST and _PORT, and DEADPEER_ADMIN.\n"
    "\n"
    "  --seed N                 of all that is drawn; default: the file's, or a new one\n"
    "  --report DIR             verdict.json, junit.xml, results.tap, summary.md, report.html and\n"
    "                           events.ndjson\n"
    "  --json                   the verdict as JSON on standard output, and nothing else there\n"
    "  --quiet                  no progress\n"
    "  --dry-run                says what would be played, and plays nothing\n"
    "  --limit T                of the whole run; default: the file's\n"
    "  --upstream PROXY=ADDR    another server behind a proxy; may be given again\n"
    "  --listen PROXY=ADDR      another address of a proxy; may be given again\n"
    "  --admin ADDR             plays it on a running deadpeer instead of its own; given again, "
    "on\n"
    "                           several: each has the proxies that it has\n"
    "  --admin-token-file FILE  what they ask for\n"
    "  --rung RUNG              of its own relay: best, exact, equivalent, partial\n"
    "  --judge FILE             plays nothing: judges the run whose events.ndjson this is once "
    "more\n"
    "\n"
    "Examples:\n"
    "  deadpeer run redis-power-loss.ini -- ./my-app 127.0.0.1:6380\n"
    "  deadpeer run pool.ini --seed 7 --report out -- sh -c 'exec ./soak \"$DEADPEER_DB\"'\n"
    "Exit status: 0 pass, 1 fail, 2 wrong usage or file, 3 vacuous (nothing was shown), 4 could\n"
    "not inject, 130 or 143 after SIGINT or SIGTERM.\n";

static bool parse_moved(struct run_options *o, const char *text, bool listen)
{
	const char *flag = listen ? "--listen" : "--upstream", *equals = strchr(text, '=');
	struct run_moved *m = &o->moved[o->n_moved];
	const char *want;

	if (!equals || equals == text || (size_t)(equals - text) >= sizeof(m->proxy)) {
		cli_usage_error("run", "%s: expected PROXY=ADDR, got \"%s\"", flag, text);
		return false;
	}
	if (o->n_moved == RUN_MOVED) {
		cli_usage_error("run", "%s: more than %d of them", flag, RUN_MOVED);
		return false;
	}
	snprintf(m->proxy, sizeof(m->proxy), "%.*s", (int)(equals - text), text);
	m->listen = listen;
	want = addr_parse(equals + 1, &m->to);
	if (!want && listen && m->to.kind == ADDR_BUILTIN)
		want = "an address to listen on, such as 127.0.0.1:6380";
	if (want)
		cli_usage_error("run", "%s: expected %s, got \"%s\"", flag, want, equals + 1);
	o->n_moved += !want;
	return !want;
}

static bool parse_seed(struct run_options *o, const char *text)
{
	const char *want = units_parse_count(text, &o->seed);

	if (!want && (!o->seed || o->seed >= SEED_MAX))
		want = "a whole number from 1 to 9007199254740991";
	if (want)
		cli_usage_error("run", "--seed: expected %s, got \"%s\"", want, text);
	return !want;
}

static bool parse_limit(struct run_options *o, const char *text)
{
	const char *want = units_parse_duration(text, &o->limit_ns);

	if (!want && !o->limit_ns)
		want = "a duration, such as 2m";
	if (want)
		cli_usage_error("run", "--limit: expected %s, got \"%s\"", want, text);
	return !want;
}

static bool parse_rung(struct run_options *o, const char *text)
{
	for (o->rung = 0; rung_names[o->rung]; o->rung++)
		if (!strcmp(rung_names[o->rung], text))
			return true;
	cli_usage_error(
	    "run", "--rung: expected best, exact, equivalent or partial, got \"%s\"", text);
	return false;
}

static bool parse_admin(struct run_options *o, const char *text)
{
	if (o->n_admin == RUN_RELAYS) {
		cli_usage_error("run", "--admin: more than %d of them", RUN_RELAYS);
		return false;
	}
	o->admin[o->n_admin++] = text;
	return true;
}

static bool parse_flag(struct run_options *o, int flag, const char *text)
{
	switch (flag) {
	case FLAG_SEED:
		return parse_seed(o, text);
	case FLAG_REPORT:
		return (o->report = text);
	case FLAG_JSON:
		return o->json = true;
	case FLAG_QUIET:
		return o->quiet = true;
	case FLAG_DRY_RUN:
		return o->dry_run = true;
	case FLAG_LIMIT:
		return parse_limit(o, text);
	case FLAG_UPSTREAM:
	case FLAG_LISTEN:
		return parse_moved(o, text, flag == FLAG_LISTEN);
	case FLAG_ADMIN:
		return parse_admin(o, text);
	case FLAG_TOKEN_FILE:
		return (o->token_file = text);
	case FLAG_JUDGE:
		return (o->judge = text);
	default:
		return parse_rung(o, text);
	}
}

/* What a run has that is only judged again? NULL: nothing. */
static const char *played(const struct run_options *o)
{
	const struct {
		bool given;
		const char *flag;
	} rows[] = { { o->command, "COMMAND" }, { o->n_admin, "--admin" },
		{ o->n_moved, "--upstream or --listen" }, { o->rung >= 0, "--rung" },
		{ o->limit_ns, "--limit" }, { o->seed, "--seed" }, { o->dry_run, "--dry-run" } };

	for (size_t i = 0; o->judge && i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].given)
			return rows[i].flag;
	return NULL;
}

static bool check(struct run_options *o, int argc, char **argv)
{
	if (optind == argc)
		cli_usage_error("run", "no SCENARIO");
	else if (optind + 1 < argc)
		cli_usage_error(
		    "run", "unexpected '%s': a command stands behind --", argv[optind + 1]);
	else if (played(o))
		cli_usage_error("run", "--judge plays nothing: there is no %s with it", played(o));
	else if (o->n_admin && (o->n_moved || o->rung >= 0))
		cli_usage_error("run", "%s is of its own relay: there is none with --admin",
		    o->rung >= 0         ? "--rung"
		    : o->moved[0].listen ? "--listen"
					 : "--upstream");
	else if (o->dry_run && o->json)
		cli_usage_error("run", "--json: with --dry-run there is no verdict");
	else
		return (o->file = argv[optind]);
	return false;
}

/* How many of the words stand before the first "--". */
static int words_before(int argc, char **argv)
{
	int n = 0;

	while (n < argc && strcmp(argv[n], "--") != 0)
		n++;
	return n;
}

enum run_parsed run_parse(int argc, char **argv, struct run_options *o)
{
	const int own = words_before(argc, argv);
	int flag;

	*o = (struct run_options){ .rung = -1 };
	if (own + 1 < argc)
		o->command = argv + own + 1;
	optind = 1;
	argv[0] = (char *)(uintptr_t) "deadpeer run"; /* what getopt complains as */
	while ((flag = getopt_long(own, argv, "h", flags, NULL)) != -1) {
		if (flag == '?') {
			fputs("Try 'deadpeer run --help'.\n", stderr);
			return RUN_WRONG;
		}
		if (flag == 'h') {
			fputs(help, stdout);
			return RUN_HELP;
		}
		if (!parse_flag(o, flag, optarg))
			return RUN_WRONG;
	}
	if (own < argc && !o->command) {
		cli_usage_error("run", "no COMMAND behind --");
		return RUN_WRONG;
	}
	return check(o, own, argv) ? RUN_PLAY : RUN_WRONG;
}

/* --- again --- */

/* For a shell. */
static void add_word(FILE *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_./:=,+-@%";

	fputc(' ', out);
	if (*word && strspn(word, plain) == strlen(word)) {
		fputs(word, out);
		return;
	}
	fputc('\'', out);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", out);
		else
			fputc(*word, out);
	fputc('\'', out);
}

char *run_replay(int argc, char **argv, uint64_t seed)
{
	const int own = words_before(argc, argv);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fputs("deadpeer run", out);
	for (int i = 1; i < own; i++)
		if (!strcmp(argv[i], "--seed"))
			i++;
		else if (strncmp(argv[i], "--seed=", 7) != 0)
			add_word(out, argv[i]);
	fprintf(out, " --seed %llu", (unsigned long long)seed);
	for (int i = own; i < argc; i++)
		add_word(out, argv[i]);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
