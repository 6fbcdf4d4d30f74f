/*
 * Attempts and deaths of one client put together (facts.h says how): a lane for each death that it
 * knows of, and what each lane's attempts look like until it had traffic again.
 */
#include "control/facts_parts.h"
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct lane {
	TAILQ_ENTRY(lane) in_order; /* who has waited longest comes first */
	struct fact_comeback *comeback;
	struct fact_death *death;
	int64_t last_ns, busy_ns; /* its last attempt; until when that is under way */
};

TAILQ_HEAD(lanes, lane);

struct pairing {
	struct facts *f;
	const struct fact_group *group;
	struct lane *lanes;
	size_t n_lanes;
	size_t *known, n_known, next_known; /* deaths by when their own word was seen */
	size_t unknown;                     /* those before it are known, or over */
	struct lanes waiting;
};

/* ---- deaths ---- */

static bool is_of(const struct facts *f, const struct fact_death *d, const struct fact_attempt *a)
{
	return d->by_client && !d->lived && a->at_ns > d->at_ns && a->at_ns < d->next_ns &&
	       fact_client_same(&f->sessions[d->session].who, &a->who);
}

/* Another session of that client was well at that moment: an attempt may be one more for its pool.
 * The newest are looked at first: they live. */
static bool has_other(const struct pairing *p, const struct fact_attempt *a)
{
	const struct facts *f = p->f;

	for (size_t i = p->group->n_sessions; i-- > 0;) {
		const struct fact_session *s = &f->sessions[p->group->sessions[i]];
		const struct fact_death *d = s->death == NOBODY ? NULL : &f->deaths[s->death];

		if (s->opened_ns < a->at_ns && p->group->sessions[i] != a->session &&
		    s->closed_ns > a->at_ns && s->ended_ns > a->at_ns &&
		    fact_client_same(&s->who, &a->who) && (!d || d->at_ns > a->at_ns || d->lived))
			return true;
	}
	return false;
}

static bool is_past(const struct fact_death *d, int64_t now_ns)
{
	return d->comeback != NOBODY || !d->by_client || d->lived || d->next_ns <= now_ns;
}

/* The earliest death that an attempt may be the first sign of. */
static struct fact_death *unknown_death(struct pairing *p, const struct fact_attempt *a)
{
	const struct fact_group *g = p->group;
	struct facts *f = p->f;

	while (p->unknown < g->n_deaths && is_past(&f->deaths[g->deaths[p->unknown]], a->at_ns))
		p->unknown++;
	for (size_t i = p->unknown; i < g->n_deaths; i++) {
		struct fact_death *d = &f->deaths[g->deaths[i]];

		if (d->at_ns >= a->at_ns)
			return NULL;
		if (d->comeback == NOBODY && is_of(f, d, a))
			return f->sessions[d->session].watched && has_other(p, a) ? NULL : d;
	}
	return NULL;
}

/* ---- lanes ---- */

static bool is_blind(const struct facts *f, const struct fact_comeback *c)
{
	const struct fact_death *d = &f->deaths[c->death];

	return facts_unseen(f, f->sessions[d->session].relay, c->proxy, d->at_ns, c->end_ns);
}

static struct lane *open_lane(struct pairing *p, struct fact_death *d)
{
	const struct fact_session *s = &p->f->sessions[d->session];
	struct lane *lane = &p->lanes[p->n_lanes++];

	d->comeback = p->f->n_comebacks++;
	lane->death = d;
	lane->comeback = &p->f->comebacks[d->comeback];
	*lane->comeback = (struct fact_comeback){ .proxy = s->proxy,
		.who = s->who,
		.death = (size_t)(d - p->f->deaths),
		.from_ns = d->detected_ns,
		.end_ns = d->next_ns == NOT_YET ? p->f->end_ns : d->next_ns - 1,
		.from_known = d->how != HOW_RECONNECT,
		.growth = -1,
		.jitter = -1 };
	TAILQ_INSERT_TAIL(&p->waiting, lane, in_order);
	return lane;
}

/* When it may have come to know: its socket was looked at now and then. */
static int64_t known_from(const struct fact_death *d)
{
	return d->detected_ns - d->tolerance_ns;
}

