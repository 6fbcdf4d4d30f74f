/*
 * One section, or one --fault text, becomes one spec: the row of its kind says which table its
 * keys come from. A fault has two, the common keys and its type's own.
 */
#include "model/conf_parts.h"
#include <stdlib.h>
#include <string.h>

#define BLANKS         " \t\r\n\v\f"
#define CANDIDATES_MAX 64
#define TEXT_MAX       512

struct conf_kind {
	const char *name;
	enum { NAME_NONE, NAME_NEEDED, NAME_MAY, NAME_OWN /* its make() judges it */ } named;
	bool of_scenario;
	void (*make)(struct conf_run *run, struct conf_section *s);
};

static void make_settings(struct conf_run *run, struct conf_section *s)
{
	struct settings *settings = &run->c->settings;
	struct where at = conf_section_place(s, s->line);

	for (size_t i = 0; i < run->places.count; i++) {
		if (run->places.at[i].spec == settings) {
			conf_error_at(run->errors, &at, s->title, NULL, "expected once in a file");
			break;
		}
	}
	conf_places_add(&run->places, settings, "[", s->line);
	conf_set_values(
	    run, s, settings, (struct conf_target[]){ { settings_fields, settings }, { 0 } }, NULL);
}

static void make_host(struct conf_run *run, struct conf_section *s)
{
	struct host_spec *h = config_add_host(run->c, s->name);

	if (!h)
		return;
	h->where = conf_section_place(s, s->line);
	conf_set_values(run, s, h, (struct conf_target[]){ { host_fields, h }, { 0 } }, NULL);
}

static void make_proxy(struct conf_run *run, struct conf_section *s)
{
	struct proxy_spec *p = config_add_proxy(run->c, s->name);

	if (!p)
		return;
	p->where = conf_section_place(s, s->line);
	conf_set_values(run, s, p, (struct conf_target[]){ { proxy_fields, p }, { 0 } }, NULL);
}

/* The whole list is for who was not even near. */
static void say_no_type(struct conf_run *run, const struct conf_section *s, const struct where *at,
    const char *word, const char *const *names, const char *list)
{
	char hint[TEXT_MAX];

	if (*conf_hint(hint, sizeof(hint), word, names))
		conf_error_at(
		    run->errors, at, s->title, "type", "there is no \"%s\"%s", word, hint);
	else
		conf_error_at(run->errors, at, s->title, "type", "expected one of %s, got \"%s\"",
		    list, word);
}

/* The section's type, or NULL with an error. */
static const struct fault_type *find_type(struct conf_run *run, const struct conf_section *s)
{
	const struct conf_entry *entry = conf_find_entry(s, "type");
	struct where at = conf_section_place(s, entry ? entry->line : s->line);
	const char *names[CANDIDATES_MAX + 1];
	char list[TEXT_MAX] = "";
	size_t n = 0, len = 0;

	for (; run->types[n] && n < CANDIDATES_MAX; n++) {
		const struct fault_type *type = run->types[n];

		if (entry && strcmp(type->name, entry->value) == 0)
			return type;
		names[n] = type->name;
		if (len < sizeof(list))
			len += (size_t)snprintf(
			    list + len, sizeof(list) - len, "%s%s", n ? ", " : "", type->name);
	}
	names[n] = NULL;
	if (entry)
		say_no_type(run, s, &at, entry->value, names, list);
	else if (!s->damaged)
		conf_error_at(
		    run->errors, &at, s->title, "type", "missing; expected one of %s", list);
	return NULL;
}

/* The keys of a fault whose type is not known: only what no type has is wrong. */
static void drop_foreign_keys(const struct conf_run *run, struct conf_section *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct conf_entry *e = &s->entries[i];
		bool foreign = false;

		for (const struct fault_type *const *t = run->types; *t; t++)
			foreign = foreign || field_find((*t)->params, e->key);
		if (foreign && !field_find(fault_fields, e->key)) {
			free(e->key);
			free(e->value);
		} else {
			s->entries[kept++] = *e;
		}
	}
	s->count = kept;
}

/* The settings of the preset, for keys that were not given, as if they stood where it does. A
 * preset that is not known is found by whoever reads the key itself. */
