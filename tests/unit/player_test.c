/*
 * A player on a fake stage: its clock stands still until the test moves it, and every answer comes
 * when the test says so, or, by itself, after `answers_after_ns`. What it is asked and what it
 * records becomes a log, a line each, with the time in milliseconds.
 */
#include "base/mono.h"
#include "control/player.h"
#include "control/player_parts.h"
#include "faults/catalogue.h"
#include "scratch.h"
#include <check.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

Suite *player_suite(void);

#define MS NS_PER_MS
#define HEAD                                                                                       \
	"[host db1]\naddress = 10.0.0.1\n[host db2]\naddress = 10.0.0.2\n"                         \
	"[proxy redis]\nlisten = 127.0.0.1:0\nupstream = builtin:echo\nhost = db1\n"
#define WANT "[expect]\nno_loss = yes\n"

/* ---- the fake ---- */

static struct fake {
	struct stage stage;
	struct scenario *scenario;
	struct player *player;
	int64_t now_ns, wake_ns, answer_ns;
	int64_t answers_after_ns;
	stage_done *done; /* NULL: nothing was asked */
	void *arg;
	enum order_result result;
	char log[16384];
} fake;

__attribute__((format(printf, 1, 2))) static void log_line(const char *fmt, ...)
{
	size_t len = strlen(fake.log);
	va_list ap;

	len += (size_t)snprintf(
	    fake.log + len, sizeof(fake.log) - len, "%lld ", (long long)(fake.now_ns / MS));
	va_start(ap, fmt);
	vsnprintf(fake.log + len, sizeof(fake.log) - len, fmt, ap);
	va_end(ap);
	strcat(fake.log, "\n");
}

static int64_t fake_now(struct stage *s)
{
	(void)s;
	return fake.now_ns;
}

static void fake_asked(stage_done *done, void *arg)
{
	ck_assert_ptr_null(fake.done); /* one after the other */
	fake.done = done;
	fake.arg = arg;
	fake.answer_ns = fake.now_ns + fake.answers_after_ns;
}

static void fake_order(struct stage *s, const struct order *o, stage_done *done, void *arg)
{
	char at[32] = "";

	(void)s;
	if (o->at_ns != INT64_MIN)
		snprintf(at, sizeof(at), " at %lld", (long long)(o->at_ns / MS));
	log_line("order %s %s%s", action_names[o->action->kind],
	    o->fault ? o->fault : o->action->text, at);
	fake_asked(done, arg);
}

static void fake_shell(
    struct stage *s, const char *text, int64_t limit_ns, stage_done *done, void *arg)
{
	(void)s;
	log_line("shell %s, %lld", text, (long long)(limit_ns / MS));
	fake_asked(done, arg);
}

static void fake_wake(struct stage *s, int64_t at_ns)
{
	(void)s;
	fake.wake_ns = at_ns;
}

/* As a driver does: into the journal, and back to the player. */
static void fake_saw(const char *event, json_t *fields)
{
	struct record r = { fake.now_ns, JOURNAL_DRIVER, (char *)event, fields };

	player_saw(fake.player, &r);
	json_decref(fields);
}

static void fake_record(struct stage *s, const char *event, json_t *o)
{
	const char *keys[] = { "action", "fault", "result", "message" };
	char text[1024];
	size_t len;

	(void)s;
	len = (size_t)snprintf(text, sizeof(text), "%s %s/%d", event,
	    json_string_value(json_object_get(o, "step")),
	    (int)json_integer_value(json_object_get(o, "iteration")));
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (json_object_get(o, keys[i]))
			len += (size_t)snprintf(text + len, sizeof(text) - len, " %s",
			    json_string_value(json_object_get(o, keys[i])));
	if (json_object_get(o, "planned_ns"))
		snprintf(text + len, sizeof(text) - len, " planned %lld",
		    (long long)json_integer_value(json_object_get(o, "planned_ns")) / MS);
	log_line("%s", text);
	fake_saw(event, o);
}

static const struct stage_ops fake_ops = { fake_now, fake_order, fake_shell, fake_wake,
	fake_record };

