/*
 * A command that the driver starts, with all that it starts itself: a process group of its own,
 * which a terminal's ^C does not reach. Its output goes where the driver's goes.
 */
#pragma once
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct driver;

struct process {
	struct driver *run;
	pid_t pid;  /* 0: it was never started; else its group's number, too */
	bool alive; /* its first process; the group may have others */
	bool too_long;
	int status;                       /* as waitpid(2) has it, once it is not alive */
	struct event *outputs[2], *limit; /* what is passed on by hand, for a terminal's sake */
	void (*ended)(struct process *p);
};

/* p: all zero but for run and ended. stdout_fd: what its standard output is to be. False: errno
 * says why it cannot be run. argv[0] is looked for in PATH. */
bool process_start(struct process *p, char *const *argv, int stdout_fd);
void process_limit(struct process *p, int64_t limit_ns); /* killed then; too_long */
/* SIGTERM to the group, SIGKILL to what is left of it after patience_ns; waits for that. */
void process_stop(struct process *p, int64_t patience_ns);
void process_kill(const struct process *p, int signal); /* the group */
/* waitpid(2) has said so: was it this one? */
bool process_reap(struct process *p, pid_t pid, int status);
void process_free(struct process *p); /* nothing is ended */

/* "exited with status 3", "was ended by signal 9 (Killed)"; returns buf. */
char *process_status(char *buf, size_t size, int status);
