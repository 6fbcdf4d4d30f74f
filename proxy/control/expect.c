/*
 * Holds an expectation against each of its cases and tells the worst:
 *
 *     no case: vacuous    a failure: fail    else one that could not be told: error    else pass
 */
#include "control/expect.h"
#include "control/say.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void expect_say(char buf[static EXPECT_WORDS], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf, EXPECT_WORDS, fmt, args);
	va_end(args);
}

/* ---- what is expected, in words ---- */

static void say_limit(const struct expectation *e, char buf[static EXPECT_WORDS])
{
	char text[SAY_MAX];

	expect_say(buf, "within %s", say_time(text, e->value.ns));
}

static void say_least(const struct expectation *e, char buf[static EXPECT_WORDS])
{
	char text[SAY_MAX];

	expect_say(buf, "at least %s", say_time(text, e->value.ns));
}

static void say_most(const struct expectation *e, char buf[static EXPECT_WORDS])
{
	char text[SAY_MAX];

	expect_say(buf, "at most %s", say_count(text, e->value.count, "attempt"));
}

static void say_storm(const struct expectation *e, char buf[static EXPECT_WORDS])
{
	say_most(e, buf);
	strcat(buf, " a second");
}

static void say_backoff(const struct expectation *e, char buf[static EXPECT_WORDS])
{
	static const char *const words[] = { "any backoff", "constant gaps", "gaps that grow" };

	expect_say(buf, "%s", words[e->value.backoff]);
}

static void say_jitter(const struct expectation *e, char buf[static EXPECT_WORDS])
{
	expect_say(buf, "at least %.3g %% of jitter", e->value.share * 100);
}

static void say_never(const struct expectation *e, char buf[static EXPECT_WORDS])
{
	(void)e;
	expect_say(buf, "no detection");
}

static void say_zombies(const struct expectation *e, char buf[static EXPECT_WORDS])
{
	(void)e;
	expect_say(buf, "no dead session still held");
}

static void say_loss(const struct expectation *e, char buf[static EXPECT_WORDS])
{
	(void)e;
	expect_say(buf, "no byte lost");
}

static void say_duplicates(const struct expectation *e, char buf[static EXPECT_WORDS])
{
	(void)e;
	expect_say(buf, "no request sent twice");
}

static void say_exit(const struct expectation *e, char buf[static EXPECT_WORDS])
{
	expect_say(buf, "exit code %llu", (unsigned long long)e->value.count);
}

static void say_slower(const struct expectation *e, char buf[static EXPECT_WORDS])
{
	expect_say(buf, "no sooner than %.3g %% of what is predicted", e->value.share * 100);
}

static void say_faster(const struct expectation *e, char buf[static EXPECT_WORDS])
{
	expect_say(buf, "no later than %.3g %% of what is predicted", e->value.share * 100);
}

#define NO_DEATH "no session that had carried bytes both ways was struck"
#define NO_KNOWN "no client that had carried bytes both ways was seen to give up and try again"
#define NO_END   "no fault that had struck a session with bytes both ways was lifted"