static void load(const char *text)
{
	struct conf_errors e = { 0 };

	scenario_free(fake.scenario);
	fake.scenario =
	    scenario_load(scratch_write("f.ini", text, strlen(text)), true, catalogue_types, &e);
	ck_assert_msg(fake.scenario != NULL, "%s", e.count ? e.message[0] : "no error");
}

static void begin(const char *text, uint64_t seed)
{
	load(text);
	player_free(fake.player);
	*fake.log = '\0';
	fake.stage.ops = &fake_ops;
	fake.done = NULL;
	fake.result = ORDER_DONE;
	fake.now_ns = 0;
	fake.wake_ns = INT64_MAX;
	fake.player = player_new(fake.scenario, seed, &fake.stage);
	ck_assert_ptr_nonnull(fake.player);
	player_tick(fake.player);
}

static void answer(enum order_result result, const char *why)
{
	stage_done *done = fake.done;

	ck_assert_ptr_nonnull(done);
	fake.done = NULL;
	done(fake.arg, result, why);
}

/* Time goes on to then, with all that happens in it. */
static void run_to(int64_t ms)
{
	for (int i = 0; i < 100000; i++) {
		bool answers = fake.done && fake.answers_after_ns >= 0 &&
			       fake.answer_ns <= ms * MS && fake.answer_ns <= fake.wake_ns;

		if (!answers && fake.wake_ns > ms * MS)
			break;
		int64_t next = answers ? fake.answer_ns : fake.wake_ns;
		fake.now_ns = next > fake.now_ns ? next : fake.now_ns;
		if (answers) {
			answer(fake.result, fake.result == ORDER_DONE ? NULL : "why");
		} else {
			fake.wake_ns = INT64_MAX;
			player_tick(fake.player);
		}
	}
	fake.now_ns = ms * MS > fake.now_ns ? ms * MS : fake.now_ns;
}

static void opened(int session, const char *client)
{
	fake_saw("session.opened",
	    json_pack("{s:s, s:i, s:s}", "proxy", "redis", "session", session, "client", client));
	run_to(fake.now_ns / MS);
}

static void setup(void)
{
	fake = (struct fake){ .wake_ns = INT64_MAX };
}

static void teardown(void)
{
	player_free(fake.player);
	scenario_free(fake.scenario);
}

/* ---- times ---- */

START_TEST(an_arm_is_told_ahead_and_recorded_at_its_instant)
{
	fake.answers_after_ns = 5 * MS;
	begin(HEAD "[at 2s]\nname = dead\n"
		   "arm = power_loss proxy=redis\n"
		   "arm = latency name=slow\n"
		   "run = true\n" WANT,
	    1);
	run_to(10000);
	ck_assert_str_eq(fake.log, "1800 order arm dead at 2000\n"
				   "1805 order arm slow at 2000\n"
				   "2000 step.began dead/1 planned 2000\n"
				   "2000 action.done dead/1 arm dead\n"
				   "2000 action.done dead/1 arm slow\n"
				   "2000 shell true, 30000\n"
				   "2005 action.done dead/1 run\n"
				   "2005 step.ended dead/1 pass\n");
	ck_assert(player_over(fake.player));
	ck_assert(!player_refused(fake.player));
}
END_TEST

START_TEST(an_answer_may_be_late)
{
	fake.answers_after_ns = 300 * MS;
	begin(HEAD "[at 2s]\nname = dead\narm = hang\narm = latency\n" WANT, 1);
	run_to(10000);
	ck_assert_str_eq(fake.log, "1800 order arm dead at 2000\n"
				   "2000 step.began dead/1 planned 2000\n"
				   "2100 action.done dead/1 arm dead\n"
				   "2100 order arm dead-2\n" /* the instant has passed */
				   "2400 action.done dead/1 arm dead-2\n"
				   "2400 step.ended dead/1 pass\n");
}
END_TEST

