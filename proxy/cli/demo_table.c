/* The table at the end: for each cell what was seen, what should have been, and the same by
 * default. 109 columns; in a narrow terminal some of the peers below the others. */
#include "cli/demo_show.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEAD_WIDTH 13
#define CELL_WIDTH 19 /* the mark and two blanks not counted */

enum { LINE_SEEN, LINE_THEN, LINE_STATE, LINE_SHOULD, LINE_USUAL, N_LINES };

struct table {
	const struct demo *demo;
	struct look look;
	struct defaults defaults;
	int from, to; /* columns that stand side by side */
};

/* --- boxes --- */

enum { EDGE_TOP, EDGE_MIDDLE, EDGE_BOTTOM };

static void print_edge(const struct table *t, int which)
{
	const struct look *l = &t->look;
	static const char *const utf8[][3] = { { "┌", "┬", "┐" }, { "├", "┼", "┤" },
		{ "└", "┴", "┘" } };

	for (int column = t->from - 1; column < t->to; column++) {
		int width = column < t->from ? HEAD_WIDTH + 2 : CELL_WIDTH + 3;

		fputs(l->utf8 ? utf8[which][column >= t->from] : "+", stdout);
		while (width-- > 0)
			fputs(l->utf8 ? "─" : "-", stdout);
	}
	puts(l->utf8 ? utf8[which][2] : "+");
}

static const char *bar(const struct look *l)
{
	return l->utf8 ? "│" : "|";
}

/* --- cells --- */

static const char *grade_of(const struct demo *d, int row)
{
	return *d->rows[row].refused ? "refused" : d->rows[row].grade;
}

static const char *head_text(const struct table *t, int row, int line)
{
	static const char *const texts[N_LINES] = {
		[LINE_SHOULD] = "  should be",
		[LINE_USUAL] = "  by default",
	};

	if (line == LINE_SEEN || line == LINE_THEN)
		return line == LINE_SEEN ? demo_rows[row].head : demo_rows[row].note;
	return line == LINE_STATE ? grade_of(t->demo, row) : texts[line];
}

static const char *cell_text(const struct table *t, const struct peer *p, int line, char *buf)
{
	*buf = '\0';
	switch (line) {
	case LINE_SEEN:
		return p->verdict == VERDICT_REFUSED ? "not played" : words_seen(buf, p, 0);
	case LINE_THEN:
		return p->verdict == VERDICT_REFUSED ? "" : words_seen(buf, p, 1);
	case LINE_STATE:
		return p->verdict == VERDICT_REFUSED ? "" : words_state(buf, p);
	case LINE_SHOULD:
		return p->cell->text;
	default:
		return words_usual(buf, p->cell->usual, &t->defaults);
	}
}

static void print_cell(const struct table *t, const struct peer *p, int line)
{
	char buf[WORDS_MAX];
	const char *text = cell_text(t, p, line, buf);
	enum verdict v = line <= LINE_STATE ? p->verdict : VERDICT_PENDING; /* that is dim */

	printf("%s %s%s %-*s%s", bar(&t->look), look_color(&t->look, v),
	    line == LINE_SEEN ? look_mark(&t->look, p->verdict) : " ", CELL_WIDTH, text,
	    look_plain(&t->look));
}

static bool row_has_line(const struct table *t, int row, int line)
{
	char buf[WORDS_MAX];

	if (*head_text(t, row, line))
		return true;
	for (int column = t->from; column < t->to; column++)
		if (*cell_text(t, &t->demo->peers[row * DEMO_COLUMNS + column], line, buf))
			return true;
	return false;
}

static void print_row(const struct table *t, int row)
{
	for (int line = 0; line < N_LINES; line++) {
		if (!row_has_line(t, row, line))
			continue;
		printf("%s %-*s ", bar(&t->look), HEAD_WIDTH, head_text(t, row, line));
		for (int column = t->from; column < t->to; column++)
			print_cell(t, &t->demo->peers[row * DEMO_COLUMNS + column], line);
		puts(bar(&t->look));
	}
}

static void print_head(const struct table *t)
{
	const struct look *l = &t->look;

	printf("%s %-*s ", bar(l), HEAD_WIDTH, "the peer is:");
	for (int column = t->from; column < t->to; column++)
		printf("%s   %-*s", bar(l), CELL_WIDTH, demo_columns[column]);
	puts(bar(l));
}

