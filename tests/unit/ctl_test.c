/* What becomes of words: rows found, flags parsed, paths and bodies made, values told. */
#include "cli/cli.h"
#include "cli/ctl.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *ctl_suite(void);

#define WORDS_MAX 16

/* The words of a line, as main() hands them over. */
struct line {
	char text[256], *argv[WORDS_MAX + 1];
	int argc;
};

static void split(struct line *l, const char *text)
{
	char *save = NULL;

	memset(l, 0, sizeof(*l));
	snprintf(l->text, sizeof(l->text), "%s", text);
	for (char *word = strtok_r(l->text, " ", &save); word && l->argc < WORDS_MAX;
	     word = strtok_r(NULL, " ", &save))
		l->argv[l->argc++] = word;
}

static const struct command *find(const char *text, int *words)
{
	struct line l;

	split(&l, text);
	return command_find(commands, l.argc, l.argv, words);
}

/* Parses a whole line; the exit code. */
static int parse(struct ctl *c, struct line *l, const char *text)
{
	const struct command *command;
	int words;

	split(l, text);
	command = command_find(commands, l->argc, l->argv, &words);
	ck_assert_msg(command && !command->main, "%s", text);
	return ctl_parse(c, command, l->argc - words + 1, l->argv + words - 1);
}

START_TEST(rows_are_found_by_every_name)
{
	int words;

	ck_assert_str_eq(find("list", &words)->name, "list");
	ck_assert_int_eq(words, 1);
	ck_assert_str_eq(find("ls -q", &words)->name, "list");
	ck_assert_str_eq(find("fault add p hang", &words)->name, "fault add");
	ck_assert_int_eq(words, 2);
	ck_assert_str_eq(find("fault types", &words)->name, "fault types");
	ck_assert_str_eq(find("t a p", &words)->name, "toxic add");
	ck_assert_ptr_null(find("fault", &words));
	ck_assert_ptr_null(find("fault ad", &words));
	ck_assert_ptr_null(find("lists", &words));
	ck_assert(command_is_group("fault") && command_is_group("host"));
	ck_assert(!command_is_group("list") && !command_is_group("faul"));
	ck_assert_str_eq(command_nearest("sesions", NULL), "sessions");
	ck_assert_str_eq(command_nearest("ad", "fault"), "add");
	ck_assert_ptr_null(command_nearest("sessions", "fault"));
}
END_TEST

/* No two rows share a name, and each has what help and dispatch need. */
START_TEST(rows_are_whole)
{
	for (const struct command *c = commands; c->name; c++) {
		int words;
		const char *name = c->name;

		ck_assert_msg(c->help && c->help[0] >= 'a' && c->help[0] <= 'z', "%s", name);
		for (int i = 0; i < COMMAND_NAMES; i++) {
			const struct command *found = find(name, &words);

			ck_assert_msg(found == c, "%s is also of %s", name, found->name);
			name = c->also[i];
			if (!name)
				break;
		}
		if (c->main)
			continue;
		ck_assert_msg(c->example, "%s: no example", c->name);
		ck_assert_msg(!!c->run != !!c->method, "%s: run, or a method", c->name);
		ck_assert_msg(c->run || (c->path && !!c->show != !!c->done), "%s", c->name);
		ck_assert_msg(!c->least || c->args, "%s: no args", c->name);
	}
}
END_TEST

START_TEST(flags_stand_anywhere)
{
	static const char *const lines[] = {
		"kill 17 --how silent --json",
		"kill --how silent --json 17",
		"kill --json --how=silent 17",
		"kill --json 17 --how rst --how silent",
	};
	struct line l;
	struct ctl c;

	ck_assert_int_eq(parse(&c, &l, lines[_i]), EXIT_DONE);
	ck_assert_int_eq(c.argc, 1);
	ck_assert_str_eq(c.argv[0], "17");
	ck_assert(c.json && !c.quiet);
	ck_assert_str_eq(ctl_flag(&c, "how"), "silent");
	ck_assert_ptr_null(ctl_flag(&c, "proxy"));
}
END_TEST

START_TEST(a_flag_has_another_name)
{
	struct line l;
	struct ctl c;

	ck_assert_int_eq(parse(&c, &l, "toxic remove p --toxicName x"), EXIT_DONE);
	ck_assert_str_eq(ctl_flag(&c, "name"), "x");
}
END_TEST

