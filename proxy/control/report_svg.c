#include "control/report_svg.h"
#include "base/mono.h"
#include "base/units.h"
#include "control/report_escape.h"
#include <math.h>

#define MARGIN 1.0 /* percent at each end, for marks that stand there */

static const int64_t steps[] = { 1000LL, 10000LL, 100000LL, NS_PER_MS, 2 * NS_PER_MS, 5 * NS_PER_MS,
	10 * NS_PER_MS, 20 * NS_PER_MS, 50 * NS_PER_MS, 100 * NS_PER_MS, 200 * NS_PER_MS,
	500 * NS_PER_MS, NS_PER_S, 2 * NS_PER_S, 5 * NS_PER_S, 10 * NS_PER_S, 15 * NS_PER_S,
	30 * NS_PER_S, 60 * NS_PER_S, 120 * NS_PER_S, 300 * NS_PER_S, 600 * NS_PER_S,
	1200 * NS_PER_S, 1800 * NS_PER_S, 3600 * NS_PER_S, 7200 * NS_PER_S, 14400 * NS_PER_S,
	43200 * NS_PER_S, 86400 * NS_PER_S, 864000 * NS_PER_S };

/* Decades of people: each about ten times the one before. */
static const int64_t decades[] = { 1000LL, 10000LL, 100000LL, NS_PER_MS, 10 * NS_PER_MS,
	100 * NS_PER_MS, NS_PER_S, 10 * NS_PER_S, 60 * NS_PER_S, 600 * NS_PER_S, 3600 * NS_PER_S,
	36000 * NS_PER_S, 86400 * NS_PER_S, 864000 * NS_PER_S };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define TICKS        8 /* of a linear axis, at most */
#define LINEAR_RATIO 30
#define FINE_RATIO   300 /* of a logarithmic axis that has room for more than decades */

struct axis axis_time(int64_t most_ns)
{
	return (struct axis){ 0, most_ns > 0 ? most_ns : NS_PER_S, false, 0 };
}

struct axis axis_fit(int64_t least_ns, int64_t most_ns)
{
	struct axis a = axis_time(most_ns);

	if (least_ns <= 0 || most_ns / LINEAR_RATIO < least_ns)
		return a;
	a.is_log = true;
	for (size_t i = 0; i < COUNT(decades) && decades[i] <= least_ns; i++)
		a.from_ns = decades[i];
	a.from_ns = a.from_ns > 0 ? a.from_ns : decades[0];
	return a;
}

double axis_percent(const struct axis *a, int64_t ns)
{
	double part;

	ns = ns < a->from_ns ? a->from_ns : ns > a->to_ns ? a->to_ns : ns;
	if (a->is_log)
		part = log((double)ns / (double)a->from_ns) /
		       log((double)a->to_ns / (double)a->from_ns);
	else
		part = (double)(ns - a->from_ns) / (double)(a->to_ns - a->from_ns);
	return MARGIN + part * (100 - 2 * MARGIN - a->reserved);
}

static int64_t log_tick(const struct axis *a, size_t i)
{
	bool is_short = a->to_ns / a->from_ns < FINE_RATIO;
	const int64_t *ticks = is_short ? steps : decades;
	size_t count = is_short ? COUNT(steps) : COUNT(decades), at = 0;

	while (at < count && ticks[at] < a->from_ns)
		at++;
	at += i;
	return at < count && ticks[at] <= a->to_ns ? ticks[at] : -1;
}

static int64_t linear_tick(const struct axis *a, size_t i)
{
	size_t step = 0;
	int64_t ns;

	while (step + 1 < COUNT(steps) && a->to_ns / steps[step] > TICKS)
		step++;
	ns = (int64_t)i * steps[step];
	return i <= TICKS && ns <= a->to_ns ? ns : -1;
}

/* The i-th; -1: there are no more. */
static int64_t tick(const struct axis *a, size_t i)
{
	return a->is_log ? log_tick(a, i) : linear_tick(a, i);
}

void axis_grid(FILE *out, const struct axis *a, int height)
{
	int64_t ns;

	for (size_t i = 0; (ns = tick(a, i)) >= 0; i++) {
		double at = axis_percent(a, ns);

		svg_line(out, "grid", at, at, 0, height);
	}
}

void axis_write(FILE *out, const struct axis *a, const char *what)
{
	int64_t ns;

	row_begin(out, "axis");
	markup_printf(out, "%s", what);
	row_strip(out, AXIS_HEIGHT, NULL);
	for (size_t i = 0; (ns = tick(a, i)) >= 0; i++) {
		double at = axis_percent(a, ns);
		const char *anchor = at < 4 ? "start" : at > 93 ? "end" : "middle";
		char text[48];

		svg_line(out, "tick", at, at, AXIS_HEIGHT - 5, AXIS_HEIGHT);
		markup_printf(out,
		    "<text class=\"%s\" x=\"%.3f%%\" y=\"13\" text-anchor=\"%s\">%s</text>",
		    i % 2 ? "odd" : "even", at, anchor,
		    units_format_duration(text, sizeof(text), ns));
	}
	row_end(out);
}

void row_begin(FILE *out, const char *class_name)
{
	markup_printf(out, "<div class=\"row %s\"><div class=\"label\">", class_name);
}

void row_strip(FILE *out, int height, const char *alternative)
{
	fputs("</div>", out);
	if (alternative)
		markup_printf(
		    out, "<svg role=\"img\" aria-label=\"%s\" height=\"%d\">", alternative, height);
	else
		fprintf(out, "<svg aria-hidden=\"true\" height=\"%d\">", height);
}

void row_end(FILE *out)
{
	fputs("</svg></div>\n", out);
}

void svg_mark(FILE *out, const char *id, double percent, int y, const char *tooltip)
{
	markup_printf(out,
	    "<use href=\"#m-%s\" class=\"m-%s\" x=\"%.3f%%\" y=\"%d\"><title>%s</title></use>", id,
	    id, percent, y, tooltip);
}

void svg_rect(FILE *out, const char *class_name, double from, double to, int y, int height,
    const char *tooltip)
{
	markup_printf(out,
	    "<rect class=\"%s\" x=\"%.3f%%\" width=\"%.3f%%\" y=\"%d\" height=\"%d\">", class_name,
	    from, to > from ? to - from : 0, y, height);
	if (tooltip)
		markup_printf(out, "<title>%s</title>", tooltip);
	fputs("</rect>", out);
}

void svg_line(FILE *out, const char *class_name, double from, double to, int y1, int y2)
{
	markup_printf(out, "<line class=\"%s\" x1=\"%.3f%%\" x2=\"%.3f%%\" y1=\"%d\" y2=\"%d\"/>",
	    class_name, from, to, y1, y2);
}
