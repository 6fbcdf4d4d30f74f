/* The result as one JSON object, for tests and scripts. */
#include "base/mono.h"
#include "cli/demo_show.h"
#include "kernel/socket.h"
#include <jansson.h>
#include <stdio.h>

static const char *const verdicts[] = {
	[VERDICT_PENDING] = "pending",
	[VERDICT_RIGHT] = "right",
	[VERDICT_WRONG] = "wrong",
	[VERDICT_REFUSED] = "refused",
};

static json_t *peer_json(const struct peer *p, const struct defaults *defaults)
{
	json_t *seen = json_array(), *o;
	char usual[WORDS_MAX];

	for (int i = 0; i < p->n_seen; i++)
		json_array_append_new(
		    seen, json_pack("{s:s, s:f}", "what", words_saw(p->seen[i].what), "after_s",
			      p->seen[i].at_s));
	o = json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:s}", "row", demo_rows[p->row].name,
	    "column", demo_columns[p->column], "verdict", verdicts[p->verdict], "seen", seen,
	    "state", p->verdict == VERDICT_REFUSED ? "" : socket_state_name(p->now.state), "should",
	    p->cell->text, "by_default", words_usual(usual, p->cell->usual, defaults));
	if (*p->why)
		json_object_set_new(o, "why", json_string(p->why));
	return o;
}

static json_t *row_json(const struct demo *d, int row)
{
	json_t *o =
	    json_pack("{s:s, s:s}", "row", demo_rows[row].name, "fault", demo_rows[row].fault);

	if (*d->rows[row].grade)
		json_object_set_new(o, "grade", json_string(d->rows[row].grade));
	if (*d->rows[row].refused)
		json_object_set_new(o, "refused", json_string(d->rows[row].refused));
	return o;
}

void json_print(const struct demo *d)
{
	json_t *rows = json_array(), *cells = json_array(), *o;
	struct defaults defaults;

	defaults_read(&defaults);
	for (int row = 0; row < DEMO_ROWS; row++)
		json_array_append_new(rows, row_json(d, row));
	for (int i = 0; i < DEMO_CELLS; i++)
		json_array_append_new(cells, peer_json(&d->peers[i], &defaults));
	o = json_pack("{s:i, s:s, s:f, s:{s:f, s:f, s:f}, s:o, s:o}", "ip",
	    d->family == AF_INET6 ? 6 : 4, "grade",
	    grade_names[wire_grade(&d->wire, d->family, WIRE_BOTH)], "watched_s", DEMO_LASTS_S,
	    "by_default", "keepalive_s", defaults.keepalive_s, "sending_s", defaults.sending_s,
	    "connecting_s", defaults.connecting_s, "rows", rows, "cells", cells);
	json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(o);
}
