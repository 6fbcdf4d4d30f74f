#include "base/mono.h"
#include "faults/catalogue.h"
#include "model/scenario.h"
#include "scratch.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *scenario_suite(void);

/* ---- helpers ---- */

#define HEAD                                                                                       \
	"[host db1]\naddress = 10.0.0.1\n"                                                         \
	"[host db2]\naddress = 10.0.0.2\n"                                                         \
	"[proxy redis]\nlisten = 127.0.0.1:0\nupstream = builtin:echo\nhost = db1\n"               \
	"[proxy pg]\nlisten = 127.0.0.1:0\nupstream = builtin:echo\n" /* 11 lines */
#define STEP "[at 1s]\narm = reset proxy=redis\n"
#define WANT "[expect]\nno_loss = yes\n"

static struct scenario *load(const char *text, bool local, struct conf_errors *e)
{
	return scenario_load(scratch_write("f.ini", text, strlen(text)), local, catalogue_types, e);
}

static struct scenario *must_load(const char *text)
{
	struct conf_errors e = { 0 };
	struct scenario *s = load(text, true, &e);

	ck_assert_msg(s != NULL, "%s", e.count ? e.message[0] : "no scenario and no error");
	ck_assert_uint_eq(e.count, 0);
	return s;
}

/* Its errors without the path, a line each. */
static void assert_errors(const char *text, const char *want)
{
	struct conf_errors e = { 0 };
	char got[8192] = "";
	size_t len = 0;

	ck_assert_ptr_null(load(text, true, &e));
	for (size_t i = 0; i < e.count; i++)
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s\n",
		    e.message[i] + strlen(scratch_path("f.ini")));
	ck_assert_str_eq(got, want);
	conf_errors_free(&e);
}

/* ---- what is right ---- */

