/* The catalogue for people: aligned tables. */
#include "cli/demo_show.h" /* look_of() */
#include "cli/fault_types.h"
#include "cli/text_table.h"
#include <stdio.h>
#include <unistd.h>

#define CELLS(...) ((const char *const[]){ __VA_ARGS__ })

static bool is_shown(const struct fault_ops *ops, const struct fault_ops *only)
{
	return !only || ops == only;
}

/* Prints it if it is whole, and frees it. */
static bool table_done(struct text_table *t, bool whole)
{
	if (whole && t->count > 1)
		text_table_print(t, look_of(STDOUT_FILENO).color);
	text_table_free(t);
	return whole;
}

static const char *grade_word(const struct fault_ops *ops, enum privilege who)
{
	return grade_names[fact_grade(ops, who)];
}

static bool add_type(struct text_table *t, const struct fault_ops *ops)
{
	const struct fault_type *type = &ops->type;
	char sides[FACT_MAX], needs[FACT_MAX];

	return text_table_add(t,
	    CELLS(type->name, fact_sides(sides, type), fact_needs(needs, type),
		grade_word(ops, PRIVILEGE_ROOT), grade_word(ops, PRIVILEGE_NONE), type->peer_sees));
}

static bool overview(void)
{
	struct text_table t = { .columns = 6 };
	bool whole = text_table_add(
	    &t, CELLS("TYPE", "SIDE", "NEEDS", "AS ROOT", "UNPRIVILEGED", "WHAT THE PEER SEES"));

	for (const struct fault_ops *const *o = catalogue; whole && *o; o++)
		whole = add_type(&t, *o);
	return table_done(&t, whole);
}

/* The type's name stands before its first key; with one type alone, nowhere. */
static bool add_keys(struct text_table *t, const struct fault_type *type)
{
	for (const struct field *f = type->params; f && f->key; f++) {
		const char *initial = f->initial ? f->initial : f->required ? "required" : "unset";
		char value[FACT_MAX];
		const char *const cells[] = { f == type->params ? type->name : "", f->key,
			fact_value(value, type, f), initial, f->help };

		if (!text_table_add(t, t->columns == 5 ? cells : cells + 1))
			return false;
	}
	return true;
}

static bool keys(const struct fault_ops *only)
{
	static const char *const head[] = { "TYPE", "KEY", "VALUE", "DEFAULT", "WHAT IT SAYS" };
	struct text_table t = { .columns = only ? 4 : 5 };
	bool whole = text_table_add(&t, only ? head + 1 : head);

	for (const struct fault_ops *const *o = catalogue; whole && *o; o++)
		if (is_shown(*o, only))
			whole = add_keys(&t, &(*o)->type);
	return table_done(&t, whole);
}

static bool refused_keys(const struct fault_type *type)
{
	struct text_table t = { .columns = 2 };
	bool whole = text_table_add(&t, CELLS("NOT TAKEN", "BECAUSE"));

	for (const struct refusal *r = type->refusals; whole && r && r->key; r++)
		whole = text_table_add(&t, CELLS(r->key, r->why));
	if (t.count > 1)
		puts("");
	return table_done(&t, whole);
}

static bool one(const struct fault_ops *ops)
{
	const struct fault_type *type = &ops->type;
	char sides[FACT_MAX], needs[FACT_MAX], grades[FACT_MAX];
	struct text_table t = { .columns = 2 };
	bool whole;

	(void)snprintf(grades, sizeof(grades), "%s as root, %s unprivileged",
	    grade_word(ops, PRIVILEGE_ROOT), grade_word(ops, PRIVILEGE_NONE));
	whole = text_table_add(&t, CELLS(type->name, type->summary)) &&
		text_table_add(&t, CELLS("peer sees", type->peer_sees)) &&
		text_table_add(&t, CELLS("side", fact_sides(sides, type))) &&
		text_table_add(&t, CELLS("needs", fact_needs(needs, type))) &&
		text_table_add(&t, CELLS("grade", grades));
	if (!table_done(&t, whole))
		return false;
	if (type->params)
		puts("");
	if (!keys(ops) || !refused_keys(type))
		return false;
	if (type->presets)
		puts("");
	return fault_presets_text(ops);
}

bool fault_types_text(const struct fault_ops *only)
{
	if (only)
		return one(only);
	if (!overview())
		return false;
	puts("");
	if (!keys(NULL))
		return false;
	puts("\nEvery type takes proxy or host, delay, duration and the keys that choose sessions, "
	     "unless\n'deadpeer fault types TYPE' says why not: deadpeer.ini(5). Grades are the "
	     "best there is, with\nthe defaults; 'deadpeer doctor' tries what works here.");
	return true;
}

/* One table of all the presets; cells of a row: the preset's name and what cell says. */
static bool presets(const struct fault_ops *only, struct text_table *t, const char *const *head,
    void (*fill)(const struct preset *p, const char **cells))
{
	bool whole = text_table_add(t, head);

	for (const struct fault_ops *const *o = catalogue; *o; o++) {
		const struct preset *p = is_shown(*o, only) ? (*o)->type.presets : NULL;

		for (; whole && p && p->name; p++) {
			const char *cells[TEXT_TABLE_COLUMNS];

			fill(p, cells);
			whole = text_table_add(t, cells);
		}
	}
	return table_done(t, whole);
}

static void fill_settings(const struct preset *p, const char **cells)
{
	cells[0] = p->name;
	cells[1] = p->settings;
	cells[2] = p->about;
}

static void fill_source(const struct preset *p, const char **cells)
{
	cells[0] = p->name;
	cells[1] = p->source;
}

bool fault_presets_text(const struct fault_ops *only)
{
	struct text_table settings = { .columns = 3 }, sources = { .columns = 2 };

	if (!presets(only, &settings, CELLS("PRESET", "SETTINGS", "WHAT IT IS"), fill_settings))
		return false;
	if (!only || only->type.presets)
		puts("");
	return presets(only, &sources, CELLS("PRESET", "SOURCE"), fill_source);
}
