/* Judges of deaths: noticing them, coming back, what was left behind. */
#include "control/expect.h"
#include "control/say.h"
#include <stdio.h>
#include <string.h>

#define TOLERANCE_TOLD_NS (INT64_C(50) * 1000 * 1000)

static const struct fact_death *case_of(const struct judging *j, size_t i, struct finding *out)
{
	const struct fact_death *d = &j->facts->deaths[i];

	if (!d->traffic_before || !expect_takes_death(j, d))
		return NULL;
	out->session = d->session;
	return d;
}

static bool has_times(const struct forecast *c)
{
	return c->low_ns != NOT_YET;
}

/* ", its settings predict 925..940 s"; "" if they are not known. */
static void say_forecast(const struct forecast *c, char *buf, size_t size)
{
	char range[2 * SAY_MAX];

	buf[0] = '\0';
	if (!c->known)
		return;
	if (!has_times(c))
		snprintf(buf, size, ", its settings predict %s",
		    c->outcome == PREDICT_UNKNOWN ? "nothing" : "never");
	else if (c->high_ns == NOT_YET)
		snprintf(
		    buf, size, ", its settings predict %s or more", say_time(range, c->low_ns));
	else
		snprintf(buf, size, ", its settings predict %s",
		    say_range(range, c->low_ns, c->high_ns));
}

static void explain(const struct forecast *c, struct finding *out)
{
	expect_say(out->why, "%s", c->cause);
	if (out->found != FOUND_PASS)
		expect_say(out->advice, "%s", c->advice);
}

/* What was measured, beside what was predicted. */
static void say_detected(const struct judging *j, const struct fact_death *d,
    const struct forecast *c, struct finding *out)
{
	const int64_t end_ns = d->lived ? d->until_ns : j->facts->end_ns;
	char text[SAY_MAX], before[SAY_MAX], beside[160], sampled[64] = "";

	say_forecast(c, beside, sizeof(beside));
	if (d->detected_ns != NOT_YET && d->tolerance_ns > TOLERANCE_TOLD_NS)
		snprintf(sampled, sizeof(sampled), " (or up to %s sooner)",
		    say_time(before, d->tolerance_ns));
	if (d->detected_ns != NOT_YET)
		expect_say(out->actual, "detected after %s%s%s",
		    say_time(text, d->detected_ns - d->at_ns), sampled, beside);
	else
		expect_say(
		    out->actual, "not detected in %s%s", say_time(text, end_ns - d->at_ns), beside);
}

/* ---- noticing ---- */

JUDGE(judge_detect_within)
{
	const struct fact_death *d = case_of(j, i, out);
	struct forecast c;

	/* A fault that was over sooner, and that the session outlived, need not be noticed. */
	if (!d || (d->lived && d->until_ns - d->at_ns <= j->e->value.ns))
		return;
	if (d->detected_ns != NOT_YET)
		expect_time(j, d->detected_ns - d->at_ns, false, out);
	else
		expect_time(j, (d->lived ? d->until_ns : j->facts->end_ns) - d->at_ns, true, out);
	forecast(j->facts, d, j->system, &c);
	explain(&c, out);
	say_detected(j, d, &c, out);
	if (d->detected_ns == NOT_YET && !expect_visible(j->facts, d)) {
		out->found = FOUND_UNTOLD;
		expect_say(
		    out->why, "its client can be seen neither by its segments nor by its socket");
	}
}

JUDGE(judge_never_detect)
{
	const struct fact_death *d = case_of(j, i, out);
	struct forecast c;

	if (!d)
		return;
	forecast(j->facts, d, j->system, &c);
	if (d->detected_ns != NOT_YET && d->detected_ns < d->until_ns) {
		out->found = FOUND_FAIL;
		out->measured_ns = d->detected_ns - d->at_ns;
		out->badness = -(double)out->measured_ns;
	} else {
		out->found = expect_visible(j->facts, d) || d->lived ? FOUND_PASS : FOUND_UNTOLD;
	}
	say_detected(j, d, &c, out);
	expect_say(out->why, "%s", c.cause);
	if (out->found == FOUND_FAIL)
		expect_say(out->margin, "by %s", fact_how_names[d->how]);
	else if (out->found == FOUND_UNTOLD)
		expect_say(
		    out->why, "its client can be seen neither by its segments nor by its socket");
}

