#include "base/addr.h"
#include "base/mono.h"
#include "model/field.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *field_suite(void);

static const char *const colours[] = { "red", "green", "blue", NULL };

struct thing {
	int64_t wait_ns, short_ns;
	uint64_t size, count, few;
	double share;
	int colour;
	bool on;
	char *text;
	struct addr addr;
	struct cidr range;
	struct names names;
};

#define ROW(member, kind_) .key = #member, .kind = kind_, .offset = offsetof(struct thing, member)

static const struct field table[] = {
	{ ROW(wait_ns, FIELD_DURATION), .initial = "5s" },
	{ ROW(short_ns, FIELD_DURATION), .initial = "1ms", .max = 3600 * NS_PER_S },
	{ ROW(size, FIELD_SIZE), .initial = "64KiB", .min = 1024, .max = 1 << 20 },
	{ ROW(count, FIELD_COUNT), .initial = "3" },
	{ ROW(few, FIELD_COUNT), .initial = "2", .min = 1, .max = 10 },
	{ ROW(share, FIELD_PROBABILITY), .initial = "25%" },
	{ ROW(colour, FIELD_CHOICE), .initial = "green", .choices = colours },
	{ ROW(on, FIELD_BOOL), .initial = "yes" },
	{ ROW(text, FIELD_TEXT), .initial = "hello" },
	{ ROW(addr, FIELD_ADDR), .initial = "127.0.0.1:80" },
	{ ROW(range, FIELD_CIDR), .initial = "10.0.0.0/8" },
	{ ROW(names, FIELD_NAMES), .initial = "a, b" },
	{ .key = NULL },
};
#define ROWS (int)(sizeof(table) / sizeof(*table) - 1)

START_TEST(rows_are_found_by_key)
{
	ck_assert_ptr_eq(field_find(table, "size"), &table[2]);
	ck_assert_ptr_null(field_find(table, "siz"));
	ck_assert_ptr_null(field_find(table, ""));
	ck_assert_ptr_null(field_find(NULL, "size"));
}
END_TEST

START_TEST(defaults_are_parsed)
{
	struct thing t = { 0 };

	field_defaults(table, &t);
	ck_assert_int_eq(t.wait_ns, 5 * NS_PER_S);
	ck_assert_int_eq(t.short_ns, NS_PER_MS);
	ck_assert_uint_eq(t.size, 65536);
	ck_assert_uint_eq(t.count, 3);
	ck_assert_uint_eq(t.few, 2);
	ck_assert(t.share > 0.2499 && t.share < 0.2501);
	ck_assert_int_eq(t.colour, 1);
	ck_assert(t.on);
	ck_assert_str_eq(t.text, "hello");
	ck_assert_int_eq(t.addr.kind, ADDR_IP);
	ck_assert_uint_eq(t.range.bits, 8);
	ck_assert_uint_eq(t.names.count, 2);
	ck_assert_str_eq(t.names.name[0], "a");
	ck_assert_str_eq(t.names.name[1], "b");
	field_defaults(table, &t); /* again: what was there is freed (LeakSanitizer sees it) */
	field_release(table, &t);
	ck_assert_mem_eq(&t, &(struct thing){ 0 }, sizeof(t));
	field_release(table, &t);
	field_defaults(NULL, &t);
	field_release(NULL, &t);
}
END_TEST

static const struct {
	const char *key, *text, *want; /* want NULL: taken */
} values[] = {
	{ "wait_ns", "0", NULL },
	{ "wait_ns", "5", "a duration with a unit, such as 250ms, 5s or 2m" },
	{ "short_ns", "1h", NULL },
	{ "short_ns", "61m", "a duration from 0 to 1h" },
	{ "size", "1KiB", NULL },
	{ "size", "1MiB", NULL },
	{ "size", "1023", "a size from 1KiB to 1MiB" },
	{ "size", "2MiB", "a size from 1KiB to 1MiB" },
	{ "size", "", "a size in bytes, such as 4096, 64KiB or 1.5MB" },
	{ "count", "18446744073709551615", NULL },
	{ "count", "-1", "a whole number" },
	{ "few", "1", NULL },
	{ "few", "10", NULL },
	{ "few", "0", "a whole number from 1 to 10" },
	{ "few", "18446744073709551615", "a whole number from 1 to 10" },
	{ "share", "1.5", "a probability from 0 to 1, such as 0.25 or 25%" },
	{ "colour", "blue", NULL },
	{ "colour", "Blue", "red, green or blue" },
	{ "colour", "", "red, green or blue" },
	{ "on", "maybe", "yes or no" },
	{ "on", "", "yes or no" },
	{ "text", "", "some text" },
	{ "text", "=\" x", NULL },
	{ "addr", "nowhere", "a port from 0 to 65535 after the address" },
	{ "range", "10.0.0.1/8", "a range with no bits set beyond its prefix, such as 10.0.0.0/8" },
	{ "names", "*", NULL },
	{ "names", "a", NULL },
	{ "names", "", "names with commas between them, or *" },
	{ "names", ", ,", "names with commas between them, or *" },
	{ "names", "a,*", "a name of 1 to 63 letters, digits, '_', '.' or '-'" },
	{ "names", "a,b/c", "a name of 1 to 63 letters, digits, '_', '.' or '-'" },
	{ "names", "a,b,a", "each name once (a is there twice)" },
};