static void add_preset(struct conf_run *run, struct conf_section *s, const struct fault_type *type)
{
	const struct conf_entry *chosen = conf_find_entry(s, "preset");
	const struct preset *p = type->presets;
	char *save = NULL, *settings;

	while (chosen && p && p->name && strcmp(p->name, chosen->value) != 0)
		p++;
	if (!chosen || !p || !p->name)
		return;
	const int line = chosen->line;
	if (!(settings = strdup(p->settings)))
		conf_errors_add(run->errors, "%s: out of memory", s->file);
	for (char *key = settings ? strtok_r(settings, BLANKS, &save) : NULL; key;
	     key = strtok_r(NULL, BLANKS, &save)) {
		char *equals = strchrnul(key, '=');

		if (*equals)
			*equals++ = '\0';
		if (!conf_find_entry(s, key))
			conf_section_add(s, key, equals, line);
	}
	free(settings);
}

static struct fault_spec *add_fault(struct conf_run *run, struct conf_section *s)
{
	static const struct fault_type unknown = { .name = "this type", .sides = ~0u };
	const struct fault_type *type = find_type(run, s);
	struct fault_spec *f = config_add_fault(run->c, s->name, type ? type : &unknown);

	if (!f)
		return NULL;
	if (type)
		add_preset(run, s, type);
	else
		drop_foreign_keys(run, s);
	f->where = conf_section_place(s, s->line);
	conf_set_values(run, s, f,
	    (struct conf_target[]){ { fault_fields, f }, { f->type->params, &f->params }, { 0 } },
	    f->type->name);
	if (!conf_find_entry(s, "side")) /* a parameter may have named the type that acts */
		f->side = fault_spec_side_initial(f);
	return f;
}

static void make_fault(struct conf_run *run, struct conf_section *s)
{
	add_fault(run, s);
}

static const struct conf_kind kinds[] = {
	{ "deadpeer", NAME_NONE, false, make_settings },
	{ "host", NAME_NEEDED, false, make_host },
	{ "proxy", NAME_NEEDED, false, make_proxy },
	{ "fault", NAME_NEEDED, false, make_fault },
	{ "scenario", NAME_MAY, true, scenario_make_about },
	{ "client", NAME_NONE, true, scenario_make_client },
	{ "at", NAME_OWN, true, scenario_make_at },
	{ "after", NAME_OWN, true, scenario_make_after },
	{ "expect", NAME_MAY, true, scenario_make_expect },
};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

/* Cuts "proxy redis" into kind and name; "" when there is no name. */
static char *title_name(char *title)
{
	char *name = title + strcspn(title, BLANKS);

	if (*name) {
		*name++ = '\0';
		name += strspn(name, BLANKS);
	}
	return name;
}

static void unknown_section(
    struct conf_run *run, const struct conf_section *s, const char *kind, const char **known)
{
	struct where at = conf_section_place(s, s->line);
	char hint[TEXT_MAX];

	conf_error_at(run->errors, &at, s->title, NULL,
	    "unknown section%s; expected [deadpeer], [host NAME], [proxy NAME]%s [fault NAME]%s",
	    conf_hint(hint, sizeof(hint), kind, known), run->scenario ? "," : " or",
	    run->scenario ? ", [scenario NAME], [client], [at TIME], [after EVENT] or [expect]"
			  : "");
}

/* Told once: a scenario has many of them. */
static void not_a_configuration(struct conf_run *run, const struct conf_section *s)
{
	struct where at = conf_section_place(s, s->line);

	if (!run->saw_scenario)
		conf_error_at(run->errors, &at, s->title, NULL,
		    "unknown section in a configuration; this is a scenario: deadpeer run %s",
		    s->file);
}

/* The row of its kind; NULL: an error was added. */
static const struct conf_kind *find_kind(
    struct conf_run *run, const struct conf_section *s, const char *kind)
{
	const char *names[N_KINDS + 1] = { 0 };
	const struct conf_kind *found = NULL;
	size_t n = 0;

	for (const struct conf_kind *k = kinds; k < kinds + N_KINDS; k++) {
		if (!k->of_scenario || run->scenario)
			names[n++] = k->name;
		if (strcmp(k->name, kind) == 0)
			found = k;
	}
	if (!found) {
		unknown_section(run, s, kind, names);
		return NULL;
	}
	if (!found->of_scenario)
		return found;
	if (!run->scenario)
		not_a_configuration(run, s);
	run->saw_scenario = true;
	return run->scenario ? found : NULL;
}

