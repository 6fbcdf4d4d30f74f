/* Before there is a session: max_connections, accept_queue_full, connect_delay. */
#include "base/mono.h"
#include "fake_target.h"
#include "faults/catalogue.h"
#include <check.h>
#include <string.h>

Suite *gates_suite(void);

static struct fake_world *w;

static void setup(void)
{
	w = fake_world_new();
	fake_door(w, "a", NULL);
	fake_door(w, "b", NULL);
	fake_door_add(&w->doors[0]);
	fake_door_add(&w->doors[1]);
}

static void teardown(void)
{
	fake_world_free(w);
}

static struct fake_door *door(unsigned i)
{
	return &w->doors[i];
}

static void check_calls(const char *expected)
{
	ck_assert_str_eq(fake_calls(w), expected);
}

/* One round of the loop: the time stands still. */
static void tick(void)
{
	engine_tick(&w->engine, w->now_ns);
}

/* --- max_connections --- */

START_TEST(the_door_closes_when_the_last_place_is_taken)
{
	struct fake_target *first;

	fake_arm(w, "max_connections limit=2");
	first = fake_open(door(0), "10.0.0.1");
	tick();
	check_calls("");
	fake_open(door(0), "10.0.0.1");
	check_calls(""); /* never within the accept loop */
	ck_assert_int_eq(engine_deadline(&w->engine), 0);
	tick();
	check_calls("a gate=refuse");
	ck_assert_int_gt(engine_deadline(&w->engine), w->now_ns);
	fake_close(first);
	check_calls("");
	tick();
	check_calls("a gate=open");
	ck_assert_str_eq(fake_event_text(w, EVENT_PROXY_GATE, "new"), "open");
}
END_TEST

START_TEST(each_proxy_has_its_own_limit)
{
	fake_arm(w, "max_connections limit=1");
	fake_open(door(0), "10.0.0.1");
	tick();
	check_calls("a gate=refuse");
	fake_open(door(1), "10.0.0.1");
	tick();
	check_calls("b gate=refuse");
}
END_TEST

START_TEST(others_are_not_counted)
{
	fake_arm(w, "max_connections limit=1 proxy=b");
	fake_open(door(0), "10.0.0.1");
	ck_assert_int_ne(engine_deadline(&w->engine), 0);
	tick();
	check_calls("");
}
END_TEST

/* Who was open before is left in peace, and counted. */
START_TEST(it_closes_as_it_is_armed)
{
	struct fault *f;

	for (int i = 0; i < 3; i++)
		fake_open(door(0), "10.0.0.1");
	f = fake_arm(w, "max_connections limit=2");
	check_calls("a gate=refuse");
	ck_assert_uint_eq(f->sessions, 0);
	fake_lift(w, f);
	check_calls("a gate=open");
	fake_open(door(0), "10.0.0.1");
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
}
END_TEST

/* A session that has ended makes room, even if it is not freed for long. */
START_TEST(a_relic_does_not_count)
{
	struct fake_target *t;

	fake_arm(w, "max_connections limit=1");
	t = fake_open(door(0), "10.0.0.1");
	tick();
	fake_calls(w);
	engine_session_done(&w->engine, &t->target);
	engine_session_done(&w->engine, &t->target);
	ck_assert_uint_eq(door(0)->door.open, 0);
	tick();
	check_calls("a gate=open");
	fake_close(t);
	ck_assert_uint_eq(door(0)->door.open, 0);
}
END_TEST

START_TEST(a_race_is_lost_by_rst)
{
	fake_arm(w, "max_connections limit=1");
	fake_open(door(0), "10.0.0.1");
	fake_open(door(0), "10.0.0.1");
	check_calls("2.client end=abort");
	fake_open(door(0), "10.0.0.1"); /* there is still only room for one */
	check_calls("3.client end=abort");
	ck_assert_uint_eq(door(0)->door.open, 1);
	tick();
	check_calls("a gate=refuse");
	ck_assert_uint_eq(engine_find(&w->engine, "f1")->sessions, 2);
}
END_TEST

START_TEST(silent_drops_syns_and_who_was_queued)
{
	struct fault *f = fake_arm(w, "max_connections limit=1 mode=silent");
	struct fake_target *first = fake_open(door(0), "10.0.0.1");

	door(0)->queued = 1;
	tick();
	check_calls("a gate=silent; 2.client silence=both; 2 hold=both; 2.client bury; "
		    "2.server end=abort");
	tick();
	door(0)->drops = 3;
	fake_until(w, 1);
	ck_assert_int_eq(fake_event_int(w, EVENT_SEGMENTS_DROPPED, "segments"), 3);
	ck_assert_uint_eq(f->segments, 3);
	fake_close(first);
	tick();
	check_calls("a gate=open");
	fake_lift(w, f);
	check_calls("2.client end=vanish; 2.server end=abort; 2.client silence=none");
}
END_TEST