START_TEST(steps_in_the_past_begin_at_once)
{
	begin(HEAD "[at 1s]\nname = a\npause = 5s\n"
		   "[at 2s]\nname = b\ndelay = 1s\narm = hang\n" WANT,
	    1);
	run_to(10000);
	ck_assert_str_eq(fake.log, "1000 step.began a/1 planned 1000\n"
				   "6000 action.done a/1 pause\n"
				   "6000 step.ended a/1 pass\n"
				   "6000 step.began b/1 planned 3000\n"
				   "6000 order arm b\n"
				   "6000 action.done b/1 arm b\n"
				   "6000 step.ended b/1 pass\n");
}
END_TEST

START_TEST(a_step_is_repeated_from_beginning_to_beginning)
{
	begin(HEAD "[at 1s]\nname = a\nrepeat = 3\nevery = 2s\n"
		   "arm = hang\npause = 500ms\nlift = a\n" WANT,
	    1);
	run_to(10000);
	ck_assert_str_eq(fake.log, "800 order arm a at 1000\n"
				   "1000 step.began a/1 planned 1000\n"
				   "1000 action.done a/1 arm a\n"
				   "1500 action.done a/1 pause\n"
				   "1500 order lift a\n"
				   "1500 action.done a/1 lift a\n"
				   "1500 step.ended a/1 pass\n"
				   "2800 order arm a#2 at 3000\n"
				   "3000 step.began a/2 planned 3000\n"
				   "3000 action.done a/2 arm a#2\n"
				   "3500 action.done a/2 pause\n"
				   "3500 order lift a#2\n"
				   "3500 action.done a/2 lift a#2\n"
				   "3500 step.ended a/2 pass\n"
				   "4800 order arm a#3 at 5000\n"
				   "5000 step.began a/3 planned 5000\n"
				   "5000 action.done a/3 arm a#3\n"
				   "5500 action.done a/3 pause\n"
				   "5500 order lift a#3\n"
				   "5500 action.done a/3 lift a#3\n"
				   "5500 step.ended a/3 pass\n");
}
END_TEST

START_TEST(repetitions_of_a_late_step_do_not_catch_up)
{
	begin(HEAD "[at 0]\npause = 5s\n"
		   "[at 1s]\nname = b\nrepeat = 2\nevery = 2s\nrun = x\n" WANT,
	    1);
	run_to(20000);
	ck_assert_ptr_nonnull(strstr(fake.log, "5000 step.began b/1 planned 1000\n"));
	ck_assert_ptr_nonnull(strstr(fake.log, "7000 step.began b/2 planned 3000\n"));
}
END_TEST

START_TEST(without_every_it_is_repeated_at_once)
{
	begin(HEAD "[at 0]\nname = a\nrepeat = 2\npause = 1s\n" WANT, 1);
	run_to(10000);
	ck_assert_str_eq(fake.log, "0 step.began a/1 planned 0\n"
				   "1000 action.done a/1 pause\n"
				   "1000 step.ended a/1 pass\n"
				   "1000 step.began a/2\n"
				   "2000 action.done a/2 pause\n"
				   "2000 step.ended a/2 pass\n");
}
END_TEST

START_TEST(an_arm_behind_a_pause_is_told_ahead_too)
{
	begin(HEAD "[at 0]\nname = a\npause = 1s\narm = hang\n" WANT, 1);
	run_to(10000);
	ck_assert_str_eq(fake.log, "0 step.began a/1 planned 0\n"
				   "800 order arm a at 1000\n"
				   "1000 action.done a/1 pause\n"
				   "1000 action.done a/1 arm a\n"
				   "1000 step.ended a/1 pass\n");
}
END_TEST

START_TEST(pauses_come_from_the_seed)
{
	static const char text[] = HEAD "[at 0]\nname = a\nrepeat = 3\npause = 1s..5s\n" WANT;
	char first[sizeof(fake.log)];

	begin(text, 7);
	run_to(60000);
	strcpy(first, fake.log);
	begin(text, 7);
	run_to(60000);
	ck_assert_str_eq(fake.log, first);
	begin(text, 8);
	run_to(60000);
	ck_assert_str_ne(fake.log, first);
	/* Three repetitions are three draws. */
	int64_t began[4] = { 0 };
	char *line = first;
	for (int i = 1; i < 4; i++) {
		line = strstr(line, "action.done");
		while (line > first && line[-1] != '\n')
			line--;
		began[i] = atoll(line);
		line = strchr(line, '\n');
		ck_assert_int_ge(began[i] - began[i - 1], 1000);
		ck_assert_int_le(began[i] - began[i - 1], 5000);
	}
	ck_assert_int_gt(llabs(2 * began[1] - began[0] - began[2]), 5); /* ms */
}
END_TEST

