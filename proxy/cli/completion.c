/*
 * Completion. The scripts for the shells are the same few lines: they ask this program,
 *
 *     deadpeer completion words -- WORD...      the last WORD is being typed
 *
 * which prints what may stand there, each with its help behind a tab, from the table of commands,
 * the catalogue, and, for names, the running deadpeer. Nothing printed: the shell offers files.
 */
#include "cli/cli.h"
#include "cli/ctl.h"
#include "faults/catalogue.h"
#include "model/conf.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 1

static const char bash[] =
    "# bash completion for deadpeer: source it, or put it into bash-completion's directory.\n"
    "_deadpeer() {\n"
    "	local line words\n"
    "	read -ra words <<< \"${COMP_LINE:0:COMP_POINT}\"\n"
    "	[[ ${COMP_LINE:0:COMP_POINT} == *[[:blank:]] ]] && words+=('')\n"
    "	COMPREPLY=()\n"
    "	while IFS= read -r line; do\n"
    "		COMPREPLY+=(\"${line%%$'\\t'*}\")\n"
    "	done < <(\"${words[0]}\" completion words -- \"${words[@]:1}\" 2>/dev/null)\n"
    "	[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null\n"
    "	return 0\n"
    "}\n"
    "complete -o default -F _deadpeer deadpeer\n";

static const char zsh[] =
    "#compdef deadpeer\n"
    "# zsh completion for deadpeer: as _deadpeer in a directory of $fpath, or sourced.\n"
    "_deadpeer() {\n"
    "	local -a lines names shown\n"
    "	lines=(${(f)\"$(\"${words[1]}\" completion words -- \"${(@)words[2,CURRENT]}\" "
    "2>/dev/null)\"})\n"
    "	names=(${lines%%$'\\t'*})\n"
    "	shown=(${lines/$'\\t'/  -- })\n"
    "	if (( ! $#names )); then\n"
    "		_files\n"
    "	elif [[ $names[1] == *= ]]; then\n"
    "		compadd -S '' -l -d shown -a names\n"
    "	else\n"
    "		compadd -l -d shown -a names\n"
    "	fi\n"
    "}\n"
    "if [[ $funcstack[1] == _deadpeer ]]; then\n"
    "	_deadpeer \"$@\"\n"
    "else\n"
    "	compdef _deadpeer deadpeer\n"
    "fi\n";

static const char fish[] =
    "# fish completion for deadpeer: source it, or put it into a completions directory.\n"
    "function __deadpeer_words\n"
    "	set -l words (commandline -opc) (commandline -ct)\n"
    "	$words[1] completion words -- $words[2..-1] 2>/dev/null\n"
    "end\n"
    "complete -c deadpeer -f -a '(__deadpeer_words)'\n"
    "complete -c deadpeer -n 'test -z \"$(__deadpeer_words)\"' -F\n";

static const char help[] = "usage: deadpeer completion bash | zsh | fish\n"
			   "\n"
			   "Prints what the shell needs to complete deadpeer's command line.\n"
			   "\n"
			   "Example:  source <(deadpeer completion bash)\n"
			   "Exit status: 0 done, 2 wrong usage.\n";

/* What is typed so far. */
struct typing {
	const struct command *command; /* NULL: not told yet */
	const char *group;             /* "fault": its second word is next */
	const struct flag *flag;       /* its value is next */
	const char *cur, *type;        /* the word itself; the fault's type, once it is there */
	const char *admin, *token_file;
	int args; /* in front of it */
};

static void offer(const struct typing *t, const char *word, const char *about)
{
	if (!strncmp(word, t->cur, strlen(t->cur)))
		printf("%s%s%s\n", word, about && *about ? "\t" : "", about ? about : "");
}

/* --- names that the server knows --- */

static const struct {
	enum command_arg arg;
	const char *value, *path, *member;
} known[] = {
	{ ARG_PROXY, "PROXY", "/v1/proxies", "name" },
	{ ARG_FAULT, "FAULT", "/v1/faults", "name" },
	{ ARG_HOST, "HOST", "/v1/hosts", "name" },
	{ ARG_SESSION, "SESSION", "/v1/sessions", "id" },
};

