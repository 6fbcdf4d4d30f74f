/* The rows. See commands.h. */
#include "cli/commands.h"
#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/ctl.h"
#include "cli/fault_types.h"
#include "relay/sessions.h"
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 64

static const char *const states[] = { "any", "dialing", "open", "closing", "dead", NULL };
static const char *const events_waited[] = { "opened", "connected", "closed", "armed", "active",
	"fired", "lifted", "reconnected", "recovered", NULL };
static const char *const shells[] = { "bash", "zsh", "fish", NULL };

const struct flag common_flags[] = {
	{ "admin", 0, "ADDR", "where deadpeer's API listens: DEADPEER_ADMIN, or 127.0.0.1:8474" },
	{ "admin-token-file", 0, "FILE", "its token; or DEADPEER_ADMIN_TOKEN" },
	{ "json", 0, NULL, "the server's JSON" },
	{ "quiet", 'q', NULL, "names alone, one a line; nothing where there is none" },
	{ "help", 'h', NULL, "this" },
	{ NULL },
};

static const struct flag create_flags[] = {
	{ "listen", 'l', "ADDR", "where clients are accepted; port 0 is a free one",
	    .member = "listen", .required = true },
	{ "upstream", 'u', "ADDR", "the real server; or builtin:echo, builtin:discard",
	    .member = "upstream", .required = true },
	{ "fault", 0, "TEXT",
	    "armed before the first client, as 'power_loss delay=5s'; may be given again" },
	{ NULL },
};

static const struct flag fault_add_flags[] = {
	{ "name", 'n', "NAME", "what it is called; default TYPE-1, TYPE-2 ...", .member = "name" },
	{ "host", 0, "HOST", "all proxies of a host, instead of PROXY", .member = "host" },
	{ "at", 0, "TIME", "not now but then, as 2026-11-22T18:00:00.5Z; delay= counts from there",
	    .member = "at" },
	{ NULL },
};

static const struct flag heal_flags[] = {
	{ "all", 'a', NULL, "every fault there is, partitions and power with them: the default" },
	{ NULL },
};

static const struct flag for_flags[] = {
	{ "for", 0, "DURATION", "then it is over by itself", .member = "duration" },
	{ NULL },
};

static const struct flag sessions_flags[] = {
	{ "proxy", 0, "PROXY", "those of this proxy alone", .query = "proxy" },
	{ "state", 0, "STATE", "those in this state alone", states, .query = "state" },
	{ "limit", 'n', "N", "at most so many; default 1000", .query = "limit" },
	{ NULL },
};

static const struct flag kill_flags[] = {
	{ "how", 0, "HOW", "what both its ends see; default rst", kill_names, .query = "how" },
	{ NULL },
};

static const struct flag events_flags[] = {
	{ "follow", 'f', NULL, "those to come, until interrupted" },
	{ "since", 0, "SEQ", "only those with a greater seq", .query = "since" },
	{ "limit", 'n', "N", "at most so many: the last, or the first after --since",
	    .query = "limit" },
	{ NULL },
};

static const struct flag wait_flags[] = {
	{ "proxy", 0, "PROXY", "on this proxy", .query = "proxy" },
	{ "fault", 0, "FAULT", "by this fault", .query = "fault" },
	{ "since", 0, "SEQ", "counting events with a greater seq; default: from now on",
	    .query = "since" },
	{ "count", 'n', "N", "so many times; default 1", .query = "count" },
	{ "timeout", 't', "DURATION", "give up after that; default 10s", .query = "timeout" },
	{ NULL },
};

static const struct flag top_flags[] = {
	{ "interval", 0, "DURATION", "how often it looks; default 1s" },
	{ NULL },
};

