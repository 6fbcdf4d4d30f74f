/* The flags of serve: all from the tables, laid over a file, and what is said when they are wrong.
 */
#include "base/mono.h"
#include "cli/serve_options.h"
#include "scratch.h"
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *serve_options_suite(void);

#define ARGS_MAX 32

static char *argv[ARGS_MAX];
static int argc;
static struct config *config;
static const char *file;
static char *said; /* on stderr */

static void setup(void)
{
	config = NULL;
	file = NULL;
	said = NULL;
	argc = 0;
}

static void teardown(void)
{
	config_free(config);
	free(said);
	while (argc)
		free(argv[--argc]);
}

/* Words are separated by '|'. */
static void split(const char *words)
{
	char *copy = strdup(words), *rest = copy, *word;

	argc = 0;
	argv[argc++] = strdup("serve");
	while ((word = strsep(&rest, "|")))
		argv[argc++] = strdup(word);
	argv[argc] = NULL;
	free(copy);
}

/* What goes to descriptor `which` meanwhile is caught in `said`. */
static enum serve_parsed parse_catching(const char *words, int which)
{
	int to = open(scratch_path("said"), O_RDWR | O_CREAT | O_TRUNC, 0600), old = dup(which);
	enum serve_parsed parsed;

	split(words);
	fflush(NULL);
	dup2(to, which);
	parsed = serve_parse(argc, argv, &config, &file);
	fflush(NULL);
	dup2(old, which);
	close(old);
	close(to);
	said = scratch_read(scratch_path("said"), NULL);
	return parsed;
}

static enum serve_parsed parse(const char *words)
{
	return parse_catching(words, 2);
}

#define PROXY "--listen|127.0.0.1:0|--upstream|127.0.0.1:1"

START_TEST(one_proxy_of_flags)
{
	ck_assert_int_eq(parse(PROXY), SERVE_RUN);
	ck_assert_str_eq(said, "");
	ck_assert_ptr_null(file);
	ck_assert_uint_eq(config->n_proxies, 1);
	ck_assert_str_eq(config->proxies[0]->name, "proxy");
	ck_assert_int_eq(config->proxies[0]->listen.kind, ADDR_IP);
	ck_assert_int_eq(config->proxies[0]->connect_timeout_ns, 10 * NS_PER_S);
	ck_assert_int_eq(config->settings.drain_timeout_ns, 5 * NS_PER_S);
	ck_assert_uint_eq(config->n_faults, 0);
}
END_TEST

START_TEST(values_may_follow_an_equals_sign)
{
	ck_assert_int_eq(parse("--listen=:0|--upstream=builtin:echo|--name=redis|--seed=7|"
			       "--connect-timeout=250ms|--max-sessions=3|--backlog=9"),
	    SERVE_RUN);
	ck_assert_str_eq(config->proxies[0]->name, "redis");
	ck_assert_int_eq(config->proxies[0]->connect_timeout_ns, 250 * NS_PER_MS);
	ck_assert_uint_eq(config->proxies[0]->max_sessions, 3);
	ck_assert_uint_eq(config->proxies[0]->backlog, 9);
	ck_assert_uint_eq(config->settings.seed, 7);
}
END_TEST

/* Every row of both tables is a flag: its own default is accepted, and shown by --help. */
START_TEST(every_key_is_a_flag)
{
	static const struct field *const tables[] = { settings_fields, proxy_fields };

	for (size_t i = 0; i < 2; i++)
		for (const struct field *f = tables[i]; f->key; f++) {
			char flag[64], words[256];

			snprintf(flag, sizeof(flag), "--%s", f->key);
			for (char *c = flag; *c; c++)
				if (*c == '_')
					*c = '-';
			ck_assert_int_eq(parse_catching("--help", 1), SERVE_HELP);
			ck_assert_msg(strstr(said, flag) != NULL, "--help has no %s", flag);
			ck_assert_msg(
			    strstr(said, f->help) != NULL, "--help does not explain %s", flag);
			teardown();
			setup();
			if (!f->initial)
				continue;
			snprintf(words, sizeof(words), PROXY "|%s|%s", flag, f->initial);
			ck_assert_msg(parse(words) == SERVE_RUN, "%s: %s", flag, said);
			teardown();
			setup();
		}
}
END_TEST

