/* When a struck session is asked how it stands, and when it is told: engine.witness. */
#include "base/mono.h"
#include "fake_target.h"
#include "faults/run.h"
#include <check.h>
#include <string.h>

Suite *strike_suite(void);

static struct fake_world *w;
static struct fake_target *first, *second;

static void setup(void)
{
	w = fake_world_new();
	w->engine.witness = true;
	fake_door(w, "a", NULL);
	fake_door_add(&w->doors[0]);
	first = fake_open(&w->doors[0], "10.0.0.1");
	second = fake_open(&w->doors[0], "10.0.0.2");
	fake_calls(w);
}

static void teardown(void)
{
	if (second)
		fake_close(second);
	fake_close(first);
	fake_world_free(w);
}

static void one_session(void)
{
	fake_close(second);
	second = NULL;
}

static const char *strike(const char *text)
{
	fake_arm(w, text);
	return fake_calls(w);
}

/* All are silent before the first is asked; asked before anything else; told last. */
START_TEST(silence_comes_first_and_the_telling_last)
{
	ck_assert_str_eq(strike("power_loss"),
	    "a gate=silent; "
	    "1.client silence=both; 2.client silence=both; "
	    "1 look; 1 hold=both; 1.client bury; 2 look; 2 hold=both; 2.client bury; "
	    "1.server end=abort; 2.server end=abort; "
	    "1 struck=f1/server; 2 struck=f1/server");
}
END_TEST

START_TEST(what_ends_a_leg_asks_before)
{
	one_session();
	ck_assert_str_eq(strike("process_crash side=client"),
	    "a gate=refuse; 1 look; 1.server end=close; 1.client end=abort; 1 struck=f1/client");
}
END_TEST

START_TEST(what_holds_asks_before)
{
	one_session();
	ck_assert_str_eq(
	    strike("hang side=both"), "a gate=hold; 1 look; 1 hold=both; 1 struck=f1/both");
}
END_TEST

START_TEST(an_instant_fault_tells_before_it_is_gone)
{
	one_session();
	ck_assert_str_eq(strike("reset"), "1 look; 1.client end=abort; 1.server end=abort; "
					  "1 struck=f1/server");
	ck_assert_ptr_null(LIST_FIRST(&first->target.runs));
}
END_TEST

START_TEST(half_of_an_end_is_one)
{
	one_session();
	ck_assert_str_eq(strike("half_close"), "1 look; 1.client end=finish; 1 struck=f1/server");
}
END_TEST

START_TEST(a_trigger_tells_of_its_own_session)
{
	fake_arm(w, "hang after_bytes=10B");
	fake_calls(w);
	fake_carry(second, FLOW_DOWNSTREAM, 10);
	ck_assert_ptr_nonnull(strstr(fake_calls(w), "2 look; 2 hold=both; 2 struck=f1/server"));
}
END_TEST

START_TEST(one_that_is_opened_meanwhile_is_struck)
{
	struct fake_target *third;

	fake_arm(w, "hang");
	fake_calls(w);
	third = fake_open(&w->doors[0], "10.0.0.3");
	ck_assert_str_eq(fake_calls(w), "3 look; 3 hold=both; 3 struck=f1/server");
	fake_close(third);
}
END_TEST

START_TEST(what_shapes_or_drops_a_little_is_no_death)
{
	one_session();
	strike("latency latency=1s");
	strike("packet_loss rate=1%");
	fake_arm(w, "connect_delay hold=1s");
	ck_assert_ptr_null(strstr(fake_calls(w), "look"));
}
END_TEST

/* What is unread is gone with the socket. */
START_TEST(a_burial_asks_before)
{
	struct run *r;

	one_session();
	strike("power_loss");
	r = LIST_FIRST(&first->target.runs);
	strike_begins(r, 0);
	run_bury(r, LEG_CLIENT);
	strike_over(r);
	ck_assert_str_eq(fake_calls(w), "1 look; 1.client bury; 1 struck=f1/server");
	strike_begins(r, 0);
	strike_over(r); /* nothing of it was a death */
	run_bury(r, LEG_CLIENT);
	ck_assert_str_eq(fake_calls(w), "1.client bury");
}
END_TEST

START_TEST(what_undoes_a_death_is_none)
{
	struct fault *f = fake_arm(w, "power_loss");

	fake_calls(w);
	fake_lift(w, f);
	ck_assert_ptr_null(strstr(fake_calls(w), "look"));
}
END_TEST

START_TEST(a_strike_of_a_shaping_fault_is_told_when_it_ends_something)
{
	one_session();
	fake_arm(w, "limit_data bytes=4B direction=upstream");
	ck_assert_ptr_null(strstr(fake_calls(w), "look"));
	fake_send(first, FLOW_UPSTREAM, "abcdef");
	ck_assert_ptr_nonnull(strstr(fake_calls(w), "1 look; 1."));
	fake_until(w, 1);
}
END_TEST

START_TEST(nobody_is_asked_when_nobody_wants_to_know)
{
	w->engine.witness = false;
	one_session();
	ck_assert_str_eq(
	    strike("process_crash"), "a gate=refuse; 1.client end=close; 1.server end=abort");
}
END_TEST

Suite *strike_suite(void)
{
	Suite *s = suite_create("strike");
	TCase *t = tcase_create("strike");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, silence_comes_first_and_the_telling_last);
	tcase_add_test(t, what_ends_a_leg_asks_before);
	tcase_add_test(t, what_holds_asks_before);
	tcase_add_test(t, an_instant_fault_tells_before_it_is_gone);
	tcase_add_test(t, half_of_an_end_is_one);
	tcase_add_test(t, a_trigger_tells_of_its_own_session);
	tcase_add_test(t, one_that_is_opened_meanwhile_is_struck);
	tcase_add_test(t, what_shapes_or_drops_a_little_is_no_death);
	tcase_add_test(t, a_burial_asks_before);
	tcase_add_test(t, what_undoes_a_death_is_none);
	tcase_add_test(t, a_strike_of_a_shaping_fault_is_told_when_it_ends_something);
	tcase_add_test(t, nobody_is_asked_when_nobody_wants_to_know);
	suite_add_tcase(s, t);
	return s;
}