/* P x low and P x high; nothing was predicted, or it was not watched for so long: no case. */
static const struct fact_death *predicted_case(
    const struct judging *j, size_t i, struct finding *out, struct forecast *c)
{
	const struct fact_death *d = case_of(j, i, out);

	if (!d)
		return NULL;
	forecast(j->facts, d, j->system, c);
	return c->known && c->outcome == PREDICT_NOTICED && !d->lived ? d : NULL;
}

static void judge_share(const struct judging *j, const struct fact_death *d,
    const struct forecast *c, int64_t limit_ns, bool at_least, struct finding *out)
{
	const bool seen = d->detected_ns != NOT_YET;
	const int64_t after_ns = (seen ? d->detected_ns : j->facts->end_ns) - d->at_ns;
	const bool beyond = after_ns > limit_ns, ok = at_least ? after_ns >= limit_ns : !beyond;
	char text[SAY_MAX];

	if (!seen && (at_least ? !ok : !beyond))
		return; /* not watched for so long */
	out->found = ok && (seen || at_least) ? FOUND_PASS : FOUND_FAIL;
	out->measured_ns = seen ? after_ns : NOT_YET;
	out->badness = (double)(at_least ? limit_ns - after_ns : after_ns - limit_ns);
	say_detected(j, d, c, out);
	expect_say(out->margin, "%s %s %s",
	    say_time(text, beyond ? after_ns - limit_ns : limit_ns - after_ns),
	    beyond ? "beyond" : "before", at_least ? "the least" : "the limit");
	explain(c, out);
}

static int64_t share_of(const struct judging *j, int64_t ns)
{
	return (int64_t)(j->e->value.share * (double)ns + 0.5);
}

JUDGE(judge_slower_than)
{
	struct forecast c;
	const struct fact_death *d = predicted_case(j, i, out, &c);

	if (d)
		judge_share(j, d, &c, share_of(j, c.low_ns), true, out);
}

JUDGE(judge_faster_than)
{
	struct forecast c;
	const struct fact_death *d = predicted_case(j, i, out, &c);

	if (d && c.high_ns != NOT_YET)
		judge_share(j, d, &c, share_of(j, c.high_ns), false, out);
}

/* ---- coming back ---- */

/* From when it could: the fault's end where its address was shut, else when it knew. NOT_YET:
 * never. */
static int64_t could_at(const struct facts *f, const struct fact_death *d)
{
	const int64_t end_ns = d->until_ns == NOT_YET ? f->end_ns : d->until_ns;

	if (facts_closed(f, f->sessions[d->session].proxy, d->at_ns, end_ns))
		return d->until_ns;
	return d->detected_ns == NOT_YET ? d->at_ns : d->detected_ns;
}

JUDGE(judge_reconnect_within)
{
	const struct fact_death *d = case_of(j, i, out);
	const int64_t from_ns = d ? could_at(j->facts, d) : NOT_YET;
	const struct fact_comeback *c;
	int64_t end_ns;
	char text[SAY_MAX];

	if (!d || !d->by_client || d->lived || from_ns == NOT_YET)
		return;
	end_ns = d->next_ns == NOT_YET ? j->facts->end_ns : d->next_ns;
	c = d->comeback == NOBODY ? NULL : &j->facts->comebacks[d->comeback];
	if (d->connected_ns != NOT_YET) {
		expect_time(
		    j, d->connected_ns > from_ns ? d->connected_ns - from_ns : 0, false, out);
		expect_say(out->actual, "reconnected after %s", say_time(text, out->measured_ns));
		return;
	}
	expect_time(j, end_ns > from_ns ? end_ns - from_ns : 0, true, out);
	if (c && c->attempts)
		expect_say(out->actual, "not reconnected with %s",
		    say_count(text, c->attempts, "attempt"));
	else
		expect_say(out->actual, "not reconnected");
	if (d->detected_ns == NOT_YET)
		expect_say(out->why, "it does not know that its session is dead");
}

/* ---- what was left behind ---- */

