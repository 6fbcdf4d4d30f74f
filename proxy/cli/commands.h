/*
 * The table of subcommands: what each is called, takes, does, and how it is explained. A row is
 * either of this machine (main) or of a running deadpeer (ctl.h), and then mostly a method, a path
 * and what becomes of the answer. Help, completion and the manual's test come from the same rows.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct ctl;
struct json_t;

#define COMMAND_NAMES 8

/* What stands at a place of the command line, for completion. */
enum command_arg {
	ARG_NONE,
	ARG_PROXY,
	ARG_FAULT,
	ARG_TYPE,
	ARG_SESSION,
	ARG_HOST,
	ARG_CHOICE, /* of command.choices */
	ARG_OTHER
};

struct flag {
	const char *name;
	char letter;                /* 0: none */
	const char *value;          /* what it takes, as help calls it; NULL: nothing */
	const char *help;           /* NULL: understood, but not told */
	const char *const *choices; /* the values there are */
	const char *query, *member; /* what it is in the query, or in the body; NULL: of neither */
	const char *same;           /* the flag that this is another name of */
	bool required;
};

struct command {
	const char *name;                   /* "fault add" */
	const char *also[COMMAND_NAMES];    /* other names */
	const char *help;                   /* half a sentence */
	const char *section;                /* that begins here in the list of all; NULL: none */
	int (*main)(int argc, char **argv); /* the rest is not set then */
	const char *args;                   /* "PROXY [KEY=VALUE...]" */
	const char *more;                   /* whole sentences; NULL: nothing more to say */
	const char *example;                /* without "deadpeer " */
	int least, most;                    /* arguments; most -1: any number */
	enum command_arg takes[2];          /* the first two */
	const char *const *choices;         /* of the first */
	const struct flag *flags;           /* by name NULL */
	const char *method, *path;          /* {1}: an argument; {name}: a flag's value */
	/* What is sent. False: what is wrong has been said (usage). */
	bool (*body)(const struct ctl *c, struct json_t *body);
	/* What is said of the answer. False: it could not be written. */
	bool (*show)(const struct ctl *c, struct json_t *answer);
	const char *done;  /* or this, with {1}, {name} and members of the answer */
	const char *quiet; /* what --quiet prints: a member of the answer or of each of its rows */
	/* Or all of it, where one call is not enough; returns an exit code. */
	int (*run)(struct ctl *c);
};

extern const struct command commands[]; /* by name NULL */
extern const struct flag common_flags[];

/* The row of the table that argv (a command's words first) means; *words is how many of them name
 * it. NULL: none. */
const struct command *command_find(const struct command *table, int argc, char **argv, int *words);

/* Do names of two words begin with this one ("fault")? */
bool command_is_group(const char *word);

/* The group's words, or all commands (NULL), each with its help. Returns the first. */
const struct command *command_print_list(const char *group);

/* The name in the table that is nearest to what was typed, NULL: none is near. group: of its second
 * words; NULL: of the first ones. */
const char *command_nearest(const char *word, const char *group);
