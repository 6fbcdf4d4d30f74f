/* Saw against should: the steps in their order and time, the state in the end, and the proof. */
#include "cli/demo_show.h"
#include "kernel/socket.h"
#include <stdio.h>

#define ANSWERS 3 /* that many make "for good" believable in the time there is */

/* PROOF_NONE has none; NULL: proven, else what is missing. */
static const char *prove_nothing(const struct peer *p)
{
	(void)p;
	return NULL;
}

static const char *prove_answered(const struct peer *p)
{
	const struct sight *since = p->n_seen ? &p->blocked : &p->before;

	if (p->now.segs_in - since->segs_in < ANSWERS)
		return "too few answers came to its probes";
	return p->now.probes > 1 ? "its probes are not answered" : NULL;
}

static const char *prove_unanswered(const struct peer *p)
{
	if (p->now.segs_in != p->before.segs_in)
		return "a segment came from the dead";
	return p->now.total_retrans > p->before.total_retrans ? NULL : "nothing was retransmitted";
}

static const char *prove_intact(const struct peer *p)
{
	if (p->corrupt)
		return "bytes came back changed";
	return p->sent && p->echoed == p->sent ? NULL : "not every byte came back";
}

static const char *prove_full(const struct peer *p)
{
	struct sight s;

	for (int i = 0; i < DEMO_CALLERS; i++)
		if (!sight_read(p->callers[i], &s) || s.state != TCP_ESTABLISHED)
			return "the queue took fewer than its length";
	return NULL;
}

static const char *(*const provers[])(const struct peer *p) = {
	[PROOF_NONE] = prove_nothing,
	[PROOF_ANSWERED] = prove_answered,
	[PROOF_UNANSWERED] = prove_unanswered,
	[PROOF_INTACT] = prove_intact,
	[PROOF_FULL] = prove_full,
};

static bool fits(const struct step *s, const struct seen *seen)
{
	return (seen->what == s->saw || (s->or &&seen->what == s->or)) && seen->at_s >= s->from &&
	       seen->at_s <= s->to;
}

static bool wrong(struct peer *p, const char *why)
{
	snprintf(p->why, sizeof(p->why), "%s", why);
	p->verdict = VERDICT_WRONG;
	return false;
}

static bool wrong_step(struct peer *p, const struct step *s, const struct seen *seen)
{
	char why[96], instead[40] = "nothing";

	if (seen)
		snprintf(
		    instead, sizeof(instead), "%s after %.2f s", words_saw(seen->what), seen->at_s);
	if (s)
		snprintf(why, sizeof(why), "saw %s, not %s in %.1f to %.1f s", instead,
		    words_saw(s->saw), s->from, s->to);
	else
		snprintf(why, sizeof(why), "saw %s, and should see nothing", instead);
	return wrong(p, why);
}

/* As far as it has come. *at is then the step that is missing or was not as it should be (NULL:
 * none is left), *n how much of what was seen was right. */
static enum verdict walk(const struct peer *p, const struct step **at, int *n)
{
	const struct step *s = p->cell->should;

	for (*n = 0; s < p->cell->should + DEMO_STEPS && s->saw; s++) {
		*at = s;
		if (*n < p->n_seen && fits(s, &p->seen[*n]))
			++*n;
		else if (!s->perhaps)
			return *n < p->n_seen ? VERDICT_WRONG : VERDICT_PENDING;
	}
	*at = NULL;
	return *n == p->n_seen ? VERDICT_RIGHT : VERDICT_WRONG;
}

enum verdict judge_so_far(const struct peer *p)
{
	const struct step *at;
	int n;
	enum verdict v = p->verdict == VERDICT_REFUSED ? VERDICT_REFUSED : walk(p, &at, &n);

	/* What should see nothing is right at the end only. */
	return v == VERDICT_RIGHT && !p->n_seen ? VERDICT_PENDING : v;
}

static bool judge_steps(struct peer *p)
{
	const struct step *at;
	int n;

	if (walk(p, &at, &n) == VERDICT_RIGHT)
		return true;
	return wrong_step(p, at, n < p->n_seen ? &p->seen[n] : NULL);
}

void judge_peer(struct peer *p)
{
	const char *missing;
	char why[96];

	if (!judge_steps(p))
		return;
	if (p->now.state != p->cell->state) {
		snprintf(why, sizeof(why), "is in %s, not in %s", socket_state_name(p->now.state),
		    socket_state_name(p->cell->state));
		wrong(p, why);
		return;
	}
	missing = provers[p->cell->proof](p);
	if (missing)
		wrong(p, missing);
	else
		p->verdict = VERDICT_RIGHT;
}
