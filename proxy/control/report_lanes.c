/*
 * A lane per connection:
 *
 *     client leg  |-----#-x---------|      from accepted to ended, with its marks
 *     server leg  |---------------|        from when the upstream answered
 *                      ^^^^^^^             shaded: a fault was there; darker: this one was struck
 *
 * Marks that would cover each other are one, which is the most telling of them and names all.
 */
#include "control/report_escape.h"
#include "control/report_page.h"
#include "control/report_parts.h"
#include "control/report_svg.h"
#include <stdlib.h>
#include <string.h>

#define LANES_MAX   60
#define FAULTS_MAX  12  /* that have a row */
#define WINDOWS_MAX 100 /* that are shaded */
#define TOGETHER    1.1 /* percent */
#define NAMES_MAX   12  /* of a group, in its tooltip */

enum { CLIENT_Y = 9, SERVER_Y = 23, LANE_HEIGHT = 32, FAULT_HEIGHT = 18 };

/* What is drawn as a sign; the more telling before. */
static const struct {
	const char *kind, *words;
} signs[] = {
	{ "rst", "RST" },
	{ "fin", "FIN" },
	{ "gone", "socket gone" },
	{ "retransmission", "retransmission" },
	{ "probe", "keepalive probe" },
	{ "syn", "SYN" },
	{ "data", "data" },
};
#define SIGNS (sizeof(signs) / sizeof(*signs))

struct picture {
	FILE *out;
	const json_t *verdict;
	struct axis axis;
	json_t *hit;    /* "fault\nrelay\nproxy": struck there; "fault\nrelay": struck somewhere */
	json_t *struck; /* "relay\nsession": array of its deaths, borrowed */
};

/* --- what belongs to what --- */

static char *key_of(const json_t *o, const char *a, const char *b, const char *c)
{
	return words_make("%s\n%s\n%s", part_text(o, a), part_text(o, b), c ? part_text(o, c) : "");
}

static void remember(json_t *set, char *key)
{
	if (key)
		json_object_set_new_nocheck(set, key, json_true());
	free(key);
}

static char *session_key(const json_t *o, const char *member)
{
	return words_make("%s\n%lld", part_text(o, "relay"), (long long)part_int(o, member, -1));
}

static void index_deaths(struct picture *p)
{
	const json_t *death;
	size_t i;

	p->hit = json_object();
	p->struck = json_object();
	json_array_foreach(part_list(p->verdict, "deaths"), i, death)
	{
		char *key = session_key(death, "session");
		json_t *list = key ? json_object_get(p->struck, key) : NULL;

		remember(p->hit, key_of(death, "fault", "relay", "proxy"));
		remember(p->hit, key_of(death, "fault", "relay", NULL));
		if (key && !list) {
			list = json_array();
			json_object_set_new_nocheck(p->struck, key, list);
		}
		json_array_append(list, (json_t *)death);
		free(key);
	}
}

static const json_t *deaths_of(const struct picture *p, const json_t *session)
{
	char *key = session_key(session, "id");
	const json_t *list = key ? json_object_get(p->struck, key) : NULL;

	free(key);
	return list;
}

/* A fault that struck nobody may have been meant for anybody. */
static bool fault_concerns(const struct picture *p, const json_t *fault, const json_t *session)
{
	char *any = key_of(fault, "name", "relay", NULL);
	char *here = words_make("%s\n%s\n%s", part_text(fault, "name"), part_text(fault, "relay"),
	    part_text(session, "proxy"));
	bool concerns = any && here &&
			!strcmp(part_text(fault, "relay"), part_text(session, "relay")) &&
			(!json_object_get(p->hit, any) || json_object_get(p->hit, here));

	free(any), free(here);
	return concerns;
}

static int64_t latest(const json_t *verdict)
{
	int64_t most = part_int(json_object_get(verdict, "run"), "duration_ns", 0);
	const json_t *session;
	size_t i;

	json_array_foreach(part_list(verdict, "sessions"), i, session)
	{
		int64_t end = part_int(session, "closed_ns", part_int(session, "opened_ns", 0));

		most = end > most ? end : most;
	}
	return most;
}

/* --- the lane --- */

static void shade(const struct picture *p, const json_t *session)
{
	const json_t *fault;
	size_t i, n = 0;

	json_array_foreach(part_list(p->verdict, "faults"), i, fault)
	{
		if (!part_has(fault, "active_ns") || !fault_concerns(p, fault, session) ||
		    n++ >= WINDOWS_MAX)
			continue;
		svg_rect(p->out, "window", axis_percent(&p->axis, part_int(fault, "active_ns", 0)),
		    axis_percent(&p->axis, part_int(fault, "lifted_ns", p->axis.to_ns)), 0,
		    LANE_HEIGHT, part_text(fault, "name"));
	}
}

