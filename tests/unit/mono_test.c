#include "base/mono.h"
#include <check.h>

Suite *mono_suite(void);

START_TEST(monotonic_never_goes_back)
{
	int64_t before = mono_now_ns();

	ck_assert_int_gt(before, 0);
	for (int i = 0; i < 1000; i++) {
		int64_t now = mono_now_ns();

		ck_assert_int_ge(now, before);
		before = now;
	}
}
END_TEST

START_TEST(wall_is_this_century)
{
	ck_assert_int_gt(mono_wall_ns(), INT64_C(1700000000) * NS_PER_S);
}
END_TEST

static const struct {
	int64_t ns;
	const char *text;
} walls[] = {
	{ 0, "1970-01-01T00:00:00.000000Z" },
	{ 999, "1970-01-01T00:00:00.000000Z" },
	{ 1000, "1970-01-01T00:00:00.000001Z" },
	{ -1, "1969-12-31T23:59:59.999999Z" },
	{ -NS_PER_S, "1969-12-31T23:59:59.000000Z" },
	{ INT64_C(1795348800) * NS_PER_S + 123456789, "2026-11-22T12:00:00.123456Z" },
	{ INT64_C(951782400) * NS_PER_S, "2000-02-29T00:00:00.000000Z" },
	{ INT64_MAX, "2262-04-11T23:47:16.854775Z" },
	{ INT64_MIN, "1677-09-21T00:12:43.145224Z" },
};

START_TEST(wall_is_written_as_rfc3339)
{
	char out[28];

	mono_format_wall(out, walls[_i].ns);
	ck_assert_str_eq(out, walls[_i].text);
}
END_TEST

Suite *mono_suite(void)
{
	Suite *s = suite_create("mono");
	TCase *t = tcase_create("clocks");

	tcase_add_test(t, monotonic_never_goes_back);
	tcase_add_test(t, wall_is_this_century);
	tcase_add_loop_test(t, wall_is_written_as_rfc3339, 0, sizeof(walls) / sizeof(*walls));
	suite_add_tcase(s, t);
	return s;
}
