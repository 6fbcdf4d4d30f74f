/* Values as JSON: what is taken, what is told, what is refused. */
#include "model/field_json.h"
#include "model/spec.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *field_json_suite(void);

static const struct {
	const char *key, *value, *text; /* text NULL: refused */
} cases[] = {
	{ "delay", "\"1m30s\"", "1m30s" },
	{ "delay", "250", "250ms" },
	{ "delay", "0", "0" },
	{ "delay", "-1", NULL },
	{ "delay", "1.5", NULL },
	{ "delay", "true", NULL },
	{ "delay", "\"5\"", NULL },
	{ "delay", "null", NULL },
	{ "delay", "9223372036854775807", NULL },
	{ "after_bytes", "65536", "65536" },
	{ "after_bytes", "\"64KiB\"", "65536" },
	{ "toxicity", "0.25", "0.25" },
	{ "toxicity", "1", "1" },
	{ "toxicity", "\"25%\"", "0.25" },
	{ "toxicity", "2", NULL },
	{ "nth", "3", "3" },
	{ "nth", "3.0", NULL },
	{ "side", "\"client\"", "client" },
	{ "side", "1", NULL },
	{ "clients", "\"10.0.0.0/8\"", "10.0.0.0/8" },
	{ "clients", "10", NULL },
	{ "proxy", "\"a\"", "a" },
	{ "proxy", "[\"a\",\"b\"]", "a,b" },
	{ "proxy", "\"*\"", "*" },
	{ "proxy", "[]", NULL },
	{ "proxy", "[1]", NULL },
	{ "proxy", "{}", NULL },
	{ "host", "\"h\"", "h" },
	{ "host", "7", NULL },
};

START_TEST(values_are_those_of_the_file)
{
	const struct field *f = field_find(fault_fields, cases[_i].key), *same;
	struct fault_spec got = { 0 }, want = { 0 };
	json_t *value = json_loads(cases[_i].value, JSON_DECODE_ANY, NULL);
	char buf[512];
	const char *wrong = field_parse_json(f, &got, value, buf, sizeof(buf));

	same = f;
	ck_assert_msg(!wrong == (cases[_i].text != NULL), "%s %s: %s", f->key, cases[_i].value,
	    wrong ? wrong : "taken");
	if (cases[_i].text) {
		ck_assert_ptr_null(field_parse(same, &want, cases[_i].text, buf, sizeof(buf)));
		ck_assert(field_equal(f, &got, &want));
	}
	field_release(fault_fields, &got);
	field_release(fault_fields, &want);
	json_decref(value);
}
END_TEST

START_TEST(what_is_told_is_taken_again)
{
	static const char *const skip[] = { "other", NULL };
	struct fault_spec s = { 0 }, plain = { 0 };
	json_t *o = json_object();
	char buf[512];

	field_defaults(fault_fields, &s);
	field_defaults(fault_fields, &plain);
	fields_json(o, fault_fields, &s, &plain, NULL);
	ck_assert_uint_eq(json_object_size(o), 0);
	field_parse(field_find(fault_fields, "delay"), &s, "90s", buf, sizeof(buf));
	field_parse(field_find(fault_fields, "other"), &s, "hold", buf, sizeof(buf));
	fields_json(o, fault_fields, &s, &plain, skip);
	ck_assert_uint_eq(json_object_size(o), 1);
	ck_assert_str_eq(json_string_value(json_object_get(o, "delay")), "1m30s");
	field_release(fault_fields, &s);
	field_release(fault_fields, &plain);
	json_decref(o);
}
END_TEST

START_TEST(every_row_has_a_schema)
{
	const struct field *const tables[] = { settings_fields, host_fields, proxy_fields,
		fault_fields };

	for (size_t i = 0; i < 4; i++)
		for (const struct field *f = tables[i]; f->key; f++) {
			json_t *o = field_schema(f);

			ck_assert_msg(json_object_get(o, "type") != NULL, "%s", f->key);
			ck_assert_str_eq(
			    json_string_value(json_object_get(o, "description")), f->help);
			ck_assert(!json_object_get(o, "enum") == !f->choices);
			json_decref(o);
		}
}
END_TEST

Suite *field_json_suite(void)
{
	Suite *s = suite_create("field_json");
	TCase *c = tcase_create("field_json");

	tcase_add_loop_test(c, values_are_those_of_the_file, 0, sizeof(cases) / sizeof(*cases));
	tcase_add_test(c, what_is_told_is_taken_again);
	tcase_add_test(c, every_row_has_a_schema);
	suite_add_tcase(s, c);
	return s;
}