/* ---- every action ---- */

START_TEST(every_action_is_done_in_order)
{
	begin(HEAD "[at 0]\nname = a\n"
		   "arm = hang\npower_off = db1\npower_on = db1\npartition = db1 | db2\n"
		   "heal = redis\nheal = *\nlift = a\nlift = *\nrun = exit 0\npause = 1s\n"
		   "wait = opened\n" WANT,
	    1);
	run_to(1500);
	opened(1, "10.0.0.1:1");
	ck_assert_str_eq(fake.log, "0 step.began a/1 planned 0\n"
				   "0 order arm a\n0 action.done a/1 arm a\n"
				   "0 order power_off db1\n0 action.done a/1 power_off\n"
				   "0 order power_on db1\n0 action.done a/1 power_on\n"
				   "0 order partition db1 | db2\n0 action.done a/1 partition\n"
				   "0 order heal redis\n0 action.done a/1 heal\n"
				   "0 order heal *\n0 action.done a/1 heal\n"
				   "0 order lift a\n0 action.done a/1 lift a\n"
				   "0 order lift *\n0 action.done a/1 lift *\n"
				   "0 shell exit 0, 30000\n0 action.done a/1 run\n"
				   "1000 action.done a/1 pause\n"
				   "1500 action.done a/1 wait\n"
				   "1500 step.ended a/1 pass\n");
	ck_assert(player_over(fake.player));
}
END_TEST

/* ---- waiting ---- */

START_TEST(a_wait_has_a_limit)
{
	begin(HEAD "[at 0]\nname = a\nwait = opened proxy=redis count=2 within=3s\nrun = x\n"
		   "[at 1s]\nname = b\nrun = y\n[after closed]\nname = c\nrun = z\n" WANT,
	    1);
	run_to(1000);
	opened(1, "10.0.0.1:1");
	run_to(2999);
	ck_assert(!player_over(fake.player));
	run_to(3000);
	ck_assert(player_over(fake.player));
	ck_assert_str_eq(fake.log,
	    "0 step.began a/1 planned 0\n"
	    "3000 step.ended a/1 fail wait: opened on redis 2 times did not happen within 3s "
	    "(1 of 2)\n"
	    "3000 step.ended b/1 skipped a did not pass\n"
	    "3000 step.ended c/1 skipped a did not pass\n");
}
END_TEST

START_TEST(what_an_arm_brings_about_counts)
{
	begin(HEAD "[at 0]\nname = a\narm = reset proxy=redis\nwait = opened\n" WANT, 1);
	fake.answers_after_ns = -1;
	opened(1, "10.0.0.1:1"); /* before the answer */
	answer(ORDER_DONE, NULL);
	ck_assert(player_over(fake.player));
}
END_TEST

START_TEST(what_was_before_does_not_count)
{
	begin(HEAD "[at 1s]\nname = a\npause = 1s\nwait = opened\n" WANT, 1);
	run_to(1500);
	opened(1, "10.0.0.1:1");
	run_to(3000);
	ck_assert(!player_over(fake.player));
	opened(2, "10.0.0.1:2");
	ck_assert(player_over(fake.player));
}
END_TEST

