#include "base/mono.h"
#include "base/rng.h"
#include "base/units.h"
#include <check.h>
#include <string.h>

Suite *units_suite(void);

#define COUNT(a) (int)(sizeof(a) / sizeof(*(a)))

static const struct {
	const char *text;
	int64_t ns;
} durations[] = {
	{ "0", 0 },
	{ "0s", 0 },
	{ "0ms", 0 },
	{ "1ns", 1 },
	{ "1us", 1000 },
	{ "1.5us", 1500 },
	{ "250ms", 250 * NS_PER_MS },
	{ "5s", 5 * NS_PER_S },
	{ "1.5s", 1500 * NS_PER_MS },
	{ "0.000000001s", 1 },
	{ "2m", 120 * NS_PER_S },
	{ "1m30s", 90 * NS_PER_S },
	{ "1h2m3s4ms5us6ns", 3723 * NS_PER_S + 4005006 },
	{ "1d", 86400 * NS_PER_S },
	{ "0.5h", 1800 * NS_PER_S },
	{ "10000d", INT64_C(10000) * 86400 * NS_PER_S },
	{ "90s", 90 * NS_PER_S },
	{ "007s", 7 * NS_PER_S },
	{ "1m0.5s", 60500 * NS_PER_MS },
};

START_TEST(duration_is_read)
{
	int64_t ns = -1;
	const char *want = units_parse_duration(durations[_i].text, &ns);

	ck_assert_msg(!want, "%s: %s", durations[_i].text, want);
	ck_assert_int_eq(ns, durations[_i].ns);
}
END_TEST

static const char *const bad_durations[] = {
	"",
	" ",
	"5",
	"1.5",
	"s",
	".5s",
	"5.s",
	"5 s",
	" 5s",
	"5s ",
	"-5s",
	"+5s",
	"5S",
	"5sec",
	"5x",
	"1e3s",
	"0x10s",
	"30s1m",
	"5s5s",
	"1m30",
	"10001d",
	"10000d1ns",
	"99999999999999999999s",
	"18446744073709551617s",
	"0.5ns",
	"1.0000000001s",
	"5s,",
	"1..5s",
	"inf",
	"nan",
	"00",
	"1m\n",
	"9223372036854775807d",
	"0.0000000000000000001s",
	"5\xc2\xb5s",
};

START_TEST(duration_is_refused)
{
	int64_t ns = -7;

	ck_assert_msg(
	    units_parse_duration(bad_durations[_i], &ns) != NULL, "took \"%s\"", bad_durations[_i]);
	ck_assert_int_eq(ns, -7);
}
END_TEST

static const struct {
	int64_t ns;
	const char *text;
} written_durations[] = {
	{ 0, "0s" },
	{ 1, "1ns" },
	{ 999, "999ns" },
	{ 1000, "1us" },
	{ 1500, "1.5us" },
	{ 250 * NS_PER_MS, "250ms" },
	{ 1250 * NS_PER_US, "1.25ms" },
	{ 5 * NS_PER_S, "5s" },
	{ 1500 * NS_PER_MS, "1.5s" },
	{ 90 * NS_PER_S, "1m30s" },
	{ 60 * NS_PER_S, "1m" },
	{ INT64_C(924600) * NS_PER_MS, "15m24.6s" },
	{ 3600 * NS_PER_S, "1h" },
	{ 86400 * NS_PER_S + 1, "1d0.000000001s" },
	{ 999999999, "999.999999ms" },
	{ -5 * NS_PER_S, "-5s" },
	{ INT64_MIN, "-106751d23h47m16.854775808s" },
};

START_TEST(duration_is_written)
{
	char buf[48];

	ck_assert_str_eq(units_format_duration(buf, sizeof(buf), written_durations[_i].ns),
	    written_durations[_i].text);
}
END_TEST

START_TEST(duration_round_trips)
{
	char buf[48];
	int64_t ns, back;

	for (uint64_t i = 0; i < 20000; i++) {
		ns = (int64_t)(rng_bits(1, "duration", i) >> 4); /* all sizes: */
		ns >>= rng_bits(2, "shift", i) % 60;
		ns %= INT64_C(10000) * 86400 * NS_PER_S;
		units_format_duration(buf, sizeof(buf), ns);
		ck_assert_msg(!units_parse_duration(buf, &back), "%s", buf);
		ck_assert_msg(
		    ns == back, "%s: %lld, was %lld", buf, (long long)back, (long long)ns);
	}
}
END_TEST

static const struct {
	const char *text;
	uint64_t bytes;
} sizes[] = {
	{ "0", 0 },
	{ "17", 17 },
	{ "17B", 17 },
	{ "1KB", 1000 },
	{ "64KiB", 65536 },
	{ "1.5MiB", 1572864 },
	{ "1MB", 1000000 },
	{ "2GB", 2000000000 },
	{ "1GiB", 1073741824 },
	{ "0.5KiB", 512 },
	{ "9223372036854775807", INT64_MAX },
	{ "0.001KB", 1 },
};

START_TEST(size_is_read)
{
	uint64_t bytes = 1;
	const char *want = units_parse_size(sizes[_i].text, &bytes);

	ck_assert_msg(!want, "%s: %s", sizes[_i].text, want);
	ck_assert_uint_eq(bytes, sizes[_i].bytes);
}
END_TEST

