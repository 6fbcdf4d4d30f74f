/* When the whole file is read: the faults that actions arm, and the names that all parts use. */
#include "base/mono.h"
#include "model/scenario_parts.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX  512
#define SETTLE_NS (10 * NS_PER_S)

/* A line whose names are judged. */
struct line {
	struct conf_run *run;
	struct where at;
	const char *title, *key;
};

static struct line line_of(struct conf_run *run, const struct step *step, const struct action *a)
{
	return (struct line){ run, a ? a->where : step->where, step->title,
		a ? action_names[a->kind] : NULL };
}

/* ---- faults ---- */

/* "step-2" of "step 2", and "step-2-2" when that is taken. False: no memory. */
static bool fault_name(const struct config *c, const struct step *step, char **name)
{
	char *base = strdup(step->name);
	int made = base ? 0 : -1;

	for (char *p = base; p && (p = strchr(p, ' '));)
		*p = '-';
	*name = base;
	for (unsigned n = 2; made >= 0 && config_find_fault(c, *name); n++) {
		if (*name != base)
			free(*name);
		made = asprintf(name, "%s-%u", base, n);
	}
	if (base != *name)
		free(base);
	return made >= 0;
}

static void make_fault(struct conf_run *run, const struct step *step, struct action *a)
{
	char *place = NULL, *name = NULL;
	struct config *c = run->c;

	if (fault_name(c, step, &name) &&
	    asprintf(&place, "%s:%d: [%s] arm", a->where.file, a->where.line, step->title) >= 0 &&
	    conf_add_fault_at(run, place, name, a->text)) {
		a->fault = c->faults[c->n_faults - 1];
		a->fault->where = a->where;
	}
	free(place);
	free(name);
}

/* They stay among the configuration's until all names are checked. */
static void make_faults(struct conf_run *run, struct scenario *s)
{
	for (size_t i = 0; i < s->n_steps; i++)
		for (size_t j = 0; j < s->steps[i].n_actions; j++) {
			struct action *a = &s->steps[i].actions[j];

			if (a->kind == ACTION_ARM && *a->text && s->steps[i].name)
				make_fault(run, &s->steps[i], a);
		}
}

static void take_faults(struct scenario *s)
{
	for (size_t i = 0; i < s->n_steps; i++)
		for (size_t j = 0; j < s->steps[i].n_actions; j++)
			if (s->steps[i].actions[j].fault)
				config_take_fault(s->config, s->steps[i].actions[j].fault);
}

/* ---- names ---- */

enum name_of { NAME_OF_PROXY, NAME_OF_HOST, NAME_OF_FAULT };

static const char *nth_name(const struct config *c, enum name_of what, size_t i)
{
	const size_t n[] = { c->n_proxies, c->n_hosts + c->n_proxies, c->n_faults };

	if (i >= n[what])
		return NULL;
	if (what == NAME_OF_FAULT)
		return c->faults[i]->name;
	if (what == NAME_OF_HOST && i < c->n_hosts)
		return c->hosts[i]->name;
	const struct proxy_spec *p = c->proxies[what == NAME_OF_HOST ? i - c->n_hosts : i];
	return what == NAME_OF_HOST && p->host ? "" : p->name; /* "": it is no host */
}

/* name NULL: any. inner: a key in the line's text; NULL: the text is the name. */
static void check_name(const struct line *l, enum name_of what, const char *inner, const char *name)
{
	static const char *const nouns[] = { "proxy", "host", "fault" };
	const struct config *c = l->run->c;
	const char **known, *one;
	bool found = false;
	size_t n = 0;
	char hint[TEXT_MAX];

	if (!name || l->run->places.elsewhere)
		return;
	known = calloc(c->n_hosts + c->n_proxies + c->n_faults + 1, sizeof(*known));
	for (size_t i = 0; known && (one = nth_name(c, what, i)); i++) {
		if (*one)
			known[n++] = one;
		found = found || strcmp(one, name) == 0;
	}
	if (known && !found)
		conf_error_at(l->run->errors, &l->at, l->title, l->key,
		    "%s%sexpected the name of a %s, got \"%s\"%s", inner ? inner : "",
		    inner ? ": " : "", nouns[what], name,
		    conf_hint(hint, sizeof(hint), name, known));
	free(known);
}

