/* fin_race: when it strikes, and that FIN and RST keep their place. */
#include "shape_rig.h"

Suite *fin_race_suite(void);

START_TEST(race_meets_the_first_request)
{
	fake_arm(w, "fin_race");
	fake_until(w, 1);
	SEND(DOWNSTREAM, "hello");
	CALLS("");
	SEND(UPSTREAM, "GET");
	CALLS("1.client end=finish; 1.client end=abort; 1.server end=close");
	GOT(UPSTREAM, "");
}
END_TEST

START_TEST(race_waits_for_silence_both_ways)
{
	fake_arm(w, "fin_race after=5s other=hold");
	fake_until(w, 4);
	SEND(UPSTREAM, "a");
	fake_until(w, 8);
	SEND(DOWNSTREAM, "b");
	fake_until(w, 12);
	SEND(UPSTREAM, "c");
	fake_until(w, 16.75);
	SEND(UPSTREAM, "d");
	CALLS("");
	fake_until(w, 21.75);
	SEND(UPSTREAM, "e");
	GOT(UPSTREAM, "4.000:a 12.000:c 16.750:d");
	fake_until(w, 21.751);
	GOT(DOWNSTREAM, "8.000:b 21.750:FIN");
	CALLS("1.client end=finish; 1.client end=abort");
}
END_TEST

START_TEST(race_lets_an_end_pass)
{
	fake_arm(w, "fin_race other=abort");
	SEND(UPSTREAM, NULL);
	GOT(UPSTREAM, "0.000:FIN");
	CALLS("");
}
END_TEST

START_TEST(race_updated_sees_both_ways)
{
	struct fault *f = fake_arm(w, "fin_race");

	ck_assert_ptr_null(t->target.streams[FLOW_DOWNSTREAM]);
	ck_assert(shape_update(f, "fin_race after=5s"));
	ck_assert_ptr_nonnull(t->target.streams[FLOW_DOWNSTREAM]);
	SEND(UPSTREAM, "a");
	CALLS("");
}
END_TEST

#define RACE_LOST "1.client end=finish; 1.client end=abort; 1.server end=close"

/* Whichever was armed first, and with a clock of its own or without. */
START_TEST(race_is_late_as_the_answers_are)
{
	static const char *const races[] = { "fin_race", "fin_race after=1ms" };
	unsigned fired;

	if (_i / 2)
		fake_arm(w, races[_i % 2]);
	fake_arm(w, "latency latency=100ms");
	if (!(_i / 2))
		fake_arm(w, races[_i % 2]);
	SEND(DOWNSTREAM, "hello");
	fake_until(w, 0.01);
	SEND(UPSTREAM, "GET");
	SEND(UPSTREAM, " more");
	fired = fake_event_count(w, EVENT_FAULT_FIRED);
	fake_until(w, 0.109);
	GOT(DOWNSTREAM, "0.100:hello");
	CALLS("");
	fake_until(w, 1);
	GOT(DOWNSTREAM, "0.110:FIN");
	CALLS(RACE_LOST);
	GOT(UPSTREAM, "");
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_FIRED), fired + 1);
}
END_TEST

/* The client has gone before the RST came to it: as a FIN first, or at once. */
START_TEST(race_sees_the_client_go)
{
	fake_arm(w, "latency latency=1h");
	fake_arm(w, "fin_race");
	SEND(UPSTREAM, "GET");
	if (_i)
		SEND(UPSTREAM, NULL);
	GOT(UPSTREAM, "");
	ck_assert(stream_reset(t->target.streams[FLOW_UPSTREAM], w->now_ns));
	stream_run(t->target.streams[FLOW_UPSTREAM], w->now_ns);
	t->target.ops->shaped(&t->target, FLOW_UPSTREAM);
	GOT(UPSTREAM, "0.000:RST");
}
END_TEST

START_TEST(race_lifted_meanwhile_resets_nobody)
{
	struct fault *f;

	fake_arm(w, "latency latency=1s");
	f = fake_arm(w, "fin_race");
	SEND(UPSTREAM, "GET");
	fake_lift(w, f);
	SEND(UPSTREAM, "more");
	fake_until(w, 2);
	GOT(DOWNSTREAM, "1.000:FIN");
	GOT(UPSTREAM, "0.000:more");
	CALLS("");
}
END_TEST

#define ADD(test) tcase_add_test(c, test)

Suite *fin_race_suite(void)
{
	Suite *s = suite_create("fin_race");
	TCase *c = tcase_create("all");

	tcase_add_checked_fixture(c, shape_setup, shape_teardown);
	ADD(race_meets_the_first_request);
	ADD(race_waits_for_silence_both_ways);
	ADD(race_lets_an_end_pass);
	tcase_add_loop_test(c, race_is_late_as_the_answers_are, 0, 4);
	tcase_add_loop_test(c, race_sees_the_client_go, 0, 2);
	ADD(race_lifted_meanwhile_resets_nobody);
	ADD(race_updated_sees_both_ways);
	suite_add_tcase(s, c);
	return s;
}
