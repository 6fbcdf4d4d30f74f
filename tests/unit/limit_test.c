/* limit_data, timeout, reset_peer: those that end what they shape. */
#include "base/mono.h"
#include "shape_rig.h"
#include <stdio.h>
#include <string.h>

Suite *limit_suite(void);

/* --- limit_data --- */

START_TEST(limit_passes_exactly_so_many)
{
	static const struct {
		const char *arm, *calls;
	} thens[] = {
		{ "limit_data bytes=5", "1.client end=close; 1.server end=close" },
		{ "limit_data bytes=5 then=rst", "1.client end=abort; 1.server end=abort" },
		{ "limit_data bytes=5 then=silent",
		    "1.client silence=both; 1.server silence=both; 1 hold=both" },
		{ "limit_data bytes=5 then=hang", "1 hold=both" },
	};

	fake_arm(w, thens[_i].arm);
	SEND(DOWNSTREAM, "abc");
	CALLS("");
	SEND(UPSTREAM, "not counted");
	SEND(DOWNSTREAM, "defgh");
	GOT(DOWNSTREAM, "0.000:abc 0.000:de");
	CALLS(thens[_i].calls);
	fake_send(t, FLOW_DOWNSTREAM, "i");
	GOT(DOWNSTREAM, "");
}
END_TEST

START_TEST(limit_is_reached_by_its_last_byte)
{
	fake_arm(w, "limit_data bytes=3");
	SEND(DOWNSTREAM, "abc");
	CALLS("1.client end=close; 1.server end=close");
	GOT(DOWNSTREAM, "0.000:abc");
}
END_TEST

START_TEST(limit_0_lets_nothing_pass)
{
	fake_arm(w, "limit_data");
	fake_until(w, 10);
	CALLS("");
	SEND(DOWNSTREAM, "abc");
	CALLS("1.client end=close; 1.server end=close");
	GOT(DOWNSTREAM, "");
}
END_TEST

START_TEST(limit_lets_an_earlier_end_pass)
{
	fake_arm(w, "limit_data bytes=10");
	SEND(DOWNSTREAM, "abc");
	SEND(DOWNSTREAM, NULL);
	GOT(DOWNSTREAM, "0.000:abc 0.000:FIN");
	CALLS("");
}
END_TEST

START_TEST(limit_lets_an_earlier_end_and_a_reset_pass)
{
	fake_arm(w, "latency latency=100ms");
	fake_arm(w, "limit_data bytes=10");
	SEND(DOWNSTREAM, "abc");
	SEND(DOWNSTREAM, NULL);
	ck_assert(stream_reset(t->target.streams[FLOW_DOWNSTREAM], w->now_ns));
	fake_until(w, 1);
	GOT(DOWNSTREAM, "0.100:abc 0.100:FIN 0.100:RST");
}
END_TEST

START_TEST(limit_waits_for_what_is_under_way)
{
	fake_arm(w, "limit_data bytes=3");
	fake_arm(w, "latency latency=1s");
	SEND(DOWNSTREAM, "abcdef");
	fake_until(w, 0.999);
	CALLS("");
	fake_until(w, 1.001);
	GOT(DOWNSTREAM, "1.000:abc");
	CALLS("1.client end=close; 1.server end=close");
}
END_TEST

START_TEST(limit_waits_for_a_full_sink)
{
	fake_arm(w, "limit_data bytes=3");
	t->blocked = true;
	SEND(DOWNSTREAM, "abcdef");
	CALLS("");
	t->blocked = false;
	t->target.ops->shaped(&t->target, FLOW_DOWNSTREAM);
	CALLS("1.client end=close; 1.server end=close");
	GOT(DOWNSTREAM, "0.000:abc");
}
END_TEST

START_TEST(limit_lifted_on_its_way_ends_nothing)
{
	struct fault *f = fake_arm(w, "limit_data bytes=3");

	fake_arm(w, "latency latency=1s");
	SEND(DOWNSTREAM, "abcdef");
	fake_lift(w, f);
	fake_until(w, 2);
	GOT(DOWNSTREAM, "1.000:abc 1.000:def");
	CALLS("");
}
END_TEST

START_TEST(limit_hang_lifted_loses_nothing)
{
	struct fault *f = fake_arm(w, "limit_data bytes=3 then=hang");

	SEND(DOWNSTREAM, "abcdef");
	fake_until(w, 5);
	fake_lift(w, f);
	GOT(DOWNSTREAM, "0.000:abc 5.000:def");
	CALLS("1 hold=both; 1 hold=none");
}
END_TEST

