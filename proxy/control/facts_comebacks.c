/*
 * Attempts and deaths of one client put together (facts.h says how), and what the attempts look
 * like from when it knew of a death until it had traffic again.
 */
#include "control/facts_parts.h"
#include <stdlib.h>
#include <string.h>

static bool is_of(const struct facts *f, const struct fact_death *d, const struct fact_attempt *a)
{
	const struct fact_session *s = &f->sessions[d->session];

	return d->by_client && !d->lived && s->proxy == a->proxy && a->at_ns > d->at_ns &&
	       a->at_ns < d->next_ns && fact_client_same(&s->who, &a->who);
}

/* Another session of that client was well at that moment: an attempt may be one more for its pool.
 */
static bool has_other(const struct facts *f, const struct fact_attempt *a)
{
	for (size_t i = 0; i < f->n_sessions && f->sessions[i].opened_ns < a->at_ns; i++) {
		const struct fact_session *s = &f->sessions[i];
		const struct fact_death *d = s->death == NOBODY ? NULL : &f->deaths[s->death];

		if (s->proxy == a->proxy && i != a->session && s->closed_ns > a->at_ns &&
		    s->ended_ns > a->at_ns && fact_client_same(&s->who, &a->who) &&
		    (!d || d->at_ns > a->at_ns || d->lived))
			return true;
	}
	return false;
}

static void come_back(struct facts *f, struct fact_death *d, size_t attempt)
{
	const size_t session = f->attempts[attempt].session;

	if (session == NOBODY)
		return;
	d->came_back = attempt;
	d->connected_ns = f->sessions[session].opened_ns;
}

/* The earliest death that the client knows of and has not come back from. */
static struct fact_death *known_death(struct facts *f, const struct fact_attempt *a)
{
	for (size_t i = 0; i < f->n_deaths && f->deaths[i].at_ns < a->at_ns; i++) {
		struct fact_death *d = &f->deaths[i];

		if (d->came_back == NOBODY && d->detected_ns <= a->at_ns && is_of(f, d, a))
			return d;
	}
	return NULL;
}

/* The earliest death that an attempt may be the first sign of. */
static struct fact_death *unknown_death(struct facts *f, const struct fact_attempt *a)
{
	for (size_t i = 0; i < f->n_deaths && f->deaths[i].at_ns < a->at_ns; i++) {
		struct fact_death *d = &f->deaths[i];

		if (d->detected_ns > a->at_ns && is_of(f, d, a))
			return f->sessions[d->session].watched && has_other(f, a) ? NULL : d;
	}
	return NULL;
}

static void pair(struct facts *f)
{
	for (size_t i = 0; i < f->n_attempts; i++) {
		const struct fact_attempt *a = &f->attempts[i];
		struct fact_death *d = known_death(f, a);

		if (!d) {
			d = unknown_death(f, a);
			if (!d)
				continue;
			d->detected_ns = a->at_ns;
			d->how = HOW_RECONNECT;
			d->seen_by = a->seen_by;
			if (!f->sessions[d->session].watched)
				d->zombie = false;
		}
		come_back(f, d, i);
	}
}

/* ---- what a client's attempts look like ---- */

static int64_t traffic_of(const struct facts *f, const struct fact_attempt *a)
{
	return a->session == NOBODY ? NOT_YET : f->sessions[a->session].traffic_ns;
}

static bool belongs(const struct fact_comeback *c, const struct fact_attempt *a)
{
	return a->at_ns >= c->from_ns && a->at_ns <= c->end_ns && a->proxy == c->proxy &&
	       fact_client_same(&c->who, &a->who);
}

/* Where it has traffic again; the end that there was before that, otherwise. */
static void find_end(const struct facts *f, struct fact_comeback *c)
{
	const int64_t next_ns = f->deaths[c->death].next_ns;

	c->end_ns = next_ns == NOT_YET ? f->end_ns : next_ns - 1;
	for (size_t i = 0; i < f->n_attempts; i++)
		if (belongs(c, &f->attempts[i]) && traffic_of(f, &f->attempts[i]) < c->end_ns)
			c->end_ns = traffic_of(f, &f->attempts[i]);
}

#define LOOK_BACK 1024 /* an attempt older than so many others has ended, or may as well have */

/* Under way when attempt `last` began; one whose end is not known was over at once. */
static size_t parallel_at(const struct facts *f, const struct fact_comeback *c, size_t last)
{
	const int64_t at_ns = f->attempts[last].at_ns;
	size_t n = 0, i = last > c->first + LOOK_BACK ? last - LOOK_BACK : c->first;

	for (; i <= last; i++) {
		const struct fact_attempt *a = &f->attempts[i];

		n += belongs(c, a) &&
		     (a->at_ns == at_ns || (a->until_ns != NOT_YET && a->until_ns > at_ns));
	}
	return n;
}