static const struct flag toxic_add_flags[] = {
	{ "type", 't', "TYPE", "a toxic's or a fault's type", .required = true },
	{ "name", 'n', "NAME", "default TYPE_STREAM" },
	{ "upstream", 'u', NULL, "what the client sends; default: what the server sends" },
	{ "downstream", 'd', NULL, "what the server sends" },
	{ "toxicity", 0, "SHARE", "of the connections; default 1" },
	{ "attribute", 'a', "KEY=VALUE", "may be given again" },
	{ "toxicName", 0, "NAME", .same = "name" },
	{ "tox", 0, "SHARE", .same = "toxicity" },
	{ NULL },
};

static const struct flag toxic_update_flags[] = {
	{ "name", 'n', "NAME", "which", .required = true },
	{ "toxicity", 0, "SHARE", "of the connections; default: as it is" },
	{ "attribute", 'a', "KEY=VALUE", "may be given again" },
	{ "toxicName", 0, "NAME", .same = "name" },
	{ "tox", 0, "SHARE", .same = "toxicity" },
	{ NULL },
};

static const struct flag toxic_remove_flags[] = {
	{ "name", 'n', "NAME", "which", .required = true },
	{ "toxicName", 0, "NAME", .same = "name" },
	{ NULL },
};

#define GET    .method = "GET", .path
#define POST   .method = "POST", .path
#define PATCH  .method = "PATCH", .path
#define DELETE .method = "DELETE", .path

#define HERE(text, function) .help = text, .main = function

#define N_ARGS(from, to) .least = from, .most = to

