/*
 * The life of a process that relays, for the subcommands that do.
 *
 *   options -> sinks -> wire_probe -> control_apply -> ready -> loop -> drain -> end
 */
#pragma once
#include "model/conf.h"

struct serve_plan {
	const char *name;      /* of the subcommand, before what goes wrong */
	struct config *config; /* serve_run() takes it over; a seed of 0 gets one */
	const char *populate;  /* a JSON file for toxiproxy_load(); NULL: none */
	const char *log;       /* for sink_open() */
	bool silent_log;       /* nothing is logged at all */
	bool tell_ports;       /* on stdout, with a line "ready" */
	bool admin_open;       /* see admin_new() */
	/* SIGHUP reads the file again; NULL: there is none. */
	const char *file;
	int argc;
	char **argv;
};

/* Until a signal ends it. Returns the process's exit code. */
int serve_run(const struct serve_plan *plan);