START_TEST(wrong_lines)
{
	static const char *const lines[] = { "show", "show a b", "kill 1 --how gently",
		"kill 1 --how", "list --nonsense", "create p -l :0", "wait godot",
		"show \xff\xfe" };
	struct line l;
	struct ctl c;

	ck_assert_int_eq(parse(&c, &l, lines[_i]), EXIT_USAGE);
}
END_TEST

START_TEST(paths)
{
	static const struct {
		const char *line, *template, *path;
	} rows[] = {
		{ "show a/b%", "/v1/proxies/{1}", "/v1/proxies/a%2Fb%25" },
		{ "toxic remove p -n t", "/proxies/{1}/toxics/{name}", "/proxies/p/toxics/t" },
		{ "sessions --proxy a&b -n 5", "/v1/sessions", "/v1/sessions?proxy=a%26b&limit=5" },
		{ "wait closed -t 5s", "/v1/wait?for={1}", "/v1/wait?for=closed&timeout=5s" },
		{ "list", "/v1/proxies", "/v1/proxies" },
	};
	struct line l;
	struct ctl c;
	char *path;

	ck_assert_int_eq(parse(&c, &l, rows[_i].line), EXIT_DONE);
	path = ctl_path(&c, rows[_i].template);
	ck_assert_str_eq(path, rows[_i].path);
	free(path);
}
END_TEST

START_TEST(sentences)
{
	json_t *answer = json_pack("{s:s, s:[s,s], s:I}", "name", "hang-1", "proxies", "a", "b",
	    "active_ns", (json_int_t)1500000000);
	struct line l;
	struct ctl c;
	char *text;

	parse(&c, &l, "fault add a,b hang");
	text = ctl_expand(&c, "{name} on {proxies} ({1}) for {active_ns} {what}{", answer, false);
	ck_assert_str_eq(text, "hang-1 on a, b (a,b) for 1.5s ?{");
	free(text);
	json_decref(answer);
}
END_TEST

START_TEST(bodies)
{
	static const struct {
		const char *line, *body; /* NULL: refused */
	} rows[] = {
		{ "fault add p hang delay=5s",
		    "{\"delay\":\"5s\",\"proxy\":\"p\",\"type\":\"hang\"}" },
		{ "fault add p hang --at T delay=5s",
		    "{\"at\":\"T\",\"delay\":\"5s\",\"proxy\":\"p\",\"type\":\"hang\"}" },
		{ "fault add --host h hang", "{\"host\":\"h\",\"type\":\"hang\"}" },
		{ "fault add p hang a=b=c", "{\"a\":\"b=c\",\"proxy\":\"p\",\"type\":\"hang\"}" },
		{ "fault add p hang type=x", NULL },
		{ "fault add p hang =x", NULL },
		{ "fault add p", NULL },
		{ "heal --all", "{}" },
		{ "heal p", "{\"proxy\":\"p\"}" },
		{ "heal", "{}" },
		{ "heal p --all", NULL },
		{ "enable p", "{\"enabled\":true}" },
		{ "partition a,b c --for 5s",
		    "{\"a\":[\"a\",\"b\"],\"b\":[\"c\"],\"duration\":\"5s\"}" },
		{ "host create h address=10.0.0.1", "{\"address\":\"10.0.0.1\",\"name\":\"h\"}" },
		{ "create p -l :0 -u x:1 --fault=noop",
		    "{\"faults\":[{\"type\":\"noop\"}],\"listen\":\":0\",\"name\":\"p\","
		    "\"upstream\":\"x:1\"}" },
		{ "toxic add p -t latency -a latency=5 -a x=5s -u",
		    "{\"attributes\":{\"latency\":5,\"x\":\"5s\"},\"stream\":\"upstream\",\"type\":"
		    "\"latency\"}" },
		{ "toxic update p -n t -a latency=5", "{\"attributes\":{\"latency\":5}}" },
		{ "toxic update p -n t --toxicity x", NULL },
	};
	json_t *body = json_object();
	struct line l;
	struct ctl c;
	char *text;

	ck_assert_int_eq(parse(&c, &l, rows[_i].line), EXIT_DONE);
	ck_assert_int_eq(c.command->body(&c, body), rows[_i].body != NULL);
	text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
	if (rows[_i].body)
		ck_assert_str_eq(text, rows[_i].body);
	free(text);
	json_decref(body);
}
END_TEST