START_TEST(a_step_comes_after_its_event)
{
	begin(HEAD "[after opened]\nname = a\ndelay = 2s\nwithin = 5s\narm = hang\n"
		   "[after lifted]\nname = b\nfault = a\nrun = x\n" WANT,
	    1);
	run_to(4000);
	opened(1, "10.0.0.1:1");
	run_to(7000);
	fake_saw("fault.lifted", json_pack("{s:s}", "fault", "other"));
	run_to(8000);
	fake_saw("fault.lifted", json_pack("{s:s}", "fault", "a"));
	run_to(9000);
	ck_assert_str_eq(fake.log, "5800 order arm a at 6000\n"
				   "6000 step.began a/1\n"
				   "6000 action.done a/1 arm a\n"
				   "6000 step.ended a/1 pass\n"
				   "8000 step.began b/1\n"
				   "8000 shell x, 30000\n"
				   "8000 action.done b/1 run\n"
				   "8000 step.ended b/1 pass\n");
}
END_TEST

START_TEST(a_step_whose_event_does_not_happen_fails)
{
	begin(HEAD "[after recovered]\nname = a\nwithin = 5s\nrun = x\n" WANT, 1);
	run_to(10000);
	ck_assert_str_eq(fake.log,
	    "5000 step.began a/1\n"
	    "5000 step.ended a/1 fail recovered did not happen within 5s (0 of 1)\n");
}
END_TEST

/* ---- what goes wrong ---- */

static void assert_failure(enum order_result result, const char *action, const char *want)
{
	char text[512], log[512];

	snprintf(text, sizeof(text),
	    HEAD "[at 1s]\nname = a\n%s\nrun = y\n[at 2s]\nname = b\nrun = z\n" WANT, action);
	fake.answers_after_ns = 0;
	begin(text, 1);
	fake.result = result;
	run_to(10000);
	char *began = strstr(fake.log, "step.began");
	ck_assert_ptr_nonnull(began);
	snprintf(log, sizeof(log), "step.began a/1 planned 1000\n%s", want);
	ck_assert_msg(strstr(fake.log, "ended b/1 skipped a did not pass\n"), "%s", fake.log);
	ck_assert_msg(strstr(began, want), "%s", fake.log);
	ck_assert_ptr_null(strstr(fake.log, "shell y"));
	ck_assert(player_over(fake.player));
}

START_TEST(orders_and_commands_may_fail)
{
	assert_failure(ORDER_REFUSED, "arm = hang", "step.ended a/1 error arm hang: why\n");
	ck_assert(player_refused(fake.player));
	assert_failure(ORDER_LOST, "arm = hang", "step.ended a/1 error arm hang: why\n");
	ck_assert(!player_refused(fake.player));
	assert_failure(ORDER_WRONG, "power_on = db1", "step.ended a/1 error power_on db1: why\n");
	assert_failure(ORDER_WRONG, "run = false", "step.ended a/1 fail run false: why\n");
	assert_failure(ORDER_LOST, "run = false", "step.ended a/1 error run false: why\n");
}
END_TEST

START_TEST(it_is_stopped_before_it_begins)
{
	begin(HEAD "[at 1s]\nname = a\nrun = x\n[at 2s]\nname = b\nrun = y\n" WANT, 1);
	player_stop(fake.player, "interrupted");
	ck_assert(player_over(fake.player));
	ck_assert_str_eq(fake.log, "0 step.ended a/1 skipped interrupted\n"
				   "0 step.ended b/1 skipped interrupted\n");
	player_stop(fake.player, "again");
	run_to(10000);
	ck_assert_ptr_null(strstr(fake.log, "again"));
	ck_assert_ptr_null(strstr(fake.log, "shell"));
}
END_TEST

START_TEST(it_is_stopped_while_it_waits_for_an_answer)
{
	begin(HEAD "[at 0]\nname = a\nrun = x\nrun = y\n" WANT, 1);
	player_stop(fake.player, "interrupted");
	answer(ORDER_DONE, NULL); /* comes all the same */
	run_to(1000);
	ck_assert_str_eq(fake.log, "0 step.began a/1 planned 0\n"
				   "0 shell x, 30000\n"
				   "0 step.ended a/1 skipped interrupted\n");
}
END_TEST

START_TEST(it_is_stopped_with_an_order_ahead)
{
	fake.answers_after_ns = -1;
	begin(HEAD "[at 1s]\nname = a\narm = hang\n" WANT, 1);
	run_to(900);
	player_stop(fake.player, "interrupted");
	answer(ORDER_REFUSED, "late");
	ck_assert_str_eq(fake.log, "800 order arm a at 1000\n"
				   "900 step.ended a/1 skipped interrupted\n");
}
END_TEST

