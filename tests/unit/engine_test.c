/*
 * The engine: order, gates, windows, several faults at once. What it refuses and tells is in
 * tell_test.c, a random walk against a model in walk_test.c.
 */
#include "base/mono.h"
#include "fake_target.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *engine_suite(void);

static struct fake_world *w;

static void setup(void)
{
	w = fake_world_new();
	fake_door(w, "a", NULL);
	fake_door_add(&w->doors[0]);
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

/* --- the instant --- */

START_TEST(gates_then_silence_then_the_rest)
{
	fake_door(w, "b", NULL);
	fake_door_add(door(1));
	fake_open(door(0), "10.0.0.1");
	fake_open(door(1), "10.0.0.1");
	fake_arm(w, "power_loss");
	check_calls("a gate=silent; b gate=silent; "
		    "1.client silence=both; 2.client silence=both; "
		    "1 hold=both; 1.client bury; 2 hold=both; 2.client bury; "
		    "1.server end=abort; 2.server end=abort");
}
END_TEST

/* A host's proxies die at one instant, and nobody else's. */
START_TEST(a_host_dies_as_a_whole)
{
	fake_door(w, "b", "db");
	fake_door(w, "c", "db");
	fake_door_add(door(1));
	fake_door_add(door(2));
	for (int i = 0; i < 3; i++)
		fake_open(door(i), "10.0.0.1");
	fake_arm(w, "hang host=db");
	check_calls("b gate=hold; c gate=hold; 2 hold=both; 3 hold=both");
}
END_TEST

START_TEST(named_proxies_only)
{
	fake_door(w, "b", NULL);
	fake_door(w, "c", NULL);
	fake_door_add(door(1));
	fake_door_add(door(2));
	fake_arm(w, "hang proxy=a,c");
	check_calls("a gate=hold; c gate=hold");
	fake_open(door(1), "10.0.0.1");
	check_calls("");
}
END_TEST

/* What waits in the accept queue is accepted behind the silence, and struck. */
START_TEST(queued_connections_are_struck)
{
	door(0)->queued = 2;
	fake_arm(w, "power_loss");
	check_calls("a gate=silent; "
		    "1.client silence=both; 1 hold=both; 1.client bury; 1.server end=abort; "
		    "2.client silence=both; 2 hold=both; 2.client bury; 2.server end=abort");
	ck_assert_int_eq(engine_find(&w->engine, "f1")->sessions, 2);
}
END_TEST

START_TEST(delay_and_duration_are_exact)
{
	fake_arm(w, "hang delay=5s duration=30s");
	ck_assert_int_eq(engine_deadline(&w->engine), FAKE_START + 5 * NS_PER_S);
	engine_tick(&w->engine, FAKE_START + 5 * NS_PER_S - 1);
	check_calls("");
	engine_tick(&w->engine, FAKE_START + 5 * NS_PER_S);
	check_calls("a gate=hold");
	ck_assert_int_eq(engine_deadline(&w->engine), FAKE_START + 35 * NS_PER_S);
	engine_tick(&w->engine, FAKE_START + 35 * NS_PER_S);
	check_calls("a gate=open");
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
}
END_TEST

/* A host whose outage shall be longer does not boot meanwhile. */
START_TEST(another_duration_strikes_nobody)
{
	struct fault *f;

	fake_open(door(0), "10.0.0.1");
	f = fake_arm(w, "power_loss duration=30s");
	fake_calls(w);
	fake_until(w, 10);
	ck_assert(fake_update(w, f, "power_loss duration=1m"));
	ck_assert_int_eq(engine_deadline(&w->engine), w->engine.observe_due_ns);
	fake_until(w, 59);
	check_calls("");
	ck_assert(fake_update(w, f, "power_loss"));
	fake_until(w, 100);
	check_calls("");
	ck_assert(fake_update(w, f, "power_loss duration=20s"));
	fake_until(w, 101);
	check_calls("1.client end=vanish; 1.server end=abort; 1.client silence=none; a gate=open");
	ck_assert_int_eq(fake_event_count(w, EVENT_FAULT_UPDATED), 3);
	ck_assert_int_eq(fake_event_count(w, EVENT_FAULT_LIFTED), 1);
}
END_TEST

START_TEST(another_duration_while_it_waits)
{
	struct fault *f = fake_arm(w, "hang delay=5s duration=30s");

	ck_assert(fake_update(w, f, "hang delay=5s duration=1s"));
	fake_until(w, 5.5);
	check_calls("a gate=hold");
	fake_until(w, 7);
	check_calls("a gate=open");
}
END_TEST

/* What strikes anew is armed anew. */
START_TEST(more_than_the_duration_arms_anew)
{
	struct fault *f = fake_arm(w, "hang duration=30s"), *g, *over;

	ck_assert(!fake_update(w, f, "hang duration=1m side=client"));
	ck_assert(!fake_update(w, f, "hang duration=1m delay=1s"));
	ck_assert(!fake_update(w, f, "hang duration=1m toxicity=50%"));
	ck_assert(!fake_update(w, f, "syn_drop duration=1m"));
	g = fake_arm(w, "hang duration=30s after_bytes=5");
	ck_assert(!fake_update(w, g, "hang duration=1m after_bytes=5"));
	over = fake_arm(w, "reset duration=1s");
	ck_assert(!fake_update(w, over, "reset"));
	fake_until(w, 2);
	ck_assert(!fake_update(w, over, "reset duration=5s"));
	f = fake_arm(w, "flap duration=1m");
	ck_assert(!fake_update(w, f, "flap duration=2m"));
}
END_TEST

START_TEST(lifted_while_it_waits)
{
	struct fault *f = fake_arm(w, "power_loss delay=5s");

	fake_open(door(0), "10.0.0.1");
	fake_lift(w, f);
	fake_until(w, 100);
	check_calls("");
	ck_assert_ptr_null(engine_find(&w->engine, "f1"));
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
}
END_TEST

START_TEST(lifted_early)
{
	struct fault *f = fake_arm(w, "hang duration=30s");

	fake_until(w, 5);
	fake_calls(w);
	fake_lift(w, f);
	check_calls("a gate=open");
	fake_until(w, 100);
	check_calls("");
}
END_TEST

/* The service comes up no later because the reboot is lifted within its tail. */
START_TEST(lifted_while_booting)
{
	struct fault *f = fake_arm(w, "reboot down=10s service_delay=1m");

	fake_until(w, 20);
	fake_calls(w);
	ck_assert_int_eq(f->state, FAULT_TAIL);
	fake_lift(w, f);
	check_calls("a gate=open");
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_LIFTED), 1);
}
END_TEST

