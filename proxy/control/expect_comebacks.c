/* Judges of how clients come back, alone and all at once, and of the command. */
#include "base/mono.h"
#include "control/expect.h"
#include "control/say.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAPS_LEAST   3
#define CONSTANT_LOW 0.8
#define CONSTANT_TOP 1.25
#define GROWS_LEAST  1.3
#define ROUNDING     1e-9

static const char unseen[] =
    "the relay has no CAP_NET_RAW: attempts that were refused at once, or came "
    "from another machine, could not be seen";

static const struct fact_comeback *case_of(const struct judging *j, size_t i, struct finding *out)
{
	const struct fact_comeback *c = &j->facts->comebacks[i];
	const struct fact_death *d = &j->facts->deaths[c->death];

	if (!d->traffic_before || !expect_takes_death(j, d))
		return NULL;
	out->session = d->session;
	return c;
}

static void cannot_see(struct finding *out)
{
	out->found = FOUND_UNTOLD;
	*out->margin = '\0';
	expect_say(out->why, "%s", unseen);
	expect_say(out->advice, "grant it: deadpeer doctor tells how");
}

/* What would pass cannot be told when attempts may be missing. */
static void doubt(bool invisible, struct finding *out)
{
	if (invisible && out->found == FOUND_PASS)
		cannot_see(out);
}

static void judge_count(size_t n, uint64_t most, const char *unit, struct finding *out)
{
	char text[SAY_MAX];

	out->badness = (double)n - (double)most;
	out->found = n <= most ? FOUND_PASS : FOUND_FAIL;
	expect_say(out->actual, "%s%s", say_count(text, n, "attempt"), unit);
	if (n <= most)
		expect_say(out->margin, "%llu to spare", (unsigned long long)most - n);
	else
		expect_say(out->margin, "%llu too many", (unsigned long long)(n - most));
}

JUDGE(judge_max_attempts)
{
	const struct fact_comeback *c = case_of(j, i, out);

	if (!c)
		return;
	judge_count(c->attempts, j->e->value.count, "", out);
	doubt(c->invisible, out);
}

JUDGE(judge_min_first_delay)
{
	const struct fact_comeback *c = case_of(j, i, out);
	const int64_t least_ns = j->e->value.ns;
	int64_t delay_ns, tolerance_ns;
	char text[SAY_MAX];

	if (!c || !c->attempts)
		return;
	tolerance_ns = j->facts->deaths[c->death].tolerance_ns;
	delay_ns = j->facts->attempts[c->first].at_ns - c->from_ns;
	if (!c->from_known) {
		out->found = FOUND_UNTOLD;
		expect_say(out->actual, "tried anew");
		expect_say(out->why, "it was not seen to give up before it tried again");
		return;
	}
	out->found = delay_ns >= least_ns ? FOUND_PASS : FOUND_FAIL;
	out->badness = (double)(least_ns - delay_ns);
	out->measured_ns = delay_ns;
	expect_say(out->actual, "first attempt after %s", say_time(text, delay_ns));
	say_time(text, llabs(delay_ns - least_ns));
	expect_say(out->margin, "%s %s", text, delay_ns >= least_ns ? "to spare" : "too soon");
	if (delay_ns < least_ns && delay_ns + tolerance_ns >= least_ns) {
		out->found = FOUND_UNTOLD;
		expect_say(
		    out->why, "when it gave up is known to %s only", say_time(text, tolerance_ns));
	}
	doubt(c->invisible, out);
}

static double badness_of(int backoff, double growth)
{
	if (backoff == BACKOFF_EXPONENTIAL)
		return GROWS_LEAST - growth;
	if (backoff == BACKOFF_CONSTANT)
		return growth > 1 ? growth - CONSTANT_TOP : CONSTANT_LOW - growth;
	return -1;
}

JUDGE(judge_backoff)
{
	const struct fact_comeback *c = case_of(j, i, out);

	if (!c || (c->common_gaps < GAPS_LEAST && !c->invisible))
		return;
	out->badness = badness_of(j->e->value.backoff, c->growth);
	out->found = out->badness <= ROUNDING ? FOUND_PASS : FOUND_FAIL;
	expect_say(out->actual, "%zu gaps that grow %.3g times each%s", c->common_gaps, c->growth,
	    c->lanes > 1 ? ", over all its connections" : "");
	if (j->e->value.backoff == BACKOFF_EXPONENTIAL)
		expect_say(out->margin, "%.3g is the least", GROWS_LEAST);
	else if (j->e->value.backoff == BACKOFF_CONSTANT)
		expect_say(
		    out->margin, "%.3g to %.3g are taken for constant", CONSTANT_LOW, CONSTANT_TOP);
	if (c->invisible)
		cannot_see(out);
}

/* ---- all clients ---- */