START_TEST(another_gate_may_be_stronger)
{
	struct fake_target *t;
	struct fault *loss;

	fake_arm(w, "max_connections limit=1 proxy=a");
	t = fake_open(door(0), "10.0.0.1");
	tick();
	fake_calls(w);
	loss = fake_arm(w, "syn_drop proxy=a");
	check_calls("a gate=silent");
	fake_close(t);
	tick();
	check_calls("");
	fake_lift(w, loss);
	check_calls("a gate=open");
}
END_TEST

START_TEST(a_limit_needs_a_wire_only_to_be_silent)
{
	const struct fault_spec *rst = fake_spec(w, "max_connections limit=3");
	const struct fault_spec *silent = fake_spec(w, "max_connections mode=silent");
	char why[256];

	door(0)->door.family[LEG_CLIENT] = AF_UNIX;
	ck_assert_ptr_null(engine_refuses(&w->engine, rst, &door(0)->door, why, sizeof(why)));
	ck_assert_ptr_nonnull(engine_refuses(&w->engine, silent, &door(0)->door, why, sizeof(why)));
	for (int f = 0; f < WIRE_FAMILIES; f++)
		w->wire.powers[f] = 0;
	ck_assert_ptr_null(engine_refuses(&w->engine, rst, &door(1)->door, why, sizeof(why)));
	ck_assert_ptr_nonnull(engine_refuses(&w->engine, silent, &door(1)->door, why, sizeof(why)));
	fake_arm(w, "max_connections");
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_ARMED, "grade"), "exact");
}
END_TEST

/* --- accept_queue_full --- */

START_TEST(the_queue_is_full_and_then_not)
{
	struct fault *f;

	fake_open(door(0), "10.0.0.1");
	f = fake_arm(w, "accept_queue_full room=3 proxy=a");
	check_calls("a gate=full room=3");
	ck_assert_str_eq(fake_event_text(w, EVENT_PROXY_GATE, "new"), "full");
	fake_lift(w, f);
	check_calls("a gate=open");
}
END_TEST

START_TEST(the_smallest_room_wins)
{
	struct fault *small;

	fake_arm(w, "accept_queue_full room=3 proxy=a");
	small = fake_arm(w, "accept_queue_full proxy=a");
	check_calls("a gate=full room=3; a gate=full room=0");
	fake_arm(w, "accept_queue_full room=7 proxy=a");
	check_calls("");
	fake_lift(w, small);
	check_calls("a gate=full room=3");
}
END_TEST

START_TEST(full_is_between_hold_and_refuse)
{
	struct fault *full, *crash;

	fake_arm(w, "hang proxy=a");
	full = fake_arm(w, "accept_queue_full proxy=a");
	crash = fake_arm(w, "process_crash proxy=a");
	check_calls("a gate=hold; a gate=full room=0; a gate=refuse");
	fake_lift(w, crash);
	check_calls("a gate=full room=0");
	fake_lift(w, full);
	check_calls("a gate=hold");
}
END_TEST

START_TEST(a_queue_that_could_not_be_filled_is_not_exact)
{
	door(0)->grade = GRADE_PARTIAL;
	fake_arm(w, "accept_queue_full proxy=a duration=1s");
	fake_until(w, 2);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_LIFTED, "grade"), "partial");
}
END_TEST

/* --- connect_delay --- */

START_TEST(the_dial_waits_for_its_time)
{
	fake_open(door(0), "10.0.0.1");
	fake_arm(w, "connect_delay hold=2s");
	check_calls(""); /* open sessions are not touched */
	fake_until(w, 1);
	fake_dialing(door(0), "10.0.0.1");
	check_calls("2 dial=no");
	ck_assert_int_eq(engine_deadline(&w->engine), FAKE_START + 3 * NS_PER_S);
	fake_until(w, 2.999);
	check_calls("");
	fake_until(w, 3);
	check_calls("2 dial=yes");
	fake_until(w, 100);
	check_calls("");
}
END_TEST

START_TEST(another_time_holds_for_those_who_wait)
{
	struct fault *f = fake_arm(w, "connect_delay hold=1h");

	fake_dialing(door(0), "10.0.0.1");
	fake_until(w, 1);
	fake_dialing(door(0), "10.0.0.1");
	check_calls("1 dial=no; 2 dial=no");
	ck_assert(fake_update(w, f, "connect_delay hold=0"));
	fake_until(w, 7200);
	check_calls("1 dial=no; 2 dial=no");
	ck_assert(fake_update(w, f, "connect_delay hold=7200s"));
	fake_until(w, 7200.5);
	check_calls("1 dial=no; 2 dial=no; 1 dial=yes");
	fake_until(w, 7201);
	check_calls("2 dial=yes");
	ck_assert(fake_update(w, f, "connect_delay hold=1s toxicity=50%"));
	fake_until(w, 8000);
	check_calls(""); /* who is open is not dialled again */
}
END_TEST