/* Whoever waits for what is behind it is not forgotten when that was a strike alone. */
START_TEST(limit_wakes_who_waited_for_its_strike)
{
	struct fault *f;
	char arm[64];

	w->engine.buffer_total = 1;
	fake_arm(w, shape_cutters[_i]);
	snprintf(arm, sizeof(arm), "limit_data bytes=3 then=hang%s", _i % 2 ? "" : " duration=1h");
	f = fake_arm(w, arm);
	SEND(DOWNSTREAM, "abcdefgh");
	SEND(DOWNSTREAM, NULL);
	fake_until(w, 5);
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 3);
	if (_i % 2)
		fake_lift(w, f);
	fake_until(w, 2 * 3600);
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 8);
	ck_assert_ptr_nonnull(strstr(fake_got(t, FLOW_DOWNSTREAM), ":FIN"));
}
END_TEST

START_TEST(limit_update_keeps_the_count)
{
	struct fault *f = fake_arm(w, "limit_data bytes=100");

	SEND(DOWNSTREAM, "abcd");
	ck_assert(shape_update(f, "limit_data bytes=6"));
	CALLS("");
	SEND(DOWNSTREAM, "efgh");
	GOT(DOWNSTREAM, "0.000:abcd 0.000:ef");
	CALLS("1.client end=close; 1.server end=close");
}
END_TEST

START_TEST(limit_each_direction_by_itself)
{
	fake_arm(w, "limit_data bytes=3 direction=both");
	SEND(DOWNSTREAM, "ab");
	SEND(UPSTREAM, "cd");
	CALLS("");
	SEND(UPSTREAM, "ef");
	GOT(UPSTREAM, "0.000:cd 0.000:e");
	CALLS("1.client end=close; 1.server end=close");
}
END_TEST

START_TEST(limit_needs_the_wire_for_silence_alone)
{
	char why[256];

	for (int family = 0; family < WIRE_FAMILIES; family++)
		w->wire.powers[family] = 0;
	ck_assert_ptr_null(engine_refuses(
	    &w->engine, fake_spec(w, "limit_data then=rst"), &door->door, why, sizeof(why)));
	ck_assert_ptr_nonnull(engine_refuses(
	    &w->engine, fake_spec(w, "limit_data then=silent"), &door->door, why, sizeof(why)));
	fake_arm(w, "limit_data then=rst");
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_ARMED, "grade"), "exact");
}
END_TEST

START_TEST(limit_silence_tells_its_grade)
{
	struct fault *f = fake_arm(w, "limit_data then=silent");

	t->grade[LEG_CLIENT] = GRADE_EQUIVALENT;
	SEND(DOWNSTREAM, "a");
	fake_lift(w, f);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_LIFTED, "grade"), "equivalent");
}
END_TEST

START_TEST(strike_is_told)
{
	unsigned before;

	fake_arm(w, "limit_data bytes=1 then=hang");
	before = fake_event_count(w, EVENT_FAULT_FIRED);
	SEND(DOWNSTREAM, "a");
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_FIRED), before + 1);
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_FIRED, "session"), 1);
}
END_TEST

START_TEST(limit_counts_from_its_trigger)
{
	fake_arm(w, "limit_data bytes=2 after_bytes=3");
	fake_carry(t, FLOW_DOWNSTREAM, 3);
	SEND(DOWNSTREAM, "abc");
	GOT(DOWNSTREAM, "0.000:ab");
	CALLS("1.client end=close; 1.server end=close");
}
END_TEST

START_TEST(limit_only_of_the_nth)
{
	struct fake_target *first, *second;

	fake_arm(w, "limit_data bytes=2 nth=2");
	first = fake_open(door, "10.0.0.2");
	second = fake_open(door, "10.0.0.2");
	ck_assert_ptr_null(first->target.streams[FLOW_DOWNSTREAM]);
	ck_assert_ptr_nonnull(second->target.streams[FLOW_DOWNSTREAM]);
}
END_TEST

/* --- timeout, reset_peer --- */

