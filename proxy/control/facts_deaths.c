/* What became of each death, as far as the session itself tells. */
#include "base/mono.h"
#include "control/facts_parts.h"
#include <string.h>

/* Two keepalive probes are a second apart at least (TCP_KEEPINTVL), retransmissions begin at
 * 200 ms; counters are sampled. */
#define PROBE_GAP_NS (900 * NS_PER_MS)

/* Deaths that the watcher's kernel is told with RST: nothing is half-open after them. */
static bool tells_with_rst(const struct fact_fault *fault)
{
	static const char *const types[] = { "reset", "reset_peer" };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(types[i], fault->type))
			return true;
	return false;
}

/* Another strike on the same client begins a new story. */
static bool is_next(const struct facts *f, const struct fact_death *d, const struct fact_death *e)
{
	const struct fact_session *s = &f->sessions[d->session], *t = &f->sessions[e->session];

	if (e->at_ns <= d->at_ns || s->proxy != t->proxy || e->by_client != d->by_client ||
	    !fact_client_same(&s->who, &t->who))
		return false;
	return e->session == d->session || e->fault != d->fault || t->opened_ns > d->at_ns;
}

/* The next death of the group's i-th: of the same session, or from where sessions are newer, or
 * another fault strikes. other: the first behind it that is another fault's; newest: when the last
 * of the sessions behind it was opened. */
static int64_t next_of(
    const struct facts *f, const struct fact_group *g, size_t i, size_t other, int64_t newest_ns)
{
	const struct fact_death *d = &f->deaths[g->deaths[i]];
	const struct fact_death *again = d->again == NOBODY ? NULL : &f->deaths[d->again];
	size_t k = newest_ns > d->at_ns ? i + 1 : other;

	if (again && !is_next(f, d, again))
		again = NULL;
	for (; k < g->n_deaths && (!again || g->deaths[k] < d->again); k++)
		if (is_next(f, d, &f->deaths[g->deaths[k]]))
			return f->deaths[g->deaths[k]].at_ns;
	return again ? again->at_ns : NOT_YET;
}

static void find_nexts(struct facts *f, const struct fact_group *g)
{
	int64_t newest_ns = INT64_MIN;
	size_t other = g->n_deaths;

	for (size_t i = g->n_deaths; i-- > 0;) {
		struct fact_death *d = &f->deaths[g->deaths[i]];
		const int64_t opened_ns = f->sessions[d->session].opened_ns;

		if (i + 1 < g->n_deaths && f->deaths[g->deaths[i + 1]].fault != d->fault)
			other = i + 1;
		d->next_ns = next_of(f, g, i, other, newest_ns);
		newest_ns = opened_ns > newest_ns ? opened_ns : newest_ns;
	}
}

/* In flight when it was struck, or segments that follow each other as no keepalive probes do. */
static bool sends(const struct fact_death *d)
{
	const json_t *keepalive = d->settings ? json_object_get(d->settings, "keepalive") : NULL;

	if (d->shape == SHAPE_BUSY || d->shape == SHAPE_BLOCKED)
		return true;
	if (json_is_false(keepalive) && json_is_true(json_object_get(d->settings, "known")))
		return true;
	return d->n_drops > 1 && d->drops[1] - d->drops[0] < PROBE_GAP_NS;
}

static bool lived(const struct facts *f, const struct fact_death *d)
{
	const struct fact_session *s = &f->sessions[d->session];

	/* What a later strike ended had lived until then. */
	return d->until_ns != NOT_YET && s->closed_ns > d->until_ns && d->sign_ns > d->until_ns &&
	       (!s->fault || s->death != (size_t)(d - f->deaths));
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void facts_settle_deaths(struct facts *f)
{
	for (size_t i = 0; i < f->n_groups; i++)
		find_nexts(f, &f->groups[i]);
	for (size_t i = 0; i < f->n_deaths; i++) {
		struct fact_death *d = &f->deaths[i];
		size_t told = facts_lookup(f, 'o', f->sessions[d->session].client);

		if (!d->settings && told != NOBODY) {
			d->settings = f->journal->records[told].fields;
			d->settings_late = true;
		}
		d->sends = sends(d);
		d->lived = lived(f, d);
		if (d->lived) /* what it did later is no sign of this death */
			d->sign_ns = d->detected_ns = NOT_YET, d->how = HOW_NONE,
			d->seen_by = SIGHT_NONE;
		if (d->tolerance_ns > d->detected_ns - d->at_ns)
			d->tolerance_ns = d->detected_ns - d->at_ns;
		if (d->lived && d->again_ns[0] != NOT_YET && d->again_ns[1] != NOT_YET)
			d->recovered_ns = later(d->again_ns[0], d->again_ns[1]);
		d->zombie =
		    !d->lived && d->sign_ns == NOT_YET && !tells_with_rst(&f->faults[d->fault]);
	}
}