START_TEST(it_is_stopped_in_a_pause_a_wait_and_between_repetitions)
{
	begin(HEAD "[at 0]\nname = a\npause = 5s\n" WANT, 1);
	run_to(1000);
	player_stop(fake.player, "x");
	ck_assert_str_eq(fake.log, "0 step.began a/1 planned 0\n"
				   "1000 step.ended a/1 skipped x\n");
	begin(HEAD "[at 0]\nname = a\nwait = opened\n[after closed]\nname = b\nrun = x\n" WANT, 1);
	run_to(1000);
	player_stop(fake.player, "x");
	ck_assert_ptr_nonnull(strstr(fake.log, "1000 step.ended a/1 skipped x\n"));
	begin(HEAD "[at 0]\nname = a\nrun = x\nrepeat = 5\nevery = 3s\n" WANT, 1);
	run_to(4000);
	player_stop(fake.player, "x");
	ck_assert_ptr_nonnull(strstr(fake.log, "4000 step.ended a/3 skipped x\n"));
	ck_assert_ptr_null(strstr(fake.log, "a/1 skipped"));
	begin(HEAD "[after closed]\nname = b\nrun = x\n" WANT, 1);
	player_stop(fake.player, "x");
	ck_assert_str_eq(fake.log, "0 step.ended b/1 skipped x\n");
}
END_TEST

START_TEST(what_was_seen_before_a_stop_counts)
{
	begin(HEAD "[at 0]\nname = a\nwait = exited\n[at 9s]\nname = b\nrun = x\n" WANT, 1);
	fake_saw("command.exited", json_pack("{s:i}", "code", 0));
	player_stop(fake.player, "the command has ended"); /* before the next tick */
	ck_assert_str_eq(fake.log, "0 step.began a/1 planned 0\n"
				   "0 action.done a/1 wait\n"
				   "0 step.ended a/1 pass\n"
				   "0 step.ended b/1 skipped the command has ended\n");
}
END_TEST

/* ---- words ---- */

START_TEST(it_says_where_it_is)
{
	char buf[256];

	begin(HEAD "[at 1s]\nname = a\nrepeat = 2\npause = 1s\nwait = opened proxy=redis\nrun = x\n"
		   "[after closed]\nname = b\nrun = y\n" WANT,
	    1);
	run_to(500);
	ck_assert_str_eq(player_now(fake.player, buf, sizeof(buf)), "a (1 of 2): begins in 0.5 s");
	run_to(1750);
	ck_assert_str_eq(
	    player_now(fake.player, buf, sizeof(buf)), "a (1 of 2): pause, 0.2 s left");
	run_to(12000);
	ck_assert_str_eq(player_now(fake.player, buf, sizeof(buf)),
	    "a (1 of 2): waiting for opened on redis, 20.0 s left");
	fake.answers_after_ns = -1;
	opened(1, "10.0.0.1:1");
	ck_assert_str_eq(player_now(fake.player, buf, sizeof(buf)), "a (1 of 2): run x");
	player_stop(fake.player, "interrupted");
	ck_assert_str_eq(player_now(fake.player, buf, sizeof(buf)), "interrupted");
	player_now(fake.player, buf, 4); /* fits */
	ck_assert_str_eq(buf, "int");
}
END_TEST

START_TEST(its_length_is_known_before)
{
	begin(HEAD "[at 10s]\nrepeat = 3\nevery = 20s\npause = 1s\n"
		   "[at 20s]\nwait = opened within=5s\n"
		   "[after closed]\nwithin = 7s\ndelay = 2s\nrun = x\n" WANT,
	    1);
	ck_assert_int_eq(player_length_ns(fake.player), (10 + 40 + 1 + 5 + 7 + 2) * NS_PER_S);
}
END_TEST