static void check_wait_key(const struct line *l, const char *event, const char *key, bool wrong)
{
	if (wrong)
		conf_error_at(
		    l->run->errors, &l->at, l->title, l->key, "%s does not take %s", event, key);
}

static void check_wait(const struct line *l, const struct wait_spec *wait)
{
	const struct wait_row *row = &wait_rows[wait->kind];

	if (!row->name)
		return;
	check_wait_key(l, row->name, "proxy", wait->proxy && !row->of_proxy);
	check_wait_key(l, row->name, "fault", wait->fault && !row->of_fault);
	check_name(l, NAME_OF_PROXY, "proxy", wait->proxy);
	check_name(l, NAME_OF_FAULT, "fault", wait->fault);
}

static bool has_proxies(const struct config *c, const char *host)
{
	for (size_t i = 0; i < c->n_proxies; i++) {
		const struct proxy_spec *p = c->proxies[i];

		if (strcmp(p->host ? p->host : p->name, host) == 0)
			return true;
	}
	return false;
}

/* The clients of a host are told from others by its address. */
static void check_cut(const struct line *l, const struct names *from, const struct names *to)
{
	const struct config *c = l->run->c;
	bool cuts = false;

	for (size_t i = 0; i < to->count; i++)
		cuts = cuts || has_proxies(c, to->name[i]);
	for (size_t i = 0; i < from->count; i++) {
		const struct host_spec *h = config_find_host(c, from->name[i]);

		check_name(l, NAME_OF_HOST, NULL, from->name[i]);
		if (cuts && (h ? !h->address.family : has_proxies(c, from->name[i])))
			conf_error_at(l->run->errors, &l->at, l->title, l->key,
			    "expected a [host %s] with address=, which tells its connections",
			    from->name[i]);
	}
}

static void check_action(const struct line *l, const struct action *a)
{
	bool all = strcmp(a->text, "*") == 0 || !*a->text;

	if (a->kind == ACTION_LIFT && !all)
		check_name(l, NAME_OF_FAULT, NULL, a->text);
	if (a->kind == ACTION_HEAL && !all)
		check_name(l, NAME_OF_PROXY, NULL, a->text);
	if ((a->kind == ACTION_POWER_OFF || a->kind == ACTION_POWER_ON) && *a->text)
		check_name(l, NAME_OF_HOST, NULL, a->text);
	if (a->kind == ACTION_WAIT)
		check_wait(l, &a->wait);
	if (a->kind == ACTION_PARTITION) {
		check_cut(l, &a->side_a, &a->side_b);
		check_cut(l, &a->side_b, &a->side_a);
	}
}

static const struct step *find_step(const struct scenario *s, const char *name)
{
	for (size_t i = 0; i < s->n_steps; i++)
		if (s->steps[i].name && strcmp(s->steps[i].name, name) == 0)
			return &s->steps[i];
	return NULL;
}

/* The names that steps have unless they are told otherwise are their own. */
static void check_step_name(const struct line *l, const struct scenario *s, const struct step *step)
{
	const char *want = NULL;

	if (!step->name || strncmp(step->name, "step ", 5) == 0)
		return;
	if (find_step(s, step->name) != step)
		want = "a name of its own";
	else
		want = spec_check_name(step->name);
	if (want)
		conf_error_at(l->run->errors, &l->at, l->title, "name", "expected %s, got \"%s\"",
		    want, step->name);
}

