/*
 * The loop: asks for all of it, draws it when all has come, sleeps, asks again. The terminal is
 * given back as it was, however this ends.
 */
#include "cli/top.h"
#include "base/mono.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/ctl.h"
#include "cli/demo_show.h" /* look_of() */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SESSIONS_SHOWN 64
#define CALLS          4
#define SIGNALS        5
#define INTERVAL_LEAST (100 * NS_PER_MS)

/* The alternate screen, and no cursor. */
#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"

struct top;

/* One of the things that it asks for. */
struct question {
	struct top *top;
	struct client *call; /* under way */
	json_t **into;       /* NULL: lines */
};

struct top {
	struct ctl *ctl;
	struct event_base *base;
	struct event *tick, *keys, *signals[SIGNALS];
	struct question questions[CALLS];
	struct top_view view;
	char error[512], asked_error[512];
	json_t *proxies_before;
	int64_t interval_ns, proxies_ns; /* when the proxies were last told */
	uint64_t seq;                    /* of the newest event */
	int under_way;
	struct termios saved;
};

/* --- drawing --- */

static void measure_screen(struct top_view *v)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
		size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	v->rows = size.ws_row;
	v->columns = size.ws_col;
}

static void draw(struct top *t)
{
	time_t now = time(NULL);
	struct tm tm;
	char *frame;

	localtime_r(&now, &tm);
	strftime(t->view.clock, sizeof(t->view.clock), "%H:%M:%S", &tm);
	measure_screen(&t->view);
	frame = top_draw(&t->view);
	if (frame && (fputs(frame, stdout) == EOF || fflush(stdout)))
		event_base_loopbreak(t->base);
	free(frame);
}

/* --- asking --- */

static void forget_events(struct top_view *v)
{
	while (v->n_events > 0)
		free(v->events[--v->n_events]);
}

static bool event_came(void *arg, const char *line)
{
	struct top *t = arg;
	struct top_view *v = &t->view;
	json_t *record = json_loads(line, 0, NULL);
	char *text = NULL;
	size_t len;
	FILE *out = record ? open_memstream(&text, &len) : NULL;

	if (record && !t->seq)
		forget_events(v);
	if (out) {
		ctl_print_event(out, record);
		fclose(out);
		text[strcspn(text, "\n")] = '\0';
		t->seq = (uint64_t)json_integer_value(json_object_get(record, "seq"));
		if (v->n_events == TOP_EVENTS) {
			free(v->events[0]);
			memmove(v->events, v->events + 1, (TOP_EVENTS - 1) * sizeof(*v->events));
			v->n_events--;
		}
		v->events[v->n_events++] = text;
	}
	json_decref(record);
	return true;
}

static void take_proxies(struct top *t)
{
	int64_t now_ns = mono_now_ns();

	top_add_rates(t->view.proxies, t->proxies_before, now_ns - t->proxies_ns);
	t->proxies_ns = now_ns;
}

static void all_came(struct top *t)
{
	struct timeval later = { .tv_sec = t->interval_ns / NS_PER_S,
		.tv_usec = t->interval_ns % NS_PER_S / NS_PER_US };

	snprintf(t->error, sizeof(t->error), "%s", t->asked_error);
	if (*t->error) /* the next one there may be another, which counts from 1 */
		t->seq = 0;
	event_add(t->tick, &later);
	draw(t);
}

static void answered(void *arg, struct answer *a)
{
	struct question *q = arg;
	struct top *t = q->top;
	json_t *fresh = q->into && a->status == 200 ? json_loads(a->body, 0, NULL) : NULL;

	q->call = NULL;
	if (!a->status)
		snprintf(t->asked_error, sizeof(t->asked_error), "%s", a->error);
	else if (a->status != 200)
		snprintf(t->asked_error, sizeof(t->asked_error), "%s answers with status %d",
		    t->view.server, a->status);
	if (fresh && q->into == &t->view.proxies) {
		json_decref(t->proxies_before);
		t->proxies_before = t->view.proxies;
		t->view.proxies = NULL;
	}
	if (fresh) {
		json_decref(*q->into);
		*q->into = fresh;
	}
	if (fresh && q->into == &t->view.proxies)
		take_proxies(t);
	answer_free(a);
	if (!--t->under_way)
		all_came(t);
}

static void ask(struct top *t, int i, const char *path, json_t **into)
{
	struct question *q = &t->questions[i];
	const struct request r = {
		.method = "GET", .path = path, .line = into ? NULL : event_came, .arg = t
	};

	*q = (struct question){ .top = t, .into = into };
	q->call = client_start(t->base, &t->ctl->server, &r, answered, q);
	if (q->call)
		t->under_way++;
}