static const struct fact_death *death_of(const struct judging *j, const struct fact_recovery *r)
{
	for (size_t i = 0; i < j->facts->n_deaths; i++) {
		const struct fact_death *d = &j->facts->deaths[i];

		if (d->fault == r->fault && d->until_ns == r->lifted_ns && d->traffic_before &&
		    j->facts->sessions[d->session].proxy == r->proxy && expect_takes_death(j, d))
			return d;
	}
	return NULL;
}

JUDGE(judge_max_storm)
{
	const struct fact_recovery *r = &j->facts->recoveries[i];

	if (!death_of(j, r))
		return;
	judge_count(r->storm, j->e->value.count, " in a second", out);
	doubt(r->invisible, out);
}

static bool is_part(
    const struct judging *j, const struct fact_recovery *r, const struct fact_comeback *c)
{
	const struct fact_death *d = &j->facts->deaths[c->death];

	return c->proxy == r->proxy && d->fault == r->fault && d->until_ns == r->lifted_ns &&
	       d->traffic_before && expect_takes_death(j, d);
}

/* How far clients' gaps of the same ordinal are apart; below 0: too few. */
static double spread_across(const struct judging *j, const struct fact_recovery *r, double *values)
{
	double sum = 0;
	size_t ordinals = 0;

	for (size_t gap = 0;; gap++) {
		size_t n = 0;

		for (size_t i = 0; i < j->facts->n_comebacks; i++) {
			const struct fact_comeback *c = &j->facts->comebacks[i];

			if (gap < c->n_gaps && is_part(j, r, c))
				values[n++] = (double)c->gaps_ns[gap];
		}
		if (n < 2)
			return ordinals ? sum / (double)ordinals : -1;
		sum += facts_spread(values, n);
		ordinals++;
	}
}

/* Of one client alone. */
static double spread_within(const struct judging *j, const struct fact_recovery *r)
{
	double least = -1;

	for (size_t i = 0; i < j->facts->n_comebacks; i++) {
		const struct fact_comeback *c = &j->facts->comebacks[i];

		if (is_part(j, r, c) && c->jitter >= 0 && (least < 0 || c->jitter < least))
			least = c->jitter;
	}
	return least;
}

JUDGE(judge_jitter)
{
	const struct fact_recovery *r = &j->facts->recoveries[i];
	const double least = j->e->value.share;
	double *values = calloc(j->facts->n_comebacks + 1, sizeof(*values)), spread;

	if (!values)
		return;
	spread = spread_across(j, r, values);
	free(values);
	if (spread < 0)
		spread = spread_within(j, r);
	if (spread < 0)
		return;
	out->badness = least - spread;
	out->found = spread >= least - ROUNDING ? FOUND_PASS : FOUND_FAIL;
	expect_say(out->actual, "%.3g %% of jitter", spread * 100);
	expect_say(out->margin, "%.3g %% %s",
	    (spread >= least ? spread - least : least - spread) * 100,
	    spread >= least ? "more" : "too little");
	if (r->invisible)
		cannot_see(out);
}

/* ---- traffic again ---- */

static void judge_back(const struct judging *j, const struct fact_recovery *r, int64_t at_ns,
    const char *what, const char *nothing, struct finding *out)
{
	const struct fact_death *d = death_of(j, r);
	const bool never = at_ns == NOT_YET;
	char text[SAY_MAX];

	if (!d || r->lifted_ns == NOT_YET)
		return;
	out->session = d->session;
	expect_time(j, (never ? j->facts->end_ns : at_ns) - r->lifted_ns, never, out);
	if (never)
		expect_say(out->actual, "%s since the fault's end", nothing);
	else
		expect_say(out->actual, "%s %s after the fault's end", what,
		    say_time(text, out->measured_ns));
	if (r->unsure && out->found == FOUND_FAIL) {
		out->found = FOUND_UNTOLD;
		expect_say(
		    out->why, "its session lived, and when it carried bytes again was not told");
	}
}

JUDGE(judge_recover_within)
{
	const struct fact_recovery *r = &j->facts->recoveries[i];

	judge_back(j, r, r->first_ns, "first bytes both ways", "no bytes both ways", out);
}

JUDGE(judge_full_recovery)
{
	const struct fact_recovery *r = &j->facts->recoveries[i];

	judge_back(j, r, r->full_ns, "as many sessions with traffic as before",
	    "fewer sessions with traffic than before", out);
}

/* ---- the command ---- */

JUDGE(judge_exit_code)
{
	const struct record *r = j->facts->exited;
	const int64_t code = r ? record_int(r, "code", -1) : -1;

	(void)i;
	if (!r)
		return;
	out->found = code >= 0 && (uint64_t)code == j->e->value.count ? FOUND_PASS : FOUND_FAIL;
	if (code >= 0)
		expect_say(out->actual, "exit code %lld", (long long)code);
	else
		expect_say(out->actual, "killed by signal %d", fact_signal(r));
}
