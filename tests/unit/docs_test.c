/*
 * The tables hold the documents: a key, a type or an event that config/deadpeer.ini or the manual
 * does not explain, or a default that it tells wrong, is an error. Paths are those of the top
 * directory, from which make runs this.
 */
#include "faults/catalogue.h"
#include "model/scenario.h"
#include "model/timeline.h"
#include "scratch.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *docs_suite(void);

#define INI  "config/deadpeer.ini"
#define MAN1 "man/deadpeer.1"
#define MAN5 "man/deadpeer.ini.5"
#define PLAY "man/deadpeer-scenario.5"

/* ---- config/deadpeer.ini ---- */

/* "# [section]" or "# key = value" */
static bool is_example(const char *line, const char *end)
{
	size_t word;

	if (strncmp(line, "# ", 2) != 0)
		return false;
	line += 2;
	word = strspn(line, "abcdefghijklmnopqrstuvwxyz_");
	return (*line == '[' && end[-1] == ']') ||
	       (word > 0 && strncmp(line + word, " = ", 3) == 0);
}

/* The lines of text with the "# " taken away from every section and key: each example in force. */
static char *in_force(const char *text)
{
	char *out = calloc(1, strlen(text) + 1), *at = out;

	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		end = strchrnul(line, '\n');
		if (is_example(line, end))
			line += 2;
		at = stpncpy(at, line, (size_t)(end - line));
		*at++ = '\n';
	}
	*at = '\0';
	return out;
}

/* The value of a key in the first section whose heading begins with start; NULL: none. Free it. */
static char *value_in(const char *text, const char *start, const char *key)
{
	const char *line = strstr(text, start), *end;
	char want[64];

	if (!line)
		return NULL;
	end = strstr(line + 1, "\n[");
	snprintf(want, sizeof(want), "\n%s = ", key);
	line = strstr(line, want);
	if (!line || (end && line > end))
		return NULL;
	line += strlen(want);
	return strndup(line, strcspn(line, "\n"));
}

/* Every key of the table is in that section; where it has a default, the default is told. */
static void check_section(const char *text, const char *start, const struct field *table)
{
	for (const struct field *f = table; f && f->key; f++) {
		union {
			max_align_t align;
			char bytes[4096];
		} told = { 0 }, initial = { 0 };
		char *value = value_in(text, start, f->key), buf[256];

		if (strcmp(f->key, "host") == 0 && strncmp(start, "\n[fault", 7) == 0)
			value = value_in(text, "\n[fault reboot]", "host"); /* it excludes proxy= */
		ck_assert_msg(
		    value != NULL, INI ": no \"%s = \" in the section %s", f->key, start + 1);
		const char *want = field_parse(f, &told, value, buf, sizeof(buf));
		ck_assert_msg(!want, INI ": %s = %s: expected %s", f->key, value, want);
		/* A type's own "0" switches a part of it off: an example shows it on. */
		bool off = f->initial && strcmp(f->initial, "0") == 0 && table != settings_fields &&
			   table != proxy_fields && table != fault_fields;
		if (f->initial && !f->required && !off) {
			field_parse(f, &initial, f->initial, buf, sizeof(buf));
			ck_assert_msg(field_equal(f, &told, &initial),
			    INI ": %s = %s, the default is %s", f->key, value, f->initial);
		}
		field_release((struct field[]){ *f, { .key = NULL } }, &told);
		field_release((struct field[]){ *f, { .key = NULL } }, &initial);
		free(value);
	}
}

static char *ini_in_force(void)
{
	char *text = scratch_read(INI, NULL), *all = in_force(text);

	free(text);
	return all;
}

START_TEST(ini_explains_every_key)
{
	char *text = ini_in_force();

	check_section(text, "\n[deadpeer]", settings_fields);
	check_section(text, "\n[proxy ", proxy_fields);
	check_section(text, "\n[host ", host_fields);
	check_section(text, "\n[fault ", fault_fields);
	free(text);
}
END_TEST