/* All that the client may have come to know by then. */
static void open_known(struct pairing *p, int64_t now_ns)
{
	for (; p->next_known < p->n_known; p->next_known++) {
		struct fact_death *d = &p->f->deaths[p->known[p->next_known]];

		if (d->comeback != NOBODY)
			continue;
		if (known_from(d) > now_ns)
			return;
		open_lane(p, d);
	}
}

static struct lane *lane_of(struct pairing *p, const struct fact_attempt *a, struct lane **busy)
{
	struct lane *lane, *next;

	for (lane = TAILQ_FIRST(&p->waiting); lane; lane = next) {
		next = TAILQ_NEXT(lane, in_order);
		if (lane->death->next_ns <= a->at_ns) {
			TAILQ_REMOVE(&p->waiting, lane, in_order);
			continue;
		}
		if (!is_of(p->f, lane->death, a))
			continue;
		if (lane->busy_ns <= a->at_ns)
			return lane;
		if (!*busy)
			*busy = lane;
	}
	return NULL;
}

/* It tries anew, and that is how it shows. Where its socket is seen, and others of its sessions are
 * on their way back, the attempt is one more of theirs. */
static struct lane *first_sign(
    struct pairing *p, const struct fact_attempt *a, const struct lane *busy)
{
	struct fact_death *d = unknown_death(p, a);

	if (!d || (busy && p->f->sessions[d->session].watched))
		return NULL;
	d->detected_ns = a->at_ns;
	d->how = HOW_RECONNECT;
	d->tolerance_ns = 0;
	d->seen_by = a->seen_by;
	if (!p->f->sessions[d->session].watched)
		d->zombie = false;
	return open_lane(p, d);
}

/* Accepted: and carries on, or stays. False: another attempt will follow it. */
static bool stays(const struct fact_session *s)
{
	return s->traffic_ns != NOT_YET || s->closed_ns == NOT_YET;
}

static void take(struct pairing *p, struct lane *lane, size_t attempt)
{
	struct fact_attempt *a = &p->f->attempts[attempt];
	const struct fact_session *s = a->session == NOBODY ? NULL : &p->f->sessions[a->session];
	struct fact_comeback *c = lane->comeback;
	struct fact_death *d = lane->death;

	a->comeback = d->comeback;
	if (a->at_ns < d->detected_ns) { /* so it knew by then */
		d->tolerance_ns -= d->detected_ns - a->at_ns;
		d->detected_ns = c->from_ns = a->at_ns;
	}
	if (!c->attempts++)
		c->first = attempt;
	lane->busy_ns = a->until_ns == NOT_YET ? 0 : a->until_ns;
	TAILQ_REMOVE(&p->waiting, lane, in_order);
	if (s) {
		if (d->came_back == NOBODY) {
			d->came_back = attempt;
			d->connected_ns = s->opened_ns;
		}
		lane->busy_ns = s->closed_ns;
		if (s->traffic_ns <= c->end_ns)
			c->end_ns = d->recovered_ns = s->traffic_ns;
		if (stays(s))
			return;
	}
	TAILQ_INSERT_TAIL(&p->waiting, lane, in_order);
}

static void pair(struct pairing *p)
{
	for (size_t i = 0; i < p->group->n_attempts; i++) {
		const size_t attempt = p->group->attempts[i];
		const struct fact_attempt *a = &p->f->attempts[attempt];
		struct lane *busy = NULL, *lane;

		open_known(p, a->at_ns);
		lane = lane_of(p, a, &busy);
		if (!lane)
			lane = first_sign(p, a, busy);
		if (lane || busy)
			take(p, lane ? lane : busy, attempt);
	}
	open_known(p, INT64_MAX - 1);
}

/* ---- what a lane's attempts look like ---- */

#define LOOK_BACK 1024 /* an attempt older than so many others has ended, or may as well have */

/* The client's, under way when its i-th began; one whose end is not known was over at once. */
static size_t parallel_at(const struct pairing *p, size_t i)
{
	const struct fact_attempt *last = &p->f->attempts[p->group->attempts[i]];
	size_t n = 0;

	for (size_t k = i > LOOK_BACK ? i - LOOK_BACK : 0; k <= i; k++) {
		const struct fact_attempt *a = &p->f->attempts[p->group->attempts[k]];

		n += a->comeback != NOBODY &&
		     (a->at_ns == last->at_ns ||
			 (a->until_ns != NOT_YET && a->until_ns > last->at_ns)) &&
		     fact_client_same(&a->who, &last->who);
	}
	return n;
}