START_TEST(help_names_every_fault)
{
	ck_assert_int_eq(parse_catching("-h", 1), SERVE_HELP);
	ck_assert_ptr_nonnull(strstr(said, "  process_crash "));
	ck_assert_ptr_nonnull(strstr(said, "Example"));
	ck_assert_ptr_null(config);
}
END_TEST

START_TEST(faults_of_flags)
{
	ck_assert_int_eq(
	    parse(PROXY "|--fault|power_loss delay=5s duration=30s|--fault|name=boot reboot"),
	    SERVE_RUN);
	ck_assert_uint_eq(config->n_faults, 2);
	ck_assert_str_eq(config->faults[0]->name, "fault1");
	ck_assert_int_eq(config->faults[0]->delay_ns, 5 * NS_PER_S);
	ck_assert(config->faults[0]->proxies.all);
	ck_assert_str_eq(config->faults[1]->name, "boot");
}
END_TEST

/* --- a file --- */

static const char *write_file(void)
{
	static const char text[] = "[deadpeer]\nseed=1\nlog_level=warn\n"
				   "[proxy a]\nlisten=127.0.0.1:0\nupstream=builtin:echo\n"
				   "[fault fault1]\ntype=hang\nproxy=a\n";

	return scratch_write("c.ini", text, sizeof(text) - 1);
}

START_TEST(flags_win_over_the_file)
{
	char words[512];

	snprintf(words, sizeof(words), "-c|%s|--seed|9", write_file());
	ck_assert_int_eq(parse(words), SERVE_RUN);
	ck_assert_str_eq(file, scratch_path("c.ini"));
	ck_assert_uint_eq(config->settings.seed, 9);
	ck_assert_int_eq(config->settings.log_level, LOG_WARN);
	ck_assert_uint_eq(config->n_proxies, 1);
	ck_assert_uint_eq(config->n_faults, 1);
}
END_TEST

START_TEST(a_file_and_a_proxy_of_flags)
{
	char words[512];

	snprintf(words, sizeof(words), "--config|%s|" PROXY "|--fault|name=mine reset proxy=proxy",
	    write_file());
	ck_assert_int_eq(parse(words), SERVE_RUN);
	ck_assert_uint_eq(config->n_proxies, 2);
	ck_assert_uint_eq(config->n_faults, 2);
	ck_assert_str_eq(config->faults[1]->proxies.name[0], "proxy");
}
END_TEST

START_TEST(reading_again_lays_the_flags_over_again)
{
	struct conf_errors errors = { 0 };
	struct config *again;
	char words[512];
	static const char two[] = "[deadpeer]\nseed=2\n"
				  "[proxy a]\nlisten=127.0.0.1:0\nupstream=builtin:echo\n"
				  "[proxy b]\nlisten=127.0.0.1:0\nupstream=builtin:echo\n";

	snprintf(words, sizeof(words), "-c|%s|--seed|9", write_file());
	ck_assert_int_eq(parse(words), SERVE_RUN);
	scratch_write("c.ini", two, sizeof(two) - 1);
	again = serve_reload(argc, argv, &errors);
	ck_assert_ptr_nonnull(again);
	ck_assert_uint_eq(again->n_proxies, 2);
	ck_assert_uint_eq(again->settings.seed, 9);
	config_free(again);
	scratch_write("c.ini", "[proxy", 6);
	ck_assert_ptr_null(serve_reload(argc, argv, &errors));
	ck_assert_uint_ge(errors.count, 1);
	conf_errors_free(&errors);
}
END_TEST

/* --- what is wrong --- */

static const struct {
	const char *words, *said;
} wrong[] = {
	{ "--admin|off", "nothing to relay: give -c FILE, or --listen and --upstream, or --admin" },
	{ "--admin|nowhere", "admin: expected off or a port" },
	{ "--admin|builtin:echo", "admin: expected off or an address to listen on" },
	{ "--listen|127.0.0.1:0", "--upstream ADDR is missing" },
	{ "--upstream|127.0.0.1:1", "--listen ADDR is missing" },
	{ "--connect-timeout|1s", "--listen ADDR is missing" },
	{ PROXY "|--connect-timeout|1", "--connect-timeout: expected " },
	{ PROXY "|--seed|x", "--seed: expected " },
	{ PROXY "|--splice|maybe", "got \"maybe\"" },
	{ PROXY "|--fault|power_los", "did you mean \"power_loss\"?" },
	{ PROXY "|--fault|power_loss delay=5", "delay" },
	{ PROXY "|--fault|refuse nth=3", "refuse does not take nth" },
	{ PROXY "|--fault|reset proxy=other", "other" },
	{ PROXY "|--fault|", "--fault" },
	{ PROXY "|--name|a b", "--name" },
	{ PROXY "|--host|db", "host" },
	{ PROXY "|--nonsense|1", "nonsense" },
	{ PROXY "|stray", "unexpected 'stray'" },
	{ PROXY "|--listen", "listen" },
	{ "--listen|builtin:echo|--upstream|127.0.0.1:1", "builtin:echo" },
	{ "-c|/no/such/file.ini", "/no/such/file.ini" },
};

