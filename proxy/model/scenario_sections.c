/* The sections that only a scenario has: each becomes its part of struct scenario. */
#include "base/units.h"
#include "model/scenario_parts.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 512

/* Everything's places are kept under the scenario: nobody asks for them. */
static void set_values(
    struct conf_run *run, const struct conf_section *s, const struct conf_target *targets)
{
	conf_set_values(run, s, run->scenario, targets, NULL);
}

static void once_in_a_file(struct conf_run *run, const struct conf_section *s, bool seen)
{
	struct where at = conf_section_place(s, s->line);

	if (seen)
		conf_error_at(run->errors, &at, s->title, NULL, "expected once in a file");
}

void scenario_make_about(struct conf_run *run, struct conf_section *s)
{
	struct scenario *about = run->scenario;

	once_in_a_file(run, s, about->given);
	about->given = true;
	if (*s->name && !about->name)
		about->name = strdup(s->name);
	set_values(run, s, (struct conf_target[]){ { scenario_fields, about }, { 0 } });
}

void scenario_make_client(struct conf_run *run, struct conf_section *s)
{
	struct client_spec *client = &run->scenario->client;

	once_in_a_file(run, s, client->given);
	client->given = true;
	set_values(run, s, (struct conf_target[]){ { client_fields, client }, { 0 } });
}

/* ---- steps ---- */

enum wait_kind scenario_find_wait(const char *name)
{
	enum wait_kind kind = 0;

	while (kind < WAIT_KINDS && strcmp(wait_rows[kind].name, name) != 0)
		kind++;
	return kind;
}

void scenario_wrong_wait(struct conf_run *run, const struct where *at, const char *title,
    const char *key, const char *got)
{
	const char *names[WAIT_KINDS + 1] = { 0 };
	char list[TEXT_MAX] = "", hint[TEXT_MAX];
	size_t len = 0;

	for (int i = 0; i < WAIT_KINDS; i++) {
		names[i] = wait_rows[i].name;
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
		    i == 0 ? "" : (i + 1 < WAIT_KINDS ? ", " : " or "), names[i]);
	}
	conf_error_at(run->errors, at, title, key, "expected %s, got \"%s\"%s", list, got,
	    conf_hint(hint, sizeof(hint), got, names));
}

static int find_action(const char *key)
{
	int kind = 0;

	while (kind < ACTION_KINDS && strcmp(action_names[kind], key) != 0)
		kind++;
	return kind;
}

static void add_action(struct conf_run *run, const struct conf_section *s, struct step *step,
    enum action_kind kind, const struct conf_entry *e)
{
	struct action *grown = reallocarray(step->actions, step->n_actions + 1, sizeof(*grown));

	if (!grown)
		return;
	step->actions = grown;
	grown += step->n_actions;
	*grown = (struct action){ .kind = kind, .where = conf_section_place(s, e->line) };
	if (!(grown->text = strdup(e->value)))
		return;
	step->n_actions++;
	scenario_read_action(run, s->title, grown);
}

/* Its actions, which may stand several times, and the keys that may not. */
static void read_step(struct conf_run *run, const struct conf_section *s, struct step *step)
{
	struct conf_section keys = *s; /* borrows */
	struct where at = conf_section_place(s, s->line);
	char never;

	keys.count = 0;
	keys.entries = calloc(s->count + 1, sizeof(*keys.entries));
	for (size_t i = 0; keys.entries && i < s->count; i++) {
		int kind = find_action(s->entries[i].key);

		if (kind < ACTION_KINDS)
			add_action(run, s, step, (enum action_kind)kind, &s->entries[i]);
		else
			keys.entries[keys.count++] = s->entries[i];
	}
	set_values(run, &keys,
	    (struct conf_target[]){ { step_fields, step }, { action_fields, &never }, { 0 } });
	for (const struct field *f = wait_fields; !step->is_after && f->key; f++) {
		const struct conf_entry *e = conf_find_entry(&keys, f->key);

		if (e)
			conf_error_at(run->errors, &(struct where){ s->file, e->line }, s->title,
			    f->key, "expected in an [after EVENT] alone");
	}
	free(keys.entries);
	if (step->n_actions == 0 && !s->damaged)
		conf_error_at(run->errors, &at, s->title, NULL,
		    "expected an action: arm, lift, power_off, power_on, partition, heal, wait, "
		    "run or pause");
}

