/*
 * What is seen while the demo runs. On a terminal a board that is drawn over and over; elsewhere a
 * line for each thing that happens.
 */
#include "base/mono.h"
#include "cli/demo_show.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOARD_WIDTH 105
#define BAR_CELLS   72
#define DRAW_EVERY  (100 * NS_PER_MS)

/* --- look --- */

const char *look_mark(const struct look *l, enum verdict v)
{
	static const char *const marks[][2] = {
		[VERDICT_PENDING] = { ".", "·" },
		[VERDICT_RIGHT] = { "+", "✓" },
		[VERDICT_WRONG] = { "X", "✗" },
		[VERDICT_REFUSED] = { "-", "–" },
	};

	return marks[v][l->utf8];
}

const char *look_color(const struct look *l, enum verdict v)
{
	static const char *const colors[] = {
		[VERDICT_PENDING] = "\033[2m",
		[VERDICT_RIGHT] = "\033[32m",
		[VERDICT_WRONG] = "\033[1;31m",
		[VERDICT_REFUSED] = "\033[33m",
	};

	return l->color ? colors[v] : "";
}

const char *look_plain(const struct look *l)
{
	return l->color ? "\033[0m" : "";
}

/* --- the board --- */

struct board {
	struct demo *demo;
	struct look look;
	enum demo_phase phase;
	int told[DEMO_CELLS]; /* how much of what each peer saw */
	int lines;            /* drawn */
	int64_t drawn_ns;
};

struct board *board_new(struct demo *d)
{
	struct board *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->demo = d;
	b->look = look_of(STDOUT_FILENO);
	/* a line that is broken in two cannot be drawn over */
	b->look.redraw &= look_columns(STDOUT_FILENO, BOARD_WIDTH) >= BOARD_WIDTH;
	printf("deadpeer demo: %d ways to die x %d peers = %d real connections on %s, as %s\n",
	    DEMO_ROWS, DEMO_COLUMNS, DEMO_CELLS, d->family == AF_INET6 ? "[::1]" : "127.0.0.1",
	    geteuid() ? "an ordinary user" : "root");
	fflush(stdout);
	return b;
}

static void wipe(struct board *b)
{
	if (b->lines)
		printf("\033[%dA\033[J", b->lines);
	b->lines = 0;
}

static void draw_bar(struct board *b)
{
	double now_s = demo_now_s(b->demo), share = now_s < 0 ? 0 : now_s / DEMO_LASTS_S;
	int full = (int)(share * BAR_CELLS);

	if (now_s < 0)
		fputs("  everybody connects and talks  ", stdout);
	else
		printf("  dead for %4.1f s of %.0f          ", now_s, DEMO_LASTS_S);
	for (int i = 0; i < BAR_CELLS; i++)
		fputs(b->look.utf8 ? (i < full ? "█" : "░") : (i < full ? "#" : "-"), stdout);
	putchar('\n');
}

static void draw_cell(struct board *b, const struct peer *p)
{
	char words[WORDS_MAX] = "";
	enum verdict v = judge_so_far(p);

	/* Until something is seen, time itself is what is to be seen. */
	if (v == VERDICT_REFUSED)
		snprintf(words, sizeof(words), "refused");
	else if (p->n_seen)
		words_event(words, &p->seen[p->n_seen - 1]);
	else if (b->demo->death_ns)
		snprintf(words, sizeof(words), "nothing %.1f s", demo_now_s(b->demo));
	printf(" %s%-20s%s", look_color(&b->look, v), words, look_plain(&b->look));
}

static void draw(struct board *b)
{
	wipe(b);
	draw_bar(b);
	printf("  %-18s", "");
	for (int column = 0; column < DEMO_COLUMNS; column++)
		printf(" %-20s", demo_columns[column]);
	putchar('\n');
	for (int row = 0; row < DEMO_ROWS; row++) {
		printf("  %-18s", demo_rows[row].name);
		for (int column = 0; column < DEMO_COLUMNS; column++)
			draw_cell(b, &b->demo->peers[row * DEMO_COLUMNS + column]);
		putchar('\n');
	}
	b->lines = DEMO_ROWS + 2;
	fflush(stdout);
}

/* --- lines --- */

static void tell_phase(struct board *b)
{
	static const char *const words[] = {
		[PHASE_GREET] = "everybody has connected and talks",
		[PHASE_DEATH] = "all machines die",
		[PHASE_OVER] = "the end: who has seen nothing until now never will",
	};
	double now_s = demo_now_s(b->demo);

	for (; b->phase < b->demo->phase; b->phase++)
		if (b->phase + 1 == PHASE_GREET)
			printf("          %s\n", words[PHASE_GREET]);
		else
			printf("  %4.1f s  %s\n", now_s, words[b->phase + 1]);
}

static void tell_seen(struct board *b)
{
	for (int i = 0; i < DEMO_CELLS; i++) {
		const struct peer *p = &b->demo->peers[i];

		for (; b->told[i] < p->n_seen; b->told[i]++)
			printf("  %4.1f s  %s, %s: %s\n", p->seen[b->told[i]].at_s,
			    demo_rows[p->row].name, demo_columns[p->column],
			    words_saw(p->seen[b->told[i]].what));
	}
	fflush(stdout);
}

void board_tick(struct board *b)
{
	int64_t now = mono_now_ns();

	if (!b->look.redraw) {
		tell_phase(b);
		tell_seen(b);
	} else if (now - b->drawn_ns >= DRAW_EVERY) {
		b->drawn_ns = now;
		draw(b);
	}
}

void board_free(struct board *b)
{
	if (!b)
		return;
	wipe(b);
	fflush(stdout);
	free(b);
}
