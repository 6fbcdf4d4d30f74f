/*
 * Attempts to connect: time across, a row per client; above them all clients together, as attempts
 * a second, in which a storm stands out. Attempts that would cover each other are one, larger.
 */
#include "base/mono.h"
#include "control/report_escape.h"
#include "control/report_page.h"
#include "control/report_parts.h"
#include "control/report_svg.h"
#include <stdlib.h>
#include <string.h>

#define CLIENTS_MAX 60
#define BINS        120
#define TOGETHER    1.3 /* percent */

enum { DOT_HEIGHT = 22, STORM_HEIGHT = 56 };

static const struct {
	const char *outcome, *words;
} outcomes[] = {
	{ "accepted", "accepted" },
	{ "refused", "refused (RST)" },
	{ "unanswered", "no answer" },
	{ "unknown", "not known what became of it" },
};
#define OUTCOMES (sizeof(outcomes) / sizeof(*outcomes))

struct picture {
	FILE *out;
	const json_t *verdict;
	struct axis axis;
	json_t *clients; /* who: array of attempts, in the order of the first */
};

static void index_clients(struct picture *p)
{
	const json_t *attempt;
	size_t i;

	p->clients = json_object();
	json_array_foreach(part_list(p->verdict, "attempts"), i, attempt)
	{
		char *who = part_who(attempt);
		json_t *list = who ? json_object_get(p->clients, who) : NULL;

		if (who && !list) {
			list = json_array();
			json_object_set_new_nocheck(p->clients, who, list);
		}
		json_array_append(list, (json_t *)attempt);
		free(who);
	}
}

static int64_t latest(const json_t *verdict)
{
	int64_t most = part_int(json_object_get(verdict, "run"), "duration_ns", 0);
	const json_t *attempt;
	size_t i;

	json_array_foreach(part_list(verdict, "attempts"), i, attempt)
	{
		int64_t at = part_int(attempt, "at_ns", 0);

		most = at > most ? at : most;
	}
	return most;
}

static void shade(const struct picture *p, int height)
{
	const json_t *fault;
	size_t i;

	json_array_foreach(
	    part_list(p->verdict, "faults"), i, fault) if (part_has(fault, "active_ns") && i < 100)
	    svg_rect(p->out, "window", axis_percent(&p->axis, part_int(fault, "active_ns", 0)),
		axis_percent(&p->axis, part_int(fault, "lifted_ns", p->axis.to_ns)), 0, height,
		part_text(fault, "name"));
}

/* --- all together --- */

/* How many in the second that begins with the i-th attempt; they are in the order of time. */
static size_t busiest_second(const json_t *attempts)
{
	size_t n = json_array_size(attempts), first = 0, most = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t at = part_int(json_array_get(attempts, i), "at_ns", 0);

		while (at - part_int(json_array_get(attempts, first), "at_ns", 0) > NS_PER_S)
			first++;
		most = i - first + 1 > most ? i - first + 1 : most;
	}
	return most;
}

static void write_storm(const struct picture *p)
{
	const json_t *attempts = part_list(p->verdict, "attempts"), *attempt;
	unsigned bins[BINS] = { 0 }, most = 1;
	int64_t width = p->axis.to_ns / BINS + 1;
	char *words = words_make("%zu attempts; %zu in the busiest second",
	    json_array_size(attempts), busiest_second(attempts));
	size_t i;

	json_array_foreach(attempts, i, attempt)
	{
		int64_t bin = part_int(attempt, "at_ns", 0) / width;
		unsigned n = ++bins[bin < 0 ? 0 : bin < BINS ? bin : BINS - 1];

		most = n > most ? n : most;
	}
	row_begin(p->out, "storm");
	markup_printf(p->out, "<b>all clients</b> <span class=\"dim\">%s</span>", words);
	row_strip(p->out, STORM_HEIGHT, words);
	shade(p, STORM_HEIGHT);
	axis_grid(p->out, &p->axis, STORM_HEIGHT);
	for (i = 0; i < BINS; i++) {
		int height = (int)((STORM_HEIGHT - 4) * bins[i] / most);
		int64_t from = (int64_t)i * width;
		char at[40], *tooltip;

		if (!bins[i])
			continue;
		height = height > 2 ? height : 2;
		tooltip =
		    words_make("%u from %s on", bins[i], words_duration(at, sizeof(at), from));
		svg_rect(p->out, "count", axis_percent(&p->axis, from),
		    axis_percent(&p->axis, from + width), STORM_HEIGHT - height, height, tooltip);
		free(tooltip);
	}
	row_end(p->out);
	free(words);
}

/* --- one client --- */

struct group {
	double at;
	unsigned n;
	size_t outcome;
	int64_t from_ns, until_ns;
};

