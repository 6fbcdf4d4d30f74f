/* What was run and what happened, as JSON. Numbers of the journal go through as they are. */
#include "control/verdict_json.h"
#include <sha2.h>
#include <stdio.h>
#include <string.h>

json_t *verdict_ns(int64_t ns)
{
	return ns == NOT_YET ? json_null() : json_integer(ns);
}

json_t *verdict_since(int64_t at_ns, int64_t from_ns)
{
	return at_ns == NOT_YET ? json_null() : json_integer(at_ns - from_ns);
}

/* What is no UTF-8 is no JSON: null, or "" where there must be a text. */
json_t *verdict_text(const char *text)
{
	json_t *o = text ? json_string(text) : NULL;

	return o ? o : json_null();
}

static json_t *must(const char *text)
{
	json_t *o = json_string(text ? text : "");

	return o ? o : json_string("");
}

json_t *verdict_process(const struct fact_client *who)
{
	char text[96];

	if (!who->pid)
		return json_null();
	snprintf(text, sizeof(text), "%.60s[%lld]", who->process ? who->process : "?",
	    (long long)who->pid);
	return verdict_text(text);
}

json_t *verdict_ways(const int64_t bytes[static FACT_LEGS])
{
	return json_pack(
	    "{s:I, s:I}", "upstream", (json_int_t)bytes[0], "downstream", (json_int_t)bytes[1]);
}

const char *verdict_relay(const struct facts *f, unsigned relay)
{
	const char *name = relay < f->n_relays ? f->relays[relay].name : NULL;

	return name ? name : "relay";
}

/* ---- run ---- */

static const char *seen_by(const struct facts *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_relays; i++)
		n += f->relays[i].witness && !strcmp(f->relays[i].witness, "segments");
	if (n && n == f->n_relays)
		return "segments";
	return f->sockets_seen ? "sockets" : "sessions";
}

static json_t *exit_status(const struct facts *f)
{
	const struct record *r = f->exited;
	json_t *o = r ? json_object() : json_null();

	if (r && record_int(r, "code", -1) >= 0)
		json_object_set_new(o, "code", json_integer(record_int(r, "code", 0)));
	if (r && fact_signal(r) > 0)
		json_object_set_new(o, "signal", json_integer(fact_signal(r)));
	return o;
}

static json_t *argv_json(char *const *argv)
{
	json_t *o = argv ? json_array() : json_null();

	for (; argv && *argv; argv++)
		json_array_append_new(o, must(*argv));
	return o;
}

static json_t *scenario_json(const struct scenario *s, const char *text)
{
	char sha256[SHA256_DIGEST_STRING_LENGTH];

	SHA256Data((const uint8_t *)text, strlen(text), sha256);
	return json_pack("{s:o, s:o, s:o, s:s}", "file", must(s->file), "name", must(s->name),
	    "title", verdict_text(s->title), "sha256", sha256);
}

json_t *verdict_run(const struct facts *f, const struct run_about *about)
{
	const char *text = about->config_text ? about->config_text : "";
	char seed[24];

	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)about->seed);
	return json_pack("{s:o, s:o, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:s}", "tool",
	    must(about->version), "kernel", must(about->kernel), "seed", seed, "started",
	    must(about->started), "duration_ns", (json_int_t)f->end_ns, "scenario",
	    scenario_json(f->scenario, text), "command", argv_json(about->command), "exit_status",
	    exit_status(f), "replay", must(about->replay), "config", must(text), "seen_by",
	    seen_by(f));
}

json_t *verdict_relays(const struct facts *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->n_relays; i++) {
		const struct fact_relay *r = &f->relays[i];
		const struct record none = { 0 }, *told = r->told ? r->told : &none;

		json_array_append_new(list,
		    json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "name",
			must(verdict_relay(f, (unsigned)i)), "admin",
			must(record_text(told, "admin")), "version",
			must(record_text(told, "version")), "wire", must(record_text(told, "wire")),
			"skew_ns", (json_int_t)record_int(told, "skew_ns", 0), "rtt_ns",
			(json_int_t)record_int(told, "rtt_ns", 0), "events_lost",
			(json_int_t)r->events_lost));
	}
	return list;
}

/* ---- steps ---- */

static const struct record *find_step(
    const struct facts *f, const char *event, const char *name, int64_t iteration)
{
	for (size_t i = 0; i < f->journal->count; i++) {
		const struct record *r = &f->journal->records[i];
		const char *step;

		if (strcmp(r->event, event) != 0)
			continue;
		step = record_text(r, "step");
		if (step && !strcmp(step, name) && record_int(r, "iteration", 1) == iteration)
			return r;
	}
	return NULL;
}

