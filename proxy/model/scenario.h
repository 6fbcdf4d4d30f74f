/*
 * A scenario: what is done to connections, when, and what is expected of the application. Plain
 * data, read from an INI file that is a configuration, too (conf.h), and has these sections more:
 *
 *     [scenario NAME]   about the whole: scenario_fields
 *     [client]          what the application's settings are, where its sockets cannot tell
 *     [at TIME]         a step that begins so long after the start
 *     [after EVENT]     a step that begins when that has happened (wait_rows) since the step
 *                       before it ended
 *     [expect]          what is expected, [expect NAME] if it shall have a name; any number
 *
 * Steps are done one after the other in the order of the file, a step's actions in the order of its
 * lines; one whose time is past begins at once. A key of an action may stand several times.
 */
#pragma once
#include "model/conf.h"
#include "model/expect.h"
#include "model/predict_settings.h"

enum action_kind {
	ACTION_ARM,       /* "power_loss proxy=redis duration=30s": as --fault takes it */
	ACTION_LIFT,      /* NAME of a fault, or "*": all that the scenario armed */
	ACTION_POWER_OFF, /* HOST */
	ACTION_POWER_ON,  /* HOST */
	ACTION_PARTITION, /* "a,b | c": between two groups of hosts */
	ACTION_HEAL,      /* PROXY, or "*": everything */
	ACTION_WAIT,      /* "EVENT [proxy=P] [fault=F] [count=N] [within=T]" */
	ACTION_RUN,       /* a command for /bin/sh; what it exits with must be 0 */
	ACTION_PAUSE,     /* "2s", or "1s..5s": drawn from the seed */
	ACTION_KINDS
};
extern const char *const action_names[];   /* "arm", "lift", "power_off" ..., NULL: the keys */
extern const struct field action_fields[]; /* the same with help; of nothing */

/* What can be waited for. Counted from when the wait begins; directly behind other actions, from
 * when those did (what an arm brings about is often seen before the relay's answer); behind another
 * wait, from what met that. */
enum wait_kind {
	WAIT_OPENED,      /* a session was accepted */
	WAIT_CONNECTED,   /* its upstream has answered */
	WAIT_TRAFFIC,     /* a session has carried bytes both ways */
	WAIT_FIRED,       /* a fault has struck a session */
	WAIT_LIFTED,      /* a fault has ended */
	WAIT_CLOSED,      /* a session has ended */
	WAIT_DETECTED,    /* a client gave up a session that a fault had struck */
	WAIT_RECONNECTED, /* a client that had a session opened another one */
	WAIT_RECOVERED, /* a session opened after a fault was lifted has carried bytes both ways */
	WAIT_EXITED,    /* the command has ended */
	WAIT_KINDS
};

struct wait_row {
	const char *name;        /* "opened" ...; by name NULL */
	const char *help;        /* half a sentence */
	bool of_proxy, of_fault; /* it takes proxy=, fault= */
};
extern const struct wait_row wait_rows[];
extern const struct field wait_fields[]; /* over struct wait_spec */

struct wait_spec {
	enum wait_kind kind;
	char *proxy, *fault; /* NULL: any */
	uint64_t count;      /* 1 at least */
	int64_t within_ns;   /* default 30 s */
};

struct action {
	enum action_kind kind;
	struct where where;
	char *text;               /* its value as written */
	struct fault_spec *fault; /* ARM; owned; its name is the step's unless name= says otherwise,
				     unique in the scenario */
	struct wait_spec wait;    /* WAIT */
	int64_t least_ns, most_ns;   /* PAUSE; the same: not drawn */
	struct names side_a, side_b; /* PARTITION */
};

struct step {
	char *name;  /* name=, or "step N" from 1; unique */
	char *title; /* as written: "at 10s" */
	struct where where;
	bool is_after;         /* [after EVENT] */
	int64_t at_ns;         /* [at TIME] */
	struct wait_spec when; /* [after EVENT]; keys proxy=, fault=, count=, within= */
	int64_t delay_ns;      /* so much later */
	uint64_t repeat;       /* 1 at least; the k-th time its faults are called NAME#k (k > 1) */
	int64_t every_ns;      /* from one beginning to the next; 0: one after the other */
	struct action *actions;
	size_t n_actions;
};

enum scenario_start { START_READY, START_TRAFFIC };

/* What is known of the application's settings, where a socket does not tell. 0: not known. */
struct client_spec {
	bool given;
	int keepalive; /* index into "unknown", "no", "yes" */
	int64_t keep_idle_ns, keep_interval_ns, user_timeout_ns, deadline_ns;
	uint64_t keep_count, retries2;
	int os; /* enum predict_os */
};

struct scenario {
	char *file;
	struct config *config; /* what the other sections say; owned */
	bool given;            /* there is a [scenario] */
	char *name;            /* [scenario NAME], or the file's name without its suffix */
	char *title;           /* for people; NULL: none */
	char *command_text;    /* for /bin/sh; NULL: none */
	struct names command;  /* the words to run, NULL behind them; NULL name: none; replaced by
				  what stands behind -- */
	int start;             /* enum scenario_start: time begins when all listens, or with the
				  first bytes both ways */
	int64_t start_within_ns;
	int64_t
	    settle_ns;    /* how long is watched on after the last step; less when all is decided */
	int64_t limit_ns; /* of the whole run */
	int64_t run_limit_ns; /* of a run= */
	struct client_spec client;
	struct step *steps;
	size_t n_steps;
	struct expectation *expectations;
	size_t n_expectations;
};

extern const struct field scenario_fields[]; /* of [scenario]; over struct scenario */
extern const struct field client_fields[];   /* of [client]; over struct client_spec */
extern const struct field step_fields[];     /* of [at], [after], actions aside; struct step */

/*
 * As conf_load(). local: the proxies and hosts that it names must be in it; otherwise those that
 * are not are taken to be on the relays that will play it. A file without a step or without an
 * expectation is wrong, as is one that binds an expectation to a step that it does not have.
 */
struct scenario *scenario_load(const char *path, bool local, const struct fault_type *const *types,
    struct conf_errors *errors);
void scenario_free(struct scenario *s);

/* A scenario, or a plain configuration: then there is no step, and its config alone matters. Names
 * must be in the file if it has a proxy. */
struct scenario *scenario_load_either(
    const char *path, const struct fault_type *const *types, struct conf_errors *errors);