START_TEST(lifted_when_it_is_over)
{
	struct fault *f = fake_arm(w, "hang duration=1s");

	fake_until(w, 2);
	fake_calls(w);
	ck_assert_int_eq(f->state, FAULT_OVER);
	fake_lift(w, f);
	check_calls("");
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_LIFTED), 1);
}
END_TEST

/* --- gates --- */

START_TEST(a_door_that_comes_later_is_told)
{
	fake_arm(w, "power_loss");
	fake_arm(w, "syn_drop clients=10.1.0.0/16");
	fake_calls(w);
	fake_door(w, "b", NULL);
	fake_door_add(door(1));
	check_calls("b gate=silent; b range 10.1.0.0/16 silent");
	fake_open(door(1), "10.0.0.1");
	check_calls("1.client silence=both; 1 hold=both; 1.client bury; 1.server end=abort");
}
END_TEST

/* A real door is bound, not listening, until it is told; so it is told to open, too. */
START_TEST(a_door_may_come_refusing)
{
	fake_door(w, "b", NULL);
	door(1)->door.gate = GATE_REFUSE;
	fake_door_add(door(1));
	check_calls("b gate=open");
	fake_door(w, "c", NULL);
	fake_arm(w, "process_crash proxy=c");
	door(2)->door.gate = GATE_REFUSE;
	fake_door_add(door(2));
	check_calls("");
}
END_TEST

