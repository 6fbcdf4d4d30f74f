#include "base/mono.h"
#include <check.h>
#include <string.h>

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

START_TEST(wall_is_read_back)
{
	int64_t ns = walls[_i].ns, got = -1;
	char out[31], plain[28];

	mono_format_wall_ns(out, ns);
	mono_format_wall(plain, ns);
	ck_assert_int_eq(strncmp(out, plain, 26), 0);
	if (ns < NS_PER_S || ns == INT64_MAX) /* no time that anybody means */
		return;
	ck_assert_ptr_null(mono_parse_wall(out, &got));
	ck_assert_int_eq(got, ns);
}
END_TEST

static const struct {
	const char *text;
	int64_t ns; /* 0: it is none */
} times[] = {
	{ "2026-11-22T12:00:00Z", INT64_C(1795348800) * NS_PER_S },
	{ "2026-11-22T12:00:00.5Z", INT64_C(1795348800) * NS_PER_S + 500000000 },
	{ "2026-11-22T12:00:00.000000001Z", INT64_C(1795348800) * NS_PER_S + 1 },
	{ "2000-02-29T00:00:00Z", INT64_C(951782400) * NS_PER_S },
	{ "", 0 },
	{ "now", 0 },
	{ "2026-11-22", 0 },
	{ "2026-11-22T12:00:00", 0 },
	{ "2026-11-22T12:00:00.Z", 0 },
	{ "2026-11-22T12:00:00,5Z", 0 },
	{ "2026-11-22T12:00:00.0000000001Z", 0 },
	{ "2026-11-22T12:00:00+01:00", 0 },
	{ "2026-11-22T12:00:00Zulu", 0 },
	{ "2026-11-22T12:00:00.5Z ", 0 },
	{ " 2026-11-22T12:00:00Z", 0 },
	{ "2026-11-22 12:00:00Z", 0 },
	{ "2026-1-22T12:00:00Z", 0 },
	{ "2026-02-30T12:00:00Z", 0 },
	{ "2026-11-22T24:00:00Z", 0 },
	{ "2026-11-22T12:00:60Z", 0 },
	{ "1969-12-31T23:59:59Z", 0 },
	{ "2300-01-01T00:00:00Z", 0 },
	{ "9999-12-31T23:59:59.999999999Z", 0 },
};

START_TEST(times_are_taken_whole_or_not)
{
	int64_t got = 0;
	const char *want = mono_parse_wall(times[_i].text, &got);

	ck_assert_int_eq(got, times[_i].ns);
	ck_assert(!want == !!times[_i].ns);
}
END_TEST

Suite *mono_suite(void)
{
	Suite *s = suite_create("mono");
	TCase *t = tcase_create("clocks");

	tcase_add_test(t, monotonic_never_goes_back);
	tcase_add_test(t, wall_is_this_century);
	tcase_add_loop_test(t, wall_is_written_as_rfc3339, 0, sizeof(walls) / sizeof(*walls));
	tcase_add_loop_test(t, wall_is_read_back, 0, sizeof(walls) / sizeof(*walls));
	tcase_add_loop_test(t, times_are_taken_whole_or_not, 0, sizeof(times) / sizeof(*times));
	suite_add_tcase(s, t);
	return s;
}
