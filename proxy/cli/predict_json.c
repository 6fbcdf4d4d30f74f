/* The answer for programs. Times in seconds; what is not so, or not told, is null. */
#include "base/mono.h"
#include "cli/predict.h"
#include "kernel/socket.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *seconds(int64_t ns)
{
	return json_real((double)ns / NS_PER_S);
}

static json_t *limit(int64_t ns)
{
	return ns ? seconds(ns) : json_null();
}

static json_t *settings_json(const struct predict_subject *x)
{
	const struct predict_settings *s = &x->asked.s;
	const bool told = !x->socket || x->options_told;

	return json_pack("{s:s, s:b, s:o, s:o, s:I, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:b}",
	    "os", predict_os_names[s->os], "keepalive", s->keepalive, "keep_idle_s",
	    seconds(s->keep_idle_ns), "keep_interval_s", seconds(s->keep_interval_ns), "keep_count",
	    (json_int_t)s->keep_count, "user_timeout_s", limit(s->user_timeout_ns), "retries2",
	    (json_int_t)s->retries2, "syn_retries", (json_int_t)s->syn_retries, "syn_linear",
	    (json_int_t)s->syn_linear, "rtt_s", seconds(s->rtt_ns), "rto_s",
	    seconds(s->rto_ns ? s->rto_ns : s->rto_min_ns + s->rtt_ns), "rto_max_s",
	    seconds(s->rto_max_ns), "deadline_s", limit(s->deadline_ns), "told", told);
}

static json_t *socket_json(const struct predict_subject *x)
{
	const struct sockdiag_socket *s = x->socket;
	char local[ADDR_TEXT_MAX], peer[ADDR_TEXT_MAX];

	if (!s)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:s?}",
	    "local", addr_format_sa(local, sizeof(local), &s->local.sa), "peer",
	    addr_format_sa(peer, sizeof(peer), &s->peer.sa), "state", socket_state_name(s->state),
	    "pid", (json_int_t)s->pid, "fd", (json_int_t)s->fd, "process", s->process, "now",
	    predict_when_names[predict_now(s)], "timer", sockdiag_timer_names[s->timer], "timer_s",
	    seconds(s->timer_ns), "queued_bytes", (json_int_t)s->unsent, "unread_bytes",
	    (json_int_t)s->unread, "unacked", (json_int_t)s->info.tcpi_unacked, "cwnd",
	    (json_int_t)s->info.tcpi_snd_cwnd, "options_error",
	    s->error ? strerrorname_np(s->error) : NULL);
}

static json_t *rows_json(const struct prediction *p)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < p->n_rows; i++)
		json_array_append_new(
		    rows, json_pack("{s:o, s:o, s:o, s:o}", "wait_s", seconds(p->rows[i].wait_ns),
			      "model_s", seconds(p->rows[i].model_ns), "low_s",
			      seconds(p->rows[i].low_ns), "high_s", seconds(p->rows[i].high_ns)));
	return rows;
}

static bool has_times(const struct prediction *p)
{
	return p->outcome == PREDICT_NOTICED || p->outcome == PREDICT_CARRIES_ON ||
	       p->outcome == PREDICT_CONNECTED;
}

static json_t *time_json(const struct prediction *p, int64_t ns)
{
	return has_times(p) ? seconds(ns) : json_null();
}

static json_t *prediction_json(
    const struct predict_query *q, int death, int when, const struct prediction *p)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:s?, s:b, s:b, s:s?}",
	    "death", predict_death_names[death], "when", predict_when_names[when], "outcome",
	    predict_outcome_names[p->outcome], "model_s", time_json(p, p->model_ns), "low_s",
	    time_json(p, p->low_ns), "high_s", time_json(p, p->high_ns), "from",
	    predict_from_names[p->from], "by", predict_by_names[p->by], "errno",
	    p->error ? strerrorname_np(p->error) : NULL, "either", p->either, "estimate",
	    p->estimate, "advice", *p->advice ? p->advice : NULL);

	if (q->schedule && p->n_rows)
		json_object_set_new(o, "schedule",
		    json_pack("{s:s, s:o, s:I}", "sent", predict_sent_names[p->sent], "rows",
			rows_json(p), "more_rows", (json_int_t)p->more_rows));
	return o;
}

static json_t *subject_json(const struct predict_query *q, const struct predict_subject *x)
{
	const unsigned deaths = predict_deaths(q), whens = predict_whens(q);
	json_t *all = json_array();
	struct prediction p;

	for (int death = 0; death < PREDICT_DEATHS; death++)
		for (int when = 0; when < PREDICT_WHENS; when++) {
			if (!(deaths >> death & 1) || !(whens >> when & 1))
				continue;
			predict(&x->asked.s, &x->asked.f, (enum predict_death)death,
			    (enum predict_when)when, &p);
			json_array_append_new(all, prediction_json(q, death, when, &p));
		}
	return json_pack("{s:o, s:o, s:o}", "connection", socket_json(x), "settings",
	    settings_json(x), "predictions", all);
}

bool predict_print_json(const struct predict_query *q, const struct predict_subjects *all)
{
	json_t *subjects = json_array(), *o;
	char source[160];
	bool printed;

	for (size_t i = 0; i < all->count; i++)
		json_array_append_new(subjects, subject_json(q, &all->list[i]));
	o = json_pack("{s:s, s:s, s:o}", "version", DEADPEER_VERSION, "source",
	    predict_source(q, source, sizeof(source)), "subjects", subjects);
	printed = o && json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0 &&
		  putchar('\n') != EOF;
	json_decref(o);
	return printed;
}
