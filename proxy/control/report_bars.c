/*
 * Predicted against measured, a row per death: the range that the settings must give is a bar (open
 * at its end where they give none: never), what was measured a diamond, or an arrow at the edge:
 * not until the end. Those that were not as predicted come first.
 */
#include "control/report_escape.h"
#include "control/report_page.h"
#include "control/report_parts.h"
#include "control/report_svg.h"
#include <stdlib.h>
#include <string.h>

#define BARS_MAX   40
#define NEVER_FROM 94.0 /* percent: behind it is what never comes */

enum { BAR_HEIGHT = 24 };

static const json_t *predicted_of(const json_t *death)
{
	return json_object_get(death, "predicted");
}

static bool is_worth_it(const json_t *death)
{
	return json_is_object(predicted_of(death)) || part_has(death, "detected");
}

static bool is_surprise(const json_t *death)
{
	return strcmp(part_text(death, "against"), "within") != 0;
}

static void widen(int64_t *least, int64_t *most, int64_t ns)
{
	if (ns > 0 && (!*least || ns < *least))
		*least = ns;
	if (ns > *most)
		*most = ns;
}

static struct axis axis_of(const json_t *verdict)
{
	int64_t least = 0, most = 0;
	const json_t *death;
	struct axis a;
	size_t i;

	json_array_foreach(part_list(verdict, "deaths"), i, death)
	{
		const json_t *p = predicted_of(death);

		widen(&least, &most, part_int(p, "low_ns", 0));
		widen(&least, &most, part_int(p, "high_ns", 0));
		widen(&least, &most, part_int(json_object_get(death, "detected"), "after_ns", 0));
	}
	a = axis_fit(least, most + most / 50);
	a.reserved = 100 - NEVER_FROM;
	return a;
}

static void draw_prediction(FILE *out, const struct axis *a, const json_t *death)
{
	const json_t *p = predicted_of(death);
	char *words = words_predicted(death);
	double from, to;

	if (!json_is_object(p)) {
		free(words);
		return;
	}
	if (part_has(p, "low_ns") || part_has(p, "high_ns")) {
		from = axis_percent(a, part_int(p, "low_ns", 0));
		to = part_has(p, "high_ns") ? axis_percent(a, part_int(p, "high_ns", 0)) : 100.0;
		/* a range that is a point must be seen, too */
		from = to - from < 0.8 ? (to + from) / 2 - 0.4 : from;
		to = to - from < 0.8 ? from + 0.8 : to;
		svg_rect(out, "range", from, to, 5, BAR_HEIGHT - 10, words);
	} else {
		svg_rect(out, "range never", NEVER_FROM, 100, 5, BAR_HEIGHT - 10, words);
	}
	free(words);
}

static void draw_measured(FILE *out, const struct axis *a, const json_t *death)
{
	const json_t *d = json_object_get(death, "detected");
	char *words = words_detected(death);

	if (json_is_object(d))
		svg_mark(out, "measured", axis_percent(a, part_int(d, "after_ns", 0)),
		    BAR_HEIGHT / 2, words ? words : "");
	else
		svg_mark(out, "never", (NEVER_FROM + 100) / 2, BAR_HEIGHT / 2, "not until the end");
	free(words);
}

static void write_bar(FILE *out, const struct axis *a, const json_t *death)
{
	char *predicted = words_predicted(death), *measured = words_detected(death);
	char *words = words_make("predicted %s; measured %s: %s", predicted ? predicted : "",
	    measured ? measured : "", part_text(death, "against"));

	row_begin(out, "bar");
	markup_printf(out, "<b>%lld</b> %s, %s<br><span class=\"dim\">%s</span>",
	    (long long)part_int(death, "session", 0), part_text(death, "fault"),
	    part_text(death, "shape"), words);
	row_strip(out, BAR_HEIGHT, words);
	axis_grid(out, a, BAR_HEIGHT);
	draw_prediction(out, a, death);
	draw_measured(out, a, death);
	row_end(out);
	free(predicted), free(measured), free(words);
}

static void write_legend(FILE *out, const struct axis *a)
{
	fputs("<ul class=\"legend\"><li><i class=\"swatch range\"></i>predicted</li>"
	      "<li><i class=\"swatch open\"></i>predicted: never</li>"
	      "<li><svg class=\"sign\" aria-hidden=\"true\" width=\"18\" height=\"18\"><use "
	      "href=\"#m-measured\" class=\"m-measured\" x=\"9\" y=\"9\"/></svg>measured</li>"
	      "<li><svg class=\"sign\" aria-hidden=\"true\" width=\"18\" height=\"18\"><use "
	      "href=\"#m-never\" class=\"m-never\" x=\"9\" y=\"9\"/></svg>not until the end</li>",
	    out);
	fputs(a->is_log ? "<li>the axis is logarithmic</li></ul>\n" : "</ul>\n", out);
}

void page_bars(FILE *out, const json_t *verdict)
{
	struct axis a = axis_of(verdict);
	const json_t *deaths = part_list(verdict, "deaths"), *death;
	size_t i, n = 0, shown = 0;

	json_array_foreach(deaths, i, death) n += is_worth_it(death);
	if (!n)
		return;
	fputs(
	    "<section id=\"bars\"><h2>Predicted against measured</h2>\n<p>How long it took to know "
	    "of each death, and what the connection's settings must give.</p>\n",
	    out);
	write_legend(out, &a);
	fputs("<div class=\"rows wide\">\n", out);
	axis_write(out, &a, "after the death");
	for (int surprise = 1; surprise >= 0; surprise--)
		json_array_foreach(deaths, i, death)
		{
			if (!is_worth_it(death) || is_surprise(death) != surprise ||
			    shown == BARS_MAX)
				continue;
			shown++;
			write_bar(out, &a, death);
		}
	fputs("</div>\n", out);
	if (n > shown)
		markup_printf(out,
		    "<p class=\"dim\">%zu of %zu deaths are drawn, those that were not as "
		    "predicted "
		    "first.</p>\n",
		    shown, n);
	fputs("</section>\n", out);
}