START_TEST(the_strongest_gate_wins)
{
	static const char *const texts[] = { "hang", "process_crash", "power_loss" };
	static const char *const gates[] = { "open", "hold", "refuse", "silent" };

	for (int order = 0; order < 6; order++) { /* all orders of arming; lifted strongest first */
		static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
			{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
		struct fault *f[3];
		int strongest = 0;
		char text[64];

		for (int i = 0; i < 3; i++) {
			int which = orders[order][i];

			f[which] = fake_arm(w, texts[which]);
			if (which + 1 > strongest) {
				strongest = which + 1;
				snprintf(text, sizeof(text), "a gate=%s", gates[strongest]);
				check_calls(text);
			} else {
				check_calls("");
			}
		}
		for (int i = 3; i-- > 0;) {
			fake_lift(w, f[i]);
			snprintf(text, sizeof(text), "a gate=%s", gates[i]);
			check_calls(text);
		}
	}
}
END_TEST

START_TEST(no_gate_with_toxicity_or_triggers)
{
	static const char *const texts[] = { "power_loss toxicity=0.99", "reboot nth=3",
		"process_crash first=3", "hang every=3", "partition after_bytes=1",
		"power_loss after_idle=1h", "reboot toxicity=0 down=1s service_delay=1s" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		fake_arm(w, texts[i]);
	fake_until(w, 10);
	check_calls("");
}
END_TEST

/* Of one range only silence can be told; the gate stays open for all others. */
START_TEST(clients_meet_a_silent_range)
{
	struct fault *f = fake_arm(w, "power_loss clients=10.1.0.0/16");

	check_calls("a range 10.1.0.0/16 silent");
	fake_open(door(0), "10.2.0.1");
	check_calls("");
	fake_open(door(0), "10.1.2.3");
	check_calls("2.client silence=both; 2 hold=both; 2.client bury; 2.server end=abort");
	fake_lift(w, f);
	check_calls("2.client end=vanish; 2.server end=abort; 2.client silence=none; "
		    "a range 10.1.0.0/16 speaks");
}
END_TEST

START_TEST(a_range_speaks_when_the_last_fault_lets_it)
{
	struct fault *f = fake_arm(w, "syn_drop clients=10.1.0.0/16"), *g, *h;

	check_calls("a range 10.1.0.0/16 silent");
	h = fake_arm(w, "syn_drop clients=10.2.0.0/16");
	check_calls("a range 10.2.0.0/16 silent");
	g = fake_arm(w, "power_loss clients=10.1.0.0/16");
	fake_calls(w);
	fake_lift(w, f);
	check_calls("");
	fake_lift(w, g);
	check_calls("a range 10.1.0.0/16 speaks");
	fake_lift(w, h);
	check_calls("a range 10.2.0.0/16 speaks");
}
END_TEST

/* Gates that a range cannot have: its sessions are struck once they are accepted. */
START_TEST(no_range_where_nothing_is_silent)
{
	struct fault *f = fake_arm(w, "process_crash clients=10.1.0.0/16"), *g;

	g = fake_arm(w, "hang clients=10.1.0.0/16");
	fake_arm(w, "power_loss side=client clients=10.1.0.0/16");
	check_calls("");
	fake_lift(w, f);
	fake_lift(w, g);
	check_calls("");
}
END_TEST

START_TEST(reboots_range_speaks_in_its_tail)
{
	fake_arm(w, "reboot down=10s service_delay=5s clients=10.1.0.0/16");
	check_calls("a range 10.1.0.0/16 silent");
	fake_until(w, 10);
	check_calls("a range 10.1.0.0/16 speaks");
	fake_until(w, 100);
	check_calls("");
}
END_TEST

START_TEST(a_dead_client_is_refused)
{
	fake_arm(w, "power_loss side=client duration=5s");
	check_calls("a gate=refuse");
	fake_until(w, 5);
	check_calls("a gate=open");
}
END_TEST

START_TEST(a_removed_door_is_forgotten)
{
	fake_door(w, "b", NULL);
	fake_door_add(door(1));
	struct fault *f = fake_arm(w, "hang");

	fake_calls(w);
	engine_door_remove(&w->engine, &door(1)->door);
	door(1)->door.in_engine.tqe_prev = NULL;
	fake_lift(w, f);
	check_calls("a gate=open");
}
END_TEST

/* Its host changes: the gate and the ranges of the faults that cover it now. */
START_TEST(a_door_that_changes_its_host)
{
	struct proxy_spec *spec = config_find_proxy(w->config, "a");

	config_add_host(w->config, "one");
	config_add_host(w->config, "two");
	spec->host = strdup("one");
	fake_arm(w, "hang host=one");
	fake_arm(w, "syn_drop host=one clients=10.1.0.0/16");
	fake_arm(w, "process_crash host=two");
	fake_arm(w, "syn_drop host=two clients=10.2.0.0/16");
	check_calls("a gate=hold; a range 10.1.0.0/16 silent");
	memcpy(spec->host, "two", 3);
	engine_door_changed(&w->engine, &door(0)->door);
	check_calls("a gate=refuse; a range 10.1.0.0/16 speaks; a range 10.2.0.0/16 silent");
	while (!TAILQ_EMPTY(&w->engine.faults))
		fake_lift(w, TAILQ_FIRST(&w->engine.faults));
	check_calls("a gate=open; a range 10.2.0.0/16 speaks");
}
END_TEST

/* --- several at once: the table in faults/fault.h --- */

START_TEST(silence_is_the_union)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1");
	struct fault *up = fake_arm(w, "partition direction=upstream after_bytes=1"), *down;

	down = fake_arm(w, "partition direction=downstream after_bytes=2");
	fake_carry(t, FLOW_DOWNSTREAM, 1);
	check_calls("1.client silence=in; 1.server silence=out; 1 hold=up");
	fake_carry(t, FLOW_DOWNSTREAM, 1);
	check_calls("1.client silence=both; 1.server silence=both; 1 hold=both");
	fake_lift(w, up);
	check_calls("1.client silence=out; 1.server silence=in; 1 hold=down");
	fake_lift(w, down);
	check_calls("1.client silence=none; 1.server silence=none; 1 hold=none");
}
END_TEST

START_TEST(one_lifts_while_another_still_silences)
{
	struct fault *a, *b;

	fake_open(door(0), "10.0.0.1");
	a = fake_arm(w, "partition");
	b = fake_arm(w, "hang");
	fake_calls(w);
	fake_lift(w, a);
	check_calls("1.client silence=none; 1.server silence=none; 1 hold=both; a gate=hold");
	a = fake_arm(w, "partition");
	fake_calls(w);
	fake_lift(w, b);
	check_calls("1 hold=both");
	fake_lift(w, a);
	check_calls("1.client silence=none; 1.server silence=none; 1 hold=none; a gate=open");
}
END_TEST

/* The power comes back behind a partition: that is heard once the path is whole again. */
START_TEST(a_boot_behind_a_partition)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1");
	struct fault *power = fake_arm(w, "power_loss"), *cut = fake_arm(w, "partition");

	fake_calls(w);
	fake_lift(w, power);
	check_calls("1.client end=vanish; 1.server end=abort; 1 hold=both");
	ck_assert_uint_eq(t->silent[LEG_CLIENT], WIRE_BOTH);
	ck_assert_int_eq(t->ended[LEG_CLIENT], 1 + ENDING_VANISH);
	fake_lift(w, cut);
	check_calls("1.client silence=none; 1.server silence=none; a gate=open");
	ck_assert(t->target.over);
}
END_TEST

