#include "base/nearest.h"
#include <check.h>
#include <string.h>

Suite *nearest_suite(void);

static const char *const candidates[] = { "listen", "upstream", "host", "connect_timeout",
	"max_sessions", "backlog", "nth", "", NULL };

static const struct {
	const char *word, *found;
} words[] = {
	{ "listen", "listen" },
	{ "lisen", "listen" },
	{ "lite", "listen" },
	{ "listne", "listen" },
	{ "LISTEN", "listen" },
	{ "listenx", "listen" },
	{ "upstraem", "upstream" },
	{ "upsrteam", "upstream" },
	{ "hots", "host" },
	{ "hsot", "host" },
	{ "ghost", "host" },
	{ "tsoh", NULL },
	{ "connect_timeuot", "connect_timeout" },
	{ "conect_timout", "connect_timeout" },
	{ "max_session", "max_sessions" },
	{ "backlgo", "backlog" },
	{ "completely different", NULL },
	{ "", NULL },
	{ "nht", "nth" },
	{ "x", NULL },
	{ "ho", NULL },
	{ "a_word_that_is_very_much_longer_than_any_key_that_a_configuration_file_could_have",
	    NULL },
};

START_TEST(the_meant_word_is_found)
{
	const char *found = nearest_find(words[_i].word, candidates);

	if (words[_i].found)
		ck_assert_msg(found && strcmp(found, words[_i].found) == 0, "%s: %s",
		    words[_i].word, found ? found : "none");
	else
		ck_assert_msg(!found, "%s: %s", words[_i].word, found);
}
END_TEST

START_TEST(the_nearer_wins_then_the_first)
{
	static const char *const close[] = { "abxx", "abcx", "abcd", "abce", NULL };
	static const char *const none[] = { NULL };

	ck_assert_str_eq(nearest_find("abcd", close), "abcd");
	ck_assert_str_eq(nearest_find("abc", close), "abcx");
	ck_assert_ptr_null(nearest_find("abc", none));
}
END_TEST

Suite *nearest_suite(void)
{
	Suite *s = suite_create("nearest");
	TCase *t = tcase_create("nearest");

	tcase_add_loop_test(t, the_meant_word_is_found, 0, sizeof(words) / sizeof(*words));
	tcase_add_test(t, the_nearer_wins_then_the_first);
	suite_add_tcase(s, t);
	return s;
}