START_TEST(without_a_time_it_waits_for_the_end)
{
	struct fault *f = fake_arm(w, "connect_delay");

	fake_dialing(door(0), "10.0.0.1");
	fake_until(w, 1000);
	check_calls("1 dial=no");
	fake_lift(w, f);
	check_calls("1 dial=yes");
}
END_TEST

START_TEST(the_end_of_the_fault_is_the_end_of_the_wait)
{
	fake_arm(w, "connect_delay hold=1h duration=5s");
	fake_dialing(door(0), "10.0.0.1");
	fake_until(w, 5);
	check_calls("1 dial=no; 1 dial=yes");
	fake_dialing(door(0), "10.0.0.1");
	check_calls("");
}
END_TEST

START_TEST(the_latest_time_wins)
{
	fake_arm(w, "connect_delay hold=3s");
	fake_arm(w, "connect_delay hold=1s");
	fake_dialing(door(0), "10.0.0.1");
	ck_assert(((struct fake_target *)TAILQ_FIRST(&door(0)->door.targets))->undialled);
	fake_until(w, 2.9);
	ck_assert(((struct fake_target *)TAILQ_FIRST(&door(0)->door.targets))->undialled);
	fake_until(w, 3);
	ck_assert(!((struct fake_target *)TAILQ_FIRST(&door(0)->door.targets))->undialled);
}
END_TEST

START_TEST(some_sessions_only)
{
	fake_arm(w, "connect_delay nth=2 hold=1s proxy=a");
	fake_arm(w, "connect_delay clients=10.9.0.0/16 hold=5s duration=2s first=1 proxy=b");
	fake_dialing(door(0), "10.0.0.1");
	fake_dialing(door(0), "10.0.0.1");
	check_calls("2 dial=no");
	fake_until(w, 1);
	check_calls("2 dial=yes");
	fake_dialing(door(1), "10.9.0.1");
	check_calls("3 dial=no");
	fake_until(w, 3); /* its own window: the shorter of hold and duration */
	check_calls("3 dial=yes");
	fake_dialing(door(1), "10.9.0.1");
	check_calls("");
}
END_TEST

START_TEST(who_ends_meanwhile_is_not_dialled_for)
{
	struct fault *f = fake_arm(w, "connect_delay hold=5s");
	struct fake_target *t = fake_dialing(door(0), "10.0.0.1");

	fake_arm(w, "reset");
	check_calls("1 dial=no; 1.client end=abort");
	ck_assert(t->target.over);
	fake_until(w, 10);
	fake_dialing(door(0), "10.0.0.1");
	fake_close(t);
	fake_close((struct fake_target *)TAILQ_FIRST(&door(0)->door.targets));
	fake_lift(w, f);
	check_calls("2 dial=no");
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
}
END_TEST

Suite *gates_suite(void)
{
	Suite *s = suite_create("gates");
	TCase *c = tcase_create("max_connections");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, the_door_closes_when_the_last_place_is_taken);
	tcase_add_test(c, each_proxy_has_its_own_limit);
	tcase_add_test(c, others_are_not_counted);
	tcase_add_test(c, it_closes_as_it_is_armed);
	tcase_add_test(c, a_relic_does_not_count);
	tcase_add_test(c, a_race_is_lost_by_rst);
	tcase_add_test(c, silent_drops_syns_and_who_was_queued);
	tcase_add_test(c, another_gate_may_be_stronger);
	tcase_add_test(c, a_limit_needs_a_wire_only_to_be_silent);
	suite_add_tcase(s, c);
	c = tcase_create("accept_queue_full");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, the_queue_is_full_and_then_not);
	tcase_add_test(c, the_smallest_room_wins);
	tcase_add_test(c, full_is_between_hold_and_refuse);
	tcase_add_test(c, a_queue_that_could_not_be_filled_is_not_exact);
	suite_add_tcase(s, c);
	c = tcase_create("connect_delay");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, the_dial_waits_for_its_time);
	tcase_add_test(c, another_time_holds_for_those_who_wait);
	tcase_add_test(c, without_a_time_it_waits_for_the_end);
	tcase_add_test(c, the_end_of_the_fault_is_the_end_of_the_wait);
	tcase_add_test(c, the_latest_time_wins);
	tcase_add_test(c, some_sessions_only);
	tcase_add_test(c, who_ends_meanwhile_is_not_dialled_for);
	suite_add_tcase(s, c);
	return s;
}
