/* Reports: no text from outside gets through as anything but text, no verdict however wrong brings
 * a writer down, and a report is complete or not there. Their looks are held by tests/compat. */
#include "base/mono.h"
#include "control/report.h"
#include "control/report_cases.h"
#include "control/report_escape.h"
#include "control/report_parts.h"
#include "control/report_story.h"
#include "control/report_svg.h"
#include "scratch.h"
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

Suite *report_suite(void);

/* --- escapes --- */

static char *escaped(enum escape how, const char *text)
{
	char *buf;
	size_t size;
	FILE *out = open_memstream(&buf, &size);

	escape_write(out, how, text);
	fclose(out);
	return buf;
}

static const struct {
	enum escape how;
	const char *text, *expected;
} escapes[] = {
	{ ESCAPE_MARKUP, "<a href=\"x\">'&amp;", "&#60;a href=&#34;x&#34;&#62;&#39;&#38;amp;" },
	{ ESCAPE_MARKUP, "a\nb\tc", "a&#10;b&#9;c" },
	{ ESCAPE_MARKUP, "\x1b[31m\x7f", "\xef\xbf\xbd[31m\xef\xbf\xbd" },
	{ ESCAPE_LINES, "a\r\n\tb<", "a\n\tb&#60;" },
	{ ESCAPE_YAML, "a\"b\\c\n\x1b\xc2\x85", "a\\\"b\\\\c\\x0A\\x1B\\x85" },
	{ ESCAPE_YAML, "\xe2\x80\xae", "\\u202E" },
	{ ESCAPE_TAP, "a # SKIP \\\nok 2", "a \xef\xbc\x83 SKIP \\\\ ok 2" },
	{ ESCAPE_MARKDOWN, "a|b`c`<i>*x*_y_", "a\\|b\\`c\\`&#60;i&#62;\\*x\\*\\_y\\_" },
	{ ESCAPE_MARKDOWN, "http://h www.h @me\n# x", "http&#58;//h &#119;ww.h &#64;me \\# x" },
	{ ESCAPE_MERMAID, "a:b;c#d\nend ends END", "a#58;b#59;c#35;d #101;nd ends #69;ND" },
	{ ESCAPE_FENCE, "a\r\n`b`\x07", "a\n`b`\xef\xbf\xbd" },
	{ ESCAPE_TERMINAL, "a\x1b[31mb\nc", "a\\x1b[31mb c" },
	{ ESCAPE_TERMINAL, "\xc2\x9b\xe2\x80\xae\xf0\x9f\x98\x80",
	    "\\x9b\\u{202e}\xf0\x9f\x98\x80" },
	/* what is no UTF-8 */
	{ ESCAPE_TERMINAL, "a\xff\xe2\x80z\xf0", "a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd" },
};

START_TEST(escapes_hold)
{
	char *text = escaped(escapes[_i].how, escapes[_i].text);

	ck_assert_str_eq(text, escapes[_i].expected);
	free(text);
}
END_TEST

START_TEST(markup_prints)
{
	char *buf;
	size_t size;
	FILE *out = open_memstream(&buf, &size);
	const char *volatile none = NULL; /* as a compiler cannot know */

	markup_printf(
	    out, "<a b=\"%s\">%d%% %.2f %lld %zu</a>%s", "\"<%s>", -3, 1.5, -7LL, (size_t)9, none);
	fclose(out);
	ck_assert_str_eq(buf, "<a b=\"&#34;&#60;%s&#62;\">-3% 1.50 -7 9</a>");
	free(buf);
}
END_TEST

START_TEST(words_are_broken)
{
	static const struct {
		const char *text;
		size_t columns;
		const char *lines;
	} cases[] = {
		{ "", 5, "" }, { "one", 3, "one|" }, { "one two", 7, "one two|" },
		{ "one two", 6, "one|two|" }, { "one  two three", 5, "one|two|three|" },
		{ "one two three", 9, "one two|three|" }, { "abcdefgh ij", 3, "abc|def|gh|ij|" },
		{ "\xc3\xa4\xc3\xa4 \xc3\xb6", 2, "\xc3\xa4\xc3\xa4|\xc3\xb6|" },
		{ "\x1b\x1b", 1, "\\x1b|\\x1b|" }, /* whole or not at all */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *rest = cases[i].text;
		char *buf;
		size_t size, used;
		FILE *out = open_memstream(&buf, &size);

		while (*rest) {
			rest = escape_write_words(out, rest, cases[i].columns, &used);
			putc('|', out);
			ck_assert_uint_le(used, cases[i].columns < 4 ? 4 : cases[i].columns);
		}
		fclose(out);
		ck_assert_str_eq(buf, cases[i].lines);
		free(buf);
	}
}
END_TEST

