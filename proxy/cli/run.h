/*
 * deadpeer run, inside. Not for other subcommands.
 *
 *     run.c          a run, from its options to its exit code
 *     run_options.*  the command line
 *     run_relay.*    the relays (run_own.c, run_events.c): what they tell -> driver_saw()
 *     run_watch.*    the application's sockets -> driver_saw()
 *     run_command.c  the command, and what it is told
 *     run_process.*  its process, and what run= starts
 *     run_stage.c    what the player wants (control/stage.h) -> calls of the API
 *     run_show.*     what is seen while it plays
 *     run_end.c      verdict, reports
 *
 *     driver_saw() -> journal, player, show
 *
 * One loop; setting up and cleaning up wait in it for one answer after the other (relay_ask()).
 */
#pragma once
#include "cli/run_options.h"
#include "cli/run_process.h"
#include "cli/run_relay.h"
#include "cli/run_show.h"
#include "cli/run_watch.h"
#include "control/await.h"
#include "control/player.h"
#include <sys/queue.h>

/* Exit codes beyond cli.h. */
enum { RUN_PASS, RUN_FAIL, RUN_USAGE, RUN_VACUOUS, RUN_NOT_INJECTED, RUN_SIGNAL = 128 };

#define RUN_SIGNALS 4

struct order_pending;

struct driver {
	struct stage stage; /* the first: the player has it alone */
	struct run_options o;
	struct scenario *scenario;
	uint64_t seed;
	char *text; /* the scenario as it is written, before it is played */
	char *replay;
	char **command_words; /* NULL-terminated; NULL: there is no command */
	char started[31];
	struct event_base *base;
	struct event *signals[RUN_SIGNALS], *tick, *wake;
	int signal; /* the first that came; 0: none */
	struct run_relay relays[RUN_RELAYS];
	unsigned n_relays;
	struct own_relay own;
	json_t *environment; /* of the command: {name: value} */
	struct process command, shell;
	stage_done *shell_done;
	void *shell_arg;
	struct journal journal;
	bool no_memory;        /* a record is missing */
	int64_t zero_ns;       /* when the scenario's time began; before: when all this began */
	bool began, ended;     /* the scenario's time; ended: nothing counts any more */
	struct player *player; /* NULL: not yet */
	struct await *traffic; /* start=traffic: until it came */
	struct watch *watch;
	struct show *show;
	TAILQ_HEAD(, order_pending) orders; /* under way */
};

/* Something has happened; at_ns is mono_now_ns()'s. Takes over fields. */
void driver_saw(
    struct driver *run, int64_t mono_ns, unsigned relay, const char *event, json_t *fields);
/* The driver's own, now. */
void driver_tell(struct driver *run, const char *event, json_t *fields);
/* Since the scenario's time began. */
int64_t driver_now_ns(const struct driver *run);
/* One turn of the loop. */
void driver_turn(struct driver *run);
/* "deadpeer run: ..." on stderr. */
void driver_say(struct driver *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- run_command.c --- */

bool command_make(struct driver *run);         /* its words; false: no memory */
bool command_find_proxies(struct driver *run); /* for its environment and the watch; likewise */
int command_start(struct driver *run);         /* 0, or an exit code: it has been said why */
void command_ended(struct process *p);

/* --- run_stage.c --- */

extern const struct stage_ops run_stage_ops;
void stage_cancel(struct driver *run); /* what was asked for does not come back */
void stage_shell_ended(struct process *p);

/* --- run_end.c --- */

char *driver_read_text(const char *path);   /* of a scenario; the caller's */
bool driver_may_report(struct driver *run); /* before all that would be lost */
/* The verdict, told as the options want it. Its exit code. */
int driver_judge(struct driver *run);
/* Of the run that was recorded. */
int driver_judge_again(struct driver *run);