/* An example section of its own for every type, with all of the type's own keys. */
START_TEST(ini_has_an_example_of_every_type)
{
	char *text = ini_in_force();

	for (const struct fault_type *const *t = catalogue_types; *t; t++) {
		const char *section = text;
		char *type = NULL;

		while ((section = strstr(section + 1, "\n[fault "))) {
			free(type);
			type = value_in(section, "\n[fault ", "type");
			if (type && strcmp(type, (*t)->name) == 0 &&
			    section != strstr(text, "\n[fault "))
				break;
		}
		free(type);
		ck_assert_msg(section != NULL, INI ": no example of %s", (*t)->name);
		check_section(section, "\n[fault ", (*t)->params);
	}
	free(text);
}
END_TEST

static void assert_right(const char *path)
{
	struct conf_errors e = { 0 };
	struct config *c = conf_load(path, catalogue_types, &e);

	ck_assert_msg(c != NULL, "%s", e.count ? e.message[0] : "no error");
	ck_assert_uint_gt(c->n_proxies, 0);
	config_free(c);
}

START_TEST(ini_is_right_as_shipped_and_with_every_example_in_force)
{
	char *text = ini_in_force();

	assert_right(INI);
	assert_right(scratch_write("all.ini", text, strlen(text)));
	free(text);
}
END_TEST

START_TEST(ini_as_shipped_needs_nothing_of_the_machine)
{
	struct conf_errors e = { 0 };
	struct config *c = conf_load(INI, catalogue_types, &e);
	char buf[ADDR_TEXT_MAX];

	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(c->n_faults, 0);
	ck_assert_ptr_null(c->settings.events);
	ck_assert_ptr_null(c->settings.ports_file);
	for (size_t i = 0; i < c->n_proxies; i++) {
		ck_assert_int_eq(c->proxies[i]->upstream.kind, ADDR_BUILTIN);
		addr_format(buf, sizeof(buf), &c->proxies[i]->listen);
		ck_assert_msg(strncmp(buf, "127.0.0.1:", 10) == 0, "%s", buf);
	}
	config_free(c);
}
END_TEST

/* ---- the manual ---- */

/* Is there a line "MACRO word" between the line "start" and the next line that begins with "stop"?
 * NULL: no such line; else what follows it. */
static const char *man_find(
    const char *text, const char *start, const char *stop, const char *macro, const char *word)
{
	const char *from = strstr(text, start), *end;
	char want[128];

	if (!from)
		return NULL;
	end = strstr(from + 1, stop);
	snprintf(want, sizeof(want), "\n%s %s\n", macro, word);
	from = strstr(from, want);
	return from && (!end || from < end) ? from + strlen(want) : NULL;
}

START_TEST(manual_explains_every_key)
{
	static const struct {
		const char *section;
		const struct field *table;
	} sections[] = {
		{ "\n.Sh [deadpeer]", settings_fields },
		{ "\n.Sh [host", host_fields },
		{ "\n.Sh [proxy", proxy_fields },
		{ "\n.Sh [fault", fault_fields },
	};
	char *text = scratch_read(MAN5, NULL);

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		for (const struct field *f = sections[i].table; f->key; f++)
			ck_assert_msg(
			    man_find(text, sections[i].section, "\n.Sh ", ".It Cm", f->key) != NULL,
			    MAN5 ": no \".It Cm %s\" in %s", f->key, sections[i].section + 1);
	free(text);
}
END_TEST

START_TEST(manual_explains_every_key_of_a_scenario)
{
	static const struct {
		const char *section, *stop;
		const struct field *table;
	} sections[] = {
		{ "\n.Sh [scenario", "\n.Sh ", scenario_fields },
		{ "\n.Sh [client]", "\n.Sh ", client_fields },
		{ "\n.Sh [at", "\n.Ss ", step_fields }, /* [after EVENT] stands there, too */
		{ "\n.Sh [after", "\n.Ss ", wait_fields },
		{ "\n.Ss Actions", "\n.Ss ", action_fields },
		{ "\n.Ss What it is", "\n.Ss ", expect_scope_fields },
		{ "\n.Ss Expectations", "\n.Sh ", expect_rows },
	};
	char *text = scratch_read(PLAY, NULL);

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		for (const struct field *f = sections[i].table; f->key; f++)
			ck_assert_msg(man_find(text, sections[i].section, sections[i].stop,
					  ".It Cm", f->key) != NULL,
			    PLAY ": no \".It Cm %s\" in %s", f->key, sections[i].section + 1);
	for (const struct wait_row *w = wait_rows; w->name; w++)
		ck_assert_msg(man_find(text, "\n.Ss Events", "\n.Sh ", ".It Cm", w->name) != NULL,
		    PLAY ": no \".It Cm %s\" in Events", w->name);
	free(text);
}
END_TEST