START_TEST(columns_are_cut)
{
	char *buf;
	size_t size;
	FILE *out = open_memstream(&buf, &size);

	ck_assert_uint_eq(escape_columns("\xc3\xa4\x1b"), 5);
	ck_assert_uint_eq(escape_write_columns(out, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 4), 4);
	ck_assert_uint_eq(escape_write_columns(out, "abcdef", 5), 5);
	/* an escape is shown whole or not at all */
	ck_assert_uint_le(escape_write_columns(out, "a\x1b\x1b", 6), 6);
	fclose(out);
	ck_assert_str_eq(buf, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
			      "ab..."
			      "a...");
	free(buf);
}
END_TEST

/* --- words --- */

static const struct {
	int64_t ns;
	const char *words;
} durations[] = {
	{ 0, "0 \u00b5s" },
	{ 312000, "312 \u00b5s" },
	{ 4123456, "4.12 ms" },
	{ 999999999, "1000 ms" },
	{ 1250 * NS_PER_MS, "1.25 s" },
	{ 28200 * NS_PER_MS, "28.2 s" },
	{ 937 * NS_PER_S, "15 min 37 s" },
	{ 7500 * NS_PER_S, "2 h 5 min" },
	{ -1500 * NS_PER_MS, "-1.50 s" },
	{ -50500, "-50.5 \u00b5s" },
	{ INT64_MAX, "2562047 h 47 min" },
};

START_TEST(durations_are_words)
{
	char buf[40];

	ck_assert_str_eq(words_duration(buf, sizeof(buf), durations[_i].ns), durations[_i].words);
}
END_TEST

START_TEST(axis_places)
{
	struct axis linear = axis_fit(20 * NS_PER_S, 30 * NS_PER_S);
	struct axis wide = axis_fit(3 * NS_PER_MS, 1000 * NS_PER_S);

	ck_assert(!linear.is_log && wide.is_log);
	ck_assert_double_eq_tol(axis_percent(&linear, 0), 1, 0.001);
	ck_assert_double_eq_tol(axis_percent(&linear, 15 * NS_PER_S), 50, 0.001);
	ck_assert_double_eq_tol(axis_percent(&linear, INT64_MAX), 99, 0.001);
	ck_assert_double_eq_tol(axis_percent(&wide, NS_PER_S), 50, 0.001);
	ck_assert_double_eq_tol(axis_percent(&wide, INT64_MIN), 1, 0.001);
}
END_TEST

/* --- verdicts --- */

/* One of each. */
static const char small[] =
    "{'result':'fail','summary':'no','run':{'tool':'0','kernel':'L','seed':'1','started':"
    "'2026-11-22T12:00:00Z','duration_ns':9000000000,'scenario':{'file':'a.ini','name':'a',"
    "'title':null,'sha256':'00'},'command':['x','y'],'exit_status':{'code':1},'replay':'r',"
    "'config':'c','seen_by':'segments'},'relays':[{'name':'r','skew_ns':1,'rtt_ns':1}],"
    "'steps':[{'name':'s','line':1,'iteration':2,'planned_ns':1,'began_ns':1,'ended_ns':2,"
    "'result':'pass','message':null}],'faults':[{'name':'f','type':'power_loss','relay':'r',"
    "'active_ns':1000000000,'lifted_ns':5000000000,'sessions':1,'segments':1,'refused':null}],"
    "'deaths':[{'session':1,'relay':'r','proxy':'p','client':'h:1','process':'w[1]','fault':'f',"
    "'type':'power_loss','at_ns':1000000000,'until_ns':5000000000,'watcher':'client','shape':"
    "'idle','detected':{'after_ns':2000000000,'how':'rst','seen_by':'bytes'},'retransmissions':"
    "[1],'probes':[2],'predicted':{'outcome':'noticed','low_ns':1000000,'high_ns':2000000000,"
    "'by':'keepalive','error':null,'advice':'do','settings':'s'},'against':'later','reconnect':"
    "{'attempts':2,'first_delay_ns':1,'gaps_ns':[1,2],'growth':1.5,'jitter':0.1,'parallel':1,"
    "'connected_ns':6000000000},'recovered_ns':1,'lost':{'upstream':0,'downstream':1},"
    "'repeated_bytes':0,'zombie':false}],'recoveries':[{'fault':'f','proxy':'p','lifted_ns':1,"
    "'sessions_before':1,'first_after_ns':1,'full_after_ns':null,'storm':1.5}],'sessions':[{"
    "'id':1,'relay':'r','proxy':'p','client':'h:1','process':'w[1]','opened_ns':1000,"
    "'connected_ns':2000,'traffic_ns':3000,'closed_ns':5000000000,'reason':'x','struck':true,"
    "'marks':[{'at_ns':1000,'kind':'syn','leg':'client'},{'at_ns':3000,'kind':'data','leg':"
    "'server','count':2,'text':'t'},{'at_ns':4000,'kind':'data','leg':'server'}],"
    "'marks_left_out':0}],'sessions_left_out':1,'attempts':[{'at_ns':6000000000,'proxy':'p',"
    "'client':'h:2','process':'w[1]','outcome':'refused','session':null,'until_ns':null}],"
    "'attempts_left_out':1,'expectations':[{'key':'k','name':'n','value':'v','file':'a.ini',"
    "'line':3,'step':'s','proxy':'p','client':'c','result':'fail','cases':1,'expected':'e',"
    "'actual':'a','margin':'m','message':'msg','session':1,'duration_ns':1}]}";

