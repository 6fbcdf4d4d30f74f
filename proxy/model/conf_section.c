/*
 * One section, or one --fault text, becomes one spec: the row of its kind says which table its
 * keys come from. A fault has two, the common keys and its type's own.
 */
#include "base/nearest.h"
#include "model/conf_parts.h"
#include <stdlib.h>
#include <string.h>

#define BLANKS         " \t\r\n\v\f"
#define CANDIDATES_MAX 64
#define TEXT_MAX       512

/* A table of keys and what it fills. */
struct target {
	const struct field *table;
	void *base;
};

struct conf_kind {
	const char *name;
	bool named;
	void (*make)(struct conf_run *run, struct conf_section *s);
};

char *conf_hint(char *buf, size_t size, const char *word, const char *const *candidates)
{
	const char *near = nearest_find(word, candidates);

	if (near)
		snprintf(buf, size, " (did you mean \"%s\"?)", near);
	else
		*buf = '\0';
	return buf;
}

void conf_places_add(struct conf_places *p, const void *spec, const char *key, int line)
{
	struct conf_place *grown = reallocarray(p->at, p->count + 1, sizeof(*p->at));

	if (!grown)
		return;
	p->at = grown;
	p->at[p->count++] = (struct conf_place){ .spec = spec, .key = key, .line = line };
}

static struct where section_place(const struct conf_section *s, int line)
{
	return (struct where){ .file = s->file, .line = line };
}

static size_t add_keys(const char **out, size_t n, const struct field *table)
{
	for (; table && table->key && n < CANDIDATES_MAX; table++)
		out[n++] = table->key;
	return n;
}

/* For an unknown key: who does have it, or what may have been meant. */
static void unknown_key(struct conf_run *run, const struct conf_section *s,
    const struct conf_entry *entry, const struct target *targets, const char *type)
{
	const char *keys[CANDIDATES_MAX + 2];
	struct where at = section_place(s, entry->line);
	char hint[TEXT_MAX];
	size_t n = 0;

	for (const struct target *t = targets; t->base; t++)
		n = add_keys(keys, n, t->table);
	if (type)
		keys[n++] = "type";
	keys[n] = NULL;
	for (const struct fault_type *const *t = run->types; type && *t; t++) {
		if (field_find((*t)->params, entry->key)) {
			conf_error_at(run->errors, &at, s->title, entry->key,
			    "unknown key: %s does not take it, %s does", type, (*t)->name);
			return;
		}
	}
	conf_error_at(run->errors, &at, s->title, entry->key, "unknown key%s",
	    conf_hint(hint, sizeof(hint), entry->key, keys));
}

static bool is_duplicate(const struct conf_section *s, const struct conf_entry *entry)
{
	for (const struct conf_entry *e = s->entries; e < entry; e++)
		if (strcmp(e->key, entry->key) == 0)
			return true;
	return false;
}

/* What all the section's lines with this key say; free it. NULL: out of memory. */
static char *all_values(const struct conf_section *s, const struct conf_entry *first)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; out && i < s->count; i++)
		if (strcmp(s->entries[i].key, first->key) == 0)
			fprintf(
			    out, "%s%s", &s->entries[i] == first ? "" : ",", s->entries[i].value);
	if (out && fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* False: it was bad, which has been said. */
static bool set_value(struct conf_run *run, const struct conf_section *s,
    const struct conf_entry *entry, const struct field *f, void *base)
{
	struct where at = section_place(s, entry->line);
	char buf[TEXT_MAX], hint[TEXT_MAX] = "";
	char *list = f->kind == FIELD_NAMES ? all_values(s, entry) : NULL;
	const char *want = field_parse(f, base, list ? list : entry->value, buf, sizeof(buf));

	free(list);
	if (!want)
		return true;
	if (f->kind == FIELD_CHOICE)
		conf_hint(hint, sizeof(hint), entry->value, f->choices);
	conf_error_at(run->errors, &at, s->title, entry->key, "expected %s, got \"%s\"%s", want,
	    entry->value, hint);
	return false;
}

/* Every key of the section into the first of the targets that has it; spec is what the places are
 * kept under. type: a fault's, for messages; NULL: no fault. */
static void set_values(struct conf_run *run, const struct conf_section *s, const void *spec,
    const struct target *targets, const char *type)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct conf_entry *e = &s->entries[i];
		struct where at = section_place(s, e->line);
		const struct target *t = targets;
		const struct field *f = NULL;

		for (; t->base && !f; t++)
			f = field_find(t->table, e->key);
		if (f && f->kind == FIELD_NAMES && is_duplicate(s, e)) {
			conf_places_add(&run->places, spec, f->key, e->line);
		} else if (is_duplicate(s, e)) {
			conf_error_at(
			    run->errors, &at, s->title, e->key, "expected once in a section");
			conf_places_add(&run->places, spec, CONF_BAD, e->line);
		} else if (f) {
			conf_places_add(&run->places, spec, f->key, e->line);
			if (!set_value(run, s, e, f, t[-1].base))
				conf_places_add(&run->places, spec, CONF_BAD, e->line);
		} else if (!type || strcmp(e->key, "type") != 0) {
			unknown_key(run, s, e, targets, type);
		}
	}
	if (s->damaged)
		conf_places_add(&run->places, spec, "", s->line);
}