/* clang-format off */
const struct command commands[] = {
	{ "serve", HERE("relay, with faults, from a file or from flags", serve_main) },
	{ "toxiproxy-server",
	    HERE("a Toxiproxy server, with its own flags", toxiproxy_server_main) },
	{ "toxiproxy-cli",
	    HERE("toxiproxy-cli: its commands, flags and output", toxiproxy_cli_main) },
	{ "check", HERE("validate a configuration file", check_main) },
	{ "demo", HERE("play every death there is against sockets of its own", demo_main) },
	{ "run", HERE("play a scenario, and judge the application", run_main) },
	{ "predict", HERE("when an application should learn of each death", predict_main) },
	{ "doctor", HERE("what works here, tried on loopback", doctor_main) },
	{ "completion", HERE("what a shell needs to complete all this", completion_main),
	    .takes = { ARG_CHOICE }, .choices = shells },
	{ "fault types", HERE("every type of fault, its keys, what it needs; presets",
	    fault_types_main), .takes = { ARG_TYPE },
	    .example = "fault types idle_timeout" },

	{ "list", { "ls", "l", "li" }, "the proxies", .example = "list",
	    .section = "What runs already, at --admin ADDR or DEADPEER_ADMIN (127.0.0.1:8474):",
	    GET = "/v1/proxies", .show = show_proxies, .quiet = "name" },
	{ "show", { NULL }, "one proxy, with its faults", .args = "PROXY", N_ARGS(1, 1),
	    .takes = { ARG_PROXY }, .example = "show redis", .run = run_show },
	{ "create", { "c", "new" }, "a new proxy",
	    .args = "PROXY --listen ADDR --upstream ADDR [KEY=VALUE...]", N_ARGS(1, -1),
	    .more = "Keys are those of [proxy] in deadpeer.ini(5).", .flags = create_flags,
	    .example = "create redis -l 127.0.0.1:6380 -u 127.0.0.1:6379 max_sessions=100",
	    POST = "/v1/proxies", .body = body_proxy, .quiet = "name",
	    .done = "proxy {name} listens on {listen}, upstream {upstream}" },
	{ "set", { NULL }, "change a proxy's keys", .args = "PROXY KEY=VALUE...", N_ARGS(2, -1),
	    .takes = { ARG_PROXY }, .example = "set redis upstream=127.0.0.1:6390",
	    PATCH = "/v1/proxies/{1}", .body = body_pairs, .quiet = "name",
	    .done = "proxy {name} listens on {listen}, upstream {upstream}" },
	{ "delete", { "rm", "d" }, "remove a proxy; its sessions end", .args = "PROXY", N_ARGS(1, 1),
	    .takes = { ARG_PROXY }, .example = "delete redis",
	    DELETE = "/v1/proxies/{1}", .done = "proxy {1} is deleted" },
	{ "enable", { NULL }, "a proxy accepts again", .args = "PROXY", N_ARGS(1, 1),
	    .takes = { ARG_PROXY }, .example = "enable redis", PATCH = "/v1/proxies/{1}",
	    .body = body_enable, .done = "proxy {name} is enabled, and listens on {listen}" },
	{ "disable", { NULL }, "refuse a proxy's clients; its sessions end", .args = "PROXY",
	    N_ARGS(1, 1), .takes = { ARG_PROXY }, .example = "disable redis",
	    PATCH = "/v1/proxies/{1}", .body = body_disable, .done = "proxy {name} is disabled" },

	{ "fault add", { NULL }, "arm a fault",
	    .args = "PROXY TYPE [KEY=VALUE...]\n       deadpeer fault add --host HOST TYPE [KEY=VALUE...]",
	    .more = "PROXY may be a list (a,b) or '*', for all. Values are written as in deadpeer.ini(5):\n"
	            "delay=5s, rate=64KiB/s, toxicity=10%. `deadpeer fault types` tells types and keys.",
	    N_ARGS(1, -1), .takes = { ARG_PROXY, ARG_TYPE }, .flags = fault_add_flags,
	    .example = "fault add redis power_loss delay=5s duration=30s",
	    POST = "/v1/faults", .body = body_fault, .quiet = "name",
	    .done = "fault {name}: {type} on {proxies} is {state}, grade {grade}" },
	{ "fault set", { "fault update" }, "change a fault's keys, live", .args = "NAME KEY=VALUE...",
	    N_ARGS(2, -1), .takes = { ARG_FAULT }, .example = "fault set slow latency=200ms",
	    PATCH = "/v1/faults/{1}", .body = body_pairs, .quiet = "name",
	    .done = "fault {name}: {type} on {proxies} is {state}, with {values}" },
	{ "fault rm", { "fault remove", "fault delete" }, "lift a fault", .args = "NAME",
	    N_ARGS(1, 1), .takes = { ARG_FAULT }, .example = "fault rm power_loss-1",
	    DELETE = "/v1/faults/{1}", .done = "fault {1} is lifted" },
	{ "fault list", { "fault ls" }, "the faults, or those of one proxy", .args = "[PROXY]",
	    N_ARGS(0, 1), .takes = { ARG_PROXY }, .example = "fault list redis",
	    .run = run_list_faults },
	{ "fault show", { NULL }, "one fault", .args = "NAME", N_ARGS(1, 1), .takes = { ARG_FAULT },
	    .example = "fault show power_loss-1", GET = "/v1/faults/{1}", .show = show_members,
	    .quiet = "name" },
	{ "heal", { NULL }, "lift every fault, or those of one proxy alone", .args = "[PROXY | --all]",
	    .more = "Without PROXY all of them. With it, a fault that acts on others as well stays.",
	    N_ARGS(0, 1), .takes = { ARG_PROXY }, .flags = heal_flags, .example = "heal",
	    POST = "/v1/heal", .body = body_heal, .show = show_heal, .quiet = "lifted" },

	{ "host list", { "host ls" }, "the hosts: proxies that die together", .args = "",
	    .example = "host list", GET = "/v1/hosts", .show = show_hosts, .quiet = "name" },
	{ "host off", { NULL }, "a host loses its power", .args = "HOST", N_ARGS(1, 1),
	    .takes = { ARG_HOST }, .flags = for_flags, .example = "host off db1 --for 30s",
	    POST = "/v1/hosts/{1}/power_off", .body = body_host, .quiet = "name",
	    .done = "host {1} has no power: fault {name}, grade {grade}" },
	{ "host on", { NULL }, "a host has power again: it was a reboot", .args = "HOST",
	    N_ARGS(1, 1), .takes = { ARG_HOST }, .example = "host on db1",
	    POST = "/v1/hosts/{1}/power_on", .body = body_host, .quiet = "lifted",
	    .done = "host {1} has power again: {lifted} is lifted" },
	{ "host create", { NULL }, "a new host, for proxies to come",
	    .args = "HOST [KEY=VALUE...]", .more = "Keys are those of [host] in deadpeer.ini(5).",
	    N_ARGS(1, -1), .example = "host create db2 title='the replica' address=10.0.0.7",
	    POST = "/v1/hosts", .body = body_host, .quiet = "name", .done = "host {1} is there" },
	{ "partition", { NULL }, "cut groups of hosts off from each other", .args = "A,B C,D",
	    .more = "Their clients are known by the key address of [host].",
	    N_ARGS(2, 2), .takes = { ARG_HOST, ARG_HOST }, .flags = for_flags,
	    .example = "partition web1,web2 db1 --for 30s", POST = "/v1/partitions",
	    .body = body_partition, .quiet = "name", .done = "{1} and {2} are cut off from each other" },

	{ "sessions", { NULL }, "the connections through it", .flags = sessions_flags,
	    .example = "sessions --proxy redis --state open", GET = "/v1/sessions",
	    .show = show_sessions, .quiet = "id" },
	{ "session", { NULL }, "one session", .args = "SESSION", N_ARGS(1, 1),
	    .takes = { ARG_SESSION }, .example = "session 17", GET = "/v1/sessions/{1}",
	    .show = show_members, .quiet = "id" },
	{ "kill", { NULL }, "end a session", .args = "SESSION", N_ARGS(1, 1),
	    .takes = { ARG_SESSION }, .flags = kill_flags, .example = "kill 17 --how silent",
	    DELETE = "/v1/sessions/{1}", .done = "session {killed} is killed: {how}" },

	{ "events", { NULL }, "what happened", .flags = events_flags, .example = "events -f",
	    .more = "The fields are told in deadpeer(1), EVENTS. With --json a JSON object a line.",
	    .run = run_events },
	{ "wait", { NULL }, "until something has happened", .args = "WHAT", N_ARGS(1, 1),
	    .takes = { ARG_CHOICE }, .choices = events_waited, .flags = wait_flags,
	    .more = "WHAT is of a session: opened, connected (upstream), closed, reconnected (its client is back)\n"
	            "or recovered (bytes both ways after a fault); or of a fault: armed, active, fired, lifted.\n"
	            "Exit status 1: not within the timeout.",
	    .example = "wait closed --proxy redis --timeout 30s", .run = run_wait },
	{ "top", { NULL }, "all of it, live on the screen; q ends it", .flags = top_flags,
	    .example = "top", .run = run_top },

	{ "reload", { NULL }, "read the configuration file again, as SIGHUP does",
	    .example = "reload", POST = "/v1/reload", .show = show_members },
	{ "config", { NULL }, "the configuration in force, as `deadpeer check` takes it",
	    .example = "config", .run = run_config },
	{ "version", { NULL }, "what runs there, and here", .example = "version",
	    .run = run_version },
	{ "health", { NULL }, "does every enabled proxy accept?", .example = "health", .run = run_health },

	{ "inspect", { "i", "ins" }, "a proxy's toxics, as toxiproxy-cli tells them",
	    .section = "The same, in the words of toxiproxy-cli:",
	    .args = "PROXY", N_ARGS(1, 1), .takes = { ARG_PROXY }, .example = "inspect redis",
	    GET = "/proxies/{1}", .show = show_toxics, .quiet = "name" },
	{ "toggle", { "tog" }, "enable a disabled proxy, disable an enabled one", .args = "PROXY",
	    N_ARGS(1, 1), .takes = { ARG_PROXY }, .example = "toggle redis", .run = run_toggle },
	{ "toxic add", { "toxic a", "t add", "t a" }, "add a toxic, as toxiproxy-cli does",
	    .args = "PROXY -t TYPE [-n NAME] [-u | -d] [--toxicity SHARE] [-a KEY=VALUE]...",
	    N_ARGS(1, 1), .takes = { ARG_PROXY }, .flags = toxic_add_flags,
	    .example = "toxic add redis -t latency -a latency=100 -a jitter=10",
	    POST = "/proxies/{1}/toxics", .body = body_toxic, .quiet = "name",
	    .done = "Added {stream} {type} toxic '{name}' on proxy '{1}'" },
	{ "toxic update", { "toxic u", "t update", "t u" }, "change a toxic, as toxiproxy-cli does",
	    .more = "Without --toxicity that stays as it is.",
	    .args = "PROXY -n NAME [--toxicity SHARE] [-a KEY=VALUE]...", N_ARGS(1, 1),
	    .takes = { ARG_PROXY }, .flags = toxic_update_flags,
	    .example = "toxic update redis -n latency_downstream -a latency=200",
	    PATCH = "/proxies/{1}/toxics/{name}", .body = body_toxic, .quiet = "name",
	    .done = "Updated toxic '{name}' on proxy '{1}'" },
	{ "toxic remove", { "toxic delete", "toxic r", "toxic d", "t remove", "t delete", "t r", "t d" },
	    "remove a toxic, as toxiproxy-cli does", .args = "PROXY -n NAME", N_ARGS(1, 1),
	    .takes = { ARG_PROXY }, .flags = toxic_remove_flags,
	    .example = "toxic remove redis -n latency_downstream",
	    DELETE = "/proxies/{1}/toxics/{name}",
	    .done = "Removed toxic '{name}' on proxy '{1}'" },
	{ NULL },
};
/* clang-format on */