static json_t *read_small(void)
{
	char *text = strdup(small);
	json_t *verdict;

	for (char *at = text; (at = strchr(at, '\''));)
		*at = '"';
	verdict = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(verdict);
	free(text);
	return verdict;
}

static bool text_wide(const json_t *verdict, FILE *out)
{
	return report_text(verdict, out, true, 0);
}

static bool text_narrow(const json_t *verdict, FILE *out)
{
	return report_text(verdict, out, false, 10);
}

static bool (*const writers[])(const json_t *, FILE *) = { report_junit, report_tap,
	report_markdown, report_html, text_wide, text_narrow };
#define WRITERS (sizeof(writers) / sizeof(*writers))

static void write_all(const json_t *verdict)
{
	for (size_t i = 0; i < WRITERS; i++) {
		char *buf;
		size_t size;
		FILE *out = open_memstream(&buf, &size);

		ck_assert(writers[i](verdict, out));
		fclose(out);
		ck_assert_uint_gt(size, 0);
		free(buf);
	}
}

/* Puts value in the place of the *n-th member below o, counted down. */
static bool replace(json_t *o, size_t *n, json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;

	json_object_foreach(o, key, member)
	{
		if ((*n)-- == 0)
			return !json_object_set(o, key, value);
		if (replace(member, n, value))
			return true;
	}
	json_array_foreach(o, i, member)
	{
		if ((*n)-- == 0)
			return !json_array_set(o, i, value);
		if (replace(member, n, value))
			return true;
	}
	return false;
}

START_TEST(a_wrong_verdict_is_written_all_the_same)
{
	static const char *const wrong[] = { "null", "\"\"", "\"\\u001b<|`#\"", "-1", "[]", "{}",
		"[[]]", "9223372036854775807", "-9223372036854775808", "1e308", "true" };
	json_t *value = json_loads(wrong[_i], JSON_DECODE_ANY, NULL);
	bool replaced = true;

	ck_assert_ptr_nonnull(value);
	write_all(value);
	for (size_t n = 0; replaced; n++) {
		json_t *verdict = read_small();
		size_t left = n;

		replaced = replace(verdict, &left, value);
		write_all(verdict);
		json_decref(verdict);
	}
	json_decref(value);
}
END_TEST

START_TEST(what_is_not_green_has_a_red_case)
{
	json_t *verdict = json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "result", "vacuous", "summary",
	    "nothing", "steps", "name", "s", "result", "pass");
	struct report_cases c;

	ck_assert(cases_make(verdict, &c));
	ck_assert_uint_eq(c.n, 2);
	ck_assert_str_eq(c.cases[1].group, "verdict");
	ck_assert_str_eq(c.cases[1].result, "vacuous");
	cases_free(&c);
	json_object_set_new(verdict, "result", json_string("pass"));
	ck_assert(cases_make(verdict, &c));
	ck_assert_uint_eq(c.n, 1);
	cases_free(&c);
	json_object_set_new(verdict, "result", json_string("splendid"));
	ck_assert(cases_make(verdict, &c));
	ck_assert_str_eq(c.cases[1].result, "error");
	cases_free(&c);
	json_decref(verdict);
}
END_TEST