START_TEST(mistakes_are_named)
{
	ck_assert_int_eq(parse(wrong[_i].words), SERVE_WRONG);
	ck_assert_msg(strstr(said, wrong[_i].said) != NULL, "%s: %s", wrong[_i].words, said);
	ck_assert_ptr_nonnull(strstr(said, "Try 'deadpeer serve --help'."));
	ck_assert_ptr_null(config);
}
END_TEST

START_TEST(all_mistakes_are_told_in_one_run)
{
	ck_assert_int_eq(parse(PROXY "|--seed|x|--backlog|0|--fault|nonsense"), SERVE_WRONG);
	ck_assert_ptr_nonnull(strstr(said, "--seed"));
	ck_assert_ptr_nonnull(strstr(said, "--backlog"));
	ck_assert_ptr_nonnull(strstr(said, "nonsense"));
}
END_TEST

/* "--listen ADDR is missing" would not be true. */
START_TEST(what_is_wrong_is_not_missing)
{
	ck_assert_int_eq(parse("--listen|7005|--upstream|6379"), SERVE_WRONG);
	ck_assert_ptr_nonnull(strstr(said, "--listen: expected an address"));
	ck_assert_ptr_nonnull(strstr(said, "--upstream: expected an address"));
	ck_assert_msg(!strstr(said, "is missing"), "%s", said);
}
END_TEST

START_TEST(what_is_missing_beside_it_is)
{
	ck_assert_int_eq(parse("--listen|7005"), SERVE_WRONG);
	ck_assert_msg(strstr(said, "--upstream ADDR is missing") != NULL, "%s", said);
}
END_TEST

START_TEST(names_of_faults_must_differ)
{
	char words[512];

	snprintf(words, sizeof(words), "-c|%s|--fault|name=fault1 reset", write_file());
	ck_assert_int_eq(parse(words), SERVE_WRONG);
	ck_assert_ptr_nonnull(strstr(said, "fault1"));
}
END_TEST

/* The file has a fault1 of its own: the flag's gets another name. */
START_TEST(made_up_names_do_not_clash)
{
	char words[512];

	snprintf(words, sizeof(words), "-c|%s|--fault|reset", write_file());
	ck_assert_msg(parse(words) == SERVE_RUN, "%s", said);
	ck_assert_uint_eq(config->n_faults, 2);
	ck_assert_str_ne(config->faults[1]->name, "fault1");
}
END_TEST

Suite *serve_options_suite(void)
{
	Suite *s = suite_create("serve_options");
	TCase *c = tcase_create("flags");

	tcase_add_unchecked_fixture(c, scratch_make, scratch_remove);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, one_proxy_of_flags);
	tcase_add_test(c, values_may_follow_an_equals_sign);
	tcase_add_test(c, every_key_is_a_flag);
	tcase_add_test(c, help_names_every_fault);
	tcase_add_test(c, faults_of_flags);
	tcase_add_test(c, flags_win_over_the_file);
	tcase_add_test(c, a_file_and_a_proxy_of_flags);
	tcase_add_test(c, reading_again_lays_the_flags_over_again);
	tcase_add_loop_test(c, mistakes_are_named, 0, (int)(sizeof(wrong) / sizeof(*wrong)));
	tcase_add_test(c, all_mistakes_are_told_in_one_run);
	tcase_add_test(c, what_is_wrong_is_not_missing);
	tcase_add_test(c, what_is_missing_beside_it_is);
	tcase_add_test(c, names_of_faults_must_differ);
	tcase_add_test(c, made_up_names_do_not_clash);
	suite_add_tcase(s, c);
	return s;
}