static size_t count_attempts(const struct facts *f, const struct fact_comeback *c)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_attempts && f->attempts[i].at_ns <= c->end_ns; i++)
		n += belongs(c, &f->attempts[i]);
	return n;
}

static bool look_at_attempts(const struct facts *f, struct fact_comeback *c)
{
	int64_t last = 0;

	c->gaps_ns = calloc(count_attempts(f, c) + 1, sizeof(*c->gaps_ns));
	if (!c->gaps_ns)
		return false;
	for (size_t i = 0; i < f->n_attempts; i++) {
		const struct fact_attempt *a = &f->attempts[i];
		size_t parallel;

		if (!belongs(c, a))
			continue;
		if (c->attempts++)
			c->gaps_ns[c->n_gaps++] = a->at_ns - last;
		else
			c->first = i;
		last = a->at_ns;
		parallel = parallel_at(f, c, i);
		c->parallel = parallel > c->parallel ? parallel : c->parallel;
	}
	c->growth = facts_growth(c->gaps_ns, c->n_gaps);
	c->jitter = facts_jitter(c->gaps_ns, c->n_gaps);
	return true;
}

/* Who knows of it while the client comes back belongs to the same comeback. */
static void adopt(struct facts *f, const struct fact_comeback *c)
{
	for (size_t i = 0; i < f->n_deaths; i++) {
		struct fact_death *d = &f->deaths[i];
		const struct fact_session *s = &f->sessions[d->session];

		if (d->comeback == NOBODY && d->by_client && d->detected_ns >= c->from_ns &&
		    d->detected_ns <= c->end_ns && s->proxy == c->proxy && d->at_ns <= c->end_ns &&
		    fact_client_same(&s->who, &c->who))
			d->comeback = f->n_comebacks;
	}
}

/* Attempts that were not accepted are told by segments (of a relay) or sockets (of this system). */
static bool is_blind(const struct facts *f, const struct fact_comeback *c)
{
	const struct fact_death *d = &f->deaths[c->death];
	const char *witness = f->relays[f->sessions[d->session].relay].witness;

	return !(witness && !strcmp(witness, "segments")) && !f->sockets_seen &&
	       facts_closed(f, c->proxy, d->at_ns, c->end_ns);
}

static bool add_comeback(struct facts *f, size_t death)
{
	const struct fact_death *d = &f->deaths[death];
	const struct fact_session *s = &f->sessions[d->session];
	struct fact_comeback *c = &f->comebacks[f->n_comebacks];

	*c = (struct fact_comeback){ .proxy = s->proxy,
		.who = s->who,
		.death = death,
		.from_ns = d->detected_ns,
		.from_known = d->how != HOW_RECONNECT };
	find_end(f, c);
	c->invisible = is_blind(f, c);
	if (!look_at_attempts(f, c)) {
		f->n_comebacks++; /* facts_free() frees it */
		return false;
	}
	adopt(f, c);
	f->n_comebacks++;
	return true;
}

/* The death that is known first and is part of no comeback. */
static size_t first_known(const struct facts *f)
{
	size_t first = NOBODY;

	for (size_t i = 0; i < f->n_deaths; i++) {
		const struct fact_death *d = &f->deaths[i];

		if (d->by_client && d->comeback == NOBODY && d->detected_ns != NOT_YET &&
		    (first == NOBODY || d->detected_ns < f->deaths[first].detected_ns))
			first = i;
	}
	return first;
}

static void settle_recovery(const struct facts *f, struct fact_death *d)
{
	if (d->came_back == NOBODY || d->recovered_ns != NOT_YET)
		return;
	for (size_t i = d->came_back; i < f->n_attempts; i++) {
		const int64_t traffic_ns = traffic_of(f, &f->attempts[i]);

		if (i != d->came_back && !is_of(f, d, &f->attempts[i]))
			continue;
		if (traffic_ns < d->recovered_ns)
			d->recovered_ns = traffic_ns;
		if (i == d->came_back && traffic_ns != NOT_YET)
			return;
	}
}

bool facts_find_comebacks(struct facts *f)
{
	size_t death;

	pair(f);
	while ((death = first_known(f)) != NOBODY)
		if (!add_comeback(f, death))
			return false;
	for (size_t i = 0; i < f->n_deaths; i++)
		settle_recovery(f, &f->deaths[i]);
	return true;
}