static void check_step(struct conf_run *run, const struct scenario *s, const struct step *step)
{
	struct line l = line_of(run, step, NULL);

	check_step_name(&l, s, step);
	if (step->every_ns && step->repeat < 2)
		conf_error_at(run->errors, &l.at, l.title, "every", "expected repeat=, too");
	if (step->is_after)
		check_wait(&l, &step->when);
	for (size_t i = 0; i < step->n_actions; i++) {
		l = line_of(run, step, &step->actions[i]);
		check_action(&l, &step->actions[i]);
	}
}

/* ---- expectations ---- */

static void check_bound_step(const struct line *l, const struct scenario *s, const char *name)
{
	const char **known = calloc(s->n_steps + 1, sizeof(*known));
	char hint[TEXT_MAX] = "";
	size_t n = 0;

	for (size_t i = 0; known && i < s->n_steps; i++)
		if (s->steps[i].name)
			known[n++] = s->steps[i].name;
	if (known)
		conf_hint(hint, sizeof(hint), name, known);
	free(known);
	if (!find_step(s, name))
		conf_error_at(l->run->errors, &l->at, l->title, l->key,
		    "expected the name of a step, got \"%s\"%s", name, hint);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What all keys of an [expect] are bound to is told of its first. */
static void check_scope(const struct line *l, const struct scenario *s, const struct expectation *e)
{
	const struct expectation *before = e > s->expectations ? e - 1 : NULL;
	struct line bound = *l;

	bound.key = "step";
	if (e->step && !(before && same_text(before->step, e->step)))
		check_bound_step(&bound, s, e->step);
	bound.key = "proxy";
	if (!(before && same_text(before->proxy, e->proxy)))
		check_name(&bound, NAME_OF_PROXY, NULL, e->proxy);
}

static void check_expectation(
    struct conf_run *run, const struct scenario *s, const struct expectation *e)
{
	char title[TEXT_MAX];
	const struct line l = { run, e->where, title, expect_rows[e->kind].key };

	snprintf(title, sizeof(title), "expect%s%s", e->name ? " " : "", e->name ? e->name : "");
	check_scope(&l, s, e);
	if (e->kind == EXPECT_OTHER_SIDE_CLOSED_WITHIN && !e->proxy)
		conf_error_at(run->errors, &l.at, title, l.key,
		    "expected proxy=, too: whose sessions are to be closed");
}

/* What comes a second late is still seen as late. */
static int64_t longest_wait(const struct scenario *s)
{
	static const bool waits[EXPECT_KINDS] = { [EXPECT_DETECT_WITHIN] = true,
		[EXPECT_RECONNECT_WITHIN] = true,
		[EXPECT_RECOVER_WITHIN] = true,
		[EXPECT_FULL_RECOVERY_WITHIN] = true,
		[EXPECT_OTHER_SIDE_CLOSED_WITHIN] = true };
	int64_t longest_ns = SETTLE_NS;

	for (size_t i = 0; i < s->n_expectations; i++) {
		const struct expectation *e = &s->expectations[i];

		if (waits[e->kind] && e->value.ns + NS_PER_S > longest_ns)
			longest_ns = e->value.ns + NS_PER_S;
	}
	return longest_ns;
}

void scenario_finish(struct conf_run *run)
{
	struct scenario *s = run->scenario;
	bool whole = run->errors->count == 0;

	make_faults(run, s);
	for (size_t i = 0; i < s->n_steps; i++)
		check_step(run, s, &s->steps[i]);
	for (size_t i = 0; i < s->n_expectations; i++)
		check_expectation(run, s, &s->expectations[i]);
	take_faults(s);
	if (!s->settle_ns)
		s->settle_ns = longest_wait(s);
	if (whole && s->n_steps == 0)
		conf_errors_add(
		    run->errors, "%s: expected a step: [at TIME] or [after EVENT]", run->c->file);
	if (whole && s->n_expectations == 0)
		conf_errors_add(
		    run->errors, "%s: expected an [expect] with at least one key", run->c->file);
}
