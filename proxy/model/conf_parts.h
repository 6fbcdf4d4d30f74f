/*
 * What the files of conf and scenario share; nobody else includes this.
 *
 *     conf.c (lines) -> conf_section (sections -> specs) -> conf_values (keys and values)
 *                         -> conf_check (specs among themselves)
 *
 * Values are judged in conf_values, what holds between them in conf_check. So that the latter can
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
	bool elsewhere; /* names that are not in the file are those of other relays */
};

struct scenario;

/* What one run of reading works on. */
struct conf_run {
	struct config *c;
	const struct fault_type *const *types;
	struct conf_errors *errors;
	struct conf_places places;
	struct scenario *scenario; /* NULL: its sections are wrong here */
	bool saw_scenario;         /* there is such a section */
	bool bare_elsewhere;       /* places.elsewhere, if the file has no proxy at all */
	bool was_read;             /* the file could be opened */
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

/* A table of keys and what it fills. */
struct conf_target {
	const struct field *table;
	void *base;
};

/* Reads a whole file into run->c and checks that. True: no error added. */
bool conf_read(struct conf_run *run, const char *path);

/* Begins a section: title is the text between the brackets; NULL: it could not be read, and what
 * is in it is passed over. Its errors are added. */
void conf_section_open(
    struct conf_run *run, struct conf_section *s, const char *file, int line, const char *title);
void conf_section_add(struct conf_section *s, const char *key, const char *value, int line);
/* Makes its spec and forgets it. */
void conf_section_close(struct conf_run *run, struct conf_section *s);
struct where conf_section_place(const struct conf_section *s, int line);
/* The first entry of that key, or NULL. */
const struct conf_entry *conf_find_entry(const struct conf_section *s, const char *key);

/* Every key of the section into the first of the targets that has it (they end with base NULL);
 * spec is what the places are kept under. type: a fault's, for messages; NULL: no fault. */
void conf_set_values(struct conf_run *run, const struct conf_section *s, const void *spec,
    const struct conf_target *targets, const char *type);
/* One key by its row. False: it was bad, which has been said. */
bool conf_set_value(struct conf_run *run, const struct conf_section *s,
    const struct conf_entry *entry, const struct field *f, void *base);

/* As conf_add_fault_text(); errors begin with place. The fault is the last of c's. */
bool conf_add_fault_at(struct conf_run *run, const char *place, const char *name, const char *text);

/* The sections of a scenario (scenario_sections.c); only where run->scenario. */
void scenario_make_about(struct conf_run *run, struct conf_section *s);
void scenario_make_client(struct conf_run *run, struct conf_section *s);
void scenario_make_at(struct conf_run *run, struct conf_section *s);
void scenario_make_after(struct conf_run *run, struct conf_section *s);
void scenario_make_expect(struct conf_run *run, struct conf_section *s);

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