/* How many of argv's words the name is; 0: they are others. */
static int words_of(const char *name, int argc, char **argv)
{
	const char *second = strchr(name, ' ');
	size_t n = second ? (size_t)(second - name) : strlen(name);

	if (argc < 1 || strlen(argv[0]) != n || strncmp(argv[0], name, n) != 0)
		return 0;
	if (!second)
		return 1;
	return argc > 1 && !strcmp(argv[1], second + 1) ? 2 : 0;
}

const struct command *command_find(const struct command *table, int argc, char **argv, int *words)
{
	for (const struct command *c = table; c->name; c++) {
		*words = words_of(c->name, argc, argv);
		for (int i = 0; !*words && i < COMMAND_NAMES && c->also[i]; i++)
			*words = words_of(c->also[i], argc, argv);
		if (*words)
			return c;
	}
	return NULL;
}

/* The second word, when the first is the group; NULL: it is not. */
static const char *word_in(const char *name, const char *group)
{
	size_t n = strlen(group);

	return !strncmp(name, group, n) && name[n] == ' ' ? name + n + 1 : NULL;
}

bool command_is_group(const char *word)
{
	for (const struct command *c = commands; c->name; c++)
		if (word_in(c->name, word))
			return true;
	return false;
}

const struct command *command_print_list(const char *group)
{
	const struct command *first = NULL;

	for (const struct command *c = commands; c->name; c++) {
		const char *name = group ? word_in(c->name, group) : c->name;

		if (c->section && !group)
			printf("\n%s\n", c->section);
		if (name)
			printf("  %-*s %s\n", group ? 8 : 17, name, c->help);
		if (name && !first)
			first = c;
	}
	return first;
}

const char *command_nearest(const char *word, const char *group)
{
	const char *names[NAMES_MAX + 1] = { NULL };
	size_t n = 0;

	for (const struct command *c = commands; c->name && n < NAMES_MAX; c++) {
		const char *name = group ? word_in(c->name, group) : c->name;

		if (name)
			names[n++] = name;
	}
	return nearest_find(word, names);
}