START_TEST(values_are_judged)
{
	const struct field *f = field_find(table, values[_i].key);
	struct thing t = { 0 }, before = { 0 };
	char buf[256];

	ck_assert_ptr_nonnull(f);
	field_defaults(table, &t);
	field_copy(f, &before, &t);
	const char *want = field_parse(f, &t, values[_i].text, buf, sizeof(buf));
	if (values[_i].want)
		ck_assert_msg(want && strcmp(want, values[_i].want) == 0, "%s = %s: expected %s",
		    values[_i].key, values[_i].text, want ? want : "it");
	else
		ck_assert_msg(!want, "%s = %s: expected %s", values[_i].key, values[_i].text, want);
	ck_assert_int_eq(field_equal(f, &t, &before), values[_i].want != NULL);
	field_release(table, &t);
	field_release(table, &before);
}
END_TEST

START_TEST(booleans_have_four_spellings)
{
	static const char *const yes[] = { "yes", "true", "on", "1", "YES", "True" };
	static const char *const no[] = { "no", "false", "off", "0", "No", "OFF" };
	const struct field *f = field_find(table, "on");
	struct thing t = { 0 };
	char buf[64];

	for (int i = 0; i < 6; i++) {
		ck_assert_ptr_null(field_parse(f, &t, yes[i], buf, sizeof(buf)));
		ck_assert(t.on);
		ck_assert_ptr_null(field_parse(f, &t, no[i], buf, sizeof(buf)));
		ck_assert(!t.on);
	}
}
END_TEST

static const struct {
	const char *key, *text, *back;
} texts[] = {
	{ "wait_ns", "90s", "1m30s" },
	{ "wait_ns", "0", "0s" },
	{ "size", "1500B", "1500B" },
	{ "size", "1.5KiB", "1536B" },
	{ "size", "1MiB", "1MiB" },
	{ "size", "1025", "1025B" },
	{ "size", "513KiB", "513KiB" },
	{ "count", "18446744073709551615", "18446744073709551615" },
	{ "share", "0", "0" },
	{ "share", "100%", "1" },
	{ "share", "0.1", "0.1" },
	{ "share", "12.5%", "0.125" },
	{ "share", "0.00001", "0.00001" },
	{ "share", "0.3333333333333333", "0.3333333333333333" },
	{ "colour", "red", "red" },
	{ "on", "off", "no" },
	{ "text", "a b", "a b" },
	{ "addr", "*:80", "*:80" },
	{ "addr", "localhost:80", "localhost:80" },
	{ "range", "::/0", "::/0" },
	{ "names", "*", "*" },
	{ "names", "x y,z", "x,y,z" },
};

START_TEST(values_are_written_and_read_back)
{
	const struct field *f = field_find(table, texts[_i].key);
	struct thing t = { 0 }, again = { 0 };
	char buf[512], msg[256];

	ck_assert_ptr_null(field_parse(f, &t, texts[_i].text, msg, sizeof(msg)));
	ck_assert_str_eq(field_format(f, &t, buf, sizeof(buf)), texts[_i].back);
	ck_assert_ptr_null(field_parse(f, &again, buf, msg, sizeof(msg)));
	ck_assert(field_equal(f, &t, &again));
	field_release(table, &t);
	field_release(table, &again);
}
END_TEST

START_TEST(sizes_are_never_rounded)
{
	const struct field f = { .key = "size", .kind = FIELD_SIZE, .offset = 0 };
	char buf[64], msg[64];
	uint64_t back;

	for (uint64_t v = 1; v < INT64_MAX / 3; v = v * 3 + 512) {
		field_format(&f, &v, buf, sizeof(buf));
		ck_assert_ptr_null(field_parse(&f, &back, buf, msg, sizeof(msg)));
		ck_assert_uint_eq(back, v);
	}
}
END_TEST

/* For every kind: a copy is equal, owns its own, and is no longer equal once changed. */
START_TEST(copies_are_deep)
{
	static const char *const other[ROWS] = { "6s", "2ms", "2KiB", "4", "5", "1", "red", "no",
		"bye", "127.0.0.1:81", "10.0.0.0/9", "b, a" };
	struct thing a = { 0 }, b = { 0 };
	char msg[64];

	field_defaults(table, &a);
	for (const struct field *f = table; f->key; f++)
		field_copy(f, &b, &a);
	for (const struct field *f = table; f->key; f++) {
		ck_assert_msg(field_equal(f, &a, &b), "%s", f->key);
		ck_assert_ptr_null(field_parse(f, &b, other[f - table], msg, sizeof(msg)));
		ck_assert_msg(!field_equal(f, &a, &b), "%s", f->key);
	}
	field_release(table, &a);
	ck_assert_str_eq(b.text, "bye");
	ck_assert_str_eq(b.names.name[0], "b");
	field_release(table, &b);
}
END_TEST

START_TEST(unset_values_are_copied_and_compared)
{
	struct thing a = { 0 }, b = { 0 }, c = { 0 };
	char buf[64];

	field_defaults(table, &b);
	for (const struct field *f = table; f->key; f++) {
		field_copy(f, &c, &a);
		ck_assert_msg(field_equal(f, &a, &c), "%s", f->key);
		ck_assert_msg(!field_equal(f, &a, &b), "%s", f->key);
		ck_assert_ptr_nonnull(field_format(f, &a, buf, sizeof(buf)));
	}
	field_release(table, &b);
}
END_TEST

Suite *field_suite(void)
{
	Suite *s = suite_create("field");
	TCase *t = tcase_create("field");

	tcase_add_test(t, rows_are_found_by_key);
	tcase_add_test(t, defaults_are_parsed);
	tcase_add_loop_test(t, values_are_judged, 0, sizeof(values) / sizeof(*values));
	tcase_add_test(t, booleans_have_four_spellings);
	tcase_add_loop_test(t, values_are_written_and_read_back, 0, sizeof(texts) / sizeof(*texts));
	tcase_add_test(t, sizes_are_never_rounded);
	tcase_add_test(t, copies_are_deep);
	tcase_add_test(t, unset_values_are_copied_and_compared);
	suite_add_tcase(s, t);
	return s;
}
