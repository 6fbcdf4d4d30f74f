#include "control/report_cases.h"
#include "control/report_parts.h"
#include <stdlib.h>
#include <string.h>

static const char *known_result(const char *result)
{
	static const char *const known[] = { "pass", "fail", "vacuous", "error", "skipped" };

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(result, known[i]))
			return known[i];
	return "error";
}

/* Readers tell cases apart by their names. */
static bool title_is_taken(const struct report_cases *c, const char *group, const char *title)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->cases[i].group == group && !strcmp(c->cases[i].title, title))
			return true;
	return false;
}

/* Takes over title; that may be NULL. */
static struct report_case *add(struct report_cases *c, const char *group, char *title)
{
	struct report_case *one = &c->cases[c->n];
	unsigned times = 1;

	one->group = group;
	one->title = title ? title : strdup("");
	while (one->title && title_is_taken(c, group, one->title)) {
		char *other = words_make("%s (%u)", title ? title : "", ++times);

		if (one->title != title)
			free(one->title);
		one->title = other;
	}
	if (one->title != title)
		free(title);
	if (!one->title)
		return NULL;
	one->file = one->message = "";
	c->n++;
	return one;
}

static bool add_expectations(const json_t *verdict, struct report_cases *c)
{
	const json_t *e;
	size_t i;

	json_array_foreach(part_list(verdict, "expectations"), i, e)
	{
		struct report_case *one = add(c, "expect", words_expectation(e));

		if (!one)
			return false;
		one->result = known_result(part_text(e, "result"));
		one->message = part_text(e, "message");
		one->file = part_text(e, "file");
		one->line = part_int(e, "line", 0);
		one->seconds = (double)part_int(e, "duration_ns", 0) / 1e9;
		one->source = e;
	}
	return true;
}

static double seconds_of(const json_t *step)
{
	int64_t began_ns = part_int(step, "began_ns", 0);

	return (double)(part_int(step, "ended_ns", began_ns) - began_ns) / 1e9;
}

static bool add_steps(const json_t *verdict, struct report_cases *c)
{
	const char *file = part_text(part_scenario(verdict), "file");
	const json_t *step;
	size_t i;

	json_array_foreach(part_list(verdict, "steps"), i, step)
	{
		struct report_case *one = add(c, "steps", words_step(step));

		if (!one)
			return false;
		one->result = known_result(part_text(step, "result"));
		one->message = part_text(step, "message");
		one->file = file;
		one->line = part_int(step, "line", 0);
		one->seconds = seconds_of(step);
		one->source = step;
	}
	return true;
}

static bool add_refused(const json_t *verdict, struct report_cases *c)
{
	const json_t *fault;
	size_t i;

	json_array_foreach(part_list(verdict, "faults"), i, fault)
	{
		struct report_case *one;

		if (!part_has(fault, "refused"))
			continue;
		one = add(c, "faults", strdup(part_text(fault, "name")));
		if (!one)
			return false;
		one->result = "error";
		one->message = part_text(fault, "refused");
		one->source = fault;
	}
	return true;
}

static bool add_whole(const json_t *verdict, struct report_cases *c)
{
	const char *result = known_result(part_text(verdict, "result"));
	size_t quiet = cases_count(c, "pass") + cases_count(c, "skipped");
	struct report_case *one;

	if (quiet < c->n || (c->n && (!strcmp(result, "pass") || !strcmp(result, "skipped"))))
		return true;
	one = add(c, "verdict", strdup("verdict"));
	if (!one)
		return false;
	one->result = result;
	one->message = part_text(verdict, "summary");
	return true;
}

bool cases_make(const json_t *verdict, struct report_cases *c)
{
	size_t room = json_array_size(part_list(verdict, "expectations")) +
		      json_array_size(part_list(verdict, "steps")) +
		      json_array_size(part_list(verdict, "faults")) + 1;

	c->n = 0;
	c->cases = calloc(room, sizeof(*c->cases));
	if (c->cases && add_expectations(verdict, c) && add_steps(verdict, c) &&
	    add_refused(verdict, c) && add_whole(verdict, c))
		return true;
	cases_free(c);
	return false;
}

void cases_free(struct report_cases *c)
{
	for (size_t i = 0; c->cases && i < c->n; i++)
		free(c->cases[i].title);
	free(c->cases);
	*c = (struct report_cases){ 0 };
}

size_t cases_count(const struct report_cases *c, const char *result)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += !strcmp(c->cases[i].result, result);
	return n;
}

const char *case_number(const struct report_case *c, size_t i, const json_t **value)
{
	/* What the case's own name, message and place say already. */
	static const char *const said[] = { "key", "value", "name", "file", "line", "message",
		"result", "refused", NULL };
	const char *key;
	json_t *member;

	json_object_foreach((json_t *)c->source, key, member)
	{
		size_t s = 0;

		while (said[s] && strcmp(said[s], key) != 0)
			s++;
		if (said[s] || json_is_object(member) || json_is_array(member) ||
		    json_is_null(member) || i-- > 0)
			continue;
		*value = member;
		return key;
	}
	return NULL;
}