START_TEST(values_for_people)
{
	static const struct {
		const char *member, *json, *text;
	} rows[] = {
		{ "age_ns", "7123456789", "7.12s" },
		{ "age_ns", "123456", "123us" },
		{ "age_ns", "3600000000000", "1h" },
		{ "age_ns", "0", "0s" },
		{ "upstream_bytes", "65536", "64KiB" },
		{ "sessions", "65536", "65536" },
		{ "enabled", "true", "yes" },
		{ "remaining_ns", "null", "-" },
		{ "faults", "[]", "-" },
		{ "faults", "[\"a\",\"b\"]", "a, b" },
		{ "values", "{\"delay\":\"5s\",\"n\":3}", "delay=5s n=3" },
		{ "name", "\"a\\u001b[2Jb\\n\"", "a?[2Jb?" },
		{ "name", "\"\"", "-" },
	};
	json_t *value = json_loads(rows[_i].json, JSON_DECODE_ANY, NULL);
	char buf[CELL_MAX];

	ck_assert_str_eq(ctl_value(buf, sizeof(buf), rows[_i].member, value), rows[_i].text);
	json_decref(value);
}
END_TEST

START_TEST(a_value_that_is_too_long_is_cut)
{
	char text[2 * CELL_MAX], buf[CELL_MAX];
	json_t *value;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	value = json_string(text);
	ck_assert_uint_lt(strlen(ctl_value(buf, sizeof(buf), "name", value)), sizeof(buf));
	ck_assert_int_eq(buf[0], 'x');
	json_decref(value);
	ck_assert_str_eq(ctl_value(buf, sizeof(buf), "name", NULL), "-");
}
END_TEST

START_TEST(where_the_server_is)
{
	static const struct {
		const char *admin, *text;
		enum server_found found;
		sa_family_t family;
	} rows[] = {
		{ NULL, "127.0.0.1:8474", SERVER_FOUND, AF_INET },
		{ "127.0.0.1:1", "127.0.0.1:1", SERVER_FOUND, AF_INET },
		{ "[::1]:1", "[::1]:1", SERVER_FOUND, AF_INET6 },
		{ "unix:/x", "unix:/x", SERVER_FOUND, AF_UNIX },
		{ "http://127.0.0.1:1/", "127.0.0.1:1", SERVER_FOUND, AF_INET },
		{ "127.0.0.1", "127.0.0.1", SERVER_WRONG, 0 },
		{ "127.0.0.1:0", "127.0.0.1:0", SERVER_WRONG, 0 },
		{ "builtin:echo", "builtin:echo", SERVER_WRONG, 0 },
		{ "", "", SERVER_WRONG, 0 },
	};
	struct server s;
	char err[512];

	unsetenv("DEADPEER_ADMIN");
	unsetenv("TOXIPROXY_URL");
	ck_assert_int_eq(server_find(&s, rows[_i].admin, NULL, err, sizeof(err)), rows[_i].found);
	ck_assert_str_eq(s.text, rows[_i].text);
	if (rows[_i].found == SERVER_FOUND)
		ck_assert_int_eq(s.sa[0].sa.sa_family, rows[_i].family);
	server_free(&s);
}
END_TEST

Suite *ctl_suite(void)
{
	Suite *s = suite_create("ctl");
	TCase *c = tcase_create("words");

	tcase_add_test(c, rows_are_found_by_every_name);
	tcase_add_test(c, rows_are_whole);
	tcase_add_loop_test(c, flags_stand_anywhere, 0, 4);
	tcase_add_test(c, a_flag_has_another_name);
	tcase_add_loop_test(c, wrong_lines, 0, 8);
	suite_add_tcase(s, c);
	c = tcase_create("requests");
	tcase_add_loop_test(c, paths, 0, 5);
	tcase_add_test(c, sentences);
	tcase_add_loop_test(c, bodies, 0, 16);
	tcase_add_loop_test(c, where_the_server_is, 0, 9);
	suite_add_tcase(s, c);
	c = tcase_create("values");
	tcase_add_loop_test(c, values_for_people, 0, 13);
	tcase_add_test(c, a_value_that_is_too_long_is_cut);
	suite_add_tcase(s, c);
	return s;
}
