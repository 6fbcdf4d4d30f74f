/*
 * The verdict as a whole: facts, each expectation judged, and what comes of it:
 *
 *     error > fail > vacuous > pass; a refused fault is an error, a step that failed a failure
 */
#include "control/verdict.h"
#include "base/mono.h"
#include "control/verdict_json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_VACUOUS 3
#define EXIT_REFUSED 4
#define EXIT_SIGNAL  128
#define COUNT_MAX    48

const char *const result_names[] = { "pass", "fail", "vacuous", "error", "skipped", NULL };

struct tally {
	size_t n[RESULTS]; /* of expectations that count */
	const struct fact_fault *refused;
	bool relay_lost;             /* nobody knows the rest */
	const struct record *failed; /* step */
	enum result step;            /* its result */
	enum result result;
	int signal;
};

/* ---- the whole ---- */

static void look_for_refused(const struct facts *f, struct tally *t)
{
	for (size_t i = 0; i < f->n_faults && !t->refused; i++)
		if (f->faults[i].refused)
			t->refused = &f->faults[i];
}

static void look_at_steps(const struct facts *f, struct tally *t)
{
	for (size_t i = 0; i < f->journal->count && !t->failed; i++) {
		const struct record *r = &f->journal->records[i];
		const char *result = record_text(r, "result");

		if (strcmp(r->event, "step.ended") != 0 || !result)
			continue;
		if (!strcmp(result, "error") || !strcmp(result, "fail")) {
			t->failed = r;
			t->step = strcmp(result, "fail") ? RESULT_ERROR : RESULT_FAIL;
		}
	}
}

static void look_at_end(const struct facts *f, struct tally *t)
{
	for (size_t i = 0; i < f->journal->count; i++) {
		const struct record *r = &f->journal->records[i];
		const char *reason = record_text(r, "reason");

		if (!strcmp(r->event, "run.end") && reason && !strcmp(reason, "relay"))
			t->relay_lost = true;
	}
}

/* What was not played was not shown. */
static enum result conclude(const struct tally *t)
{
	const bool step = t->failed != NULL;

	if (t->refused || t->relay_lost || t->n[RESULT_ERROR] || (step && t->step == RESULT_ERROR))
		return RESULT_ERROR;
	if (t->n[RESULT_FAIL] || step)
		return RESULT_FAIL;
	if (t->signal) /* it was ended before it was over */
		return RESULT_ERROR;
	if (t->n[RESULT_VACUOUS] || t->n[RESULT_SKIPPED] || !t->n[RESULT_PASS])
		return RESULT_VACUOUS;
	return RESULT_PASS;
}

static int exit_code(const struct tally *t)
{
	static const int codes[] = { [RESULT_PASS] = 0,
		[RESULT_FAIL] = 1,
		[RESULT_VACUOUS] = EXIT_VACUOUS,
		[RESULT_ERROR] = 1 };

	if (t->signal)
		return EXIT_SIGNAL + t->signal;
	return t->refused || t->relay_lost ? EXIT_REFUSED : codes[t->result];
}

/* ", 2 vacuous", or nothing of none. */
static const char *some(char buf[static COUNT_MAX], size_t n, const char *what)
{
	*buf = '\0';
	if (n)
		snprintf(buf, COUNT_MAX, ", %zu %s", n, what);
	return buf;
}

static int say_counts(char **text, const struct tally *t, size_t all, const struct facts *f)
{
	char fail[COUNT_MAX], vacuous[COUNT_MAX], untold[COUNT_MAX];

	return asprintf(text, "%zu of %zu %s met%s%s%s; %zu %s, %zu %s", t->n[RESULT_PASS], all,
	    all == 1 ? "expectation" : "expectations", some(fail, t->n[RESULT_FAIL], "not"),
	    some(vacuous, t->n[RESULT_VACUOUS] + t->n[RESULT_SKIPPED], "vacuous"),
	    some(untold, t->n[RESULT_ERROR], "that cannot be told"), f->n_deaths,
	    f->n_deaths == 1 ? "death" : "deaths", f->n_sessions,
	    f->n_sessions == 1 ? "session" : "sessions");
}

static json_t *summary(const struct facts *f, const struct tally *t)
{
	const size_t all = t->n[RESULT_PASS] + t->n[RESULT_FAIL] + t->n[RESULT_VACUOUS] +
			   t->n[RESULT_ERROR] + t->n[RESULT_SKIPPED];
	const char *message = t->failed ? record_text(t->failed, "message") : NULL;
	char *text = NULL;
	json_t *o;
	int n;

	if (t->refused)
		n = asprintf(&text, "fault %s could not be injected: %s", t->refused->name,
		    t->refused->refused);
	else if (t->relay_lost)
		n = asprintf(&text, "a relay was lost on the way: the rest is not known");
	else if (t->failed)
		n = asprintf(&text, "step %s failed: %s",
		    record_text(t->failed, "step") ? record_text(t->failed, "step") : "?",
		    message ? message : "no reason was told");
	else
		n = say_counts(&text, t, all, f);
	o = n < 0 ? NULL : json_string(text);
	if (n >= 0)
		free(text);
	return o ? o : json_string("");
}

static json_t *judge_all(const struct facts *f, const struct run_about *about, struct tally *t)
{
	json_t *list = json_array();
	struct judged *one = malloc(sizeof(*one));

	for (size_t i = 0; one && i < f->scenario->n_expectations; i++) {
		const struct judging j = { f, &f->scenario->expectations[i], about->system };

		expect_judge(&j, one);
		if (one->counts)
			t->n[one->result]++;
		json_array_append_new(list, verdict_expectation(&j, one));
	}
	if (!one) {
		json_decref(list);
		return NULL;
	}
	free(one);
	return list;
}

