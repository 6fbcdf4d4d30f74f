/*
 * Commands to a running deadpeer: what the command line says becomes one call, and the answer a
 * table, a line, or, with --json, itself.
 *
 *     argv --parse--> struct ctl --path, body--> client.h --show--> stdout
 */
#pragma once
#include "cli/client.h"
#include "cli/commands.h"
#include <jansson.h>
#include <stdio.h>

#define CTL_VALUES 64

struct ctl {
	const struct command *command;
	struct server server;
	const char *admin, *token_file;
	bool json, quiet, help;
	char called[48]; /* "deadpeer fault add" */
	int argc;        /* arguments, flags and the command's name aside */
	char **argv;
	struct {
		const struct flag *flag;
		const char *text;
	} values[CTL_VALUES]; /* flags as they came */
	int n_values;
};

/* Runs the command; argv[0] is its name's last word. Returns an exit code. */
int ctl_main(const struct command *command, int argc, char **argv);

/* "deadpeer NAME: MESSAGE" on stderr; false, for what returns that. */
bool ctl_wrong(const struct ctl *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- ctl_parse.c --- */

/* EXIT_DONE, or EXIT_USAGE: said. */
int ctl_parse(struct ctl *c, const struct command *command, int argc, char **argv);

/* The last value of a flag ("" for one that takes none); NULL: it was not given. */
const char *ctl_flag(const struct ctl *c, const char *name);

/* toxiproxy-cli's name of --admin, which it takes before the command: --host, or -h if an address
 * is next. The value, and how many words that took; NULL: it is something else. */
const char *ctl_host(int argc, char **argv, int *taken);

void ctl_print_help(const struct command *command);

/* Is it one of the common flags, with its value in the next word ("--admin")? */
bool ctl_flag_takes(const char *word);

/* --- ctl_request.c --- */

/* The template with {1}, {name} and, where answer is not NULL, its members. encode: for a path.
 * NULL: no memory. */
char *ctl_expand(const struct ctl *c, const char *template, const json_t *answer, bool encode);

/* The path with its query. */
char *ctl_path(const struct ctl *c, const char *template);

/* The arguments from `from` on, "key=value" each, and the flags that are members of the body. */
bool ctl_add_pairs(const struct ctl *c, json_t *body, int from);
bool ctl_add_flags(const struct ctl *c, json_t *body);

/* --- ctl.c --- */

/* Makes one call. EXIT_DONE and the answer (a null for an empty one), which is the caller's; or it
 * has been said why not. body NULL: none. */
int ctl_call(
    struct ctl *c, const char *method, const char *path, const json_t *body, json_t **answer);

/* The exit code that an answer comes to; what is wrong with it is said. */
int ctl_judge(const struct ctl *c, const struct request *r, const struct answer *a);
/* A call that is judged; the answer, good or not, is the caller's. */
int ctl_send(const struct ctl *c, const struct request *r, struct answer *a);

/* --- ctl_body.c --- */

bool body_proxy(const struct ctl *c, json_t *body);
bool body_enable(const struct ctl *c, json_t *body);
bool body_disable(const struct ctl *c, json_t *body);
bool body_fault(const struct ctl *c, json_t *body);
bool body_pairs(const struct ctl *c, json_t *body); /* from the second argument on */
bool body_heal(const struct ctl *c, json_t *body);
bool body_host(const struct ctl *c, json_t *body);
bool body_partition(const struct ctl *c, json_t *body);
bool body_toxic(const struct ctl *c, json_t *body);

/* --- ctl_show.c --- */

#define CELL_MAX 512

/* A member's value for people: by its name a duration (_ns) or a size (_bytes). */
char *ctl_value(char *buf, size_t size, const char *member, const json_t *value);

/* How much of a key is shown: its value has the unit. */
int ctl_key_length(const char *key);

bool show_proxies(const struct ctl *c, json_t *answer);
bool show_faults(const struct ctl *c, json_t *answer);
bool show_sessions(const struct ctl *c, json_t *answer);
bool show_hosts(const struct ctl *c, json_t *answer);
bool show_members(const struct ctl *c, json_t *answer); /* "member   value" each */
bool show_heal(const struct ctl *c, json_t *answer);
bool show_toxics(const struct ctl *c, json_t *answer); /* as toxiproxy-cli does */
bool show_toxiproxies(const struct ctl *c, json_t *answer);

/* --- ctl_run.c --- */

int run_show(struct ctl *c);
int run_list_faults(struct ctl *c);
int run_toggle(struct ctl *c);
int run_version(struct ctl *c);
int run_health(struct ctl *c);
int run_wait(struct ctl *c);
int run_config(struct ctl *c);

/* --- ctl_events.c, top.c --- */

/* " key=value" for what is a record's own. */
void ctl_print_fields(FILE *out, json_t *record);

/* A record of the timeline as a line. */
void ctl_print_event(FILE *out, json_t *record);

int run_events(struct ctl *c);
int run_top(struct ctl *c);
