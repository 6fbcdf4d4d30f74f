/* Each end of a fault on a proxy: how traffic came back, and how hard clients knocked meanwhile. */
#include "base/mono.h"
#include "control/facts_parts.h"
#include <stdlib.h>
#include <string.h>

static struct fact_recovery *recovery_of(struct facts *f, const struct fact_death *d)
{
	const char *proxy = f->sessions[d->session].proxy;

	for (size_t i = 0; i < f->n_recoveries; i++) {
		struct fact_recovery *r = &f->recoveries[i];

		if (r->fault == d->fault && r->proxy == proxy && r->lifted_ns == d->until_ns)
			return r;
	}
	f->recoveries[f->n_recoveries] = (struct fact_recovery){ .fault = d->fault,
		.proxy = proxy,
		.at_ns = d->at_ns,
		.lifted_ns = d->until_ns,
		.first_ns = NOT_YET,
		.full_ns = NOT_YET };
	return &f->recoveries[f->n_recoveries++];
}

static bool is_here(
    const struct facts *f, const struct fact_recovery *r, const struct fact_session *s)
{
	return s->proxy == r->proxy && s->relay == f->faults[r->fault].relay;
}

static bool struck_by(const struct facts *f, const struct fact_recovery *r, size_t session,
    const struct fact_death **death)
{
	for (size_t i = f->sessions[session].first_death; i != NOBODY; i = f->deaths[i].again) {
		const struct fact_death *d = &f->deaths[i];

		if (d->fault == r->fault && d->until_ns == r->lifted_ns) {
			*death = d;
			return true;
		}
	}
	return false;
}

/* When this session began to count as traffic that is back; NOT_YET: never. */
static int64_t back_at(const struct facts *f, const struct fact_recovery *r, size_t i)
{
	const struct fact_session *s = &f->sessions[i];
	const struct fact_death *d;

	if (struck_by(f, r, i, &d))
		return d->lived ? d->recovered_ns : NOT_YET;
	if (s->traffic_ns == NOT_YET)
		return NOT_YET;
	return s->traffic_ns > r->lifted_ns ? s->traffic_ns : r->lifted_ns;
}

struct change {
	int64_t at_ns;
	int by;
};

static int by_time(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x->by - y->by;
}

/* When so many sessions with traffic were open at once. */
static int64_t full_at(struct change *changes, size_t n, size_t before)
{
	long open = 0;

	qsort(changes, n, sizeof(*changes), by_time);
	for (size_t i = 0; i < n; i++) {
		open += changes[i].by;
		if (open >= (long)before)
			return changes[i].at_ns;
	}
	return NOT_YET;
}

static bool find_return(const struct facts *f, struct fact_recovery *r)
{
	struct change *changes = calloc(2 * f->n_sessions + 1, sizeof(*changes));
	size_t n = 0;

	if (!changes)
		return false;
	for (size_t i = 0; i < f->n_sessions; i++) {
		const struct fact_session *s = &f->sessions[i];
		const int64_t back_ns = is_here(f, r, s) ? back_at(f, r, i) : NOT_YET;
		const struct fact_death *d;

		if (back_ns == NOT_YET || s->closed_ns <= back_ns)
			continue;
		if (back_ns < r->first_ns && (s->opened_ns >= r->at_ns || struck_by(f, r, i, &d)))
			r->first_ns = back_ns;
		changes[n++] = (struct change){ back_ns, 1 };
		if (s->closed_ns != NOT_YET)
			changes[n++] = (struct change){ s->closed_ns, -1 };
	}
	r->full_ns = r->before ? full_at(changes, n, r->before) : NOT_YET;
	free(changes);
	return true;
}

static void count_before(const struct facts *f, struct fact_recovery *r)
{
	for (size_t i = 0; i < f->n_sessions; i++) {
		const struct fact_session *s = &f->sessions[i];

		if (is_here(f, r, s) && s->opened_ns < r->at_ns && s->closed_ns >= r->at_ns)
			r->before++;
	}
}

/* A second holds what begins before it is over. */
static void find_storm(const struct facts *f, struct fact_recovery *r)
{
	int64_t next_ns = NOT_YET;
	size_t first = 0, in_second = 0;

	for (size_t i = 0; i < f->n_deaths; i++) {
		const struct fact_death *d = &f->deaths[i];

		if (d->at_ns > r->at_ns && d->at_ns < next_ns && d->fault != r->fault &&
		    f->sessions[d->session].proxy == r->proxy)
			next_ns = d->at_ns;
	}
	for (size_t i = 0; i < f->n_attempts && f->attempts[i].at_ns < next_ns; i++) {
		if (f->attempts[i].proxy != r->proxy || f->attempts[i].at_ns < r->at_ns)
			continue;
		in_second++;
		for (; f->attempts[first].at_ns <= f->attempts[i].at_ns - NS_PER_S; first++)
			in_second -= f->attempts[first].proxy == r->proxy &&
				     f->attempts[first].at_ns >= r->at_ns;
		r->storm = in_second > r->storm ? in_second : r->storm;
	}
}

bool facts_find_recoveries(struct facts *f)
{
	for (size_t i = 0; i < f->n_deaths; i++) {
		struct fact_recovery *r = recovery_of(f, &f->deaths[i]);

		if (f->deaths[i].at_ns < r->at_ns)
			r->at_ns = f->deaths[i].at_ns;
		r->traffic_before |= f->deaths[i].traffic_before;
		r->unsure |= f->deaths[i].lived &&
			     (f->deaths[i].again_by_then || f->deaths[i].recovered_ns == NOT_YET);
	}
	for (size_t i = 0; i < f->n_recoveries; i++) {
		struct fact_recovery *r = &f->recoveries[i];

		count_before(f, r);
		find_storm(f, r);
		r->invisible =
		    facts_unseen(f, f->faults[r->fault].relay, r->proxy, r->at_ns, f->end_ns);
		if (r->lifted_ns != NOT_YET && !find_return(f, r))
			return false;
	}
	return true;
}