static json_t *put_together(
    const struct facts *f, const struct run_about *about, struct tally *t, json_t *expectations)
{
	size_t sessions_left, attempts_left;
	json_t *sessions = verdict_sessions(f, &sessions_left),
	       *attempts = verdict_attempts(f, &attempts_left);

	return json_pack(
	    "{s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:o}", "schema",
	    "urn:deadpeer:verdict:1", "result", result_names[t->result], "exit_code", exit_code(t),
	    "summary", summary(f, t), "run", verdict_run(f, about), "relays", verdict_relays(f),
	    "steps", verdict_steps(f), "faults", verdict_faults(f), "deaths",
	    verdict_deaths(f, about->system), "recoveries", verdict_recoveries(f), "sessions",
	    sessions, "sessions_left_out", (json_int_t)sessions_left, "attempts", attempts,
	    "attempts_left_out", (json_int_t)attempts_left, "expectations", expectations);
}

json_t *verdict_judge(
    const struct scenario *scenario, const struct journal *journal, const struct run_about *about)
{
	struct facts *f = facts_new(scenario, journal);
	struct tally t = { .signal = about->signal };
	json_t *expectations, *verdict;

	if (!f)
		return NULL;
	look_for_refused(f, &t);
	look_at_steps(f, &t);
	look_at_end(f, &t);
	expectations = judge_all(f, about, &t);
	t.result = conclude(&t);
	verdict = expectations ? put_together(f, about, &t, expectations) : NULL;
	facts_free(f);
	return verdict;
}

int verdict_exit_code(const json_t *verdict)
{
	const json_t *code = json_object_get(verdict, "exit_code");

	return json_is_integer(code) ? (int)json_integer_value(code) : 1;
}

/* ---- is it settled? ---- */

static bool was_broken_off(const struct journal *journal)
{
	for (size_t i = 0; i < journal->count; i++) {
		const struct record *r = &journal->records[i];
		const char *result = record_text(r, "result");

		if (!strcmp(r->event, "step.ended") && result && strcmp(result, "pass") != 0)
			return true;
	}
	return false;
}

static bool steps_over(const struct scenario *s, const struct journal *journal)
{
	uint64_t planned = 0, ended = 0;

	for (size_t i = 0; i < s->n_steps; i++)
		planned += s->steps[i].repeat ? s->steps[i].repeat : 1;
	for (size_t i = 0; i < journal->count; i++)
		ended += !strcmp(journal->records[i].event, "step.ended");
	return ended >= planned || was_broken_off(journal);
}

static bool death_settled(const struct facts *f, const struct fact_death *d, unsigned waits)
{
	const struct fact_session *s = &f->sessions[d->session];

	if (waits & (WAITS_DETECTED | WAITS_RETURNED) && d->detected_ns == NOT_YET && !d->lived)
		return false;
	if (waits & WAITS_DETECTED && d->zombie)
		return false;
	if (waits & WAITS_RETURNED && d->by_client && d->recovered_ns == NOT_YET && !d->lived)
		return false;
	return !(waits & WAITS_CLOSED) || s->loss_told || (d->lived && d->recovered_ns != NOT_YET);
}

static bool recovery_settled(const struct facts *f, const struct fact_recovery *r, unsigned waits)
{
	if (waits & WAITS_RECOVERED && r->first_ns == NOT_YET)
		return false;
	return !(waits & WAITS_FULL) ||
	       (r->full_ns != NOT_YET && f->end_ns >= r->full_ns + NS_PER_S);
}

/* Sessions of other proxies than those that were struck. */
static bool others_settled(const struct facts *f)
{
	for (size_t i = 0; i < f->n_sessions; i++)
		if (f->sessions[i].death == NOBODY && f->sessions[i].closed_ns == NOT_YET &&
		    f->sessions[i].opened_ns < f->deaths[0].at_ns)
			return false;
	return true;
}

/* What is armed and has not begun may strike yet. */
static bool all_began(const struct facts *f)
{
	for (size_t i = 0; i < f->n_faults; i++)
		if (f->faults[i].active_ns == NOT_YET && f->faults[i].lifted_ns == NOT_YET &&
		    !f->faults[i].refused)
			return false;
	return true;
}

/* Nothing is armed any more, and no step will arm anything. */
static bool none_can_strike(const struct facts *f)
{
	for (size_t i = 0; i < f->n_faults; i++)
		if (f->faults[i].lifted_ns == NOT_YET && !f->faults[i].refused)
			return false;
	return f->n_faults || was_broken_off(f->journal);
}

static bool all_settled(const struct facts *f, unsigned waits)
{
	if (waits & WAITS_EXITED && !f->exited)
		return false;
	if (!(waits & ~(unsigned)WAITS_EXITED))
		return true;
	if (!f->n_deaths)
		return none_can_strike(f);
	if (waits & WAITS_END || !all_began(f) || (waits & WAITS_OTHERS && !others_settled(f)))
		return false;
	for (size_t i = 0; i < f->n_deaths; i++)
		if (!death_settled(f, &f->deaths[i], waits))
			return false;
	for (size_t i = 0; i < f->n_recoveries; i++)
		if (!recovery_settled(f, &f->recoveries[i], waits))
			return false;
	return true;
}

/* What is cheap to see comes first: this is asked again and again. */
bool verdict_settled(const struct scenario *scenario, const struct journal *journal)
{
	struct facts *f;
	unsigned waits = 0;
	bool settled;

	for (size_t i = 0; i < scenario->n_expectations; i++)
		waits |= expect_judges[scenario->expectations[i].kind].waits;
	if (!steps_over(scenario, journal))
		return false;
	f = facts_new(scenario, journal);
	settled = f && all_settled(f, waits);
	facts_free(f);
	return settled;
}
