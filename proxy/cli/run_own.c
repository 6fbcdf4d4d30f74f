/*
 * The driver's own relay: `deadpeer serve` with the scenario's configuration on its standard input
 * and its API on a Unix socket that nobody else reaches. Its timeline is a file, which neither a
 * burst nor its sudden end makes shorter. The kernel kills it when the driver dies.
 */
#include "base/mono.h"
#include "cli/run.h"
#include "kernel/wire.h"
#include "model/config_json.h"
#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_NS     (30 * NS_PER_S) /* names are looked up before it is ready */
#define STOP_NS      (2 * NS_PER_S)
#define ERRORS_BYTES (64u << 10) /* the last of what it says */
#define CHUNK        65536

/* --- its configuration --- */

static json_t *own_config(const struct driver *run)
{
	json_t *o = config_json(run->scenario->config), *settings = json_object_get(o, "settings");

	json_object_set_new(settings, "seed", json_sprintf("%llu", (unsigned long long)run->seed));
	json_object_set_new(settings, "admin", json_sprintf("unix:%s/admin", run->own.dir));
	json_object_set_new(settings, "events", json_sprintf("%s/events", run->own.dir));
	json_object_del(settings, "admin_token_file");
	json_object_set_new(settings, "witness", json_string("yes"));
	if (run->o.rung >= 0)
		json_object_set_new(settings, "rung", json_string(rung_names[run->o.rung]));
	return o;
}

/* False: it has been said. */
static bool write_config(struct driver *run, FILE *out)
{
	json_t *config = own_config(run);
	char err[1024];
	bool said = config_write(config, out, err, sizeof(err));

	if (!said)
		driver_say(run, "its configuration %s", err);
	json_decref(config);
	return said && !ferror(out);
}