const struct expect_judge expect_judges[EXPECT_KINDS] = {
	[EXPECT_DETECT_WITHIN] = { OVER_DEATHS, judge_detect_within, say_limit, NO_DEATH,
	    WAITS_DETECTED },
	[EXPECT_NEVER_DETECT] = { OVER_DEATHS, judge_never_detect, say_never, NO_DEATH, WAITS_END },
	[EXPECT_RECONNECT_WITHIN] = { OVER_DEATHS, judge_reconnect_within, say_limit,
	    "no client that had carried bytes both ways was struck and could come back",
	    WAITS_RETURNED },
	[EXPECT_MAX_ATTEMPTS] = { OVER_COMEBACKS, judge_max_attempts, say_most, NO_KNOWN,
	    WAITS_RETURNED },
	[EXPECT_MIN_FIRST_DELAY] = { OVER_COMEBACKS, judge_min_first_delay, say_least, NO_KNOWN,
	    WAITS_RETURNED },
	[EXPECT_BACKOFF] = { OVER_COMEBACKS, judge_backoff, say_backoff,
	    "no client tried four times, so there were too few gaps", WAITS_RETURNED },
	[EXPECT_MAX_STORM] = { OVER_RECOVERIES, judge_max_storm, say_storm, NO_DEATH, WAITS_FULL },
	[EXPECT_JITTER_AT_LEAST] = { OVER_RECOVERIES, judge_jitter, say_jitter,
	    "neither did one client try four times nor two clients twice", WAITS_RETURNED },
	[EXPECT_RECOVER_WITHIN] = { OVER_RECOVERIES, judge_recover_within, say_limit, NO_END,
	    WAITS_RECOVERED },
	[EXPECT_FULL_RECOVERY_WITHIN] = { OVER_RECOVERIES, judge_full_recovery, say_limit, NO_END,
	    WAITS_FULL },
	[EXPECT_NO_ZOMBIES] = { OVER_DEATHS, judge_no_zombies, say_zombies,
	    "no session that had carried bytes both ways died", WAITS_DETECTED },
	[EXPECT_NO_LOSS] = { OVER_DEATHS, judge_no_loss, say_loss, NO_DEATH, WAITS_CLOSED },
	[EXPECT_NO_DUPLICATES] = { OVER_DEATHS, judge_no_duplicates, say_duplicates,
	    "no client that was struck carried bytes both ways again", WAITS_FULL },
	[EXPECT_OTHER_SIDE_CLOSED_WITHIN] = { OVER_SESSIONS, judge_other_side, say_limit,
	    "no session of it that had carried bytes both ways was open when another proxy's was "
	    "struck",
	    WAITS_OTHERS },
	[EXPECT_EXIT_CODE] = { OVER_COMMAND, judge_exit_code, say_exit,
	    "the command did not end by itself", WAITS_EXITED },
	[EXPECT_SLOWER_THAN] = { OVER_DEATHS, judge_slower_than, say_slower,
	    "no death has a time that its client's settings predict", WAITS_DETECTED },
	[EXPECT_FASTER_THAN] = { OVER_DEATHS, judge_faster_than, say_faster,
	    "no death has a time that its client's settings predict", WAITS_DETECTED },
};

/* ---- bindings ---- */

static bool client_in(const struct cidr *range, const char *client)
{
	struct addr a;

	if (!range->family)
		return true;
	return !addr_parse(client, &a) && cidr_contains(range, &a.sa.sa);
}

bool expect_takes_session(const struct judging *j, const struct fact_session *s)
{
	return (!j->e->proxy || !strcmp(j->e->proxy, s->proxy)) &&
	       client_in(&j->e->client, s->client);
}

static bool takes_step(const struct judging *j, const struct fact_death *d)
{
	const struct step *step = j->facts->faults[d->fault].step;

	return !j->e->step || (step && !strcmp(j->e->step, step->name));
}

bool expect_takes_death(const struct judging *j, const struct fact_death *d)
{
	if (!takes_step(j, d))
		return false;
	return j->e->kind == EXPECT_OTHER_SIDE_CLOSED_WITHIN ||
	       expect_takes_session(j, &j->facts->sessions[d->session]);
}

bool expect_visible(const struct facts *f, const struct fact_death *d)
{
	const struct fact_session *s = &f->sessions[d->session];
	const char *witness = f->relays[s->relay].witness;

	return (d->by_client && s->watched) || (witness && !strcmp(witness, "segments"));
}

/* ---- times ---- */

void expect_time(const struct judging *j, int64_t measured_ns, bool never, struct finding *out)
{
	const int64_t limit_ns = j->e->value.ns;
	const bool ok = measured_ns <= limit_ns;
	char text[SAY_MAX];

	out->badness = (double)measured_ns / 1e9 - (double)limit_ns / 1e9 + (never ? 1e9 : 0);
	if (never) {
		out->found = ok ? FOUND_UNTOLD : FOUND_FAIL;
		expect_say(out->margin, ok ? "only %s were watched: see settle" : "not in %s",
		    say_time(text, measured_ns));
		return;
	}
	out->found = ok ? FOUND_PASS : FOUND_FAIL;
	out->measured_ns = measured_ns;
	say_time(text, ok ? limit_ns - measured_ns : measured_ns - limit_ns);
	expect_say(out->margin, "%s %s", text, ok ? "to spare" : "too late");
}

/* ---- all cases ---- */

static size_t count_of(const struct facts *f, enum expect_over over)
{
	switch (over) {
	case OVER_DEATHS:
		return f->n_deaths;
	case OVER_SESSIONS:
		return f->n_sessions;
	case OVER_COMEBACKS:
		return f->n_comebacks;
	case OVER_RECOVERIES:
		return f->n_recoveries;
	default:
		return 1;
	}
}

/* A failure beats what could not be told, that beats a pass; then the worse one. */
static bool is_worse(const struct finding *a, const struct finding *b)
{
	static const int rank[] = {
		[FOUND_NO_CASE] = 0, [FOUND_PASS] = 1, [FOUND_UNTOLD] = 2, [FOUND_FAIL] = 3
	};

	if (rank[a->found] != rank[b->found])
		return rank[a->found] > rank[b->found];
	return a->badness > b->badness;
}