static bool look_at_gaps(const struct pairing *p)
{
	for (size_t i = 0; i < p->n_lanes; i++) {
		struct fact_comeback *c = p->lanes[i].comeback;

		c->invisible = is_blind(p->f, c);
		c->gaps_ns = calloc(c->attempts + 1, sizeof(*c->gaps_ns));
		if (!c->gaps_ns)
			return false;
	}
	for (size_t i = 0; i < p->group->n_attempts; i++) {
		const size_t attempt = p->group->attempts[i];
		const struct fact_attempt *a = &p->f->attempts[attempt];
		struct fact_comeback *c =
		    a->comeback == NOBODY ? NULL : &p->f->comebacks[a->comeback];
		struct lane *lane = c ? &p->lanes[c - p->lanes[0].comeback] : NULL;
		size_t parallel;

		if (!c)
			continue;
		if (attempt != c->first)
			c->gaps_ns[c->n_gaps++] = a->at_ns - lane->last_ns;
		lane->last_ns = a->at_ns;
		parallel = parallel_at(p, i);
		c->parallel = parallel > c->parallel ? parallel : c->parallel;
	}
	return true;
}

static bool same_strike(const struct lane *a, const struct lane *b)
{
	return a->death->fault == b->death->fault && a->death->until_ns == b->death->until_ns &&
	       fact_client_same(&a->comeback->who, &b->comeback->who);
}

/* A client's lanes of one strike wait by one rule. */
static bool look_at_growth(const struct pairing *p)
{
	struct fact_comeback **list = calloc(p->n_lanes + 1, sizeof(struct fact_comeback *));

	for (size_t i = 0; list && i < p->n_lanes; i++) {
		struct fact_comeback one;
		size_t n = 0;

		if (p->lanes[i].comeback->lanes)
			continue;
		for (size_t k = i; k < p->n_lanes; k++)
			if (!p->lanes[k].comeback->lanes && same_strike(&p->lanes[i], &p->lanes[k]))
				list[n++] = p->lanes[k].comeback;
		facts_pool(list, n, &one.growth, &one.jitter, &one.common_gaps);
		for (size_t k = 0; k < n; k++) {
			list[k]->lanes = n;
			list[k]->common_gaps = one.common_gaps;
			list[k]->growth = one.growth;
			list[k]->jitter = one.jitter;
		}
	}
	free(list);
	return list != NULL;
}

/* ---- a group ---- */

static int by_detected(const void *a, const void *b, void *arg)
{
	const struct facts *f = arg;
	const size_t x = *(const size_t *)a, y = *(const size_t *)b;
	const int64_t at = known_from(&f->deaths[x]), other = known_from(&f->deaths[y]);

	return at != other ? (at > other) - (at < other) : (x > y) - (x < y);
}

static void find_known(struct pairing *p)
{
	for (size_t i = 0; i < p->group->n_deaths; i++) {
		const struct fact_death *d = &p->f->deaths[p->group->deaths[i]];

		if (d->by_client && d->detected_ns != NOT_YET)
			p->known[p->n_known++] = p->group->deaths[i];
	}
	qsort_r(p->known, p->n_known, sizeof(*p->known), by_detected, p->f);
}

static bool find_lanes(struct facts *f, const struct fact_group *g)
{
	struct pairing p = { .f = f, .group = g };
	bool ok;

	TAILQ_INIT(&p.waiting);
	p.lanes = calloc(g->n_deaths + 1, sizeof(*p.lanes));
	p.known = calloc(g->n_deaths + 1, sizeof(*p.known));
	ok = p.lanes && p.known;
	if (ok) {
		find_known(&p);
		pair(&p);
		ok = look_at_gaps(&p) && look_at_growth(&p);
	}
	free(p.lanes);
	free(p.known);
	return ok;
}

bool facts_find_comebacks(struct facts *f)
{
	for (size_t i = 0; i < f->n_groups; i++)
		if (f->groups[i].n_deaths && !find_lanes(f, &f->groups[i]))
			return false;
	return true;
}