static void tick_due(evutil_socket_t fd, short what, void *arg)
{
	struct top *t = arg;
	char events[64], sessions[64];

	(void)fd, (void)what;
	if (t->under_way)
		return;
	*t->asked_error = '\0';
	snprintf(events, sizeof(events), "/v1/events?since=%llu", (unsigned long long)t->seq);
	snprintf(sessions, sizeof(sessions), "/v1/sessions?limit=%d", SESSIONS_SHOWN);
	ask(t, 0, "/v1/proxies", &t->view.proxies);
	ask(t, 1, "/v1/faults", &t->view.faults);
	ask(t, 2, sessions, &t->view.sessions);
	ask(t, 3, events, NULL);
	if (!t->under_way)
		event_base_loopbreak(t->base); /* no memory */
}

/* --- the terminal --- */

static void key_came(evutil_socket_t fd, short what, void *arg)
{
	struct top *t = arg;
	char keys[16];
	ssize_t n = read(fd, keys, sizeof(keys));

	(void)what;
	if (n <= 0 || memchr(keys, 'q', (size_t)n) || memchr(keys, 'Q', (size_t)n))
		event_base_loopbreak(t->base);
	else
		event_active(t->tick, EV_TIMEOUT, 0);
}

static void signal_came(evutil_socket_t signal, short what, void *arg)
{
	struct top *t = arg;

	(void)what;
	if (signal == SIGWINCH)
		draw(t);
	else
		event_base_loopbreak(t->base);
}

static void enter_screen(struct top *t)
{
	struct termios raw;

	tcgetattr(STDIN_FILENO, &t->saved);
	raw = t->saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* nobody would give the screen back */
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs(SCREEN_ENTER, stdout);
	fflush(stdout);
}

static void leave_screen(struct top *t)
{
	fputs(SCREEN_LEAVE, stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
}

/* --- life --- */

static bool start(struct top *t)
{
	static const int signals[SIGNALS] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };

	t->base = event_base_new();
	if (!t->base)
		return false;
	t->tick = event_new(t->base, -1, 0, tick_due, t);
	t->keys = event_new(t->base, STDIN_FILENO, EV_READ | EV_PERSIST, key_came, t);
	for (int i = 0; i < SIGNALS; i++) {
		t->signals[i] = evsignal_new(t->base, signals[i], signal_came, t);
		if (!t->signals[i] || event_add(t->signals[i], NULL))
			return false;
	}
	if (!t->tick || !t->keys || event_add(t->keys, NULL))
		return false;
	event_active(t->tick, EV_TIMEOUT, 0);
	return true;
}

static void stop(struct top *t)
{
	for (int i = 0; i < CALLS; i++)
		if (t->questions[i].call)
			client_cancel(t->questions[i].call);
	for (int i = 0; i < SIGNALS; i++)
		if (t->signals[i])
			event_free(t->signals[i]);
	if (t->tick)
		event_free(t->tick);
	if (t->keys)
		event_free(t->keys);
	if (t->base)
		event_base_free(t->base);
	forget_events(&t->view);
	json_decref(t->proxies_before);
	json_decref(t->view.proxies);
	json_decref(t->view.faults);
	json_decref(t->view.sessions);
}

static int check(struct ctl *c, int64_t *interval_ns)
{
	const char *text = ctl_flag(c, "interval"), *term = getenv("TERM"), *want;
	json_t *version;
	int code;

	want = text ? units_parse_duration(text, interval_ns) : NULL;
	if (!want && *interval_ns < INTERVAL_LEAST)
		want = "100ms or more";
	if (want)
		ctl_wrong(c, "--interval: expected %s, got \"%s\"", want, text);
	else if (c->json || c->quiet)
		ctl_wrong(c, "it is for people: try `deadpeer events -f --json`");
	else if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		ctl_wrong(c, "this is no terminal: try `deadpeer list` or `deadpeer events -f`");
	else if (term && !strcmp(term, "dumb"))
		ctl_wrong(
		    c, "TERM=dumb has no screen: try `deadpeer list` or `deadpeer events -f`");
	else {
		code = ctl_call(c, "GET", "/v1/version", NULL, &version);
		json_decref(version);
		return code;
	}
	return EXIT_USAGE;
}

int run_top(struct ctl *c)
{
	struct top t = { .ctl = c, .interval_ns = NS_PER_S };
	int code = check(c, &t.interval_ns);

	if (code != EXIT_DONE)
		return code;
	t.view.server = c->server.text;
	t.view.error = t.error;
	t.view.color = look_of(STDOUT_FILENO).color;
	if (start(&t)) {
		enter_screen(&t);
		event_base_dispatch(t.base);
		leave_screen(&t);
	} else {
		fprintf(stderr, "%s: %s\n", c->called, strerror(errno ? errno : ENOMEM));
		code = EXIT_FAILED;
	}
	stop(&t);
	return code;
}