static void make_settings(struct conf_run *run, struct conf_section *s)
{
	struct settings *settings = &run->c->settings;
	struct where at = section_place(s, s->line);

	for (size_t i = 0; i < run->places.count; i++) {
		if (run->places.at[i].spec == settings) {
			conf_error_at(run->errors, &at, s->title, NULL, "expected once in a file");
			break;
		}
	}
	conf_places_add(&run->places, settings, "[", s->line);
	set_values(
	    run, s, settings, (struct target[]){ { settings_fields, settings }, { 0 } }, NULL);
}

static void make_host(struct conf_run *run, struct conf_section *s)
{
	struct host_spec *h = config_add_host(run->c, s->name);

	if (!h)
		return;
	h->where = section_place(s, s->line);
	set_values(run, s, h, (struct target[]){ { host_fields, h }, { 0 } }, NULL);
}

static void make_proxy(struct conf_run *run, struct conf_section *s)
{
	struct proxy_spec *p = config_add_proxy(run->c, s->name);

	if (!p)
		return;
	p->where = section_place(s, s->line);
	set_values(run, s, p, (struct target[]){ { proxy_fields, p }, { 0 } }, NULL);
}

static const struct conf_entry *find_entry(const struct conf_section *s, const char *key)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->entries[i].key, key) == 0)
			return &s->entries[i];
	return NULL;
}

/* The section's type, or NULL with an error. */
static const struct fault_type *find_type(struct conf_run *run, const struct conf_section *s)
{
	const struct conf_entry *entry = find_entry(s, "type");
	struct where at = section_place(s, entry ? entry->line : s->line);
	const char *names[CANDIDATES_MAX + 1];
	char list[TEXT_MAX] = "", hint[TEXT_MAX];
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
		conf_error_at(run->errors, &at, s->title, "type",
		    "expected one of %s, got \"%s\"%s", list, entry->value,
		    conf_hint(hint, sizeof(hint), entry->value, names));
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
	const struct conf_entry *chosen = find_entry(s, "preset");
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
		if (!find_entry(s, key))
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
	f->where = section_place(s, s->line);
	set_values(run, s, f,
	    (struct target[]){ { fault_fields, f }, { f->type->params, &f->params }, { 0 } },
	    f->type->name);
	if (!find_entry(s, "side")) /* a parameter may have named the type that acts */
		f->side = fault_spec_side_initial(f);
	return f;
}

static void make_fault(struct conf_run *run, struct conf_section *s)
{
	add_fault(run, s);
}

static const struct conf_kind kinds[] = {
	{ "deadpeer", false, make_settings },
	{ "host", true, make_host },
	{ "proxy", true, make_proxy },
	{ "fault", true, make_fault },
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

static void check_title(struct conf_run *run, struct conf_section *s, const char *kind)
{
	struct where at = section_place(s, s->line);
	const char *names[N_KINDS + 1] = { 0 };
	char hint[TEXT_MAX];
	const char *want;

	for (size_t i = 0; i < N_KINDS; i++) {
		names[i] = kinds[i].name;
		if (strcmp(kinds[i].name, kind) == 0)
			s->kind = &kinds[i];
	}
	if (!s->kind) {
		conf_error_at(run->errors, &at, s->title, NULL,
		    "unknown section%s; expected [deadpeer], "
		    "[host NAME], [proxy NAME] or [fault NAME]",
		    conf_hint(hint, sizeof(hint), kind, names));
		return;
	}
	if (!s->kind->named && *s->name)
		conf_error_at(
		    run->errors, &at, s->title, NULL, "expected [%s], without a name", kind);
	if (s->kind->named && (want = spec_check_name(s->name)))
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
	struct where at = section_place(s, 0);
	struct fault_spec *f = add_fault(run, s);

	if (!f) {
		conf_errors_add(run->errors, "%s: out of memory", s->file);
		return false;
	}
	if (want)
		conf_error_at(
		    run->errors, &at, NULL, "name", "expected %s, got \"%s\"", want, s->name);
	if (!f->host && !f->proxies.count && !find_entry(s, "proxy") && !find_entry(s, "host"))
		f->proxies.all = true;
	conf_check_fault(run->c, f, run->errors, &run->places);
	f->where = (struct where){ 0 }; /* the place is not the config's */
	if (run->errors->count == errors_before)
		return true;
	run->c->n_faults--;
	fault_spec_free(f);
	return false;
}

bool conf_add_fault_text(struct config *c, const char *name, const char *text,
    const struct fault_type *const *types, struct conf_errors *errors)
{
	struct conf_run run = { .c = c, .types = types, .errors = errors };
	struct conf_section s = { .name = (char *)name };
	char *words = strdup(text), *place = NULL;
	bool added = false;

	if (words && asprintf(&place, "--fault '%s'", text) >= 0) {
		s.file = place;
		section_from_text(&s, words);
		added = add_fault_at(&run, &s);
		free(place);
	}
	free(run.places.at);
	section_free(&s);
	free(words);
	return added;
}
