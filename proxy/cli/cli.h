/*
 * The command line: one row for each subcommand in commands.c, one file for most of them here.
 * Every subcommand takes its own name as argv[0], prints results on stdout and complaints on
 * stderr, and returns the process's exit code.
 */
#pragma once
#include <stdbool.h>

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* it could not be done, or the answer is no */
	EXIT_USAGE = 2,  /* the command line or the configuration is wrong */
	EXIT_NOBODY = 3, /* there is no running deadpeer to be reached */
};

int serve_main(int argc, char **argv);
int toxiproxy_server_main(int argc, char **argv);
int toxiproxy_cli_main(int argc, char **argv);
int check_main(int argc, char **argv);
int doctor_main(int argc, char **argv);
int demo_main(int argc, char **argv);
int completion_main(int argc, char **argv);
int predict_main(int argc, char **argv);
int run_main(int argc, char **argv);

/* "deadpeer serve: MESSAGE" on stderr; returns EXIT_USAGE. */
int cli_usage_error(const char *command, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

struct conf_errors;

/*
 * Flushes stdout. EXIT_DONE, also where the reader has left (| head): it has what it wanted.
 * EXIT_FAILED: it is said why; printed false: there was no memory for all of it.
 */
int cli_finish(const char *command, bool printed);

/* Every message on a line of its own on stderr. */
void cli_print_errors(const struct conf_errors *errors);