static void check_title(struct conf_run *run, struct conf_section *s, const char *kind)
{
	struct where at = conf_section_place(s, s->line);
	const char *want = NULL;

	s->kind = find_kind(run, s, kind);
	if (!s->kind)
		return;
	if (s->kind->named == NAME_NONE && *s->name)
		conf_error_at(
		    run->errors, &at, s->title, NULL, "expected [%s], without a name", kind);
	if (s->kind->named == NAME_NEEDED || (s->kind->named == NAME_MAY && *s->name))
		want = spec_check_name(s->name);
	if (want)
		conf_error_at(
		    run->errors, &at, s->title, NULL, "expected %s, got \"%s\"", want, s->name);
}

void conf_section_open(
    struct conf_run *run, struct conf_section *s, const char *file, int line, const char *title)
{
	*s = (struct conf_section){ .file = file, .line = line, .name = NULL };
	if (!title) {
		s->title = strdup("?");
		return;
	}
	title += strspn(title, BLANKS);
	s->title = strdup(title);
	if (!s->title)
		return;
	for (size_t len = strlen(title); len > 0 && strchr(BLANKS, s->title[len - 1]); len--)
		s->title[len - 1] = '\0';
	char *kind = strdup(s->title);
	if (!kind)
		return;
	s->name = s->title + (title_name(kind) - kind);
	check_title(run, s, kind);
	free(kind);
}

void conf_section_add(struct conf_section *s, const char *key, const char *value, int line)
{
	struct conf_entry *grown = reallocarray(s->entries, s->count + 1, sizeof(*grown));

	if (!grown)
		return;
	s->entries = grown;
	grown[s->count].key = strdup(key);
	grown[s->count].value = strdup(value);
	grown[s->count].line = line;
	s->count += grown[s->count].key && grown[s->count].value;
}

static void section_free(struct conf_section *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->entries[i].key);
		free(s->entries[i].value);
	}
	free(s->entries);
	free(s->title);
	*s = (struct conf_section){ 0 };
}

void conf_section_close(struct conf_run *run, struct conf_section *s)
{
	if (s->kind)
		s->kind->make(run, s);
	section_free(s);
}

/* "power_loss delay=5s" as the entries of a section: the first word may be the type alone; name=
 * is not a key in a file, where it is in the brackets. */
static void section_from_text(struct conf_section *s, char *text)
{
	char *save = NULL;

	for (char *word = strtok_r(text, BLANKS, &save); word;
	     word = strtok_r(NULL, BLANKS, &save)) {
		char *equals = strchr(word, '=');

		if (equals)
			*equals = '\0';
		if (equals && strcmp(word, "name") == 0)
			s->name = equals + 1;
		else if (!equals && s->count == 0)
			conf_section_add(s, "type", word, 0);
		else
			conf_section_add(s, word, equals ? equals + 1 : "", 0);
	}
}

/* The fault of a text that stands at place ("--fault '...'"), checked against the rest of the
 * config. False: errors were added, and the config is as before. */
static bool add_fault_at(struct conf_run *run, struct conf_section *s)
{
	size_t errors_before = run->errors->count;
	const char *want = spec_check_name(s->name);
	struct where at = conf_section_place(s, 0);
	struct fault_spec *f = add_fault(run, s);

	if (!f) {
		conf_errors_add(run->errors, "%s: out of memory", s->file);
		return false;
	}
	if (want)
		conf_error_at(
		    run->errors, &at, NULL, "name", "expected %s, got \"%s\"", want, s->name);
	if (!f->host && !f->proxies.count && !conf_find_entry(s, "proxy") &&
	    !conf_find_entry(s, "host"))
		f->proxies.all = true;
	conf_check_fault(run->c, f, run->errors, &run->places);
	f->where = (struct where){ 0 }; /* the place is not the config's */
	if (run->errors->count == errors_before)
		return true;
	run->c->n_faults--;
	fault_spec_free(f);
	return false;
}

bool conf_add_fault_at(struct conf_run *run, const char *place, const char *name, const char *text)
{
	struct conf_section s = { .name = (char *)name, .file = place };
	char *words = strdup(text);
	bool added = false;

	if (words) {
		section_from_text(&s, words);
		added = add_fault_at(run, &s);
	}
	section_free(&s);
	free(words);
	return added;
}

bool conf_add_fault_text(struct config *c, const char *name, const char *text,
    const struct fault_type *const *types, struct conf_errors *errors)
{
	struct conf_run run = { .c = c, .types = types, .errors = errors };
	char *place = NULL;
	bool added = false;

	if (asprintf(&place, "--fault '%s'", text) >= 0) {
		added = conf_add_fault_at(&run, place, name, text);
		free(place);
	}
	free(run.places.at);
	return added;
}
