/*
 * What the files of conf share; nobody else includes this.
 *
 *     conf.c (lines) -> conf_section (keys and values -> specs) -> conf_check (specs among
 * themselves)
 *
 * Values are judged in conf_section, what holds between them in conf_check. So that the latter can
 * name the line of a key, and does not call a key missing whose value was bad, the former writes
 * down where each key was given.
 */
#pragma once
#include "model/conf.h"

/* As a key in conf_places: one of the spec's values was bad, or a key of its was given twice. */
#define CONF_BAD "="

struct conf_places {
	struct conf_place {
		const void *spec;
		const char *key; /* a row's, so static; "" : a line that could not be read, any key
				    may be in it */
		int line;
	} * at;
	size_t count;
};

/* What one run of reading works on. */
struct conf_run {
	struct config *c;
	const struct fault_type *const *types;
	struct conf_errors *errors;
	struct conf_places places;
};

struct conf_entry {
	char *key, *value;
	int line;
};

/* A section while it is read; its keys wait for its end, since a fault's keys depend on its type.
 */
struct conf_section {
	const struct conf_kind *kind; /* NULL: before the first, or one that is not known */
	char *title;                  /* "proxy redis"; NULL: before the first */
	char *name;                   /* "redis", "" for [deadpeer]; inside title */
	const char *file;
	int line;
	bool damaged; /* a line of it could not be read */
	struct conf_entry *entries;
	size_t count;
};

/* Begins a section: title is the text between the brackets; NULL: it could not be read, and what
 * is in it is passed over. Its errors are added. */
void conf_section_open(
    struct conf_run *run, struct conf_section *s, const char *file, int line, const char *title);
void conf_section_add(struct conf_section *s, const char *key, const char *value, int line);
/* Makes its spec and forgets it. */
void conf_section_close(struct conf_run *run, struct conf_section *s);

/* Adds "PLACE: [TITLE] KEY: ..." (key NULL: none). Line 0: the place is file alone; file NULL: no
 * place. */
void conf_error_at(struct conf_errors *e, const struct where *at, const char *title,
    const char *key, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

void conf_places_add(struct conf_places *p, const void *spec, const char *key, int line);

/* As conf_check and for one fault alone; places NULL: every key counts as not given. */
void conf_check_all(
    const struct config *c, struct conf_errors *e, const struct conf_places *places);
void conf_check_fault(const struct config *c, const struct fault_spec *f, struct conf_errors *e,
    const struct conf_places *places);

/* " (did you mean "X"?)", or "". Returns buf. */
char *conf_hint(char *buf, size_t size, const char *word, const char *const *candidates);
