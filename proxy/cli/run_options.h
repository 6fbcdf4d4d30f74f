/* The flags of deadpeer run. */
#pragma once
#include "base/addr.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_RELAYS 16
#define RUN_MOVED  64

/* --upstream or --listen PROXY=ADDR */
struct run_moved {
	char proxy[64];
	struct addr to;
	bool listen;
};

struct run_options {
	const char *file, *report, *token_file;
	const char *judge; /* a recorded run, to be judged again; NULL: one is played */
	const char *admin[RUN_RELAYS];
	struct run_moved moved[RUN_MOVED];
	size_t n_admin, n_moved;
	uint64_t seed;    /* 0: not told */
	int rung;         /* enum rung; -1: as the file says */
	int64_t limit_ns; /* 0: as the file says */
	bool json, quiet, dry_run;
	char **command; /* NULL: none */
};

enum run_parsed { RUN_PLAY, RUN_HELP, RUN_WRONG };

/* RUN_WRONG: what is wrong has been said on stderr. */
enum run_parsed run_parse(int argc, char **argv, struct run_options *o);

/* The command line that plays it again with this seed; free it. NULL: no memory. */
char *run_replay(int argc, char **argv, uint64_t seed);
