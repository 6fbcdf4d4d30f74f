/*
 * deadpeer toxiproxy-server, or deadpeer called by the name toxiproxy-server: takes the flags of
 * Toxiproxy's server, and is towards whoever starts it what that one is. Go's flag package reads
 * flags otherwise than getopt(3): one dash or two, "-x v" or "-x=v", and the first word that is no
 * flag ends them.
 */
#include "admin/toxiproxy.h"
#include "cli/cli.h"
#include "cli/serve.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX ((UINT64_C(1) << 53) - 1)

struct flags {
	const char *host, *port, *config, *seed;
	bool proxy_metrics, runtime_metrics, version;
};

static const struct flag {
	const char *name;
	const char *takes; /* NULL: it is a switch */
	size_t offset;
	const char *help;
} table[] = {
	{ "config", "string", offsetof(struct flags, config),
	    "JSON file with proxies, and their toxics, to create on startup" },
	{ "host", "string", offsetof(struct flags, host),
	    "where the API listens (default \"localhost\")" },
	{ "port", "string", offsetof(struct flags, port), "its port (default \"8474\")" },
	{ "proxy-metrics", NULL, offsetof(struct flags, proxy_metrics),
	    "taken, and without effect: /metrics always tells them" },
	{ "runtime-metrics", NULL, offsetof(struct flags, runtime_metrics),
	    "taken, and without effect: there is no Go runtime to measure" },
	{ "seed", "int", offsetof(struct flags, seed), "seed of every random choice" },
	{ "version", NULL, offsetof(struct flags, version), "prints the version and ends" },
};

#define N_FLAGS (sizeof(table) / sizeof(*table))

/* --- flags --- */

static void print_usage(void)
{
	fputs("Usage of toxiproxy-server:\n", stderr);
	for (size_t i = 0; i < N_FLAGS; i++)
		fprintf(stderr, "  -%s%s%s\n    \t%s\n", table[i].name, table[i].takes ? " " : "",
		    table[i].takes ? table[i].takes : "", table[i].help);
	fputs("\nThis is deadpeer " DEADPEER_VERSION
	      ", as a Toxiproxy server of version " TOXIPROXY_VERSION
	      ": every fault of\n'deadpeer fault types' is a toxic, too.\n",
	    stderr);
}

static int wrong(const char *what, const char *name, const char *why)
{
	fprintf(stderr, "%s: -%s%s\n", what, name, why);
	print_usage();
	return EXIT_USAGE;
}

static const struct flag *find_flag(const char *name, size_t len)
{
	for (size_t i = 0; i < N_FLAGS; i++)
		if (strlen(table[i].name) == len && !strncmp(table[i].name, name, len))
			return &table[i];
	return NULL;
}

/* What Go's strconv.ParseBool takes. */
static bool read_switch(const char *text, bool *out)
{
	static const char *const words[] = { "0", "1", "f", "t", "F", "T", "false", "true", "FALSE",
		"TRUE", "False", "True" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(text, words[i])) {
			*out = i % 2;
			return true;
		}
	return false;
}

enum { READ_ON = -1 };

/* One flag, of one word or two, from *i on. READ_ON, or the exit code. */
static int read_flag(int argc, char **argv, int *i, struct flags *f)
{
	const char *name = argv[*i] + 1 + (argv[*i][1] == '-'), *equals = strchrnul(name, '=');
	const struct flag *flag = find_flag(name, (size_t)(equals - name));
	const char *value = *equals ? equals + 1 : NULL;

	if (!flag && (!strcmp(name, "h") || !strcmp(name, "help"))) {
		print_usage();
		return EXIT_DONE;
	}
	if (!flag)
		return wrong("flag provided but not defined", name, "");
	if (!flag->takes) {
		if (!read_switch(value ? value : "true", (bool *)((char *)f + flag->offset)))
			return wrong("invalid boolean value", name, "");
		return READ_ON;
	}
	if (!value && *i + 1 < argc)
		value = argv[++*i];
	if (!value)
		return wrong("flag needs an argument", flag->name, "");
	*(const char **)(void *)((char *)f + flag->offset) = value;
	return READ_ON;
}

