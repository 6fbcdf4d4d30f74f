/* Frames of deadpeer top: what fits on the screen, and rates. */
#include "cli/top.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *top_suite(void);

static json_t *proxies(int n, int bytes)
{
	json_t *rows = json_array();

	for (int i = 0; i < n; i++)
		json_array_append_new(
		    rows, json_pack("{s:s+, s:b, s:s, s:i, s:i}", "name", "prox\xc3\xbf",
			      i ? "-more" : "", "enabled", i == 0, "gate", "open", "upstream_bytes",
			      bytes, "downstream_bytes", 2 * bytes));
	return json_pack("{s:o}", "proxies", rows);
}

static struct top_view view(int rows, int columns)
{
	struct top_view v = { .server = "here:1", .error = "", .clock = "12:00:00" };

	v.proxies = proxies(9, 0);
	v.rows = rows;
	v.columns = columns;
	return v;
}

static void count(const char *frame, int *lines, int *widest)
{
	int cells = 0;

	*lines = *widest = 0;
	for (const char *at = frame; *at; at++) {
		if (*at == '\033') {
			at += strcspn(at, "HKJm");
			continue;
		}
		cells += *at != '\n' && ((unsigned char)*at & 0xc0) != 0x80;
		if (cells > *widest)
			*widest = cells;
		if (*at == '\n')
			cells = 0, ++*lines;
	}
	++*lines;
}

START_TEST(a_frame_fits)
{
	for (int rows = 1; rows < 40; rows++)
		for (int columns = 1; columns < 100; columns += 7) {
			struct top_view v = view(rows, columns);
			int lines, widest;
			char *frame = top_draw(&v);

			count(frame, &lines, &widest);
			ck_assert_int_le(lines, rows);
			ck_assert_int_le(widest, columns);
			free(frame);
			json_decref(v.proxies);
		}
}
END_TEST

START_TEST(what_is_left_out_is_told)
{
	struct top_view v = view(12, 100);
	char *frame = top_draw(&v);

	ck_assert_ptr_nonnull(strstr(frame, "9 proxies, 0 sessions, 0 faults"));
	ck_assert_ptr_nonnull(strstr(frame, "... 5 more"));
	free(frame);
	json_decref(v.proxies);
}
END_TEST

START_TEST(an_error_is_told)
{
	struct top_view v = view(12, 100);
	char *frame;

	v.error = "cannot reach it";
	v.color = true;
	frame = top_draw(&v);
	ck_assert_ptr_nonnull(strstr(frame, "\033[31mcannot reach it\033[0m"));
	free(frame);
	json_decref(v.proxies);
	v.proxies = NULL; /* nothing was ever told */
	frame = top_draw(&v);
	ck_assert_ptr_nonnull(strstr(frame, "0 proxies"));
	free(frame);
}
END_TEST

static const char *rate(json_t *answer, const char *member)
{
	return json_string_value(
	    json_object_get(json_array_get(json_object_get(answer, "proxies"), 0), member));
}

START_TEST(rates)
{
	json_t *before = proxies(1, 1000), *now = proxies(2, 1000 + 4096);

	top_add_rates(now, before, 2000000000);
	ck_assert_str_eq(rate(now, "upstream_rate"), "2KiB/s");
	ck_assert_str_eq(rate(now, "downstream_rate"), "4KiB/s");
	top_add_rates(before, now, 1000000000); /* another proxy of that name: it began anew */
	ck_assert_str_eq(rate(before, "upstream_rate"), "-");
	top_add_rates(now, NULL, 0);
	ck_assert_str_eq(rate(now, "upstream_rate"), "-");
	ck_assert_str_eq(json_string_value(json_object_get(
			     json_array_get(json_object_get(now, "proxies"), 1), "gate")),
	    "disabled");
	json_decref(before);
	json_decref(now);
}
END_TEST

Suite *top_suite(void)
{
	Suite *s = suite_create("top");
	TCase *c = tcase_create("frames");

	tcase_add_test(c, a_frame_fits);
	tcase_add_test(c, what_is_left_out_is_told);
	tcase_add_test(c, an_error_is_told);
	tcase_add_test(c, rates);
	suite_add_tcase(s, c);
	return s;
}