static void offer_rows(const struct typing *t, const char *body, const char *member)
{
	json_t *o = json_loads(body, 0, NULL), *rows, *row;
	char text[CELL_MAX];
	const char *key;
	size_t i;

	json_object_foreach(o, key, rows) json_array_foreach(rows, i, row)
	    offer(t, ctl_value(text, sizeof(text), member, json_object_get(row, member)), NULL);
	json_decref(o);
}

static void offer_names(const struct typing *t, const char *path, const char *member)
{
	const struct request r = { .method = "GET", .path = path, .limit_s = PATIENCE_S };
	struct server server;
	struct answer a;
	char err[512];

	if (server_find(&server, t->admin, t->token_file, err, sizeof(err)) == SERVER_FOUND) {
		client_call(&server, &r, &a);
		if (a.status == 200)
			offer_rows(t, a.body, member);
		answer_free(&a);
	}
	server_free(&server);
}

static void offer_types(const struct typing *t)
{
	for (const struct fault_ops *const *ops = catalogue; *ops; ops++)
		offer(t, (*ops)->type.name, (*ops)->type.summary);
}

/* By what stands there, or by what a flag's value is called. */
static void offer_kind(const struct typing *t, enum command_arg arg, const char *value)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (value ? !strcmp(value, known[i].value) : arg == known[i].arg)
			offer_names(t, known[i].path, known[i].member);
	if (value ? !strcmp(value, "TYPE") : arg == ARG_TYPE)
		offer_types(t);
}

/* --- words of tables --- */

static void offer_choices(const struct typing *t, const char *const *choices)
{
	for (; choices && *choices; choices++)
		offer(t, *choices, NULL);
}

static void offer_flags(const struct typing *t, const struct flag *flags)
{
	char word[64];

	for (; flags && flags->name; flags++) {
		snprintf(word, sizeof(word), "--%s", flags->name);
		if (flags->help)
			offer(t, word, flags->help);
	}
}

static void offer_keys(const struct typing *t, const struct field *table)
{
	char word[64];

	for (; table && table->key; table++) {
		snprintf(word, sizeof(word), "%s=", table->key);
		offer(t, word, table->help);
	}
}

static void offer_pairs(const struct typing *t)
{
	const char *name = t->command->name;
	const struct fault_ops *ops = t->type ? catalogue_find(t->type) : NULL;

	if (!strcmp(name, "create") || !strcmp(name, "set"))
		offer_keys(t, proxy_fields);
	else if (!strcmp(name, "host create"))
		offer_keys(t, host_fields);
	else if (!strcmp(name, "fault add") && ops)
		offer_keys(t, ops->type.params), offer_keys(t, fault_fields);
	else if (!strcmp(name, "fault set"))
		offer_keys(t, fault_fields);
}

/* The flags of a command that has a table of its own: as its help tells them. */
static void offer_told(const struct typing *t, FILE *in)
{
	char line[512], *at, word[64];

	while (fgets(line, sizeof(line), in)) {
		size_t n;

		at = line + strspn(line, " ");
		if (at[0] == '-' && isalpha((unsigned char)at[1]) && at[2] == ',')
			at += 4;
		n = 2 +
		    strspn(at + (strlen(at) > 2 ? 2 : 0), "abcdefghijklmnopqrstuvwxyz0123456789-");
		if (strncmp(at, "--", 2) != 0 || n < 3)
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)n, at);
		offer(t, word, NULL);
	}
}