/* READ_ON: all were read. */
static int read_flags(int argc, char **argv, struct flags *f)
{
	int rc = READ_ON;

	for (int i = 1; i < argc && rc == READ_ON; i++) {
		if (argv[i][0] != '-' || !argv[i][1] || !strcmp(argv[i], "--"))
			break;
		rc = read_flag(argc, argv, &i, f);
	}
	return rc;
}

/* --- what they mean --- */

/* -1: it is none. */
static int port_of(const char *text)
{
	const struct servent *service;
	unsigned long port;

	if (*text && strspn(text, "0123456789") == strlen(text)) {
		port = strtoul(text, NULL, 10);
		return port <= UINT16_MAX ? (int)port : -1;
	}
	service = getservbyname(text, "tcp");
	return service ? ntohs((uint16_t)service->s_port) : -1;
}

/* Go listens on both IPv4 and IPv6 for either's address of none. */
static bool set_admin(struct settings *set, const char *host, int port)
{
	bool any = !*host || !strcmp(host, "0.0.0.0") || !strcmp(host, "::");
	char *text = NULL;
	int n;

	if (any)
		n = asprintf(&text, ":%d", port);
	else
		n = asprintf(&text, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
	if (n < 0)
		return false;
	free(set->admin);
	set->admin = text;
	return true;
}

static bool set_seed(struct settings *set, const char *text)
{
	char *end;
	long long seed;

	if (!text)
		return true;
	errno = 0;
	seed = strtoll(text, &end, 0);
	if (errno || end == text || *end)
		return false;
	set->seed = (uint64_t)seed & SEED_MAX;
	if (!set->seed) /* that would be a new one */
		set->seed = SEED_MAX;
	return true;
}

/* False: nothing is to be logged. */
static bool set_log_level(struct settings *set)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = { { "trace", LOG_DEBUG }, { "debug", LOG_DEBUG }, { "info", LOG_INFO },
		{ "warn", LOG_WARN }, { "error", LOG_ERROR }, { "fatal", LOG_ERROR },
		{ "panic", LOG_ERROR } };
	const char *text = getenv("LOG_LEVEL");

	set->log_format = LOG_JSON;
	if (!text || !*text)
		return true;
	if (!strcmp(text, "disabled"))
		return false;
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		if (!strcmp(text, levels[i].name)) {
			set->log_level = levels[i].level;
			return true;
		}
	fprintf(stderr,
	    "LOG_LEVEL: expected trace, debug, info, warn, error, fatal, panic or disabled, "
	    "got \"%s\": it stays at info\n",
	    text);
	return true;
}

int toxiproxy_server_main(int argc, char **argv)
{
	struct flags f = { .host = "localhost", .port = "8474" };
	struct serve_plan plan = { .name = "toxiproxy-server", .log = "-", .admin_open = true };
	struct settings *set;
	int rc = read_flags(argc, argv, &f), port;

	if (rc != READ_ON)
		return rc;
	if (f.version) {
		puts("toxiproxy-server version " TOXIPROXY_VERSION);
		return EXIT_DONE;
	}
	port = port_of(f.port);
	if (port < 0)
		return wrong("expected a port number or a service", "port ", f.port);
	plan.config = config_new();
	if (!plan.config)
		return EXIT_FAILED;
	set = &plan.config->settings;
	if (!set_admin(set, f.host, port) || !set_seed(set, f.seed)) {
		config_free(plan.config);
		return wrong("expected a whole number", "seed ", f.seed ? f.seed : "");
	}
	set->drain_timeout_ns = 0; /* what is relayed ends with the process */
	plan.silent_log = !set_log_level(set);
	plan.populate = f.config && *f.config ? f.config : NULL;
	return serve_run(&plan);
}
