/*
 * A child from fork(2) to the end of its group. That it cannot be executed comes back through a
 * pipe which execvp(3) closes. Orphans of the group become the driver's (PR_SET_CHILD_SUBREAPER),
 * so that the group is gone when they are.
 */
#include "base/mono.h"
#include "cli/run.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK 4096

/* --- in the child --- */

static void set_environment(const json_t *environment)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)environment, name, value)
	    setenv(name, json_string_value(value), 1);
}

/* What the driver reads from its terminal is not for others: a group in the background that reads
 * from one is stopped. */
static void set_input(void)
{
	int null = isatty(STDIN_FILENO) ? open("/dev/null", O_RDONLY) : -1;

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		close(null);
	}
}

static void set_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

static void become(
    const struct process *p, char *const *argv, const int out[2], int report, pid_t parent)
{
	int error;

	setpgid(0, 0);
	set_signals();
	set_input();
	dup2(out[1], STDERR_FILENO); /* first: out[0] may be the driver's stderr */
	dup2(out[0], STDOUT_FILENO);
	set_environment(p->run->environment);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() == parent)
		execvp(argv[0], argv);
	error = errno;
	(void)!write(report, &error, sizeof(error));
	_exit(127);
}

/* --- output --- */

static void output_came(evutil_socket_t fd, short what, void *arg)
{
	struct process *p = arg;
	bool is_stdout = p->outputs[0] && event_get_fd(p->outputs[0]) == fd;
	char bytes[CHUNK];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)what;
	if (n > 0) {
		show_through(p->run->show,
		    is_stdout && !p->run->o.json ? STDOUT_FILENO : STDERR_FILENO, bytes, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		event_free(p->outputs[!is_stdout]);
		p->outputs[!is_stdout] = NULL;
		close(fd);
	}
}

/* Its end of a pipe when a line is drawn over on the same terminal; or the descriptor itself. */
static int output_of(struct process *p, int slot, int fd)
{
	int ends[2];

	if (!show_redraws(p->run->show) || !isatty(fd) || pipe2(ends, O_CLOEXEC) < 0)
		return fd;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	p->outputs[slot] = event_new(p->run->base, ends[0], EV_READ | EV_PERSIST, output_came, p);
	if (p->outputs[slot])
		event_add(p->outputs[slot], NULL);
	return ends[1];
}

static void close_outputs(struct process *p)
{
	for (int i = 0; i < 2; i++)
		if (p->outputs[i]) {
			close(event_get_fd(p->outputs[i]));
			event_free(p->outputs[i]);
			p->outputs[i] = NULL;
		}
}

/* What is left in the pipes. */
static void read_outputs(struct process *p)
{
	char bytes[CHUNK];
	ssize_t n;

	for (int i = 0; i < 2; i++)
		while (p->outputs[i] &&
		       (n = read(event_get_fd(p->outputs[i]), bytes, sizeof(bytes))) > 0)
			show_through(p->run->show, i || p->run->o.json ? 2 : 1, bytes, (size_t)n);
}

/* --- life --- */

static bool start(struct process *p, char *const *argv, const int out[2])
{
	int report[2], error = 0;
	pid_t parent = getpid();

	if (pipe2(report, O_CLOEXEC) < 0)
		return false;
	fflush(NULL);
	p->pid = fork();
	if (p->pid == 0)
		become(p, argv, out, report[1], parent);
	close(report[1]);
	if (p->pid < 0) {
		error = errno;
	} else {
		setpgid(p->pid, p->pid); /* whoever is first */
		if (read(report[0], &error, sizeof(error)) == sizeof(error))
			waitpid(p->pid, NULL, 0);
		else
			error = 0;
	}
	close(report[0]);
	errno = error;
	return !error;
}

bool process_start(struct process *p, char *const *argv, int stdout_fd)
{
	int out[2], error;

	p->alive = p->too_long = false;
	out[0] = output_of(p, 0, stdout_fd);
	out[1] = output_of(p, 1, STDERR_FILENO);
	p->alive = start(p, argv, out);
	error = errno;
	if (out[0] != stdout_fd)
		close(out[0]);
	if (out[1] != STDERR_FILENO)
		close(out[1]);
	if (!p->alive) {
		p->pid = 0;
		close_outputs(p);
	}
	errno = error;
	return p->alive;
}

static void limit_due(evutil_socket_t fd, short what, void *arg)
{
	struct process *p = arg;

	(void)fd, (void)what;
	p->too_long = p->alive;
	process_kill(p, SIGKILL);
}

void process_limit(struct process *p, int64_t limit_ns)
{
	const struct timeval t = { limit_ns / NS_PER_S, limit_ns % NS_PER_S / NS_PER_US };

	if (!p->limit)
		p->limit = event_new(p->run->base, -1, 0, limit_due, p);
	if (p->limit)
		event_add(p->limit, &t);
}

void process_kill(const struct process *p, int signal)
{
	if (p->pid > 0)
		kill(-p->pid, signal);
}

/* Its number is nobody else's as long as one of the group is there. */
static bool is_gone(const struct process *p)
{
	return p->pid <= 0 || (!p->alive && kill(-p->pid, 0) < 0);
}

static bool wait_gone(struct process *p, int64_t patience_ns)
{
	const int64_t until_ns = mono_now_ns() + patience_ns;

	while (!is_gone(p) && mono_now_ns() < until_ns)
		driver_turn(p->run); /* its tick looks again */
	return is_gone(p);
}

void process_stop(struct process *p, int64_t patience_ns)
{
	if (!is_gone(p)) {
		process_kill(p, SIGTERM);
		process_kill(p, SIGCONT); /* who is stopped would never know */
		if (!wait_gone(p, patience_ns)) {
			process_kill(p, SIGKILL);
			wait_gone(p, NS_PER_S);
		}
	}
	read_outputs(p);
	p->pid = 0;
}

bool process_reap(struct process *p, pid_t pid, int status)
{
	if (!p->alive || p->pid != pid)
		return false;
	p->alive = false;
	p->status = status;
	if (p->limit)
		event_del(p->limit);
	read_outputs(p);
	if (p->ended)
		p->ended(p);
	return true;
}

void process_free(struct process *p)
{
	close_outputs(p);
	if (p->limit)
		event_free(p->limit);
	p->limit = NULL;
}

char *process_status(char *buf, size_t size, int status)
{
	if (WIFSIGNALED(status))
		snprintf(buf, size, "was ended by signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		snprintf(buf, size, "exited with status %d", WEXITSTATUS(status));
	return buf;
}