JUDGE(judge_no_zombies)
{
	const struct fact_death *d = case_of(j, i, out);
	struct forecast c;
	char text[SAY_MAX];

	if (!d || d->lived)
		return;
	out->found = d->zombie ? FOUND_FAIL : FOUND_PASS;
	if (!d->zombie) {
		expect_say(out->actual, "given up");
		return;
	}
	forecast(j->facts, d, j->system, &c);
	out->badness = (double)(j->facts->end_ns - d->at_ns);
	expect_say(out->actual, "still held");
	expect_say(out->margin, "%s after its death", say_time(text, j->facts->end_ns - d->at_ns));
	explain(&c, out);
	if (!expect_visible(j->facts, d)) {
		out->found = FOUND_UNTOLD;
		expect_say(
		    out->why, "its client can be seen neither by its segments nor by its socket");
	}
}

JUDGE(judge_no_loss)
{
	const struct fact_death *d = case_of(j, i, out);
	const struct fact_session *s;

	if (!d)
		return;
	s = &j->facts->sessions[d->session];
	out->badness = (double)(s->lost[0] + s->lost[1]);
	out->found = out->badness > 0 ? FOUND_FAIL : FOUND_PASS;
	if (out->found == FOUND_FAIL) {
		expect_say(out->actual, "%lld bytes to the server and %lld to the client lost",
		    (long long)s->lost[0], (long long)s->lost[1]);
		expect_say(out->margin, "%lld too many", (long long)(s->lost[0] + s->lost[1]));
	} else if (!s->loss_told && !d->lived) {
		out->found = FOUND_UNTOLD;
		expect_say(out->actual, "its session had not ended");
		expect_say(out->why, "what a fault holds is neither delivered nor lost yet");
	} else {
		expect_say(out->actual, "nothing lost");
	}
}

JUDGE(judge_no_duplicates)
{
	const struct fact_death *d = case_of(j, i, out);

	if (!d || (!d->repeated_bytes && (d->lived || d->recovered_ns == NOT_YET)))
		return;
	out->badness = (double)d->repeated_bytes;
	out->found = d->repeated_bytes ? FOUND_FAIL : FOUND_PASS;
	if (!d->repeated_bytes) {
		expect_say(out->actual, "nothing repeated");
		return;
	}
	expect_say(out->actual, "a request of %lld bytes that had no answer was sent once more",
	    (long long)d->repeated_bytes);
	expect_say(out->margin, "%lld too many", (long long)d->repeated_bytes);
}

/* ---- the other side ---- */

static bool passes_on(
    const struct judging *j, const struct fact_session *s, const struct fact_death *d)
{
	const struct fact_session *dead = &j->facts->sessions[d->session];

	return dead->proxy != s->proxy && d->traffic_before && expect_takes_death(j, d) &&
	       s->traffic_ns <= d->at_ns && s->closed_ns >= d->at_ns && s->ended_ns >= d->at_ns;
}

/* By itself, not because the relay or the fault did. */
static int64_t application_ended(const struct fact_session *s)
{
	const bool itself =
	    s->reason && !s->fault &&
	    (!strncmp(s->reason, "client_", 7) || !strncmp(s->reason, "server_", 7) ||
		!strcmp(s->reason, "closed") || !strcmp(s->reason, "reset"));

	if (s->ended_ns != NOT_YET)
		return s->ended_ns;
	return itself ? s->closed_ns : NOT_YET;
}

JUDGE(judge_other_side)
{
	const struct fact_session *s = &j->facts->sessions[i];
	const struct fact_death *d = NULL;
	const int64_t ended_ns = application_ended(s);
	char text[SAY_MAX];

	if (!expect_takes_session(j, s) || s->death != NOBODY || s->fault)
		return;
	for (size_t k = 0; k < j->facts->n_deaths && !d; k++)
		if (passes_on(j, s, &j->facts->deaths[k]))
			d = &j->facts->deaths[k];
	if (!d)
		return;
	out->session = i;
	expect_time(j, (ended_ns == NOT_YET ? j->facts->end_ns : ended_ns) - d->at_ns,
	    ended_ns == NOT_YET, out);
	if (ended_ns == NOT_YET)
		expect_say(out->actual, "not closed");
	else
		expect_say(out->actual, "closed after %s", say_time(text, out->measured_ns));
}
