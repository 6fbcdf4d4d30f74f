#include "base/log.h"
#include "base/mono.h"
#include "base/sink.h"
#include "scratch.h"
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *log_suite(void);

#define WALL_NS (INT64_C(1795348800) * NS_PER_S)
#define WALL    "2026-11-22T12:00:00.000000Z"

/* What one event looks like, without its newline; free(3) it. Takes over fields. */
static char *line_of(
    enum log_format format, enum log_level most, enum log_level level, json_t *fields)
{
	const char *path = scratch_path("log"), *err;
	struct log l = { .level = most, .format = format };

	unlink(path);
	ck_assert_ptr_nonnull(l.sink = sink_open(path, &err));
	log_event(&l, level, WALL_NS, "session.opened", fields);
	sink_close(l.sink);
	json_decref(fields);
	char *text = scratch_read(path, NULL);
	char *end = strchr(text, '\n');
	if (end) {
		ck_assert_str_eq(end, "\n"); /* one line, whatever was in it */
		*end = '\0';
	}
	return text;
}

static void assert_line(enum log_format format, json_t *fields, const char *want)
{
	char *line = line_of(format, LOG_DEBUG, LOG_INFO, fields);

	ck_assert_str_eq(line, want);
	free(line);
}

#define LOGFMT_HEAD "time=" WALL " level=info event=session.opened"
#define JSON_HEAD   "{\"time\":\"" WALL "\",\"level\":\"info\",\"event\":\"session.opened\""

START_TEST(fields_come_in_their_order)
{
	const char *format = "{s:s, s:i, s:f, s:b, s:n, s:[i,i]}";
#define FIELDS                                                                                     \
	json_pack(format, "proxy", "redis", "session", 17, "share", 0.25, "last", 1, "none",       \
	    "list", 1, 2)

	assert_line(LOG_LOGFMT, FIELDS,
	    LOGFMT_HEAD " proxy=redis session=17 share=0.25 last=true none=null list=[1,2]");
	assert_line(LOG_JSON, FIELDS,
	    JSON_HEAD
	    ",\"proxy\":\"redis\",\"session\":17,\"share\":0.25,\"last\":true,\"none\":null,"
	    "\"list\":[1,2]}");
}
END_TEST

START_TEST(no_fields_are_fine)
{
	assert_line(LOG_LOGFMT, NULL, LOGFMT_HEAD);
	assert_line(LOG_JSON, NULL, JSON_HEAD "}");
	assert_line(LOG_JSON, json_object(), JSON_HEAD "}");
}
END_TEST

static const struct {
	const char *value, *written;
} escapes[] = {
	{ "plain", "plain" },
	{ "", "\"\"" },
	{ "two words", "\"two words\"" },
	{ "a=b", "\"a=b\"" },
	{ "say \"hi\"", "\"say \\\"hi\\\"\"" },
	{ "back\\slash", "\"back\\\\slash\"" },
	{ "a\nb", "\"a\\nb\"" },
	{ "a\r\tb", "\"a\\r\\tb\"" },
	{ "\x1b[31m", "\"\\x1b[31m\"" },
	{ "\x7f", "\"\\x7f\"" },
	{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ "\xe2\x82\xac 5", "\"\xe2\x82\xac 5\"" },
	{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
	/* no UTF-8: alone, cut short, overlong, a surrogate, beyond U+10FFFF */
	{ "\xff", "\"\\xff\"" },
	{ "a\xc3", "\"a\\xc3\"" },
	{ "\xe2\x82", "\"\\xe2\\x82\"" },
	{ "\xc0\xaf", "\"\\xc0\\xaf\"" },
	{ "\xe0\x80\x80", "\"\\xe0\\x80\\x80\"" },
	{ "\xed\xa0\x80", "\"\\xed\\xa0\\x80\"" },
	{ "\xf4\x90\x80\x80", "\"\\xf4\\x90\\x80\\x80\"" },
	{ "\xf8\x88\x80\x80\x80", "\"\\xf8\\x88\\x80\\x80\\x80\"" },
	{ "[::1]:80", "[::1]:80" },
};

START_TEST(logfmt_values_are_escaped)
{
	char want[256];

	snprintf(want, sizeof(want), LOGFMT_HEAD " v=%s", escapes[_i].written);
	assert_line(
	    LOG_LOGFMT, json_pack("{s:o}", "v", json_string_nocheck(escapes[_i].value)), want);
}
END_TEST

/* Whatever a value holds, a JSON line is JSON and keeps its other fields. */
START_TEST(json_lines_are_json)
{
	char *line = line_of(LOG_JSON, LOG_DEBUG, LOG_INFO,
	    json_pack("{s:o, s:i}", "v", json_string_nocheck(escapes[_i].value), "n", 5));
	json_t *back = json_loads(line, 0, NULL);

	ck_assert_msg(back != NULL, "%s", line);
	ck_assert_int_eq(json_integer_value(json_object_get(back, "n")), 5);
	json_t *v = json_object_get(back, "v");
	if (json_is_string(v))
		ck_assert_str_eq(json_string_value(v), escapes[_i].value);
	else
		ck_assert_msg(
		    json_is_null(v) && json_string(escapes[_i].value) == NULL, "%s", line);
	json_decref(back);
	free(line);
}
END_TEST

START_TEST(a_nul_inside_a_value_is_escaped)
{
	assert_line(LOG_LOGFMT, json_pack("{s:o}", "v", json_stringn("a\0b", 3)),
	    LOGFMT_HEAD " v=\"a\\x00b\"");
}
END_TEST

START_TEST(levels_hold_back_what_is_less_important)
{
	for (int most = LOG_ERROR; most <= LOG_DEBUG; most++) {
		for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
			char *line =
			    line_of(LOG_LOGFMT, (enum log_level)most, (enum log_level)level, NULL);

			ck_assert_int_eq(*line != '\0', level <= most);
			if (*line)
				ck_assert_ptr_nonnull(strstr(line, log_level_names[level]));
			free(line);
		}
	}
}
END_TEST

START_TEST(no_sink_is_no_log)
{
	struct log l = { .level = LOG_DEBUG };

	ck_assert(!log_wants(&l, LOG_ERROR));
	log_event(&l, LOG_ERROR, WALL_NS, "x", NULL);
}
END_TEST

Suite *log_suite(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");
	int n = sizeof(escapes) / sizeof(*escapes);

	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_test(t, fields_come_in_their_order);
	tcase_add_test(t, no_fields_are_fine);
	tcase_add_loop_test(t, logfmt_values_are_escaped, 0, n);
	tcase_add_loop_test(t, json_lines_are_json, 0, n);
	tcase_add_test(t, a_nul_inside_a_value_is_escaped);
	tcase_add_test(t, levels_hold_back_what_is_less_important);
	tcase_add_test(t, no_sink_is_no_log);
	suite_add_tcase(s, t);
	return s;
}