static void offer_flags_of_main(const struct typing *t)
{
	char name[32], flag[] = "--help", *argv[] = { name, flag, NULL };
	int ends[2];
	pid_t pid;
	FILE *in;

	snprintf(name, sizeof(name), "%s", t->command->name);
	fflush(stdout);
	if (pipe(ends) < 0)
		return;
	pid = fork();
	if (!pid) {
		dup2(ends[1], STDOUT_FILENO);
		t->command->main(2, argv);
		fflush(stdout);
		_exit(0);
	}
	close(ends[1]);
	in = fdopen(ends[0], "r");
	if (in) {
		offer_told(t, in);
		fclose(in);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* --- what may stand here --- */

/* Is this the first row whose name begins with these letters, blank included? */
static bool is_first(const struct command *row, size_t n)
{
	const struct command *c = commands;

	while (strncmp(c->name, row->name, n) != 0)
		c++;
	return c == row;
}

/* Each first word once: those of groups have no help of their own. */
static void offer_commands(const struct typing *t)
{
	for (const struct command *c = commands; c->name; c++) {
		size_t n = strcspn(c->name, " ");
		char word[32];

		snprintf(word, sizeof(word), "%.*s", (int)n, c->name);
		if (!c->name[n])
			offer(t, word, c->help);
		else if (is_first(c, n + 1))
			offer(t, word, "more words follow");
	}
}

static void offer_group(const struct typing *t)
{
	size_t n = strlen(t->group);

	for (const struct command *c = commands; c->name; c++)
		if (!strncmp(c->name, t->group, n) && c->name[n] == ' ')
			offer(t, c->name + n + 1, c->help);
}

static void offer_argument(const struct typing *t)
{
	const struct command *c = t->command;

	if (t->args == 0 && c->choices)
		offer_choices(t, c->choices);
	else if (t->args < 2 && c->takes[t->args])
		offer_kind(t, c->takes[t->args], NULL);
	else
		offer_pairs(t);
}

static void offer_all(const struct typing *t)
{
	if (t->flag && t->flag->choices)
		offer_choices(t, t->flag->choices);
	else if (t->flag)
		offer_kind(t, ARG_NONE, t->flag->value);
	else if (t->group)
		offer_group(t);
	else if (*t->cur == '-' && t->command && t->command->main)
		offer_flags_of_main(t);
	else if (*t->cur == '-')
		offer_flags(t, t->command ? t->command->flags : NULL), offer_flags(t, common_flags);
	else if (t->command)
		offer_argument(t);
	else
		offer_commands(t);
}

/* --- what stands before --- */

static const struct flag *find_flag(const struct flag *flags, const char *word)
{
	for (; flags && flags->name; flags++)
		if ((!strncmp(word, "--", 2) && !strcmp(word + 2, flags->name)) ||
		    (flags->letter && word[1] == flags->letter && !word[2]))
			return flags;
	return NULL;
}

static void take_value(struct typing *t, const char *word)
{
	if (!strcmp(t->flag->name, "admin"))
		t->admin = word;
	else if (!strcmp(t->flag->name, "admin-token-file"))
		t->token_file = word;
	t->flag = NULL;
}

static void take_flag(struct typing *t, const char *word)
{
	const struct flag *f = find_flag(t->command ? t->command->flags : NULL, word);

	if (!f)
		f = find_flag(common_flags, word);
	if (f && f->value)
		t->flag = f;
	if (!strncmp(word, "--admin=", 8))
		t->admin = word + 8;
}

/* Takes over one word, or two that are one command. */
static int take_words(struct typing *t, int argc, char **argv)
{
	int words = 1;

	if (t->flag) {
		take_value(t, argv[0]);
	} else if (argv[0][0] == '-') {
		take_flag(t, argv[0]);
	} else if (!t->command) {
		t->command = command_find(commands, argc, argv, &words);
		if (!t->command) {
			words = 1;
			t->group = argc == 1 && command_is_group(argv[0]) ? argv[0] : NULL;
		}
	} else {
		if (t->args < 2 && t->command->takes[t->args] == ARG_TYPE)
			t->type = argv[0];
		t->args++;
	}
	return words;
}

static void complete(int argc, char **argv)
{
	struct typing t = { .cur = argc ? argv[argc - 1] : "" };

	for (int i = 0; i < argc - 1;)
		i += take_words(&t, argc - 1 - i, argv + i);
	offer_all(&t);
}

int completion_main(int argc, char **argv)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };
	const char *word = argc > 1 ? argv[1] : "";

	if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (!strcmp(word, "words") && argc > 2 && !strcmp(argv[2], "--")) {
		complete(argc - 3, argv + 3);
		return EXIT_DONE;
	}
	for (size_t i = 0; argc == 2 && i < sizeof(scripts) / sizeof(*scripts); i++)
		if (!strcmp(word, scripts[i].shell)) {
			fputs(scripts[i].script, stdout);
			return cli_finish("completion", true);
		}
	return cli_usage_error("completion", "expected bash, zsh or fish, got \"%s\"", word);
}