static const char *result_word(const char *word)
{
	for (size_t i = 0; word && result_names[i]; i++)
		if (!strcmp(result_names[i], word))
			return word;
	return "error";
}

static json_t *step_json(const struct facts *f, const struct step *s, int64_t iteration)
{
	const struct record *began = find_step(f, "step.began", s->name, iteration),
			    *ended = find_step(f, "step.ended", s->name, iteration);
	int64_t planned_ns = began ? record_int(began, "planned_ns", NOT_YET) : NOT_YET;
	const char *message = ended ? record_text(ended, "message") : NULL;

	if (planned_ns == NOT_YET && !s->is_after && iteration == 1)
		planned_ns = s->at_ns;
	if (began && !ended && !message)
		message = "it was not over at the end";
	return json_pack("{s:o, s:i, s:I, s:o, s:o, s:o, s:s, s:o}", "name", must(s->name), "line",
	    s->where.line, "iteration", (json_int_t)iteration, "planned_ns", verdict_ns(planned_ns),
	    "began_ns", began ? json_integer(began->at_ns) : json_null(), "ended_ns",
	    ended ? json_integer(ended->at_ns) : json_null(), "result",
	    ended ? result_word(record_text(ended, "result")) : "skipped", "message",
	    verdict_text(message));
}

/* Those that were played, and the first of a step that was not. */
json_t *verdict_steps(const struct facts *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->scenario->n_steps; i++) {
		const struct step *s = &f->scenario->steps[i];

		for (int64_t k = 1; k == 1 || find_step(f, "step.began", s->name, k) ||
				    find_step(f, "step.ended", s->name, k);
		     k++)
			json_array_append_new(list, step_json(f, s, k));
	}
	return list;
}

/* ---- faults and recoveries ---- */

json_t *verdict_faults(const struct facts *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->n_faults; i++) {
		const struct fact_fault *x = &f->faults[i];

		json_array_append_new(list,
		    json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:o}",
			"name", must(x->name), "type", must(x->type), "side", must(x->side), "step",
			verdict_text(x->step ? x->step->name : NULL), "iteration",
			(json_int_t)x->iteration, "grade",
			verdict_text(x->active_ns == NOT_YET ? NULL : x->grade), "relay",
			must(verdict_relay(f, x->relay)), "active_ns", verdict_ns(x->active_ns),
			"lifted_ns", verdict_ns(x->lifted_ns), "sessions", (json_int_t)x->sessions,
			"segments", (json_int_t)x->segments, "refused", verdict_text(x->refused)));
	}
	return list;
}

/* A fault that acts to the end has none. */
json_t *verdict_recoveries(const struct facts *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->n_recoveries; i++) {
		const struct fact_recovery *r = &f->recoveries[i];

		if (r->lifted_ns == NOT_YET)
			continue;
		json_array_append_new(list,
		    json_pack("{s:o, s:o, s:I, s:I, s:o, s:o, s:I}", "fault",
			must(f->faults[r->fault].name), "proxy", must(r->proxy), "lifted_ns",
			(json_int_t)r->lifted_ns, "sessions_before", (json_int_t)r->before,
			"first_after_ns", verdict_since(r->first_ns, r->lifted_ns), "full_after_ns",
			verdict_since(r->full_ns, r->lifted_ns), "storm", (json_int_t)r->storm));
	}
	return list;
}

/* ---- expectations ---- */

json_t *verdict_expectation(const struct judging *j, const struct judged *judged)
{
	const struct expectation *e = j->e;
	const struct finding *w = &judged->worst;
	const char *file = e->where.file ? e->where.file : j->facts->scenario->file;
	char client[ADDR_TEXT_MAX];

	return json_pack(
	    "{s:s, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "key", expect_rows[e->kind].key, "name", verdict_text(e->name), "value", must(e->text),
	    "file", must(file), "line", e->where.line, "step", verdict_text(e->step), "proxy",
	    verdict_text(e->proxy), "client",
	    verdict_text(e->client.family ? cidr_format(client, sizeof(client), &e->client) : NULL),
	    "result", result_names[judged->result], "cases", (json_int_t)judged->cases, "expected",
	    must(judged->expected), "actual", must(w->actual), "margin",
	    verdict_text(*w->margin ? w->margin : NULL), "message", must(judged->message),
	    "session",
	    w->session == NOBODY ? json_null() : json_integer(j->facts->sessions[w->session].id),
	    "duration_ns", verdict_ns(w->measured_ns));
}