/* What all types that shape bytes have is explained once, before the first of them. */
static bool explained_for_all(const char *text, const char *item, const char *key)
{
	const char *shared = "\n.Ss Types that shape bytes\n";
	const char *from = strstr(text, shared), *own = strstr(text, item);

	return from && own > from && man_find(text, shared, "\n.El", ".It Cm", key);
}

START_TEST(manual_explains_every_type)
{
	char *text = scratch_read(MAN5, NULL), item[64];

	for (const struct fault_type *const *t = catalogue_types; *t; t++) {
		ck_assert_msg(man_find(text, "\n.Sh Types", "\n.Sh ", ".It Cm", (*t)->name) != NULL,
		    MAN5 ": no \".It Cm %s\" in Types", (*t)->name);
		snprintf(item, sizeof(item), "\n.It Cm %s\n", (*t)->name);
		for (const struct field *f = (*t)->params; f && f->key; f++)
			ck_assert_msg(man_find(text, item, "\n.El", ".It Cm", f->key) ||
					  explained_for_all(text, item, f->key),
			    MAN5 ": no \".It Cm %s\" under %s", f->key, (*t)->name);
	}
	free(text);
}
END_TEST

/* ".It Cm aws-nlb", and in the next line its settings. */
START_TEST(manual_lists_every_preset)
{
	char *text = scratch_read(MAN5, NULL);

	for (const struct fault_type *const *t = catalogue_types; *t; t++)
		for (const struct preset *p = (*t)->presets; p && p->name; p++) {
			const char *at = man_find(text, "\n.Ss Presets", "\n.S", ".It Cm", p->name);
			size_t len = strlen(p->settings);

			ck_assert_msg(at && !strncmp(at, p->settings, len) && at[len] == '\n',
			    MAN5 ": Presets has no \".It Cm %s\" with %s", p->name, p->settings);
		}
	free(text);
}
END_TEST

/* "a,b" as the manual writes it: "a, b:", over as many lines as it takes. */
START_TEST(manual_explains_every_event)
{
	char *text = scratch_read(MAN1, NULL);

	for (const struct event_row *row = event_rows; row < event_rows + EVENT_COUNT; row++) {
		const char *at = man_find(text, "\n.Sh", "\n.Sh THE END", ".It Em", row->name);

		ck_assert_msg(at != NULL, MAN1 ": no \".It Em %s\"", row->name);
		for (const char *f = row->fields; *f; f++) {
			ck_assert_msg(
			    *at == *f, MAN1 ": %s has the fields %s", row->name, row->fields);
			at++;
			if (*f == ',')
				at += strspn(at, " \n");
		}
		ck_assert_msg(*at == ':', MAN1 ": %s has the fields %s", row->name, row->fields);
	}
	free(text);
}
END_TEST

Suite *docs_suite(void)
{
	Suite *s = suite_create("docs");
	TCase *t = tcase_create("deadpeer.ini");

	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_test(t, ini_explains_every_key);
	tcase_add_test(t, ini_has_an_example_of_every_type);
	tcase_add_test(t, ini_is_right_as_shipped_and_with_every_example_in_force);
	tcase_add_test(t, ini_as_shipped_needs_nothing_of_the_machine);
	suite_add_tcase(s, t);
	t = tcase_create("manual");
	tcase_add_test(t, manual_explains_every_key);
	tcase_add_test(t, manual_explains_every_key_of_a_scenario);
	tcase_add_test(t, manual_explains_every_type);
	tcase_add_test(t, manual_lists_every_preset);
	tcase_add_test(t, manual_explains_every_event);
	suite_add_tcase(s, t);
	return s;
}