static void print_peers(const struct table *t)
{
	print_edge(t, EDGE_TOP);
	print_head(t);
	for (int row = 0; row < DEMO_ROWS; row++) {
		print_edge(t, EDGE_MIDDLE);
		print_row(t, row);
	}
	print_edge(t, EDGE_BOTTOM);
}

/* How many columns the terminal has room for: all, half of them, or one. */
static int side_by_side(void)
{
	const int columns = look_columns(STDOUT_FILENO, INT_MAX);
	int n = DEMO_COLUMNS;

	while (n > 1 && HEAD_WIDTH + 4 + n * (CELL_WIDTH + 4) > columns)
		n /= 2;
	return n;
}

/* --- below it --- */

static void print_wrong(const struct table *t)
{
	for (int row = 0; row < DEMO_ROWS; row++)
		if (*t->demo->rows[row].refused)
			printf("%s %s: %s\n", look_mark(&t->look, VERDICT_REFUSED),
			    demo_rows[row].name, t->demo->rows[row].refused);
	for (const struct peer *p = t->demo->peers; p < t->demo->peers + DEMO_CELLS; p++)
		if (p->verdict == VERDICT_WRONG)
			printf("%s %s, %s: %s\n", look_mark(&t->look, VERDICT_WRONG),
			    demo_rows[p->row].name, demo_columns[p->column], p->why);
}

static void print_defaults(const struct defaults *d)
{
	char a[WORDS_MAX], b[WORDS_MAX], c[WORDS_MAX];

	puts("in this demo: TCP_KEEPIDLE 1 s + TCP_KEEPCNT 2 x TCP_KEEPINTVL 1 s; "
	     "TCP_USER_TIMEOUT 3 s; TCP_SYNCNT 1 (3 s)");
	puts("by default: this machine's own settings, by the model; measured times are 1 to 4 % "
	     "above");
	printf("  keepalive  tcp_keepalive_time %d + tcp_keepalive_probes %d x tcp_keepalive_intvl "
	       "%d = %.0f s "
	       "(%s)\n"
	       "  sending    tcp_retries2 %d = %.1f s (%s)\n"
	       "  connecting tcp_syn_retries %d, tcp_syn_linear_timeouts %d = %.0f s (%s)\n",
	    d->keep_time, d->keep_probes, d->keep_intvl, d->keepalive_s,
	    words_time(a, d->keepalive_s), d->retries2, d->sending_s, words_time(b, d->sending_s),
	    d->syn_retries, d->syn_linear, d->connecting_s, words_time(c, d->connecting_s));
}

static void print_wire(const struct demo *d)
{
	static const char *const powers[] = { "filter", "repair", "signature", "minttl", "mute" };
	const char *advice = wire_advice(&d->wire);
	int family = d->family == AF_INET6 ? WIRE_V6 : WIRE_V4;
	const char *comma = "";

	printf("wire: grade %s on IPv%d, as %s (",
	    grade_names[wire_grade(&d->wire, d->family, WIRE_BOTH)], family == WIRE_V6 ? 6 : 4,
	    geteuid() ? "an ordinary user" : "root");
	for (size_t i = 0; i < sizeof(powers) / sizeof(*powers); i++)
		if (d->wire.powers[family] & 1u << i)
			printf("%s%s", comma, powers[i]), comma = ", ";
	printf("%s)", d->wire.powers[family] ? "" : "no rung");
	if (advice)
		printf("\n      for more, grant %s (see deadpeer doctor)", advice);
	putchar('\n');
}

void table_print(const struct demo *d)
{
	struct table t = { .demo = d, .look = look_of(STDOUT_FILENO) };
	int right = 0;

	defaults_read(&t.defaults);
	putchar('\n');
	for (; t.from < DEMO_COLUMNS; t.from = t.to) {
		t.to = t.from + side_by_side();
		print_peers(&t);
	}
	print_wrong(&t);
	print_defaults(&t.defaults);
	print_wire(d);
	for (const struct peer *p = d->peers; p < d->peers + DEMO_CELLS; p++)
		right += p->verdict == VERDICT_RIGHT;
	printf("%s%d of %d are as they should be.%s\n",
	    look_color(&t.look, right == DEMO_CELLS ? VERDICT_RIGHT : VERDICT_WRONG), right,
	    DEMO_CELLS, look_plain(&t.look));
}