START_TEST(the_plan_is_told_in_words)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	load(HEAD "[scenario plan]\n[at 10s]\nname = dead\narm = power_loss proxy=redis\n"
		  "wait = detected proxy=redis within=20s\npause = 2s\n"
		  "[after recovered]\ndelay = 1s\nrepeat = 2\nevery = 9s\narm = hang\n"
		  "run = echo hi\n" WANT);
	ck_assert(player_print_plan(fake.scenario, 42, out));
	fclose(out);
	ck_assert_str_eq(text, "plan, seed 42, at most 1m12s\n"
			       "at 10s: dead\n"
			       "    arm power_loss proxy=redis as dead\n"
			       "    wait for detected on redis (within 20s)\n"
			       "    pause for 2s\n"
			       "after recovered (within 30s), 1s later, 2 times, every 9s: step 2\n"
			       "    arm hang as step-2\n"
			       "    run echo hi\n");
	free(text);
}
END_TEST

START_TEST(a_plan_of_nothing_takes_no_time)
{
	struct scenario none = { .name = NULL };

	ck_assert_int_eq(player_plan_length_ns(&none, 1), 0);
}
END_TEST

START_TEST(the_plan_has_the_moments_that_are_played)
{
	static const char scenario[] =
	    HEAD "[at 0]\nname = a\nrepeat = 2\npause = 1s..5s\narm = hang\n" WANT;
	char *text = NULL, want[64];
	size_t len;
	FILE *out = open_memstream(&text, &len);

	begin(scenario, 7);
	run_to(60000);
	ck_assert(player_print_plan(fake.scenario, 7, out));
	fclose(out);
	ck_assert_msg(strstr(text, "  2:\n") && strstr(text, "arm hang as a#2\n"), "%s", text);
	/* The first pause ends when the plan says. */
	long long played = atoll(strstr(fake.log, "\n") + 1) + 200; /* its arm is told ahead */
	snprintf(want, sizeof(want), "pause for %lld.%03llds", played / 1000, played % 1000);
	for (size_t end = strlen(want) - 2; want[end] == '0'; end--)
		memmove(want + end, want + end + 1, strlen(want + end));
	ck_assert_msg(strstr(text, want), "%s not in %s", want, text);
	free(text);
}
END_TEST

Suite *player_suite(void)
{
	Suite *s = suite_create("player");
	TCase *t = tcase_create("plays");

	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_arm_is_told_ahead_and_recorded_at_its_instant);
	tcase_add_test(t, an_answer_may_be_late);
	tcase_add_test(t, steps_in_the_past_begin_at_once);
	tcase_add_test(t, a_step_is_repeated_from_beginning_to_beginning);
	tcase_add_test(t, repetitions_of_a_late_step_do_not_catch_up);
	tcase_add_test(t, without_every_it_is_repeated_at_once);
	tcase_add_test(t, an_arm_behind_a_pause_is_told_ahead_too);
	tcase_add_test(t, pauses_come_from_the_seed);
	tcase_add_test(t, every_action_is_done_in_order);
	tcase_add_test(t, a_wait_has_a_limit);
	tcase_add_test(t, what_an_arm_brings_about_counts);
	tcase_add_test(t, what_was_before_does_not_count);
	tcase_add_test(t, a_step_comes_after_its_event);
	tcase_add_test(t, a_step_whose_event_does_not_happen_fails);
	tcase_add_test(t, orders_and_commands_may_fail);
	tcase_add_test(t, it_is_stopped_before_it_begins);
	tcase_add_test(t, it_is_stopped_while_it_waits_for_an_answer);
	tcase_add_test(t, it_is_stopped_with_an_order_ahead);
	tcase_add_test(t, it_is_stopped_in_a_pause_a_wait_and_between_repetitions);
	tcase_add_test(t, what_was_seen_before_a_stop_counts);
	tcase_add_test(t, it_says_where_it_is);
	tcase_add_test(t, its_length_is_known_before);
	tcase_add_test(t, the_plan_is_told_in_words);
	tcase_add_test(t, a_plan_of_nothing_takes_no_time);
	tcase_add_test(t, the_plan_has_the_moments_that_are_played);
	suite_add_tcase(s, t);
	return s;
}