/* A file without a name, at its beginning; -1: errno. */
static int config_file(struct driver *run)
{
	int fd = memfd_create("scenario", MFD_CLOEXEC), copy = fd < 0 ? -1 : dup(fd);
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
	bool written = out && write_config(run, out);

	if (out && fclose(out))
		written = false;
	if (fd >= 0 && (!written || lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* --- what it says --- */

/* Whole lines of its timeline. */
static void pass_events(struct driver *run)
{
	char *text;

	while ((text = evbuffer_readln(run->own.events, NULL, EVBUFFER_EOL_LF))) {
		if (!run->own.ready && strstr(text, "\"event\":\"deadpeer.ready\""))
			run->own.ready = true;
		events_line(&run->relays[0], text);
		free(text);
	}
}

void own_read(struct driver *run)
{
	char bytes[CHUNK];
	ssize_t n;

	if (run->own.events_fd < 0)
		return;
	while ((n = read(run->own.events_fd, bytes, sizeof(bytes))) > 0) {
		evbuffer_add(run->own.events, bytes, (size_t)n);
		pass_events(run);
	}
}

static void file_changed(evutil_socket_t fd, short what, void *arg)
{
	char notes[4096];

	(void)what;
	while (read(fd, notes, sizeof(notes)) > 0)
		;
	own_read(arg);
}

/* False: that was the last. */
static bool keep_errors(struct own_relay *own)
{
	char bytes[4096];
	ssize_t n = -1;
	size_t len;

	while (own->errors_fd >= 0 && (n = read(own->errors_fd, bytes, sizeof(bytes))) > 0)
		evbuffer_add(own->errors, bytes, (size_t)n);
	len = evbuffer_get_length(own->errors);
	if (len > ERRORS_BYTES)
		evbuffer_drain(own->errors, len - ERRORS_BYTES);
	return n != 0;
}

static void complained(evutil_socket_t fd, short what, void *arg)
{
	struct driver *run = arg;

	(void)fd, (void)what;
	if (!keep_errors(&run->own))
		event_del(run->own.complained);
}

/* What it said before it ended. */
static void show_errors(struct driver *run)
{
	char *text;

	keep_errors(&run->own);
	while ((text = evbuffer_readln(run->own.errors, NULL, EVBUFFER_EOL_LF))) {
		if (!strstr(text, " event=deadpeer.start ")) /* that is no complaint */
			driver_say(run, "its relay: %s", text);
		free(text);
	}
}

/* --- its beginning --- */

static bool make_dir(struct own_relay *own)
{
	const char *tmp = getenv("TMPDIR");

	if (!tmp || *tmp != '/' || strlen(tmp) > 74) /* a socket's path is short */
		tmp = "/tmp";
	snprintf(own->dir, sizeof(own->dir), "%s/deadpeer-run-XXXXXX", tmp);
	if (mkdtemp(own->dir)) /* 0700 */
		return true;
	*own->dir = '\0';
	return false;
}

static bool open_events(struct driver *run)
{
	struct own_relay *own = &run->own;
	char path[128];

	snprintf(path, sizeof(path), "%s/events", own->dir);
	own->events_fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	own->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (own->events_fd < 0 || own->inotify_fd < 0 ||
	    inotify_add_watch(own->inotify_fd, path, IN_MODIFY) < 0)
		return false;
	own->events = evbuffer_new();
	own->errors = evbuffer_new();
	own->changed =
	    event_new(run->base, own->inotify_fd, EV_READ | EV_PERSIST, file_changed, run);
	return own->events && own->errors && own->changed && !event_add(own->changed, NULL);
}

static void become(int config, int errors, pid_t parent)
{
	int null = open("/dev/null", O_WRONLY);
	char serve[] = "serve", file[] = "-c", from[] = "-", name[] = "deadpeer";
	char *argv[] = { name, serve, file, from, NULL };
	sigset_t none;

	setpgid(0, 0); /* ^C is the driver's */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(config, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(errors, STDERR_FILENO);
	unsetenv("DEADPEER_ADMIN_TOKEN");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		execv("/proc/self/exe", argv);
	fprintf(stderr, "/proc/self/exe: %m\n");
	_exit(127);
}

static bool start(struct driver *run)
{
	struct own_relay *own = &run->own;
	int config, ends[2];
	pid_t parent = getpid();

	if (!make_dir(own) || !open_events(run) || (config = config_file(run)) < 0)
		return false;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		close(config);
		return false;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	own->errors_fd = ends[0];
	own->complained = event_new(run->base, ends[0], EV_READ | EV_PERSIST, complained, run);
	fflush(NULL);
	own->pid = own->complained && !event_add(own->complained, NULL) ? fork() : -1;
	if (own->pid == 0)
		become(config, ends[1], parent);
	own->alive = own->pid > 0;
	close(ends[1]);
	close(config);
	return own->alive;
}

/* What serve would say and exit with 1 for, which here is the kernel's fault. */
static bool rung_is_there(struct driver *run)
{
	struct settings *set = &run->scenario->config->settings;
	struct wire wire;

	if ((run->o.rung >= 0 ? run->o.rung : set->rung) != RUNG_EXACT)
		return true;
	wire_probe(&wire);
	if (wire_grade(&wire, AF_INET, WIRE_BOTH) == GRADE_EXACT)
		return true;
	driver_say(run, "rung exact: this needs CAP_NET_ADMIN (see deadpeer doctor)");
	return false;
}

int own_start(struct driver *run)
{
	const int64_t until_ns = mono_now_ns() + READY_NS;
	char admin[ADDR_TEXT_MAX], err[512];

	if (!rung_is_there(run))
		return RUN_NOT_INJECTED;
	run->n_relays = 1;
	run->relays[0] = (struct run_relay){ .run = run, .is_own = true };
	if (!start(run)) {
		driver_say(run, "its relay cannot be started: %s", strerror(errno));
		return RUN_NOT_INJECTED;
	}
	while (run->own.alive && !run->own.ready && !run->signal && mono_now_ns() < until_ns)
		driver_turn(run);
	if (run->signal)
		return RUN_SIGNAL + run->signal;
	if (!run->own.ready) {
		if (run->own.alive)
			driver_say(run, "its relay is not ready within 30 s");
		show_errors(run);
		return run->own.alive ? RUN_NOT_INJECTED : RUN_USAGE;
	}
	snprintf(admin, sizeof(admin), "unix:%s/admin", run->own.dir);
	if (server_find(&run->relays[0].server, admin, NULL, err, sizeof(err)) == SERVER_FOUND)
		return 0;
	driver_say(run, "%s", err);
	return RUN_NOT_INJECTED;
}

/* --- its end --- */

bool own_reap(struct driver *run, pid_t pid, int status)
{
	struct own_relay *own = &run->own;
	char how[96];

	if (!own->alive || own->pid != pid)
		return false;
	own->alive = false;
	own->status = status;
	own_read(run);
	if (!own->ready || run->ended)
		return true;
	driver_say(run, "its relay %s", process_status(how, sizeof(how), status));
	show_errors(run);
	if (run->player)
		player_stop(run->player, "the relay has ended");
	return true;
}

static void remove_dir(struct own_relay *own)
{
	static const char *const names[] = { "events", "admin" };
	char path[128];

	if (!*own->dir)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", own->dir, names[i]);
		unlink(path);
	}
	rmdir(own->dir);
	*own->dir = '\0';
}

void own_kill(struct driver *run)
{
	if (run->own.alive)
		kill(run->own.pid, SIGKILL);
	remove_dir(&run->own);
}

/* Twice SIGTERM is at once. */
void own_stop(struct driver *run)
{
	struct own_relay *own = &run->own;
	int64_t until_ns = mono_now_ns() + STOP_NS;

	if (own->alive)
		kill(own->pid, SIGTERM);
	for (int64_t again_ns = 0; own->alive && mono_now_ns() < until_ns;) {
		driver_turn(run);
		if (own->alive && mono_now_ns() > again_ns) {
			kill(own->pid, SIGTERM);
			again_ns = mono_now_ns() + 100 * NS_PER_MS;
		}
	}
	if (own->alive)
		kill(own->pid, SIGKILL);
	for (until_ns = mono_now_ns() + STOP_NS; own->alive && mono_now_ns() < until_ns;)
		driver_turn(run);
	remove_dir(own);
}

void own_free(struct driver *run)
{
	struct own_relay *own = &run->own;
	const int fds[] = { own->events_fd, own->inotify_fd, own->errors_fd };

	if (own->changed)
		event_free(own->changed);
	if (own->complained)
		event_free(own->complained);
	if (own->events)
		evbuffer_free(own->events);
	if (own->errors)
		evbuffer_free(own->errors);
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}
