/* The story of the first session that was struck, as a sequence diagram: time runs down, three
 * lifelines, a line per beat. */
#include "control/report_escape.h"
#include "control/report_page.h"
#include "control/report_parts.h"
#include "control/report_story.h"
#include "control/report_svg.h"
#include <stdlib.h>
#include <string.h>

enum { HEAD = 34, BEAT = 34 };

static const double places[] = { [STORY_CLIENT] = 24, [STORY_RELAY] = 56, [STORY_SERVER] = 88 };

/* The rows in which the fault is in force are shaded. */
static void shade(FILE *out, const struct story *s)
{
	int64_t from = part_int(s->death, "at_ns", 0);
	int64_t until = part_int(s->death, "until_ns", INT64_MAX);
	size_t first = s->n, last = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->beats[i].at_ns >= from && s->beats[i].at_ns <= until) {
			first = i < first ? i : first;
			last = i;
		}
	if (first < s->n)
		svg_rect(out, "window", places[STORY_CLIENT] - 9, places[STORY_SERVER] + 9,
		    HEAD + (int)first * BEAT + 2, (int)(last - first + 1) * BEAT,
		    part_text(s->death, "fault"));
}

static void write_label(FILE *out, double x, int y, const struct beat *b)
{
	markup_printf(out, "<text class=\"beat\" x=\"%.3f%%\" y=\"%d\" text-anchor=\"middle\">%s",
	    x, y, b->words);
	if (b->count > 1)
		markup_printf(out, " \u00d7 %lld", (long long)b->count);
	if (*b->more)
		markup_printf(out, "<title>%s</title>", b->more);
	fputs("</text>", out);
}

static void draw_arrow(FILE *out, const struct beat *b, int y)
{
	double from = places[b->from], to = places[b->to];
	bool is_right = to > from;

	if (b->shape == STORY_LOST)
		to = from + (to - from) * 0.8;
	svg_line(out, b->shape == STORY_LOST ? "arrow lost" : "arrow", from, to, y, y);
	if (b->shape == STORY_LOST)
		svg_mark(out, "lost", to, y, "never taken");
	else
		svg_mark(out, is_right ? "right" : "left", to, y, "");
	if (b->shape == STORY_BOTH)
		svg_mark(out, is_right ? "left" : "right", from, y, "");
	write_label(out, (places[b->from] + places[b->to]) / 2, y - 6, b);
}

static void draw_beat(FILE *out, const struct beat *b, int top)
{
	char at[40];

	markup_printf(out, "<text class=\"at\" x=\"1%%\" y=\"%d\">%s</text>", top + 26,
	    words_duration(at, sizeof(at), b->at_ns));
	if (b->shape == STORY_BAND) {
		svg_rect(out, "band", places[STORY_CLIENT] - 9, places[STORY_SERVER] + 9, top + 8,
		    BEAT - 10, NULL);
		write_label(out, places[STORY_RELAY], top + 25, b);
	} else if (b->shape == STORY_NOTE) {
		svg_rect(out, "note", places[b->from] - 11, places[b->from] + 11, top + 8,
		    BEAT - 10, NULL);
		write_label(out, places[b->from], top + 25, b);
	} else {
		draw_arrow(out, b, top + 24);
	}
}

/* All of it in words, a line per beat. */
static char *describe(const struct story *s)
{
	char *text = strdup("");

	for (size_t i = 0; i < s->n; i++) {
		char at[40], *longer;

		longer = words_make("%s%s%s: %s", text ? text : "", i ? "; " : "",
		    words_duration(at, sizeof(at), s->beats[i].at_ns), s->beats[i].words);
		free(text);
		text = longer;
	}
	return text;
}

void page_sequence(FILE *out, const json_t *verdict)
{
	static const char *const names[] = { "client", "deadpeer", "server" };
	struct story s;
	char *words, *client;

	if (!story_make(verdict, &s))
		return;
	words = describe(&s);
	client = words_client(s.session);
	markup_printf(out,
	    "<section id=\"sequence\"><h2>The first session that was struck</h2>\n<p>Session %lld: "
	    "%s to %s; %s (%s), while it was %s.</p>\n",
	    (long long)part_int(s.session, "id", 0), client, part_text(s.session, "proxy"),
	    part_text(s.death, "fault"), part_text(s.death, "type"), part_text(s.death, "shape"));
	int height = HEAD + (int)s.n * BEAT + 14;

	markup_printf(out, "<svg class=\"sequence\" role=\"img\" aria-label=\"%s\" height=\"%d\">",
	    words, height);
	shade(out, &s);
	for (int i = 0; i < STORY_PLACES; i++) {
		markup_printf(out,
		    "<text class=\"place\" x=\"%.3f%%\" y=\"20\" text-anchor=\"middle\">%s</text>",
		    places[i], names[i]);
		svg_line(out, "life", places[i], places[i], HEAD - 6, height);
	}
	for (size_t i = 0; i < s.n; i++)
		draw_beat(out, &s.beats[i], HEAD + (int)i * BEAT);
	fputs("</svg>\n", out);
	if (s.left_out)
		markup_printf(out, "<p class=\"dim\">%zu more followed.</p>\n", s.left_out);
	fputs("</section>\n", out);
	free(words), free(client);
	story_free(&s);
}
