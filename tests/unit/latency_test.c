#include "base/distribution.h"
#include "base/mono.h"
#include "base/rng.h"
#include "shape_rig.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

Suite *latency_suite(void);

#define SAMPLES 1000000

struct moments {
	double mean, sd, kurtosis, least, most;
};

static struct moments measure(enum distribution d, double correlation, double *lag1)
{
	struct moments m = { .least = 1e9, .most = -1e9 };
	double sum = 0, squares = 0, cubes = 0, fourths = 0, products = 0, before = 0, g = 0;

	for (uint64_t n = 0; n < SAMPLES; n++) {
		double fresh =
		    distribution_normal(rng_unit(7, "", 2 * n), rng_unit(7, "", 2 * n + 1));

		g = n ? correlation * g + sqrt(1 - correlation * correlation) * fresh : fresh;
		double x = distribution_shape(d, g);
		sum += x;
		squares += x * x;
		cubes += x * x * x;
		fourths += x * x * x * x;
		products += x * before;
		before = x;
		m.least = x < m.least ? x : m.least;
		m.most = x > m.most ? x : m.most;
	}
	m.mean = sum / SAMPLES;
	m.sd = sqrt(squares / SAMPLES - m.mean * m.mean);
	m.kurtosis = (fourths - 4 * m.mean * cubes + 6 * m.mean * m.mean * squares) / SAMPLES;
	m.kurtosis = (m.kurtosis - 3 * pow(m.mean, 4)) / pow(m.sd, 4);
	*lag1 = (products / SAMPLES - m.mean * m.mean) / (m.sd * m.sd);
	return m;
}

static const struct {
	enum distribution d;
	double sd, kurtosis, least, most;
} shapes[] = {
	{ DISTRIBUTION_UNIFORM, 0.57735, 1.8, -1, 1 },
	{ DISTRIBUTION_NORMAL, 1, 3, -6, 6 },
	{ DISTRIBUTION_PARETO, 1, 5.356, -0.96692, 4 },
};

START_TEST(shape_has_its_moments)
{
	static const double correlations[] = { 0, 0.5, 0.9 };
	double correlation = correlations[_i / 3], lag1;
	struct moments m = measure(shapes[_i % 3].d, correlation, &lag1);
	double slack = 0.003 / sqrt(1 - correlation);

	ck_assert_double_eq_tol(m.mean, 0, slack);
	ck_assert_double_eq_tol(m.sd, shapes[_i % 3].sd, slack);
	ck_assert_double_eq_tol(m.kurtosis, shapes[_i % 3].kurtosis, 20 * slack);
	ck_assert_double_ge(m.least, shapes[_i % 3].least);
	ck_assert_double_le(m.most, shapes[_i % 3].most);
	if (shapes[_i % 3].d == DISTRIBUTION_NORMAL)
		ck_assert_double_eq_tol(lag1, correlation, 0.02);
	else if (correlation > 0)
		ck_assert_double_gt(lag1, correlation / 2);
}
END_TEST

START_TEST(own_arrival_counts)
{
	fake_arm(w, "latency latency=100ms");
	fake_send(t, FLOW_DOWNSTREAM, "a");
	fake_until(w, 0.03);
	fake_send(t, FLOW_DOWNSTREAM, "b");
	fake_until(w, 1);
	ck_assert_str_eq(fake_got(t, FLOW_DOWNSTREAM), "0.100:a 0.130:b");
}
END_TEST

/* One chunk every 10 ms with 20 ms of jitter: letters in order, none sooner than it may. */
static void run_jitter(char *out, size_t size)
{
	for (int i = 0; i < 26; i++) {
		char letter[2] = { (char)('a' + i) };

		fake_send(t, FLOW_DOWNSTREAM, letter);
		fake_until(w, 0.01 * (i + 1));
	}
	fake_until(w, 2);
	snprintf(out, size, "%s", fake_got(t, FLOW_DOWNSTREAM));
}

START_TEST(jitter_keeps_the_order)
{
	char got[1024];
	int i = 0, early = 0, late = 0;

	fake_arm(w, "latency latency=50ms jitter=20ms");
	run_jitter(got, sizeof(got));
	for (char *word = strtok(got, " "); word; word = strtok(NULL, " "), i++) {
		double wait = atof(word) - 0.01 * i;

		ck_assert_int_eq(word[6], 'a' + i);
		ck_assert_double_ge(wait, 0.029);
		ck_assert_double_le(wait, 0.071);
		early += wait < 0.045;
		late += wait > 0.055;
	}
	ck_assert_int_eq(i, 26);
	ck_assert_int_gt(early, 0);
	ck_assert_int_gt(late, 0);
}
END_TEST

START_TEST(seed_repeats_it)
{
	char first[1024], second[1024], third[1024];

	fake_arm(w, "latency latency=50ms jitter=20ms distribution=normal");
	run_jitter(first, sizeof(first));
	shape_again();
	fake_arm(w, "latency latency=50ms jitter=20ms distribution=normal");
	run_jitter(second, sizeof(second));
	shape_again();
	w->engine.seed = 43;
	fake_arm(w, "latency latency=50ms jitter=20ms distribution=normal");
	run_jitter(third, sizeof(third));
	ck_assert_str_eq(first, second);
	ck_assert_str_ne(first, third);
}
END_TEST

START_TEST(never_sooner_than_it_came)
{
	fake_arm(w, "latency latency=0 jitter=1s distribution=normal");
	fake_arm(w, "latency latency=100ms");
	fake_until(w, 5);
	for (int i = 0; i < 20; i++)
		fake_send(t, FLOW_DOWNSTREAM, "a");
	fake_until(w, 5.099);
	ck_assert_str_eq(fake_got(t, FLOW_DOWNSTREAM), "");
}
END_TEST

Suite *latency_suite(void)
{
	Suite *s = suite_create("latency");
	TCase *c = tcase_create("all");

	tcase_add_loop_test(c, shape_has_its_moments, 0, 9);
	suite_add_tcase(s, c);
	c = tcase_create("fault");
	tcase_add_checked_fixture(c, shape_setup, shape_teardown);
	tcase_add_test(c, own_arrival_counts);
	tcase_add_test(c, jitter_keeps_the_order);
	tcase_add_test(c, seed_repeats_it);
	tcase_add_test(c, never_sooner_than_it_came);
	suite_add_tcase(s, c);
	return s;
}
