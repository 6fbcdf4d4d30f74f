#include "base/rng.h"
#include <check.h>
#include <math.h>

Suite *rng_suite(void);

/* Fixed values: a seed that a user kept must mean the same in every later version. */
START_TEST(draws_never_change)
{
	ck_assert_uint_eq(rng_bits(1, "fault", 0), UINT64_C(0xc5e1425cd631a320));
	ck_assert_uint_eq(rng_bits(1, "fault", 1), UINT64_C(0x0f739a10af6b95ae));
	ck_assert_uint_eq(rng_bits(42, "", 0), UINT64_C(0x54233948e6ea1d4f));
}
END_TEST

START_TEST(seed_label_and_n_all_count)
{
	uint64_t x = rng_bits(1, "a", 1);

	ck_assert_uint_eq(x, rng_bits(1, "a", 1));
	ck_assert_uint_ne(x, rng_bits(2, "a", 1));
	ck_assert_uint_ne(x, rng_bits(1, "b", 1));
	ck_assert_uint_ne(x, rng_bits(1, "a", 2));
	ck_assert_uint_ne(rng_bits(1, "a", 2), rng_bits(2, "a", 1));
}
END_TEST

/* A quarter of the sessions is a quarter: 5 standard deviations of a binomial distribution. */
START_TEST(unit_is_uniform)
{
	const int n = 100000;
	int below[4] = { 0 };

	for (int i = 0; i < n; i++) {
		double u = rng_unit(7, "toxicity", (uint64_t)i);

		ck_assert(u >= 0 && u < 1);
		below[(int)(u * 4)]++;
	}
	for (int i = 0; i < 4; i++)
		ck_assert_msg(fabs(below[i] - n / 4.0) < 5 * sqrt(n * 0.25 * 0.75),
		    "quarter %d: %d", i, below[i]);
}
END_TEST

START_TEST(neighbours_are_independent)
{
	int same = 0;

	for (uint64_t i = 0; i < 10000; i++)
		same += (rng_unit(3, "x", i) < 0.5) == (rng_unit(3, "x", i + 1) < 0.5);
	ck_assert_int_gt(same, 4750);
	ck_assert_int_lt(same, 5250);
}
END_TEST

START_TEST(new_seeds_fit_json_and_differ)
{
	uint64_t last = 0;

	for (int i = 0; i < 100; i++) {
		uint64_t seed = rng_new_seed();

		ck_assert_uint_ne(seed, 0);
		ck_assert_uint_lt(seed, UINT64_C(1) << 53);
		ck_assert_uint_ne(seed, last);
		last = seed;
	}
}
END_TEST

Suite *rng_suite(void)
{
	Suite *s = suite_create("rng");
	TCase *t = tcase_create("rng");

	tcase_add_test(t, draws_never_change);
	tcase_add_test(t, seed_label_and_n_all_count);
	tcase_add_test(t, unit_is_uniform);
	tcase_add_test(t, neighbours_are_independent);
	tcase_add_test(t, new_seeds_fit_json_and_differ);
	suite_add_tcase(s, t);
	return s;
}
