/*
 * deadpeer predict, in parts: what was asked (predict_options.c), the settings and where they came
 * from (predict_source.c), and the answer for people (predict_show.c) or programs (predict_json.c).
 *
 *     preset or running kernel -> a live connection's own -> flags; later wins
 */
#pragma once
#include "base/addr.h"
#include "kernel/sockdiag.h"
#include "model/field.h"
#include "model/predict.h"

#define PREDICT_FLAGS_MAX 64
#define PREDICT_PIDS_MAX  64
#define PREDICT_WHY_MAX   512

/* What a flag may set. */
struct predict_asked {
	struct predict_settings s;
	struct predict_fate f;
};

/* A flag as given, checked; applied over settings once these are known. */
struct predict_flag {
	const struct field *field;
	const char *text;
};

struct predict_query {
	struct predict_flag flags[PREDICT_FLAGS_MAX];
	int n_flags;
	int os;                 /* enum predict_os; -1: the running kernel */
	unsigned deaths, whens; /* bits; 0: not told */
	pid_t pids[PREDICT_PIDS_MAX];
	int n_pids;
	struct addr connect; /* ADDR_NONE: not told */
	bool json, schedule;
};

/* One subject: the machine as it is set, or a connection. */
struct predict_subject {
	struct predict_asked asked;
	const struct sockdiag_socket *socket; /* NULL: none */
	bool keepalive_told, options_told;    /* of a connection: does the kernel say? */
};

/* --- predict_options.c --- */

enum predict_parsed { PREDICT_RUN, PREDICT_HELP, PREDICT_WRONG };

/* PREDICT_WRONG: what is wrong has been said on stderr. */
enum predict_parsed predict_parse(int argc, char **argv, struct predict_query *q);
void predict_apply(const struct predict_query *q, struct predict_asked *asked);

/* --- predict_source.c --- */

/* As the running kernel is set. */
void predict_kernel(struct predict_settings *s);

struct predict_subjects {
	struct predict_subject *list;
	size_t count;
	struct sockdiag_list sockets; /* what `list` points into */
};

/* False: why says why not, and what to try. */
bool predict_find(
    const struct predict_query *q, struct predict_subjects *all, char why[PREDICT_WHY_MAX]);
void predict_free(struct predict_subjects *all);

/* What a connection is doing now. */
enum predict_when predict_now(const struct sockdiag_socket *s);

/* --- predict_show.c, predict_json.c --- */

void predict_show(const struct predict_query *q, const struct predict_subjects *all);
bool predict_print_json(const struct predict_query *q, const struct predict_subjects *all);

/* Which deaths and situations are wanted of a subject. */
unsigned predict_deaths(const struct predict_query *q);
unsigned predict_whens(const struct predict_query *q);
const char *predict_source(const struct predict_query *q, char *buf, size_t size);