static const char *const bad_sizes[] = {
	"",
	"B",
	"-1",
	"1.5",
	"1.5B",
	"64k",
	"64kb",
	"64Kib",
	"64 KiB",
	"1KiB1",
	"1KiB1B",
	"9223372036854775808",
	"9999999999GiB",
	"0.3KiB",
	"1e6",
	"KiB",
	"1,000",
	"99999999999999999999",
	"0x10",
};

START_TEST(size_is_refused)
{
	uint64_t bytes = 7;

	ck_assert_msg(
	    units_parse_size(bad_sizes[_i], &bytes) != NULL, "took \"%s\"", bad_sizes[_i]);
	ck_assert_uint_eq(bytes, 7);
}
END_TEST

static const struct {
	uint64_t bytes;
	const char *text;
} written_sizes[] = {
	{ 0, "0B" },
	{ 17, "17B" },
	{ 1023, "1023B" },
	{ 1024, "1KiB" },
	{ 65536, "64KiB" },
	{ 1572864, "1.5MiB" },
	{ 1048575, "1023.99KiB" },
	{ 1073741824, "1GiB" },
	{ 1025, "1KiB" },
	{ 1280, "1.25KiB" },
	{ UINT64_MAX, "17179869183.99GiB" },
};

START_TEST(size_is_written)
{
	char buf[48];

	ck_assert_str_eq(
	    units_format_size(buf, sizeof(buf), written_sizes[_i].bytes), written_sizes[_i].text);
}
END_TEST

static const struct {
	const char *text;
	double p;
} probabilities[] = {
	{ "0", 0 },
	{ "1", 1 },
	{ "0.25", 0.25 },
	{ "25%", 0.25 },
	{ "100%", 1 },
	{ "0%", 0 },
	{ "0.1", 0.1 },
	{ "12.5%", 0.125 },
	{ "1.0", 1 },
	{ "0.3333333333333333", 0.3333333333333333 },
	{ "1.000", 1 },
};

START_TEST(probability_is_read)
{
	double p = -1;
	const char *want = units_parse_probability(probabilities[_i].text, &p);

	ck_assert_msg(!want, "%s: %s", probabilities[_i].text, want);
	ck_assert(p >= probabilities[_i].p && p <= probabilities[_i].p);
}
END_TEST

static const char *const bad_probabilities[] = {
	"",
	"%",
	"1.1",
	"101%",
	"-0.1",
	".5",
	"0.",
	"1e-3",
	"0,5",
	"25 %",
	"25%%",
	"nan",
	"2",
	"1.0000000000000000001",
	"half",
};

START_TEST(probability_is_refused)
{
	double p = 7;

	ck_assert_msg(units_parse_probability(bad_probabilities[_i], &p) != NULL, "took \"%s\"",
	    bad_probabilities[_i]);
	ck_assert(p > 6.9 && p < 7.1);
}
END_TEST

START_TEST(share_may_be_above_one)
{
	double share = 0;

	ck_assert_ptr_null(units_parse_share("110%", &share));
	ck_assert_double_eq_tol(share, 1.1, 1e-12);
	ck_assert_ptr_null(units_parse_share("0.2", &share));
	ck_assert_double_eq_tol(share, 0.2, 1e-12);
	ck_assert_ptr_null(units_parse_share("1000000%", &share));
	ck_assert_ptr_nonnull(units_parse_share("1000001%", &share));
	ck_assert_ptr_nonnull(units_parse_share("-1%", &share));
	ck_assert_ptr_nonnull(units_parse_share("%", &share));
	ck_assert_ptr_nonnull(units_parse_share("10%%", &share));
	ck_assert_double_eq_tol(share, 10000, 1e-9);
}
END_TEST

START_TEST(count_is_digits_only)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1k",
		"18446744073709551616", "99999999999999999999999" };
	uint64_t n = 7;

	for (int i = 0; i < COUNT(bad); i++)
		ck_assert_msg(units_parse_count(bad[i], &n) != NULL, "took \"%s\"", bad[i]);
	ck_assert_uint_eq(n, 7);
	ck_assert_ptr_null(units_parse_count("0", &n));
	ck_assert_uint_eq(n, 0);
	ck_assert_ptr_null(units_parse_count("18446744073709551615", &n));
	ck_assert_uint_eq(n, UINT64_MAX);
}
END_TEST

START_TEST(small_buffers_are_cut_and_ended)
{
	char buf[4];

	units_format_duration(buf, sizeof(buf), 3723 * NS_PER_S);
	ck_assert_str_eq(buf, "1h2");
}
END_TEST

Suite *units_suite(void)
{
	Suite *s = suite_create("units");
	TCase *t = tcase_create("units");

	tcase_add_loop_test(t, duration_is_read, 0, COUNT(durations));
	tcase_add_loop_test(t, duration_is_refused, 0, COUNT(bad_durations));
	tcase_add_loop_test(t, duration_is_written, 0, COUNT(written_durations));
	tcase_add_test(t, duration_round_trips);
	tcase_add_loop_test(t, size_is_read, 0, COUNT(sizes));
	tcase_add_loop_test(t, size_is_refused, 0, COUNT(bad_sizes));
	tcase_add_loop_test(t, size_is_written, 0, COUNT(written_sizes));
	tcase_add_loop_test(t, probability_is_read, 0, COUNT(probabilities));
	tcase_add_test(t, share_may_be_above_one);
	tcase_add_loop_test(t, probability_is_refused, 0, COUNT(bad_probabilities));
	tcase_add_test(t, count_is_digits_only);
	tcase_add_test(t, small_buffers_are_cut_and_ended);
	suite_add_tcase(s, t);
	return s;
}