START_TEST(timeout_throws_away_and_closes)
{
	fake_arm(w, "timeout timeout=2s");
	SEND(DOWNSTREAM, "a");
	fake_until(w, 1.9);
	SEND(DOWNSTREAM, "b"); /* restarts nothing */
	CALLS("");
	fake_until(w, 2);
	CALLS("1.client end=close; 1.server end=close");
	GOT(DOWNSTREAM, "");
}
END_TEST

START_TEST(timeout_0_waits_to_be_lifted)
{
	struct fault *f = fake_arm(w, "timeout");

	SEND(DOWNSTREAM, "a");
	fake_until(w, 86400);
	CALLS("");
	fake_lift(w, f);
	SEND(DOWNSTREAM, "b");
	GOT(DOWNSTREAM, "86400.000:b");
}
END_TEST

START_TEST(timeout_ends_with_its_source)
{
	fake_arm(w, "timeout");
	SEND(DOWNSTREAM, "a");
	SEND(DOWNSTREAM, NULL);
	CALLS("1.client end=close; 1.server end=close");
}
END_TEST

START_TEST(timeout_updated)
{
	struct fault *f = fake_arm(w, "timeout timeout=1h");

	fake_until(w, 3);
	ck_assert(shape_update(f, "timeout timeout=5s"));
	fake_until(w, 4.999);
	CALLS("");
	fake_until(w, 5);
	CALLS("1.client end=close; 1.server end=close");
}
END_TEST

START_TEST(reset_peer_resets_the_idle)
{
	fake_arm(w, "reset_peer timeout=2s direction=both");
	fake_until(w, 1.999);
	CALLS("");
	fake_until(w, 3);
	CALLS("1.client end=abort; 1.server end=abort");
}
END_TEST

START_TEST(reset_peer_0_is_at_once)
{
	fake_arm(w, "reset_peer");
	fake_until(w, 0);
	CALLS("1.client end=abort; 1.server end=abort");
}
END_TEST

START_TEST(reset_peer_lifted_loses_nothing)
{
	struct fault *f = fake_arm(w, "reset_peer timeout=2s");

	SEND(DOWNSTREAM, "a");
	SEND(DOWNSTREAM, NULL);
	fake_until(w, 1);
	GOT(DOWNSTREAM, "");
	fake_lift(w, f);
	fake_until(w, 3);
	GOT(DOWNSTREAM, "1.000:a 1.000:FIN");
	CALLS("");
}
END_TEST

START_TEST(each_session_has_its_own_clock)
{
	fake_arm(w, "reset_peer timeout=2s");
	fake_until(w, 1);
	fake_open(door, "10.0.0.2");
	fake_until(w, 2.5);
	CALLS("1.client end=abort; 1.server end=abort");
	fake_until(w, 3);
	CALLS("2.client end=abort; 2.server end=abort");
}
END_TEST

#define ADD(test) tcase_add_test(c, test)

Suite *limit_suite(void)
{
	Suite *s = suite_create("limit");
	TCase *c = tcase_create("all");

	tcase_add_checked_fixture(c, shape_setup, shape_teardown);
	tcase_add_loop_test(c, limit_passes_exactly_so_many, 0, 4);
	ADD(limit_is_reached_by_its_last_byte);
	ADD(limit_0_lets_nothing_pass);
	ADD(limit_lets_an_earlier_end_pass);
	ADD(limit_lets_an_earlier_end_and_a_reset_pass);
	ADD(limit_waits_for_what_is_under_way);
	ADD(limit_waits_for_a_full_sink);
	ADD(limit_lifted_on_its_way_ends_nothing);
	ADD(limit_hang_lifted_loses_nothing);
	tcase_add_loop_test(c, limit_wakes_who_waited_for_its_strike, 0, 4);
	ADD(limit_update_keeps_the_count);
	ADD(limit_each_direction_by_itself);
	ADD(limit_needs_the_wire_for_silence_alone);
	ADD(limit_silence_tells_its_grade);
	ADD(strike_is_told);
	ADD(limit_counts_from_its_trigger);
	ADD(limit_only_of_the_nth);
	ADD(timeout_throws_away_and_closes);
	ADD(timeout_0_waits_to_be_lifted);
	ADD(timeout_ends_with_its_source);
	ADD(timeout_updated);
	ADD(reset_peer_resets_the_idle);
	ADD(reset_peer_0_is_at_once);
	ADD(reset_peer_lifted_loses_nothing);
	ADD(each_session_has_its_own_clock);
	suite_add_tcase(s, c);
	return s;
}
