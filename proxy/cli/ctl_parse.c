/* Flags by the tables, before and behind the arguments; and the help, from the same rows. */
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/ctl.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS_MAX 24
#define VAL_FIRST   256

struct options {
	struct option list[OPTIONS_MAX + 1];
	const struct flag *flag[OPTIONS_MAX];
	char letters[3 * OPTIONS_MAX];
	int n;
};

static void add_flags(struct options *o, const struct flag *flags)
{
	for (; flags && flags->name && o->n < OPTIONS_MAX; flags++, o->n++) {
		size_t len = strlen(o->letters);

		o->flag[o->n] = flags;
		o->list[o->n] = (struct option){ flags->name,
			flags->value ? required_argument : no_argument, NULL, VAL_FIRST + o->n };
		if (flags->letter)
			snprintf(o->letters + len, sizeof(o->letters) - len, "%c%s", flags->letter,
			    flags->value ? ":" : "");
	}
}

static const struct flag *find_flag(const struct options *o, int val)
{
	if (val >= VAL_FIRST)
		return o->flag[val - VAL_FIRST];
	for (int i = 0; i < o->n; i++)
		if (o->flag[i]->letter == val)
			return o->flag[i];
	return NULL;
}

static bool is_choice(const char *const *choices, const char *text)
{
	for (; *choices; choices++)
		if (!strcmp(*choices, text))
			return true;
	return false;
}

static bool wrong_choice(
    const struct ctl *c, const char *what, const char *const *choices, const char *text)
{
	char list[256] = "";

	for (size_t len = 0; *choices && len < sizeof(list); choices++)
		len += (size_t)snprintf(
		    list + len, sizeof(list) - len, "%s%s", len ? ", " : "", *choices);
	return ctl_wrong(c, "%s: expected one of %s, got \"%s\"", what, list, text);
}

static bool take_common(struct ctl *c, const struct flag *f, const char *text)
{
	if (!strcmp(f->name, "admin"))
		c->admin = text;
	else if (!strcmp(f->name, "admin-token-file"))
		c->token_file = text;
	else if (!strcmp(f->name, "json"))
		c->json = true;
	else if (!strcmp(f->name, "quiet"))
		c->quiet = true;
	else if (!strcmp(f->name, "help"))
		c->help = true;
	else
		return false;
	return true;
}

static bool take_flag(struct ctl *c, const struct flag *f, const char *text)
{
	if (f->choices && !is_choice(f->choices, text)) {
		char what[32];

		snprintf(what, sizeof(what), "--%s", f->name);
		return wrong_choice(c, what, f->choices, text);
	}
	if (take_common(c, f, text))
		return true;
	if (c->n_values == CTL_VALUES)
		return ctl_wrong(c, "more than %d flags", CTL_VALUES);
	c->values[c->n_values].flag = f;
	c->values[c->n_values++].text = text ? text : "";
	return true;
}

/* Is the flag that was given this one, perhaps by its other name? */
static bool means(const struct flag *given, const char *name)
{
	return !strcmp(given->name, name) || (given->same && !strcmp(given->same, name));
}

const char *ctl_flag(const struct ctl *c, const char *name)
{
	for (int i = c->n_values; i-- > 0;)
		if (means(c->values[i].flag, name))
			return c->values[i].text;
	return NULL;
}

static bool check(const struct ctl *c)
{
	const struct command *command = c->command;
	const struct flag *f = command->flags;

	if (c->argc < command->least)
		return ctl_wrong(c, "expected %s", command->args);
	if (command->most >= 0 && c->argc > command->most)
		return ctl_wrong(c, "unexpected '%s'", c->argv[command->most]);
	for (int i = 0; i < c->argc; i++)
		if (!*c->argv[i] || !utf8_is_printable(c->argv[i]))
			return ctl_wrong(
			    c, "a word is empty, or no UTF-8: expected %s", command->args);
	if (command->choices && c->argc && !is_choice(command->choices, c->argv[0]))
		return wrong_choice(c, command->args, command->choices, c->argv[0]);
	for (; f && f->name; f++)
		if (f->required && !ctl_flag(c, f->name))
			return ctl_wrong(c, "--%s %s is missing", f->name, f->value);
	return true;
}

int ctl_parse(struct ctl *c, const struct command *command, int argc, char **argv)
{
	struct options o = { .n = 0 };
	int val;

	*c = (struct ctl){ .command = command };
	snprintf(c->called, sizeof(c->called), "deadpeer %s", command->name);
	add_flags(&o, command->flags);
	add_flags(&o, common_flags);
	optind = 0;
	argv[0] = c->called; /* what getopt complains as */
	while ((val = getopt_long(argc, argv, o.letters, o.list, NULL)) != -1) {
		const struct flag *f = val == '?' ? NULL : find_flag(&o, val);

		if (!f) {
			fprintf(stderr, "Try '%s --help'.\n", c->called);
			return EXIT_USAGE;
		}
		if (!take_flag(c, f, optarg))
			return EXIT_USAGE;
	}
	c->argc = argc - optind;
	c->argv = argv + optind;
	return c->help || check(c) ? EXIT_DONE : EXIT_USAGE;
}

bool ctl_flag_takes(const char *word)
{
	for (const struct flag *f = common_flags; f->name; f++)
		if (f->value && !strncmp(word, "--", 2) && !strcmp(word + 2, f->name))
			return true;
	return false;
}

const char *ctl_host(int argc, char **argv, int *taken)
{
	static const char *const names[] = { "--host", "-host", "-h" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t n = strlen(names[i]);

		if (strncmp(argv[0], names[i], n) != 0)
			continue;
		*taken = argv[0][n] == '=' ? 1 : 2;
		if (*taken == 1)
			return argv[0] + n + 1;
		if (!argv[0][n] && argc > 1 && (n > 2 || strchr(argv[1], ':')))
			return argv[1];
	}
	return NULL;
}

/* --- help --- */

static void print_flags(const struct flag *flags)
{
	for (; flags && flags->name; flags++) {
		char left[64], letter[8] = "";

		if (!flags->help)
			continue;
		if (flags->letter)
			snprintf(letter, sizeof(letter), "-%c, ", flags->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, flags->name,
		    flags->value ? " " : "", flags->value ? flags->value : "");
		printf("  %-24s %s", left, flags->help);
		for (int i = 0; flags->choices && flags->choices[i]; i++)
			printf("%s%s", i ? ", " : ": ", flags->choices[i]);
		putchar('\n');
	}
}

void ctl_print_help(const struct command *command)
{
	printf("usage: deadpeer %s%s%s [OPTIONS]\n\n%c%s.\n", command->name,
	    command->args && *command->args ? " " : "", command->args ? command->args : "",
	    command->help[0] - 'a' + 'A', command->help + 1);
	for (int i = 0; i < COMMAND_NAMES && command->also[i]; i++)
		printf("%s%s", i ? ", " : "Also: ", command->also[i]);
	if (command->also[0])
		putchar('\n');
	if (command->more)
		printf("%s\n", command->more);
	putchar('\n');
	print_flags(command->flags);
	print_flags(common_flags);
	printf(
	    "\nExample:  deadpeer %s\n"
	    "Exit status: 0 done, 1 the server said no, 2 wrong usage, 3 it cannot be reached.\n",
	    command->example);
}
