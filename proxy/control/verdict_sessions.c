/* Sessions with what happened on them, for pictures, and attempts; as JSON. */
#include "control/verdict_json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct marks {
	json_t *list;
	size_t left_out;
};

static void mark(struct marks *m, int64_t at_ns, const char *kind, enum fact_leg leg, int64_t count,
    const char *text)
{
	json_t *o;

	if (at_ns == NOT_YET)
		return;
	if (json_array_size(m->list) >= VERDICT_MARKS) {
		m->left_out++;
		return;
	}
	o = json_pack("{s:I, s:s, s:s}", "at_ns", (json_int_t)at_ns, "kind", kind, "leg",
	    fact_leg_names[leg]);
	if (count > 1)
		json_object_set_new(o, "count", json_integer(count));
	if (text)
		json_object_set_new(o, "text", json_string(text));
	json_array_append_new(m->list, o);
}

static void mark_opening(const struct facts *f, size_t i, struct marks *m)
{
	const struct fact_session *s = &f->sessions[i];

	if (s->attempt != NOBODY && f->attempts[s->attempt].seen_by != SIGHT_SESSION)
		mark(m, f->attempts[s->attempt].at_ns, "syn", FACT_CLIENT, 1, NULL);
	mark(m, s->opened_ns, "open", FACT_CLIENT, 1, NULL);
	mark(m, s->connected_ns, "connected", FACT_SERVER, 1, NULL);
	mark(m, s->bytes_ns[0], "data", FACT_CLIENT, 1, NULL);
	mark(m, s->bytes_ns[1], "data", FACT_SERVER, 1, NULL);
}

/* Segments seen at once are one mark. */
static void mark_segments(const struct fact_death *d, enum fact_leg leg, struct marks *m)
{
	const char *kind = d->sends ? "retransmission" : "probe";
	int64_t count = 0;

	for (size_t i = 0; i < d->n_drops; i++) {
		count++;
		if (i + 1 < d->n_drops && d->drops[i + 1] == d->drops[i])
			continue;
		mark(m, d->drops[i], kind, leg, count, NULL);
		count = 0;
	}
}

static void mark_death(const struct facts *f, const struct fact_death *d, struct marks *m)
{
	const enum fact_leg leg = d->by_client ? FACT_CLIENT : FACT_SERVER;

	mark(m, d->at_ns, "silence", leg, 1, f->faults[d->fault].type);
	mark_segments(d, leg, m);
	if (d->how != HOW_NONE && d->how != HOW_RECONNECT)
		mark(m, d->sign_ns, fact_how_names[d->how], leg, 1, NULL);
	mark(m, d->until_ns, "lifted", leg, 1, NULL);
	for (int way = 0; way < FACT_LEGS; way++)
		mark(m, d->again_ns[way], "data", (enum fact_leg)way, 1, NULL);
}

static int by_time(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;
	const json_int_t t = json_integer_value(json_object_get(*x, "at_ns")),
			 u = json_integer_value(json_object_get(*y, "at_ns"));

	return (t > u) - (t < u);
}

/* qsort(3) may change the order of equals: none of ours is told apart by that. */
static json_t *sorted(json_t *list)
{
	json_t *marks[VERDICT_MARKS], *out = json_array();
	const size_t n = json_array_size(list);

	for (size_t i = 0; i < n; i++)
		marks[i] = json_array_get(list, i);
	qsort(marks, n, sizeof(*marks), by_time);
	for (size_t i = 0; i < n; i++)
		json_array_append(out, marks[i]);
	json_decref(list);
	return out;
}

static json_t *session_json(const struct facts *f, size_t i)
{
	const struct fact_session *s = &f->sessions[i];
	struct marks m = { json_array(), 0 };

	mark_opening(f, i, &m);
	for (size_t k = s->first_death; k != NOBODY; k = f->deaths[k].again)
		mark_death(f, &f->deaths[k], &m);
	mark(&m, s->closed_ns, "closed", FACT_CLIENT, 1, s->reason);
	return json_pack("{s:I, s:o, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:I}",
	    "id", (json_int_t)s->id, "relay", verdict_text(verdict_relay(f, s->relay)), "proxy",
	    s->proxy, "client", verdict_text(s->client), "process", verdict_process(&s->who),
	    "opened_ns", (json_int_t)s->opened_ns, "connected_ns", verdict_ns(s->connected_ns),
	    "traffic_ns", verdict_ns(s->traffic_ns), "closed_ns", verdict_ns(s->closed_ns),
	    "reason", verdict_text(s->reason), "bytes", verdict_ways(s->bytes), "struck",
	    s->death != NOBODY, "marks", sorted(m.list), "marks_left_out", (json_int_t)m.left_out);
}

json_t *verdict_sessions(const struct facts *f, size_t *left_out)
{
	json_t *list = json_array();

	*left_out = 0;
	for (size_t i = 0; i < f->n_sessions; i++) {
		if (f->sessions[i].death == NOBODY && json_array_size(list) >= VERDICT_SESSIONS)
			++*left_out;
		else
			json_array_append_new(list, session_json(f, i));
	}
	return list;
}

json_t *verdict_attempts(const struct facts *f, size_t *left_out)
{
	json_t *list = json_array();
	size_t n = f->n_attempts < VERDICT_ATTEMPTS ? f->n_attempts : VERDICT_ATTEMPTS;

	*left_out = f->n_attempts - n;
	for (size_t i = 0; i < n; i++) {
		const struct fact_attempt *a = &f->attempts[i];

		json_array_append_new(
		    list, json_pack("{s:I, s:s, s:o, s:o, s:s, s:o, s:o}", "at_ns",
			      (json_int_t)a->at_ns, "proxy", a->proxy, "client",
			      verdict_text(a->client), "process", verdict_process(&a->who),
			      "outcome", fact_outcome_names[a->outcome], "session",
			      a->session == NOBODY ? json_null()
						   : json_integer(f->sessions[a->session].id),
			      "until_ns", verdict_ns(a->until_ns)));
	}
	return list;
}
