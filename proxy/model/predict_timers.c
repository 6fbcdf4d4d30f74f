/*
 * Three clocks run side by side: the textbook's, one whose timers are never late, one whose timers
 * always are. The true one is between the last two. A firing gives up for certain when it is late
 * enough by the second, and perhaps when it is by the third.
 */
#include "model/predict_timers.h"
#include <string.h>

#define WHEEL_LEVELS 9
#define STEPS_MAX    20000000 /* TCP_USER_TIMEOUT's 49 days in the shortest waits */

struct walk {
	const struct plan *plan;
	struct prediction *out;
	uint64_t n;
	struct moment at; /* firing n */
	bool telling;     /* rows are still written */
};

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t timers_late(int64_t wait_ns, int64_t tick_ns)
{
	int64_t ticks, start = 63, grain = 1; /* LVL_START(1); of level 0 */

	if (tick_ns <= 0)
		return 0;
	ticks = (wait_ns + tick_ns - 1) / tick_ns;
	for (int level = 1; level < WHEEL_LEVELS && ticks >= start; level++) {
		start *= 8;
		grain *= 8;
	}
	return (grain + 1) * tick_ns;
}

static int64_t wait_of(const struct plan *p, int64_t base_ns, uint64_t n)
{
	uint64_t doublings = n > p->linear ? n - p->linear : 0;
	int64_t wait = base_ns;

	if (doublings > p->doublings)
		doublings = p->doublings;
	while (doublings-- > 0 && wait < p->max_ns)
		wait *= 2;
	return least(wait, p->max_ns);
}

/* The waits before firing n. high: without lateness. */
static struct moment waits_of(const struct plan *p, uint64_t n)
{
	uint64_t behind = n + p->skip - (p->lag && n + p->skip > 0);

	return (struct moment){
		.model = wait_of(p, p->base.model, n + p->skip),
		.low = wait_of(p, p->base.low, behind),
		.high = wait_of(p, p->base.high, n + p->skip),
	};
}

static void tell(struct walk *w, int64_t wait_ns)
{
	struct prediction *out = w->out;

	if (!w->telling)
		return;
	if (out->n_rows == PREDICT_ROWS_MAX) {
		out->more_rows++;
		return;
	}
	out->rows[out->n_rows++] =
	    (struct predict_row){ wait_ns, w->at.model, w->at.low, w->at.high };
}

static struct walk begin(const struct plan *p, struct prediction *out)
{
	out->sent = p->sent;
	out->n_rows = out->more_rows = 0;
	return (struct walk){ .plan = p, .out = out, .at = p->first, .telling = true };
}

/* Firing n was not the last: on to the next one. */
static void step(struct walk *w)
{
	struct moment wait = waits_of(w->plan, ++w->n);

	w->at.model += wait.model;
	w->at.low += wait.low;
	w->at.high += wait.high + timers_late(wait.high, w->plan->tick_ns);
}

/* The wait after firing n would reach the limit: it is cut down to it
 * (tcp_clamp_rto_to_user_timeout(), tcp_clamp_probe0_to_user_timeout()). */
static bool is_cut(const struct walk *w, struct moment *end)
{
	const struct plan *p = w->plan;
	const int64_t wait = waits_of(p, w->n + 1).model;
	const int64_t left = p->limit_ns - (w->at.model - p->start.model);
	int64_t late;

	if (!p->exact || !p->limit_ns || wait < left)
		return false;
	late = timers_late(most(least(wait, p->limit_ns), 1), p->tick_ns);
	end->low = most(p->first.low, p->start.low + p->limit_ns);
	end->model = most(end->low, p->start.model + p->limit_ns);
	end->high = most(w->at.high, p->start.high + p->limit_ns) + late;
	return true;
}

static bool may_count(const struct walk *w)
{
	return w->n + w->plan->spare >= w->plan->count;
}

/* What firing n may do and must do, by the time that has passed. */
static bool may_expire(const struct walk *w)
{
	return w->plan->limit_ns && w->n && w->at.high - w->plan->start.high >= w->plan->limit_ns;
}

static bool must_expire(const struct walk *w)
{
	return w->plan->limit_ns && w->n && w->at.low - w->plan->start.low >= w->plan->limit_ns;
}

static bool model_expires(const struct walk *w)
{
	const struct plan *p = w->plan;

	return w->n >= p->count ||
	       (p->limit_ns && w->n && w->at.model - p->start.model >= p->limit_ns);
}

/* The latest end by time: the firing before was too early, this one comes a wait after it. */
static int64_t latest(const struct walk *w)
{
	const int64_t wait = waits_of(w->plan, w->n).high;

	return least(w->at.high,
	    w->plan->start.high + w->plan->limit_ns + wait + timers_late(wait, w->plan->tick_ns));
}

static bool finish(struct moment *end, bool modelled, bool low_known, bool by_count)
{
	if (!modelled)
		end->model = low_known ? end->low : end->high;
	end->low = least(end->low, end->model);
	end->high = most(end->high, end->model);
	return by_count;
}

bool timers_give_up(const struct plan *p, struct prediction *out, struct moment *end)
{
	struct walk w = begin(p, out);
	bool low_known = false, modelled = false;

	*end = p->first;
	for (; w.n < STEPS_MAX; step(&w)) {
		struct moment cut;

		if (!modelled && model_expires(&w)) {
			modelled = true;
			end->model = w.at.model;
			w.telling = false;
		}
		if (!low_known && (may_count(&w) || may_expire(&w))) {
			low_known = true;
			end->low =
			    may_count(&w) ? w.at.low : most(w.at.low, p->start.low + p->limit_ns);
		}
		if (w.n >= p->count || must_expire(&w)) {
			end->high = w.n >= p->count ? w.at.high : latest(&w);
			return finish(end, modelled, low_known, w.n >= p->count);
		}
		tell(&w, w.n ? waits_of(p, w.n).model : p->first.model);
		if (is_cut(&w, &cut)) {
			*end = cut;
			return false;
		}
	}
	end->high = w.at.high;
	return finish(end, modelled, low_known, false);
}

void timers_next(const struct plan *p, int64_t at_ns, int64_t until_ns, struct prediction *out,
    struct moment *next)
{
	struct walk w = begin(p, out);
	bool low_known = false;

	for (next->model = -1; w.n < STEPS_MAX; step(&w)) {
		tell(&w, w.n ? waits_of(p, w.n).model : p->first.model);
		if (!low_known && w.at.high >= at_ns) {
			low_known = true;
			next->low = most(w.at.low, at_ns);
		}
		if (next->model < 0 && w.at.model >= at_ns) {
			next->model = w.at.model;
			w.telling = false;
		}
		if (w.at.low >= at_ns || w.at.low > until_ns)
			break;
	}
	next->high = w.at.high;
	if (!low_known)
		next->low = w.at.low;
	if (next->model < 0)
		next->model = most(w.at.model, at_ns);
	next->low = least(next->low, next->model);
	next->high = most(next->high, next->model);
}
