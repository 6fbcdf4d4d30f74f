/*
 * The keys of a section, each judged by its row, into what the tables describe; and where each
 * stood.
 */
#include "base/nearest.h"
#include "model/conf_parts.h"
#include <stdlib.h>
#include <string.h>

#define CANDIDATES_MAX 64
#define TEXT_MAX       512

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

struct where conf_section_place(const struct conf_section *s, int line)
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
    const struct conf_entry *entry, const struct conf_target *targets, const char *type)
{
	const char *keys[CANDIDATES_MAX + 2];
	struct where at = conf_section_place(s, entry->line);
	char hint[TEXT_MAX];
	size_t n = 0;

	for (const struct conf_target *t = targets; t->base; t++)
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

bool conf_set_value(struct conf_run *run, const struct conf_section *s,
    const struct conf_entry *entry, const struct field *f, void *base)
{
	struct where at = conf_section_place(s, entry->line);
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

void conf_set_values(struct conf_run *run, const struct conf_section *s, const void *spec,
    const struct conf_target *targets, const char *type)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct conf_entry *e = &s->entries[i];
		struct where at = conf_section_place(s, e->line);
		const struct conf_target *t = targets;
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
			if (!conf_set_value(run, s, e, f, t[-1].base))
				conf_places_add(&run->places, spec, CONF_BAD, e->line);
		} else if (!type || strcmp(e->key, "type") != 0) {
			unknown_key(run, s, e, targets, type);
		}
	}
	if (s->damaged)
		conf_places_add(&run->places, spec, "", s->line);
}

const struct conf_entry *conf_find_entry(const struct conf_section *s, const char *key)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->entries[i].key, key) == 0)
			return &s->entries[i];
	return NULL;
}