START_TEST(two_power_losses)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1");
	struct fault *first = fake_arm(w, "power_loss"), *second = fake_arm(w, "power_loss");

	fake_calls(w);
	fake_lift(w, first);
	ck_assert_uint_eq(t->silent[LEG_CLIENT], WIRE_BOTH);
	ck_assert(!t->target.over);
	fake_lift(w, second);
	ck_assert(t->target.over);
}
END_TEST

/* kill -9 needs no running process: it acts through a hang; what is said into silence waits. */
START_TEST(sudden_ends_act_through_hang_and_silence)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1");
	struct fault *cut;

	fake_arm(w, "hang");
	cut = fake_arm(w, "partition");
	fake_arm(w, "process_crash other=close");
	ck_assert_int_eq(t->ended[LEG_CLIENT], 1 + ENDING_CLOSE);
	ck_assert_int_eq(t->ended[LEG_SERVER], 1 + ENDING_CLOSE);
	ck_assert(!t->target.over);
	fake_lift(w, cut);
	ck_assert(t->target.over);
}
END_TEST

START_TEST(instants_strike_what_is_open_then)
{
	struct fault *f = fake_arm(w, "reset delay=1s");
	struct fake_target *t = fake_open(door(0), "10.0.0.1");

	fake_until(w, 1);
	ck_assert(t->target.over);
	ck_assert_int_eq(f->state, FAULT_OVER);
	fake_calls(w);
	fake_open(door(0), "10.0.0.1");
	check_calls("");
}
END_TEST