START_TEST(cases_have_names_of_their_own)
{
	json_t *verdict = json_pack("{s:s, s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}]}", "result",
	    "pass", "expectations", "key", "k", "value", "v", "key", "k", "value", "v", "key", "k",
	    "value", "v");
	struct report_cases c;

	ck_assert(cases_make(verdict, &c));
	ck_assert_str_eq(c.cases[0].title, "k=v");
	ck_assert_str_eq(c.cases[1].title, "k=v (2)");
	ck_assert_str_eq(c.cases[2].title, "k=v (3)");
	cases_free(&c);
	json_decref(verdict);
}
END_TEST

START_TEST(the_story_is_in_order)
{
	json_t *verdict = read_small();
	struct story s;

	ck_assert(story_make(verdict, &s));
	ck_assert_uint_eq(s.n, 5);
	ck_assert_str_eq(s.beats[0].words, "SYN");
	ck_assert_str_eq(s.beats[1].words, "data"); /* the one with a text is told by itself */
	ck_assert_int_eq(s.beats[1].count, 2);
	ck_assert_int_eq(s.beats[1].from, STORY_SERVER);
	ck_assert_str_eq(s.beats[2].words, "data");
	ck_assert_str_eq(s.beats[3].words, "bytes both ways again");
	ck_assert_str_eq(s.beats[4].words, "SYN, refused");
	story_free(&s);
	json_object_set_new(verdict, "deaths", json_array());
	ck_assert(!story_make(verdict, &s));
	json_decref(verdict);
}
END_TEST

/* --- files --- */

static unsigned count_files(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

START_TEST(all_are_written)
{
	json_t *verdict = read_small(), *again;
	const char *dir = scratch_path("reports"), *failed;
	char path[300], *text;

	ck_assert(report_all(verdict, dir, &failed));
	ck_assert_ptr_null(failed);
	ck_assert(report_all(verdict, dir, &failed)); /* over those that are there */
	ck_assert_uint_eq(count_files(dir), 5);
	snprintf(path, sizeof(path), "%s/verdict.json", dir);
	text = scratch_read(path, NULL);
	again = json_loads(text, 0, NULL);
	ck_assert(json_equal(verdict, again));
	json_decref(again), json_decref(verdict), free(text);
}
END_TEST

START_TEST(a_failure_names_its_place)
{
	json_t *verdict = read_small();
	const char *file = scratch_write("file", "", 0), *failed;

	ck_assert(!report_all(verdict, file, &failed));
	ck_assert_int_eq(errno, ENOTDIR);
	ck_assert(!report_all(verdict, "/nowhere/at/all", &failed));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(failed, "/nowhere/at/all");
	json_decref(verdict);
}
END_TEST

START_TEST(a_full_disk_is_told)
{
	json_t *verdict = read_small();

	for (size_t i = 0; i < WRITERS; i++) {
		FILE *out = fopen("/dev/full", "w");
		bool written = writers[i](verdict, out), closed = !fclose(out);

		ck_assert(!written || !closed);
	}
	json_decref(verdict);
}
END_TEST

Suite *report_suite(void)
{
	Suite *s = suite_create("report");
	TCase *words = tcase_create("words"), *verdicts = tcase_create("verdicts");
	TCase *files = tcase_create("files");

	tcase_add_loop_test(words, escapes_hold, 0, sizeof(escapes) / sizeof(*escapes));
	tcase_add_test(words, markup_prints);
	tcase_add_test(words, columns_are_cut);
	tcase_add_test(words, words_are_broken);
	tcase_add_loop_test(words, durations_are_words, 0, sizeof(durations) / sizeof(*durations));
	tcase_add_test(words, axis_places);
	suite_add_tcase(s, words);
	tcase_add_loop_test(verdicts, a_wrong_verdict_is_written_all_the_same, 0, 11);
	tcase_add_test(verdicts, what_is_not_green_has_a_red_case);
	tcase_add_test(verdicts, cases_have_names_of_their_own);
	tcase_add_test(verdicts, the_story_is_in_order);
	suite_add_tcase(s, verdicts);
	tcase_add_unchecked_fixture(files, scratch_make, scratch_remove);
	tcase_add_test(files, all_are_written);
	tcase_add_test(files, a_failure_names_its_place);
	tcase_add_test(files, a_full_disk_is_told);
	suite_add_tcase(s, files);
	return s;
}