static void finish_group(const struct picture *p, struct group *g)
{
	char from[40], until[40], *tooltip;
	const char *size = g->n > 20 ? "3" : g->n > 4 ? "2" : g->n > 1 ? "1" : "0";

	if (!g->n)
		return;
	words_duration(from, sizeof(from), g->from_ns);
	words_duration(until, sizeof(until), g->until_ns);
	if (g->n > 1)
		tooltip = words_make(
		    "%u attempts from %s to %s: %s", g->n, from, until, outcomes[g->outcome].words);
	else
		tooltip = words_make("%s: %s", from, outcomes[g->outcome].words);
	markup_printf(p->out,
	    "<svg x=\"%.3f%%\" y=\"%d\" class=\"dot d%s\"><use href=\"#m-%s\" "
	    "class=\"m-%s\"><title>%s</title></use></svg>",
	    g->at, DOT_HEIGHT / 2, size, outcomes[g->outcome].outcome, outcomes[g->outcome].outcome,
	    tooltip);
	free(tooltip);
	g->n = 0;
}

static size_t outcome_of(const json_t *attempt)
{
	const char *name = part_text(attempt, "outcome");
	size_t i = 0;

	while (i + 1 < OUTCOMES && strcmp(outcomes[i].outcome, name) != 0)
		i++;
	return i;
}

/* Each outcome by itself, so that none hides another one's; accepted on top. */
static void draw_outcome(const struct picture *p, const json_t *attempts, size_t outcome)
{
	struct group g = { 0 };
	const json_t *attempt;
	size_t i;

	json_array_foreach(attempts, i, attempt)
	{
		int64_t ns = part_int(attempt, "at_ns", 0);
		double at = axis_percent(&p->axis, ns);

		if (outcome_of(attempt) != outcome)
			continue;
		if (g.n && at - g.at > TOGETHER)
			finish_group(p, &g);
		if (!g.n)
			g = (struct group){ .at = at, .outcome = outcome, .from_ns = ns };
		g.n++;
		g.until_ns = ns;
	}
	finish_group(p, &g);
}

static void write_client(const struct picture *p, const char *who, const json_t *attempts)
{
	char *words = words_make("%zu attempts, %zu in the busiest second",
	    json_array_size(attempts), busiest_second(attempts));

	row_begin(p->out, "client");
	markup_printf(
	    p->out, "<b>%s</b> <span class=\"dim\">%zu</span>", who, json_array_size(attempts));
	row_strip(p->out, DOT_HEIGHT, words);
	shade(p, DOT_HEIGHT);
	axis_grid(p->out, &p->axis, DOT_HEIGHT);
	for (size_t outcome = OUTCOMES; outcome-- > 0;)
		draw_outcome(p, attempts, outcome);
	row_end(p->out);
	free(words);
}

static void write_legend(FILE *out)
{
	fputs("<ul class=\"legend\">", out);
	for (size_t i = 0; i < OUTCOMES; i++)
		markup_printf(out,
		    "<li><svg class=\"sign\" aria-hidden=\"true\" width=\"18\" height=\"18\"><use "
		    "href=\"#m-%s\" class=\"m-%s\" x=\"9\" y=\"9\"/></svg>%s</li>",
		    outcomes[i].outcome, outcomes[i].outcome, outcomes[i].words);
	fputs("<li><i class=\"swatch window\"></i>fault in force</li></ul>\n", out);
}

void page_dots(FILE *out, const json_t *verdict)
{
	struct picture p = { out, verdict, axis_time(latest(verdict)) };
	long long left = part_int(verdict, "attempts_left_out", 0);
	const char *who;
	json_t *attempts;
	size_t n = 0;

	if (!json_array_size(part_list(verdict, "attempts")))
		return;
	index_clients(&p);
	fputs(
	    "<section id=\"attempts\"><h2>Attempts to connect</h2>\n<p>A row per client, with how "
	    "many it made. A larger sign stands for several.</p>\n",
	    out);
	write_legend(out);
	fputs("<div class=\"rows\">\n", out);
	axis_write(out, &p.axis, "since the start");
	write_storm(&p);
	json_object_foreach(p.clients, who, attempts) if (n++ < CLIENTS_MAX)
	    write_client(&p, who, attempts);
	fputs("</div>\n", out);
	if (n > CLIENTS_MAX)
		markup_printf(
		    out, "<p class=\"dim\">%d of %zu clients are drawn.</p>\n", CLIENTS_MAX, n);
	if (left > 0)
		markup_printf(
		    out, "<p class=\"dim\">%lld attempts are not in the verdict.</p>\n", left);
	fputs("</section>\n", out);
	json_decref(p.clients);
}
