/*
 * Sessions, attempts and deaths of what may be one client at one proxy, so that each is only held
 * against its own: all of a process, or of an address. Where a client's process was not seen and
 * may be any of several at its address, they all are one group, and fact_client_same() tells.
 */
#include "control/facts_parts.h"
#include <stdio.h>
#include <stdlib.h>

/* Of facts_who(): the address has several processes, and this one is not known. */
static bool is_anyone(const struct facts *f, const struct fact_client *who)
{
	return !who->pid && facts_lookup(f, 'n', who->ip) != NOBODY;
}

static bool mark_anyones(struct facts *f)
{
	for (size_t i = 0; i < f->n_attempts; i++) /* every session has one */
		if (is_anyone(f, &f->attempts[i].who) &&
		    !facts_name(f, 'x', f->attempts[i].who.ip, 1))
			return false;
	return true;
}

static bool name_group(
    struct facts *f, const char *proxy, const struct fact_client *who, size_t *group)
{
	char key[640];

	if (who->pid && facts_lookup(f, 'x', who->ip) == NOBODY)
		snprintf(key, sizeof(key), "p%lld %.300s", (long long)who->pid, proxy);
	else
		snprintf(key, sizeof(key), "i%.150s %.300s", who->ip, proxy);
	*group = facts_lookup(f, 'g', key);
	if (*group != NOBODY)
		return true;
	*group = f->n_groups++;
	return facts_name(f, 'g', key, *group);
}

static bool name_groups(struct facts *f)
{
	for (size_t i = 0; i < f->n_attempts; i++) {
		struct fact_attempt *a = &f->attempts[i];

		if (!name_group(f, a->proxy, &a->who, &a->group))
			return false;
	}
	for (size_t i = 0; i < f->n_sessions; i++) {
		struct fact_session *s = &f->sessions[i];

		if (!name_group(f, s->proxy, &s->who, &s->group))
			return false;
	}
	return true;
}

static struct fact_group *group_of(const struct facts *f, const struct fact_death *d)
{
	return &f->groups[f->sessions[d->session].group];
}

static void count(struct facts *f)
{
	for (size_t i = 0; i < f->n_attempts; i++)
		f->groups[f->attempts[i].group].n_attempts++;
	for (size_t i = 0; i < f->n_sessions; i++)
		f->groups[f->sessions[i].group].n_sessions++;
	for (size_t i = 0; i < f->n_deaths; i++)
		group_of(f, &f->deaths[i])->n_deaths++;
}

/* One block for each, deaths first; what was counted is counted anew when it is filled. */
static bool make_room(struct facts *f)
{
	for (size_t i = 0; i < f->n_groups; i++) {
		struct fact_group *g = &f->groups[i];

		g->deaths =
		    calloc(g->n_deaths + g->n_attempts + g->n_sessions + 1, sizeof(*g->deaths));
		if (!g->deaths)
			return false;
		g->attempts = g->deaths + g->n_deaths;
		g->sessions = g->attempts + g->n_attempts;
		g->n_deaths = g->n_attempts = g->n_sessions = 0;
	}
	return true;
}

static void fill(struct facts *f)
{
	for (size_t i = 0; i < f->n_attempts; i++) {
		struct fact_group *g = &f->groups[f->attempts[i].group];

		g->attempts[g->n_attempts++] = i;
	}
	for (size_t i = 0; i < f->n_sessions; i++) {
		struct fact_group *g = &f->groups[f->sessions[i].group];

		g->sessions[g->n_sessions++] = i;
	}
	for (size_t i = 0; i < f->n_deaths; i++) {
		struct fact_group *g = group_of(f, &f->deaths[i]);

		g->deaths[g->n_deaths++] = i;
	}
}

bool facts_make_groups(struct facts *f)
{
	if (!mark_anyones(f) || !name_groups(f))
		return false;
	f->groups = calloc(f->n_groups + 1, sizeof(*f->groups));
	if (!f->groups)
		return false;
	count(f);
	if (!make_room(f))
		return false;
	fill(f);
	return true;
}

void facts_free_groups(struct facts *f)
{
	for (size_t i = 0; f->groups && i < f->n_groups; i++)
		free(f->groups[i].deaths);
	free(f->groups);
}