static void draw_deaths(const struct picture *p, const json_t *session)
{
	const json_t *death;
	size_t i;

	json_array_foreach(deaths_of(p, session), i, death)
	{
		int64_t from = part_int(death, "at_ns", 0);
		int64_t until = part_int(death, "until_ns", p->axis.to_ns);
		int64_t closed = part_int(session, "closed_ns", p->axis.to_ns);
		char at[40], *tooltip;

		tooltip = words_make("%s (%s) strikes at %s, %s", part_text(death, "fault"),
		    part_text(death, "type"), words_duration(at, sizeof(at), from),
		    part_text(death, "shape"));
		svg_rect(p->out, "dead", axis_percent(&p->axis, from),
		    axis_percent(&p->axis, until < closed ? until : closed), 2, LANE_HEIGHT - 4,
		    tooltip);
		svg_line(p->out, "strike", axis_percent(&p->axis, from),
		    axis_percent(&p->axis, from), 0, LANE_HEIGHT);
		free(tooltip);
	}
}

static void draw_legs(const struct picture *p, const json_t *session)
{
	double from = axis_percent(&p->axis, part_int(session, "opened_ns", 0));
	double to = axis_percent(&p->axis, part_int(session, "closed_ns", p->axis.to_ns));
	bool is_open = !part_has(session, "closed_ns");

	svg_line(p->out, "leg", from, to, CLIENT_Y, CLIENT_Y);
	svg_line(p->out, "leg", from, from, CLIENT_Y - 5, CLIENT_Y + 5);
	if (!is_open)
		svg_line(p->out, "leg", to, to, CLIENT_Y - 5, CLIENT_Y + 5);
	if (!part_has(session, "connected_ns"))
		return;
	from = axis_percent(&p->axis, part_int(session, "connected_ns", 0));
	svg_line(p->out, "leg server", from, to, SERVER_Y, SERVER_Y);
	svg_line(p->out, "leg server", from, from, SERVER_Y - 5, SERVER_Y + 5);
	if (!is_open)
		svg_line(p->out, "leg server", to, to, SERVER_Y - 5, SERVER_Y + 5);
}

/* --- marks --- */

struct group {
	double at;    /* of its first */
	double where; /* of the most telling */
	size_t sign;
	unsigned n;
	char *names;
};

static size_t sign_of(const char *kind)
{
	size_t i = 0;

	while (i < SIGNS && strcmp(signs[i].kind, kind) != 0)
		i++;
	return i;
}

static void finish_group(const struct picture *p, struct group *g, int y)
{
	if (g->n)
		svg_mark(p->out, signs[g->sign].kind, g->where, y, g->names ? g->names : "");
	free(g->names);
	*g = (struct group){ 0 };
}

static void name_mark(struct group *g, const json_t *mark, size_t sign)
{
	long long count = part_int(mark, "count", 1);
	const char *more = part_text(mark, "text");
	char at[40], times[32] = "", *longer;

	if (++g->n > NAMES_MAX + 1)
		return;
	if (count > 1)
		snprintf(times, sizeof(times), " x %lld", count);
	words_duration(at, sizeof(at), part_int(mark, "at_ns", 0));
	if (g->n > NAMES_MAX)
		longer = words_make("%s, ...", g->names ? g->names : "");
	else
		longer = words_make("%s%s%s: %s%s%s%s", g->names ? g->names : "",
		    g->n > 1 ? ", " : "", at, signs[sign].words, times, *more ? " " : "", more);
	free(g->names);
	g->names = longer;
}

static void draw_marks(const struct picture *p, const json_t *session, const char *leg, int y)
{
	struct group g = { 0 };
	const json_t *mark;
	size_t i;

	json_array_foreach(part_list(session, "marks"), i, mark)
	{
		size_t sign = sign_of(part_text(mark, "kind"));
		double at = axis_percent(&p->axis, part_int(mark, "at_ns", 0));

		if (sign == SIGNS || strcmp(part_text(mark, "leg"), leg) != 0)
			continue;
		if (g.n && at - g.at > TOGETHER)
			finish_group(p, &g, y);
		if (!g.n)
			g.at = at;
		if (!g.n || sign < g.sign)
			g.sign = sign, g.where = at;
		name_mark(&g, mark, sign);
	}
	finish_group(p, &g, y);
}

/* --- rows --- */

/* The lane in words: for those who do not see it. */
static char *describe(const struct picture *p, const json_t *session)
{
	const json_t *death = json_array_get(deaths_of(p, session), 0);
	char *from = words_at(session, "opened_ns", ""),
	     *to = words_at(session, "closed_ns", "the end");
	char *knew = death ? words_detected(death) : NULL, at[40], *text;

	if (death)
		text = words_make("from %s to %s; struck at %s, known after: %s", from ? from : "",
		    to ? to : "", words_duration(at, sizeof(at), part_int(death, "at_ns", 0)),
		    knew ? knew : "");
	else
		text = words_make("from %s to %s; not struck", from ? from : "", to ? to : "");
	free(from), free(to), free(knew);
	return text;
}