static bool step_began(const struct judging *j)
{
	const struct journal *journal = j->facts->journal;

	for (size_t i = 0; i < journal->count; i++) {
		const struct record *r = &journal->records[i];
		const char *step = record_text(r, "step");

		if (!strcmp(r->event, "step.began") && step && !strcmp(step, j->e->step))
			return true;
	}
	return false;
}

/* A relay that tells of no strikes, or whose events are missing. NULL: all is well. */
static const char *cannot_tell(const struct judging *j, char buf[static EXPECT_WORDS])
{
	for (size_t i = 0; i < j->facts->n_relays; i++) {
		const struct fact_relay *r = &j->facts->relays[i];
		const char *name = r->name ? r->name : "the relay";

		if (r->events_lost)
			expect_say(
			    buf, "%lld events of %s are missing", (long long)r->events_lost, name);
		else if (r->acted && !r->witness)
			expect_say(
			    buf, "%s does not tell which sessions are struck: witness = yes", name);
		else
			continue;
		return buf;
	}
	return NULL;
}

static void say_place(const struct judging *j, const struct judged *out, char *buf, size_t size)
{
	const struct expectation *e = j->e;
	const char *file = e->where.file ? e->where.file : j->facts->scenario->file;
	const struct fact_session *s =
	    out->worst.session == NOBODY ? NULL : &j->facts->sessions[out->worst.session];

	if (s)
		snprintf(buf, size, " (session %lld of %s, %s; %s:%d)", (long long)s->id, s->proxy,
		    s->client, file ? file : "", e->where.line);
	else
		snprintf(buf, size, " (%s:%d)", file ? file : "", e->where.line);
}

/* "detect_within: detected after 937 s, its settings predict 925..940 s, expected within
 * 30 s: no user timeout is set; 907 s too late; set TCP_USER_TIMEOUT (session 3 of db,
 * 10.0.0.1:40; x.ini:9)" */
static void say_message(const struct judging *j, struct judged *out)
{
	const struct finding *w = &out->worst;
	char place[2 * EXPECT_WORDS];

	say_place(j, out, place, sizeof(place));
	snprintf(out->message, sizeof(out->message), "%s: %s, expected %s%s%s%s%s%s%s%s",
	    expect_rows[j->e->kind].key, w->actual, out->expected, *w->why ? ": " : "", w->why,
	    *w->margin ? "; " : "", w->margin, *w->advice ? "; " : "", w->advice, place);
}

static void conclude(const struct judging *j, struct judged *out)
{
	static const enum result results[] = { [FOUND_NO_CASE] = RESULT_VACUOUS,
		[FOUND_PASS] = RESULT_PASS,
		[FOUND_FAIL] = RESULT_FAIL,
		[FOUND_UNTOLD] = RESULT_ERROR };
	char why[EXPECT_WORDS];

	out->result = results[out->worst.found];
	if (j->e->kind != EXPECT_EXIT_CODE && out->result != RESULT_FAIL && cannot_tell(j, why)) {
		out->result = RESULT_ERROR;
		expect_say(out->worst.why, "%s", why);
	}
	if (out->worst.found == FOUND_NO_CASE) {
		expect_say(out->worst.actual, "nothing was shown");
		if (out->result == RESULT_VACUOUS)
			expect_say(out->worst.why, "%s", expect_judges[j->e->kind].nothing);
		if (out->result == RESULT_VACUOUS && j->e->step && !step_began(j)) {
			out->result = RESULT_SKIPPED;
			expect_say(out->worst.why, "step %s was not played", j->e->step);
		}
	}
}

static bool is_asked(const struct expectation *e)
{
	return expect_rows[e->kind].kind != FIELD_BOOL || e->value.yes;
}

void expect_judge(const struct judging *j, struct judged *out)
{
	const struct expect_judge *row = &expect_judges[j->e->kind];
	const size_t n = count_of(j->facts, row->over);

	memset(out, 0, sizeof(*out));
	out->worst.session = NOBODY;
	out->worst.measured_ns = NOT_YET;
	out->counts = is_asked(j->e);
	row->expected(j->e, out->expected);
	if (!out->counts) {
		out->result = RESULT_SKIPPED;
		expect_say(out->worst.actual, "not judged");
		say_message(j, out);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct finding one = { .measured_ns = NOT_YET, .session = NOBODY };

		row->judge(j, i, &one);
		out->cases += one.found != FOUND_NO_CASE;
		if (is_worse(&one, &out->worst))
			out->worst = one;
	}
	conclude(j, out);
	say_message(j, out);
}