START_TEST(what_is_expected_is_waited_for)
{
	static const struct {
		const char *expect;
		int64_t settle_s;
	} cases[] = { { "detect_within = 2s", 10 }, { "recover_within = 40s", 41 },
		{ "no_zombies = yes", 10 },
		{ "detect_within = 30s\nother_side_closed_within = 50s\nproxy = redis", 51 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[512];

		snprintf(
		    text, sizeof(text), HEAD "[at 0]\npause = 1s\n[expect]\n%s\n", cases[i].expect);
		struct scenario *s = must_load(text);
		ck_assert_int_eq(s->settle_ns, cases[i].settle_s * NS_PER_S);
		scenario_free(s);
	}
}
END_TEST

START_TEST(a_whole_scenario_is_read)
{
	struct scenario *s = must_load(HEAD "[scenario idle]\n"
					    "title = Dead while idle\n"
					    "command = ./app --once | cat\n"
					    "start = traffic\n"
					    "settle = 3s\n"
					    "[client]\n"
					    "keepalive = yes\n"
					    "keep_idle = 15s\n"
					    "[at 2s]\n"
					    "name = dead\n"
					    "arm = power_loss proxy=redis duration=5s\n"
					    "wait = detected proxy=redis count=2 within=20s\n"
					    "[expect fast]\n"
					    "detect_within = 20s\n"
					    "step = dead\n"
					    "client = 10.0.0.0/8\n");

	ck_assert_str_eq(s->name, "idle");
	ck_assert_str_eq(s->title, "Dead while idle");
	ck_assert_uint_eq(s->command.count, 3);
	ck_assert_str_eq(s->command.name[0], "/bin/sh");
	ck_assert_str_eq(s->command.name[2], "./app --once | cat");
	ck_assert_ptr_null(s->command.name[3]);
	ck_assert_int_eq(s->start, START_TRAFFIC);
	ck_assert_int_eq(s->settle_ns, 3 * NS_PER_S);
	ck_assert(s->client.given);
	ck_assert_int_eq(s->client.keepalive, 2);
	ck_assert_int_eq(s->client.keep_idle_ns, 15 * NS_PER_S);
	ck_assert_uint_eq(s->config->n_proxies, 2);
	ck_assert_uint_eq(s->n_steps, 1);
	ck_assert_str_eq(s->steps[0].title, "at 2s");
	ck_assert_int_eq(s->steps[0].at_ns, 2 * NS_PER_S);
	ck_assert_uint_eq(s->n_expectations, 1);
	const struct expectation *e = s->expectations;
	ck_assert_int_eq(e->kind, EXPECT_DETECT_WITHIN);
	ck_assert_int_eq(e->value.ns, 20 * NS_PER_S);
	ck_assert_str_eq(e->text, "20s");
	ck_assert_str_eq(e->name, "fast");
	ck_assert_str_eq(e->step, "dead");
	ck_assert_ptr_null(e->proxy);
	ck_assert_int_eq(e->client.bits, 8);
	ck_assert_int_eq(e->where.line, 25);
	scenario_free(s);
}
END_TEST

START_TEST(actions_come_in_their_order)
{
	struct scenario *s = must_load(HEAD "[at 0]\n"
					    "arm = power_loss proxy=redis\n"
					    "pause = 1s..5s\n"
					    "pause = 2s\n"
					    "wait = opened\n"
					    "partition = db1 | db2\n"
					    "power_off = db1\n"
					    "power_on = pg\n"
					    "heal = pg\n"
					    "heal = *\n"
					    "run = echo hi; exit 0\n"
					    "lift = step-1\n"
					    "lift = *\n" WANT);
	const struct action *a = s->steps[0].actions;
	static const enum action_kind kinds[] = { ACTION_ARM, ACTION_PAUSE, ACTION_PAUSE,
		ACTION_WAIT, ACTION_PARTITION, ACTION_POWER_OFF, ACTION_POWER_ON, ACTION_HEAL,
		ACTION_HEAL, ACTION_RUN, ACTION_LIFT, ACTION_LIFT };

	ck_assert_uint_eq(s->steps[0].n_actions, sizeof(kinds) / sizeof(*kinds));
	for (size_t i = 0; i < s->steps[0].n_actions; i++)
		ck_assert_int_eq(a[i].kind, kinds[i]);
	ck_assert_int_eq(a[0].where.line, 13);
	ck_assert_str_eq(a[0].text, "power_loss proxy=redis");
	ck_assert_int_eq(a[1].least_ns, NS_PER_S);
	ck_assert_int_eq(a[1].most_ns, 5 * NS_PER_S);
	ck_assert_int_eq(a[2].least_ns, a[2].most_ns);
	ck_assert_int_eq(a[3].wait.kind, WAIT_OPENED);
	ck_assert_uint_eq(a[3].wait.count, 1);
	ck_assert_int_eq(a[3].wait.within_ns, 30 * NS_PER_S);
	ck_assert_str_eq(a[4].side_a.name[0], "db1");
	ck_assert_str_eq(a[4].side_b.name[0], "db2");
	ck_assert_str_eq(a[9].text, "echo hi; exit 0");
	scenario_free(s);
}
END_TEST

START_TEST(faults_have_names_of_their_own_and_leave_the_configuration)
{
	struct scenario *s = must_load(HEAD "[fault noise]\ntype = latency\nproxy = pg\n"
					    "[at 1s]\n"
					    "arm = reset proxy=redis\n"
					    "arm = reset proxy=pg\n"
					    "arm = latency name=slow latency=10ms\n"
					    "[at 2s]\n"
					    "name = dead\n"
					    "arm = hang proxy=redis\n" WANT);
	const struct step *t = s->steps;

	ck_assert_uint_eq(s->config->n_faults, 1);
	ck_assert_str_eq(t[0].name, "step 1");
	ck_assert_str_eq(t[0].actions[0].fault->name, "step-1");
	ck_assert_str_eq(t[0].actions[1].fault->name, "step-1-2");
	ck_assert_str_eq(t[0].actions[2].fault->name, "slow");
	ck_assert(t[0].actions[2].fault->proxies.all);
	ck_assert_str_eq(t[1].actions[0].fault->name, "dead");
	ck_assert_int_eq(t[1].actions[0].fault->where.line, 21);
	scenario_free(s);
}
END_TEST

START_TEST(a_step_after_an_event_has_its_keys)
{
	struct scenario *s = must_load(HEAD "[after detected]\n"
					    "proxy = redis\n"
					    "count = 3\n"
					    "within = 5s\n"
					    "delay = 1s\n"
					    "repeat = 2\n"
					    "every = 10s\n"
					    "arm = hang proxy=redis\n" WANT);
	const struct step *t = s->steps;

	ck_assert(t->is_after);
	ck_assert_int_eq(t->when.kind, WAIT_DETECTED);
	ck_assert_str_eq(t->when.proxy, "redis");
	ck_assert_uint_eq(t->when.count, 3);
	ck_assert_int_eq(t->when.within_ns, 5 * NS_PER_S);
	ck_assert_int_eq(t->delay_ns, NS_PER_S);
	ck_assert_uint_eq(t->repeat, 2);
	ck_assert_int_eq(t->every_ns, 10 * NS_PER_S);
	scenario_free(s);
}
END_TEST

START_TEST(each_key_of_an_expect_is_one)
{
	struct scenario *s = must_load(HEAD STEP "[expect]\n"
						 "slower_than = 90%\n"
						 "faster_than = 110%\n"
						 "jitter_at_least = 0.2\n"
						 "backoff = exponential\n"
						 "max_storm = 20\n"
						 "never_detect = no\n"
						 "no_loss = yes\n"
						 "[expect]\n"
						 "other_side_closed_within = 1s\n"
						 "proxy = pg\n");
	const struct expectation *e = s->expectations;

	ck_assert_uint_eq(s->n_expectations, 7); /* "no" asks for nothing */
	ck_assert_double_eq_tol(e[0].value.share, 0.9, 1e-9);
	ck_assert_double_eq_tol(e[1].value.share, 1.1, 1e-9);
	ck_assert_double_eq_tol(e[2].value.share, 0.2, 1e-9);
	ck_assert_int_eq(e[3].value.backoff, BACKOFF_EXPONENTIAL);
	ck_assert_uint_eq(e[4].value.count, 20);
	ck_assert_int_eq(e[5].kind, EXPECT_NO_LOSS);
	ck_assert_str_eq(e[6].proxy, "pg");
	scenario_free(s);
}
END_TEST

START_TEST(without_a_name_it_has_the_files)
{
	struct scenario *s = must_load(HEAD STEP WANT);

	ck_assert_str_eq(s->name, "f");
	ck_assert_ptr_null(s->command.name);
	ck_assert_int_eq(s->limit_ns, 3600 * NS_PER_S);
	scenario_free(s);
}
END_TEST

START_TEST(names_may_be_of_relays_elsewhere)
{
	struct conf_errors e = { 0 };
	struct scenario *s = load("[at 1s]\n"
				  "arm = power_loss host=db7\n"
				  "power_off = db8\n"
				  "heal = nobody\n"
				  "wait = opened proxy=theirs\n"
				  "[expect]\n"
				  "no_loss = yes\n"
				  "proxy = theirs\n",
	    false, &e);

	ck_assert_msg(s != NULL, "%s", e.count ? e.message[0] : "no error");
	ck_assert_str_eq(s->steps[0].actions[0].fault->host, "db7");
	scenario_free(s);
	ck_assert_ptr_null(load("[at 1s]\narm = hang proxy=theirs duration=x\n" WANT, false, &e));
	ck_assert_uint_eq(e.count, 1);
	conf_errors_free(&e);
}
END_TEST

START_TEST(either_may_be_read)
{
	static const char bare[] = "[at 1s]\narm = hang proxy=theirs\n" WANT;
	struct conf_errors e = { 0 };
	struct scenario *s =
	    scenario_load_either(scratch_write("c.ini", HEAD, strlen(HEAD)), catalogue_types, &e);

	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(s->n_steps, 0);
	ck_assert_uint_eq(s->config->n_proxies, 2);
	scenario_free(s);
	s = scenario_load_either(scratch_write("s.ini", bare, strlen(bare)), catalogue_types, &e);
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(s->n_steps, 1);
	scenario_free(s);
	ck_assert_ptr_null(scenario_load_either(
	    scratch_write("s.ini", HEAD STEP, strlen(HEAD STEP)), catalogue_types, &e));
	ck_assert_uint_eq(e.count, 1);
	conf_errors_free(&e);
}
END_TEST

/* ---- what is wrong ---- */

START_TEST(a_scenario_is_no_configuration)
{
	struct conf_errors e = { 0 };
	const char *path = scratch_write("f.ini", HEAD STEP WANT, strlen(HEAD STEP WANT));
	char want[512];

	ck_assert_ptr_null(conf_load(path, catalogue_types, &e));
	snprintf(want, sizeof(want),
	    "%s:12: [at 1s] unknown section in a configuration; this is a scenario: deadpeer run "
	    "%s",
	    path, path);
	ck_assert_uint_eq(e.count, 1); /* once, not for each section */
	ck_assert_str_eq(e.message[0], want);
	conf_errors_free(&e);
}
END_TEST

START_TEST(a_scenario_has_steps_and_expectations)
{
	assert_errors(HEAD, ": expected a step: [at TIME] or [after EVENT]\n"
			    ": expected an [expect] with at least one key\n");
	assert_errors(
	    HEAD STEP "[expect]\nno_loss = no\n", ": expected an [expect] with at least one key\n");
}
END_TEST

START_TEST(sections_are_judged)
{
	assert_errors(HEAD STEP WANT
	    "[scenario a b]\n[scenario]\n[client]\n[client]\n[client x]\n[clientt]\n[expect a b]\n",
	    ":16: [scenario a b] expected a name of 1 to 63 letters, digits, '_', '.' or '-', got "
	    "\"a b\"\n"
	    ":17: [scenario] expected once in a file\n"
	    ":19: [client] expected once in a file\n"
	    ":20: [client x] expected [client], without a name\n"
	    ":20: [client x] expected once in a file\n"
	    ":21: [clientt] unknown section (did you mean \"client\"?); expected [deadpeer], [host "
	    "NAME], [proxy NAME], [fault NAME], [scenario NAME], [client], [at TIME], [after "
	    "EVENT] or [expect]\n"
	    ":22: [expect a b] expected a name of 1 to 63 letters, digits, '_', '.' or '-', got "
	    "\"a b\"\n");
}
END_TEST

START_TEST(faults_are_judged_at_their_line)
{
	assert_errors("[at 1s]\n"
		      "arm = power_los proxy=redis\n"
		      "arm = hang proxy=reids\n"
		      "arm = hang duration=5x\n"
		      "arm = reboot duration=5s\n"
		      "arm =\n" WANT
		      "[proxy redis]\nlisten = 127.0.0.1:0\nupstream = builtin:echo\n"
		      "[fault f]\ntype = reset\nproxy = redis\n"
		      "[at 2s]\narm = reset name=f\n",
	    ":6: [at 1s] arm: expected a fault, such as power_loss proxy=redis duration=30s\n"
	    ":2: [at 1s] arm: type: there is no \"power_los\" (did you mean \"power_loss\"?)\n"
	    ":3: [at 1s] arm: proxy: expected the name of a proxy, got \"reids\" (did you mean "
	    "\"redis\"?)\n"
	    ":4: [at 1s] arm: duration: expected a duration with a unit, such as 250ms, 5s or 2m, "
	    "got \"5x\"\n"
	    ":5: [at 1s] arm: duration: reboot does not take duration: a reboot lasts `down` and "
	    "then `service_delay`\n"
	    ":16: [at 2s] arm: expected a name of its own (line 12)\n");
}
END_TEST

START_TEST(steps_are_judged)
{
	assert_errors(HEAD "[at soon]\nrun = x\n"
			   "[after detectd]\nrun = x\n"
			   "[at 1s]\n"
			   "[at 1s]\narms = x\nproxy = pg\nrun = x\n"
			   "[at 1s]\nname = bad name\nrun = x\nevery = 1s\n"
			   "[at 1s]\nname = q\nrun = x\n[at 1s]\nname = q\nrun = x\n" WANT,
	    ":12: [at soon] expected [at TIME] with a duration with a unit, such as 250ms, 5s or "
	    "2m, got \"soon\"\n"
	    ":14: [after detectd] expected opened, connected, traffic, fired, lifted, closed, "
	    "detected, reconnected, recovered or exited, got \"detectd\" (did you mean "
	    "\"detected\"?)\n"
	    ":16: [at 1s] expected an action: arm, lift, power_off, power_on, partition, heal, "
	    "wait, run or pause\n"
	    ":18: [at 1s] arms: unknown key (did you mean \"arm\"?)\n"
	    ":19: [at 1s] proxy: expected in an [after EVENT] alone\n"
	    ":21: [at 1s] name: expected a name of 1 to 63 letters, digits, '_', '.' or '-', got "
	    "\"bad name\"\n"
	    ":21: [at 1s] every: expected repeat=, too\n"
	    ":28: [at 1s] name: expected a name of its own, got \"q\"\n");
}
END_TEST

START_TEST(actions_are_judged)
{
	assert_errors(HEAD "[at 1s]\n"
			   "wait = opend\n"
			   "wait = opened prox=redis\n"
			   "wait = opened count=x\n"
			   "wait = closed fault=step-9\n"
			   "pause = 5s..1s\n"
			   "pause = x\n"
			   "partition = db1\n"
			   "partition = db1 | db2,db1\n"
			   "power_off = rediss\n"
			   "power_on = redis\n" /* it has a host */
			   "lift = foo\n"
			   "heal = redi\n"
			   "run =\n"
			   "wait = exited proxy=pg\n"
			   "[after opened]\nfault = step-1\nrun = x\n" WANT,
	    ":13: [at 1s] wait: expected opened, connected, traffic, fired, lifted, closed, "
	    "detected, reconnected, recovered or exited, got \"opend\" (did you mean "
	    "\"opened\"?)\n"
	    ":14: [at 1s] wait: expected EVENT and proxy=, fault=, count= or within=, got \"prox\" "
	    "(did you mean \"proxy\"?)\n"
	    ":15: [at 1s] wait: count: expected a whole number, got \"x\"\n"
	    ":17: [at 1s] pause: expected the shorter time first, got \"5s..1s\"\n"
	    ":18: [at 1s] pause: expected a duration with a unit, such as 250ms, 5s or 2m, or two "
	    "with .. between them, got \"x\"\n"
	    ":19: [at 1s] partition: expected two groups of hosts, such as a,b | c, got \"db1\"\n"
	    ":20: [at 1s] partition: expected a host on one side, got \"db1\" on both\n"
	    ":25: [at 1s] run: expected a command\n"
	    ":16: [at 1s] wait: fault: expected the name of a fault, got \"step-9\"\n"
	    ":21: [at 1s] power_off: expected the name of a host, got \"rediss\"\n"
	    ":22: [at 1s] power_on: expected the name of a host, got \"redis\"\n"
	    ":23: [at 1s] lift: expected the name of a fault, got \"foo\"\n"
	    ":24: [at 1s] heal: expected the name of a proxy, got \"redi\" (did you mean "
	    "\"redis\"?)\n"
	    ":26: [at 1s] wait: exited does not take proxy\n"
	    ":27: [after opened] opened does not take fault\n"
	    ":27: [after opened] fault: expected the name of a fault, got \"step-1\"\n");
}
END_TEST

START_TEST(a_partition_needs_addresses)
{
	assert_errors("[host a]\n[host b]\n"
		      "[proxy p]\nlisten = 127.0.0.1:0\nupstream = builtin:echo\nhost = b\n"
		      "[at 1s]\npartition = a | b\n" WANT,
	    ":8: [at 1s] partition: expected a [host a] with address=, which tells its "
	    "connections\n");
}
END_TEST

START_TEST(expectations_are_judged)
{
	assert_errors(HEAD STEP "[expect x]\n"
				"detect_witin = 3s\n"
				"jitter_at_least = 120%\n"
				"slower_than = x\n"
				"backoff = exponetial\n"
				"no_loss = yes\n"
				"no_loss = yes\n"
				"no_zombies = yes\n"
				"step = step 2\n"
				"proxy = x\n"
				"[expect x]\n"
				"other_side_closed_within = 3s\n",
	    ":15: [expect x] detect_witin: unknown key (did you mean \"detect_within\"?)\n"
	    ":16: [expect x] jitter_at_least: expected a percentage from 0% to 100%, got "
	    "\"120%\"\n"
	    ":17: [expect x] slower_than: expected a percentage, such as 20% or 110%, got \"x\"\n"
	    ":18: [expect x] backoff: expected any, constant or exponential, got \"exponetial\" "
	    "(did you mean \"exponential\"?)\n"
	    ":20: [expect x] no_loss: expected once in a section\n"
	    ":24: [expect x] expected a name of its own\n"
	    ":19: [expect x] step: expected the name of a step, got \"step 2\" (did you mean "
	    "\"step 1\"?)\n"
	    ":19: [expect x] proxy: expected the name of a proxy, got \"x\"\n"
	    ":25: [expect x] other_side_closed_within: expected proxy=, too: whose sessions are "
	    "to be closed\n");
}
END_TEST

START_TEST(tables_agree)
{
	for (int i = 0; i <= ACTION_KINDS; i++)
		ck_assert_pstr_eq(action_names[i], action_fields[i].key);
	for (int i = 0; i < WAIT_KINDS; i++)
		ck_assert_ptr_nonnull(wait_rows[i].name);
	for (int i = 0; i < EXPECT_KINDS; i++)
		ck_assert_ptr_nonnull(expect_rows[i].key);
}
END_TEST

Suite *scenario_suite(void)
{
	Suite *s = suite_create("scenario");
	TCase *t = tcase_create("right");

	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_test(t, a_whole_scenario_is_read);
	tcase_add_test(t, what_is_expected_is_waited_for);
	tcase_add_test(t, actions_come_in_their_order);
	tcase_add_test(t, faults_have_names_of_their_own_and_leave_the_configuration);
	tcase_add_test(t, a_step_after_an_event_has_its_keys);
	tcase_add_test(t, each_key_of_an_expect_is_one);
	tcase_add_test(t, without_a_name_it_has_the_files);
	tcase_add_test(t, names_may_be_of_relays_elsewhere);
	tcase_add_test(t, either_may_be_read);
	tcase_add_test(t, tables_agree);
	suite_add_tcase(s, t);
	t = tcase_create("wrong");
	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_test(t, a_scenario_is_no_configuration);
	tcase_add_test(t, a_scenario_has_steps_and_expectations);
	tcase_add_test(t, sections_are_judged);
	tcase_add_test(t, faults_are_judged_at_their_line);
	tcase_add_test(t, steps_are_judged);
	tcase_add_test(t, actions_are_judged);
	tcase_add_test(t, a_partition_needs_addresses);
	tcase_add_test(t, expectations_are_judged);
	suite_add_tcase(s, t);
	return s;
}