static void write_lane(const struct picture *p, const json_t *session)
{
	char *client = words_client(session), *words = describe(p, session);

	row_begin(p->out, "lane");
	markup_printf(p->out, "<b>%lld</b> %s <span class=\"dim\">%s</span>",
	    (long long)part_int(session, "id", 0), part_text(session, "proxy"), client);
	row_strip(p->out, LANE_HEIGHT, words);
	axis_grid(p->out, &p->axis, LANE_HEIGHT);
	shade(p, session);
	draw_deaths(p, session);
	draw_legs(p, session);
	draw_marks(p, session, "client", CLIENT_Y);
	draw_marks(p, session, "server", SERVER_Y);
	row_end(p->out);
	free(client), free(words);
}

static void write_fault(const struct picture *p, const json_t *fault)
{
	char *from = words_at(fault, "active_ns", ""),
	     *to = words_at(fault, "lifted_ns", "the end");
	char *words = words_make("from %s to %s", from ? from : "", to ? to : "");

	row_begin(p->out, "fault");
	markup_printf(p->out, "<b>%s</b> <span class=\"dim\">%s</span>", part_text(fault, "name"),
	    part_text(fault, "type"));
	row_strip(p->out, FAULT_HEIGHT, words);
	axis_grid(p->out, &p->axis, FAULT_HEIGHT);
	svg_rect(p->out, "window bar", axis_percent(&p->axis, part_int(fault, "active_ns", 0)),
	    axis_percent(&p->axis, part_int(fault, "lifted_ns", p->axis.to_ns)), 2,
	    FAULT_HEIGHT - 4, words);
	row_end(p->out);
	free(from), free(to), free(words);
}

static void write_faults(const struct picture *p)
{
	const json_t *fault;
	size_t i, n = 0;

	json_array_foreach(part_list(p->verdict, "faults"), i,
	    fault) if (part_has(fault, "active_ns") && n++ < FAULTS_MAX) write_fault(p, fault);
}

static void write_legend(FILE *out)
{
	fputs("<ul class=\"legend\">", out);
	for (size_t i = 0; i < SIGNS; i++)
		markup_printf(out,
		    "<li><svg class=\"sign\" aria-hidden=\"true\" width=\"18\" height=\"18\"><use "
		    "href=\"#m-%s\" class=\"m-%s\" x=\"9\" y=\"9\"/></svg>%s</li>",
		    signs[i].kind, signs[i].kind, signs[i].words);
	fputs("<li><i class=\"swatch window\"></i>fault in force</li>"
	      "<li><i class=\"swatch dead\"></i>struck</li></ul>\n",
	    out);
}

/* At most LANES_MAX, those that were struck before others, in their order. */
static void write_sessions(const struct picture *p)
{
	const json_t *sessions = part_list(p->verdict, "sessions"), *session;
	size_t i, n_struck = 0, n_others;

	json_array_foreach(sessions, i, session) n_struck += !!deaths_of(p, session);
	n_struck = n_struck < LANES_MAX ? n_struck : LANES_MAX;
	n_others = LANES_MAX - n_struck;
	json_array_foreach(sessions, i, session)
	{
		size_t *left = deaths_of(p, session) ? &n_struck : &n_others;

		if (!*left)
			continue;
		--*left;
		write_lane(p, session);
	}
}

void page_lanes(FILE *out, const json_t *verdict)
{
	size_t n = json_array_size(part_list(verdict, "sessions"));
	long long left = part_int(verdict, "sessions_left_out", 0);
	struct picture p = { out, verdict, axis_time(latest(verdict)) };

	if (!n)
		return;
	index_deaths(&p);
	fputs("<section id=\"lanes\"><h2>Connections over time</h2>\n<p>A lane each: the client's "
	      "connection above, the server's below it. Signs that lie close together are one; its "
	      "tooltip names them all.</p>\n",
	    out);
	write_legend(out);
	fputs("<div class=\"rows\">\n", out);
	axis_write(out, &p.axis, "since the start");
	write_faults(&p);
	write_sessions(&p);
	fputs("</div>\n", out);
	if (n > LANES_MAX || left > 0)
		markup_printf(out,
		    "<p class=\"dim\">%zu of %lld connections are drawn, those that were struck "
		    "first; verdict.json and events.ndjson have more.</p>\n",
		    n < LANES_MAX ? n : (size_t)LANES_MAX, (long long)n + left);
	fputs("</section>\n", out);
	json_decref(p.hit);
	json_decref(p.struck);
}