START_TEST(instants_with_duration_strike_newcomers)
{
	struct fault *f = fake_arm(w, "reset duration=2s");

	fake_until(w, 1.9);
	fake_open(door(0), "10.0.0.1");
	check_calls("1.client end=abort");
	fake_until(w, 2);
	ck_assert_int_eq(f->state, FAULT_OVER);
	fake_open(door(0), "10.0.0.1");
	check_calls("");
}
END_TEST

START_TEST(closed_while_struck)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1");
	struct fault *f = fake_arm(w, "partition after_idle=1s duration=10s");

	fake_until(w, 2);
	fake_calls(w);
	fake_close(t);
	ck_assert(TAILQ_EMPTY(&f->runs));
	fake_until(w, 30);
	fake_lift(w, f);
	check_calls("");
}
END_TEST

START_TEST(closed_while_pending)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1");
	struct fault *f = fake_arm(w, "partition after_idle=10s");

	fake_until(w, 2);
	fake_close(t);
	fake_until(w, 30);
	fake_lift(w, f);
	check_calls("");
}
END_TEST

/* It has ended, but nobody has freed it yet: the fake fails on any call. */
START_TEST(what_is_over_is_left_alone)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1"), *u;

	fake_arm(w, "reset after_idle=1s");
	fake_arm(w, "reset after_bytes=1 delay=1s");
	fake_arm(w, "power_loss delay=1s");
	fake_arm(w, "power_loss after_idle=2s");
	u = fake_open(door(0), "10.0.0.1");
	t->target.over = u->target.over = true;
	fake_until(w, 10);
	check_calls("a gate=silent");
	ck_assert_uint_eq(fake_event_int(w, EVENT_FAULT_FIRED, "sessions"), 0);
}
END_TEST

START_TEST(a_leg_that_connects_later_is_silenced)
{
	struct fake_target *t = fake_dialing(door(0), "10.0.0.1");
	struct fault *f = fake_arm(w, "partition");

	check_calls("a gate=silent; 1.client silence=both; 1 hold=both");
	fake_connected(t);
	check_calls("1.server silence=both");
	fake_lift(w, f);
	check_calls("1.client silence=none; 1.server silence=none; 1 hold=none; a gate=open");
}
END_TEST

Suite *engine_suite(void)
{
	Suite *s = suite_create("engine");
	TCase *c = tcase_create("engine");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, gates_then_silence_then_the_rest);
	tcase_add_test(c, a_host_dies_as_a_whole);
	tcase_add_test(c, named_proxies_only);
	tcase_add_test(c, queued_connections_are_struck);
	tcase_add_test(c, delay_and_duration_are_exact);
	tcase_add_test(c, another_duration_strikes_nobody);
	tcase_add_test(c, another_duration_while_it_waits);
	tcase_add_test(c, more_than_the_duration_arms_anew);
	tcase_add_test(c, lifted_while_it_waits);
	tcase_add_test(c, lifted_early);
	tcase_add_test(c, lifted_while_booting);
	tcase_add_test(c, lifted_when_it_is_over);
	tcase_add_test(c, a_door_that_comes_later_is_told);
	tcase_add_test(c, a_door_may_come_refusing);
	tcase_add_test(c, the_strongest_gate_wins);
	tcase_add_test(c, no_gate_with_toxicity_or_triggers);
	tcase_add_test(c, clients_meet_a_silent_range);
	tcase_add_test(c, a_range_speaks_when_the_last_fault_lets_it);
	tcase_add_test(c, no_range_where_nothing_is_silent);
	tcase_add_test(c, reboots_range_speaks_in_its_tail);
	tcase_add_test(c, a_dead_client_is_refused);
	tcase_add_test(c, a_removed_door_is_forgotten);
	tcase_add_test(c, a_door_that_changes_its_host);
	tcase_add_test(c, silence_is_the_union);
	tcase_add_test(c, one_lifts_while_another_still_silences);
	tcase_add_test(c, a_boot_behind_a_partition);
	tcase_add_test(c, two_power_losses);
	tcase_add_test(c, sudden_ends_act_through_hang_and_silence);
	tcase_add_test(c, instants_strike_what_is_open_then);
	tcase_add_test(c, instants_with_duration_strike_newcomers);
	tcase_add_test(c, closed_while_struck);
	tcase_add_test(c, closed_while_pending);
	tcase_add_test(c, what_is_over_is_left_alone);
	tcase_add_test(c, a_leg_that_connects_later_is_silenced);
	suite_add_tcase(s, c);
	return s;
}