static void make_step(struct conf_run *run, struct conf_section *s, struct step step)
{
	struct scenario *all = run->scenario;
	struct step *grown = reallocarray(all->steps, all->n_steps + 1, sizeof(*grown));

	if (!grown)
		return;
	all->steps = grown;
	grown += all->n_steps++;
	*grown = step;
	field_defaults(step_fields, grown);
	grown->where = conf_section_place(s, s->line);
	grown->title = strdup(s->title);
	read_step(run, s, grown);
	if (!grown->name && asprintf(&grown->name, "step %zu", all->n_steps) < 0)
		grown->name = NULL;
}

void scenario_make_at(struct conf_run *run, struct conf_section *s)
{
	struct where at = conf_section_place(s, s->line);
	struct step step = { .is_after = false };
	const char *want = units_parse_duration(s->name, &step.at_ns);

	if (want)
		conf_error_at(run->errors, &at, s->title, NULL,
		    "expected [at TIME] with %s, got \"%s\"", want, s->name);
	make_step(run, s, step);
}

void scenario_make_after(struct conf_run *run, struct conf_section *s)
{
	struct where at = conf_section_place(s, s->line);
	struct step step = { .is_after = true, .when.kind = scenario_find_wait(s->name) };

	if (step.when.kind == WAIT_KINDS)
		scenario_wrong_wait(run, &at, s->title, NULL, s->name);
	make_step(run, s, step);
}

/* ---- expectations ---- */

/* One of the keys of an [expect], if its value is right. */
static void add_expectation(struct conf_run *run, const struct conf_section *s,
    const struct expectation *scope, const struct conf_entry *e)
{
	struct scenario *all = run->scenario;
	const struct field *row = field_find(expect_rows, e->key);
	struct expectation made = { .client = scope->client }, *grown;
	char buf[TEXT_MAX];

	if (!row || field_parse(row, &made.value, e->value, buf, sizeof(buf)))
		return;
	if (row->kind == FIELD_BOOL && !made.value.yes)
		return; /* not asked */
	grown = reallocarray(all->expectations, all->n_expectations + 1, sizeof(*grown));
	if (!grown)
		return;
	all->expectations = grown;
	made.kind = (enum expect_kind)(row - expect_rows);
	made.where = conf_section_place(s, e->line);
	made.text = strdup(e->value);
	made.name = *s->name ? strdup(s->name) : NULL;
	made.step = scope->step ? strdup(scope->step) : NULL;
	made.proxy = scope->proxy ? strdup(scope->proxy) : NULL;
	grown[all->n_expectations++] = made;
}

static bool name_is_used(const struct scenario *s, const char *name)
{
	for (size_t i = 0; i < s->n_expectations; i++)
		if (s->expectations[i].name && strcmp(s->expectations[i].name, name) == 0)
			return true;
	return false;
}

void scenario_make_expect(struct conf_run *run, struct conf_section *s)
{
	struct where at = conf_section_place(s, s->line);
	struct expectation scope = { 0 };
	union expect_value judged; /* the rows share its place, and own nothing */

	if (*s->name && name_is_used(run->scenario, s->name))
		conf_error_at(run->errors, &at, s->title, NULL, "expected a name of its own");
	memset(&judged, 0, sizeof(judged));
	set_values(run, s,
	    (struct conf_target[]){
		{ expect_scope_fields, &scope }, { expect_rows, &judged }, { 0 } });
	for (size_t i = 0; i < s->count; i++)
		add_expectation(run, s, &scope, &s->entries[i]);
	field_release(expect_scope_fields, &scope);
}
