/* Deaths as JSON: what was measured, beside what the settings predict. */
#include "control/verdict_json.h"
#include <string.h>

static json_t *detected_json(const struct fact_death *d)
{
	if (d->detected_ns == NOT_YET)
		return json_null();
	return json_pack("{s:I, s:s, s:s, s:I}", "after_ns",
	    (json_int_t)(d->detected_ns - d->at_ns), "how", fact_how_names[d->how], "seen_by",
	    fact_sight_names[d->seen_by], "tolerance_ns", (json_int_t)d->tolerance_ns);
}

static json_t *segments_json(const struct fact_death *d, bool wanted)
{
	json_t *list = json_array();

	for (size_t i = 0; wanted && i < d->n_drops; i++)
		json_array_append_new(list, json_integer(d->drops[i] - d->at_ns));
	return list;
}

static json_t *predicted_json(const struct forecast *c)
{
	if (!c->known)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:s}", "outcome",
	    predict_outcome_names[c->outcome], "low_ns", verdict_ns(c->low_ns), "high_ns",
	    verdict_ns(c->high_ns), "by", predict_by_names[c->by], "error",
	    verdict_text(c->error ? strerrorname_np(c->error) : NULL), "advice",
	    verdict_text(*c->advice ? c->advice : NULL), "settings", c->settings);
}

static json_t *number(double value)
{
	return value < 0 ? json_null() : json_real(value);
}

#define GAPS_TOLD 1000

static json_t *comeback_json(const struct facts *f, const struct fact_death *d)
{
	const struct fact_comeback *c = d->comeback == NOBODY ? NULL : &f->comebacks[d->comeback];
	json_t *gaps;

	if (!c || !c->attempts)
		return json_null();
	gaps = json_array();
	for (size_t i = 0; i < c->n_gaps && i < GAPS_TOLD; i++)
		json_array_append_new(gaps, json_integer(c->gaps_ns[i]));
	return json_pack("{s:I, s:I, s:o, s:o, s:o, s:I, s:o}", "attempts", (json_int_t)c->attempts,
	    "first_delay_ns", (json_int_t)(f->attempts[c->first].at_ns - c->from_ns), "gaps_ns",
	    gaps, "growth", number(c->growth), "jitter", number(c->jitter), "parallel",
	    (json_int_t)c->parallel, "connected_ns", verdict_ns(d->connected_ns));
}

/* A client that came back before the fault was over: at once. */
static json_t *recovered_json(const struct fact_death *d)
{
	if (d->recovered_ns == NOT_YET || d->until_ns == NOT_YET)
		return json_null();
	return json_integer(d->recovered_ns > d->until_ns ? d->recovered_ns - d->until_ns : 0);
}

static json_t *death_json(
    const struct facts *f, const struct fact_death *d, const struct forecast *c)
{
	const struct fact_session *s = &f->sessions[d->session];
	const struct fact_fault *x = &f->faults[d->fault];
	json_t *o = json_pack(
	    "{s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:s, s:s, s:b}", "session",
	    (json_int_t)s->id, "relay", verdict_text(verdict_relay(f, s->relay)), "proxy", s->proxy,
	    "client", verdict_text(s->client), "process", verdict_process(&s->who), "fault",
	    verdict_text(x->name), "type", verdict_text(x->type), "step",
	    verdict_text(x->step ? x->step->name : NULL), "iteration", (json_int_t)x->iteration,
	    "at_ns", (json_int_t)d->at_ns, "until_ns", verdict_ns(d->until_ns), "watcher",
	    fact_leg_names[d->by_client ? FACT_CLIENT : FACT_SERVER], "shape",
	    fact_shape_names[d->shape], "traffic_before", d->traffic_before);
	json_t *rest = json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:b}", "detected",
	    detected_json(d), "retransmissions", segments_json(d, d->sends), "probes",
	    segments_json(d, !d->sends), "predicted", predicted_json(c), "against",
	    against_names[forecast_against(f, d, c)], "reconnect", comeback_json(f, d),
	    "recovered_ns", recovered_json(d), "lost", verdict_ways(s->lost), "repeated_bytes",
	    (json_int_t)d->repeated_bytes, "zombie", d->zombie);

	json_object_update(o, rest);
	json_decref(rest);
	return o;
}

json_t *verdict_deaths(const struct facts *f, const struct predict_settings *system)
{
	json_t *list = json_array();
	struct forecast c;

	for (size_t i = 0; i < f->n_deaths; i++) {
		forecast(f, &f->deaths[i], system, &c);
		json_array_append_new(list, death_json(f, &f->deaths[i], &c));
	}
	return list;
}
