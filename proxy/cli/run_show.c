/*
 * The line, drawn over and over:
 *
 *     [#########-----------] 12.3 s of 27.0 s  STEP: WHAT  sessions 3, deaths 2, detected 1
 *
 * Deaths are sessions that a fault struck; detected are those whose application ended them then.
 * Where there is no room for all, the bar is shorter and what the step does is cut.
 */
#include "base/mono.h"
#include "cli/look.h"
#include "cli/run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR_CELLS 20
#define NARROW    110 /* columns; the bar is half as long below */
#define DRAW_NS   (100 * NS_PER_MS)
#define WIPE      "\r\033[K"

struct show {
	struct driver *run;
	bool redraws, color;
	int64_t drawn_ns;
	bool line;       /* there is one on the screen */
	json_t *open;    /* sessions, as keys "RELAY/ID" */
	json_t *clients; /* by their address: the session's key */
	json_t *struck;  /* as open; true: its application has ended it */
	unsigned deaths, detected;
};

struct show *show_new(struct driver *run)
{
	const char *term = getenv("TERM");
	struct show *s = run->o.quiet ? NULL : calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->run = run;
	s->redraws = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	s->color = look_of(STDERR_FILENO).color;
	s->open = json_object();
	s->clients = json_object();
	s->struck = json_object();
	return s;
}

bool show_redraws(const struct show *s)
{
	return s && s->redraws;
}

/* --- what is counted --- */

static char *key_of(char key[48], const struct record *r)
{
	snprintf(key, 48, "%u/%lld", r->relay, (long long)record_int(r, "session", 0));
	return key;
}

static void count_detected(struct show *s, const char *key)
{
	if (!key || !json_is_false(json_object_get(s->struck, key)))
		return;
	json_object_set_new(s->struck, key, json_true());
	s->detected++;
}

/* Its application has closed it, or its kernel has given up. */
static bool has_ended(const struct record *r)
{
	static const char *const ended[] = { "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK",
		"TIME-WAIT", "UNCONN", "CLOSE", "gone" };
	const char *state = record_text(r, "new");

	for (size_t i = 0; state && i < sizeof(ended) / sizeof(*ended); i++)
		if (!strcmp(state, ended[i]))
			return true;
	return false;
}

static void count(struct show *s, const struct record *r)
{
	char key[48];
	json_t *struck = json_object_get(s->struck, key_of(key, r));

	if (!strcmp(r->event, "session.opened")) {
		json_object_set_new(s->open, key, json_true());
		if (record_text(r, "client"))
			json_object_set_new(s->clients, record_text(r, "client"), json_string(key));
	} else if (!strcmp(r->event, "session.closed")) {
		json_object_del(s->open, key);
	} else if (!strcmp(r->event, "session.struck") && !struck) {
		json_object_set_new(s->struck, key, json_false());
		s->deaths++;
	} else if (!strcmp(r->event, "session.peer")) {
		count_detected(s, key);
	} else if (!strcmp(r->event, "peer.socket") && has_ended(r)) {
		count_detected(
		    s, json_string_value(json_object_get(s->clients, record_text(r, "client"))));
	}
}

/* --- lines --- */

static void wipe(struct show *s)
{
	if (s->line)
		(void)!write(STDERR_FILENO, WIPE, strlen(WIPE));
	s->line = false;
}

static void tell_step(struct show *s, const struct record *r)
{
	const char *result = record_text(r, "result"), *message = record_text(r, "message");
	const char *on = "", *off = "";

	if (s->color && result && strcmp(result, "pass") != 0)
		on = "\033[1;31m", off = "\033[0m";
	wipe(s);
	fprintf(stderr, "%9.3f s  %s: %s%s%s%s%s\n", (double)r->at_ns / (double)NS_PER_S,
	    record_text(r, "step"), on, result ? result : "?", off, message ? ": " : "",
	    message ? message : "");
}

void show_saw(struct show *s, const struct record *r)
{
	if (!s)
		return;
	count(s, r);
	if (!strcmp(r->event, "step.ended"))
		tell_step(s, r);
}

void show_through(struct show *s, int fd, const char *bytes, size_t len)
{
	if (s)
		wipe(s);
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

/* --- the line --- */

static int columns(void)
{
	return look_columns(STDERR_FILENO, 80);
}

/* Which step, and what it does. */
static void say_now(struct driver *run, char *buf, size_t size)
{
	if (run->player)
		player_now(run->player, buf, size);
	else
		snprintf(buf, size, run->began ? "cleaning up" : "waiting for traffic");
}

static void write_line(struct show *s, FILE *out)
{
	struct driver *run = s->run;
	const int cells = columns() < NARROW ? BAR_CELLS / 2 : BAR_CELLS;
	char time[64], now[256] = "", counts[96];
	double at_s = run->began ? (double)driver_now_ns(run) / (double)NS_PER_S : 0;
	double of_s = run->player ? (double)player_length_ns(run->player) / (double)NS_PER_S : 0;
	int full = of_s > 0 && at_s < of_s ? (int)(at_s / of_s * cells) : cells, room;

	putc('[', out);
	for (int i = 0; i < cells; i++)
		putc(run->began && i < full ? '#' : '-', out);
	snprintf(time, sizeof(time), of_s > at_s ? "%.1f s of %.1f s" : "%.1f s", at_s, of_s);
	snprintf(counts, sizeof(counts), "sessions %zu, deaths %u, detected %u",
	    json_object_size(s->open), s->deaths, s->detected);
	say_now(run, now, sizeof(now));
	room = columns() - 1 - (cells + (int)strlen("[]     ") + (int)strlen(time)) -
	       (int)strlen(counts);
	fprintf(out, "] %s  %.*s  %s", time, room > 0 ? room : 0, now, counts);
}

void show_draw(struct show *s)
{
	char *text = NULL;
	size_t len;
	FILE *out;

	if (!s || !s->redraws || mono_now_ns() < s->drawn_ns + DRAW_NS)
		return;
	s->drawn_ns = mono_now_ns();
	out = open_memstream(&text, &len);
	if (!out)
		return;
	write_line(s, out);
	if (!fclose(out)) {
		fprintf(stderr, WIPE "%s%.*s%s", s->color ? "\033[2m" : "", columns() - 1, text,
		    s->color ? "\033[0m" : "");
		s->line = true;
	}
	free(text);
}

void show_free(struct show *s)
{
	if (!s)
		return;
	wipe(s);
	json_decref(s->open);
	json_decref(s->clients);
	json_decref(s->struck);
	free(s);
}
