/*
 * The engine: order, gates, windows, several faults at once, what the timeline hears; and a random
 * walk against a model that is nothing but the definitions.
 */
#include "base/mono.h"
#include "base/rng.h"
#include "fake_target.h"
#include "faults/catalogue.h"
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
		    "1 hold=both; 1.client bury; 1.server end=abort; "
		    "2 hold=both; 2.client bury; 2.server end=abort");
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

/* --- what is refused --- */

static const char *refused(const char *text)
{
	static char buf[256];

	return engine_refuses(&w->engine, fake_spec(w, text), &door(0)->door, buf, sizeof(buf));
}

START_TEST(unix_legs_are_refused)
{
	door(0)->door.family[LEG_SERVER] = AF_UNIX;
	ck_assert_ptr_null(refused("power_loss"));
	ck_assert_ptr_null(refused("hang side=both"));
	ck_assert_str_eq(refused("power_loss side=client"),
	    "proxy a has as its upstream a Unix socket, where nothing can be silent");
	ck_assert_ptr_nonnull(refused("partition"));
	ck_assert_ptr_nonnull(refused("reboot side=both"));
	door(0)->door.family[LEG_SERVER] = AF_INET;
	door(0)->door.family[LEG_CLIENT] = AF_UNIX;
	ck_assert_str_eq(
	    refused("syn_drop"), "proxy a listens on a Unix socket, where nothing can be silent");
	ck_assert_ptr_null(refused("refuse"));
	ck_assert_ptr_null(refused("power_loss side=client"));
}
END_TEST

START_TEST(other_proxies_do_not_matter)
{
	fake_door(w, "b", NULL);
	door(0)->door.family[LEG_CLIENT] = AF_UNIX;
	ck_assert_ptr_null(refused("power_loss proxy=b"));
}
END_TEST

START_TEST(without_powers_it_is_refused)
{
	w->wire.powers[WIRE_V4] = 0;
	ck_assert_str_eq(refused("power_loss"),
	    "power_loss: no way to silence an IPv4 socket works here (see deadpeer doctor)");
	ck_assert_ptr_nonnull(refused("syn_drop"));
	ck_assert_ptr_nonnull(refused("partition"));
	ck_assert_ptr_null(refused("process_crash"));
	ck_assert_ptr_null(refused("hang"));
	ck_assert_ptr_null(refused("reset"));
	door(0)->door.family[LEG_CLIENT] = AF_INET6;
	ck_assert_ptr_null(refused("power_loss"));
	door(0)->door.family[LEG_CLIENT] = AF_UNSPEC; /* to be resolved: IPv4 then */
	ck_assert_ptr_nonnull(refused("power_loss"));
}
END_TEST

/* A one-way cut is deaf on one leg and mute on the other, which needs no power: both are asked. */
START_TEST(each_leg_is_asked_for_its_own_cut)
{
	w->wire.powers[WIRE_V4] = 0;
	ck_assert_ptr_nonnull(refused("partition direction=upstream"));
	ck_assert_ptr_nonnull(refused("partition direction=downstream"));
	w->wire.powers[WIRE_V4] = WIRE_MINTTL;
	ck_assert_ptr_null(refused("partition direction=upstream"));
	ck_assert_ptr_null(refused("partition direction=downstream"));
}
END_TEST

/* --- grades --- */

START_TEST(the_grade_is_promised_and_then_measured)
{
	struct fault *f;

	w->wire.powers[WIRE_V4] = WIRE_SIGNATURE | WIRE_MINTTL;
	f = fake_arm(w, "power_loss delay=1s");
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_ARMED, "grade"), "equivalent");
	fake_until(w, 1);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_ACTIVE, "grade"), "equivalent");
	door(0)->grade = GRADE_PARTIAL;
	fake_lift(w, f);
	f = fake_arm(w, "syn_drop");
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_FIRED, "grade"), "partial");
	fake_lift(w, f);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_LIFTED, "grade"), "partial");
	f = fake_arm(w, "syn_drop clients=10.0.0.0/8");
	ck_assert_int_eq(f->grade, GRADE_PARTIAL);
}
END_TEST

/* Before there is a door, the best that any family can; then what its own can. */
START_TEST(a_fault_before_its_door)
{
	struct fault *f;

	w->wire.powers[WIRE_V6] = WIRE_SIGNATURE;
	fake_door(w, "b", NULL);
	f = fake_arm(w, "power_loss proxy=b");
	ck_assert_int_eq(f->grade, GRADE_EXACT);
	door(1)->door.family[LEG_CLIENT] = AF_INET6;
	fake_door_add(door(1));
	ck_assert_int_eq(f->grade, GRADE_EQUIVALENT);
}
END_TEST

START_TEST(the_worst_strike_is_the_grade)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1"), *u = fake_open(door(0), "10.0.0.1");
	struct fault *f;

	t->grade[LEG_CLIENT] = t->bury_grade[LEG_CLIENT] = GRADE_EQUIVALENT;
	u->grade[LEG_CLIENT] = GRADE_PARTIAL; /* and its burial makes it exact */
	f = fake_arm(w, "power_loss");
	ck_assert_int_eq(f->grade, GRADE_EQUIVALENT);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_FIRED, "grade"), "equivalent");
}
END_TEST

START_TEST(the_worse_leg_is_the_grade)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1");
	struct fault *f;

	t->grade[LEG_CLIENT] = t->bury_grade[LEG_CLIENT] = GRADE_PARTIAL;
	f = fake_arm(w, "power_loss side=both");
	ck_assert_int_eq(f->grade, GRADE_PARTIAL);
}
END_TEST

START_TEST(a_silence_refused_stays_refused)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1");
	struct fault *f;

	t->grade[LEG_SERVER] = GRADE_REFUSED;
	f = fake_arm(w, "partition");
	ck_assert_int_eq(f->grade, GRADE_REFUSED);
}
END_TEST

START_TEST(a_leg_that_connects_later_counts_for_the_grade)
{
	struct fake_target *t = fake_dialing(door(0), "10.0.0.1");
	struct fault *f = fake_arm(w, "partition");

	ck_assert_int_eq(f->grade, GRADE_EXACT);
	t->grade[LEG_SERVER] = GRADE_EQUIVALENT;
	fake_connected(t);
	ck_assert_int_eq(f->grade, GRADE_EQUIVALENT);
}
END_TEST

/* --- what the timeline hears --- */

static void check_event(unsigned i, enum event_id id, const char *fault)
{
	ck_assert_uint_lt(i, w->n_events);
	ck_assert_msg(w->events[i].id == id, "event %u is %s, not %s", i,
	    event_rows[w->events[i].id].name, event_rows[id].name);
	if (fault)
		ck_assert_str_eq(
		    json_string_value(json_object_get(w->events[i].fields, "fault")), fault);
}

START_TEST(a_life_on_the_timeline)
{
	fake_open(door(0), "10.0.0.1");
	fake_arm(w, "power_loss delay=5s duration=30s");
	fake_until(w, 4);
	ck_assert_uint_eq(w->n_events, 1);
	check_event(0, EVENT_FAULT_ARMED, "f1");
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_ARMED, "type"), "power_loss");
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_ARMED, "side"), "server");
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_ARMED, "delay_ns"), 5 * NS_PER_S);
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_ARMED, "duration_ns"), 30 * NS_PER_S);
	fake_until(w, 100);
	ck_assert_uint_eq(w->n_events, 6);
	check_event(1, EVENT_PROXY_GATE, NULL);
	check_event(2, EVENT_FAULT_ACTIVE, "f1");
	check_event(3, EVENT_FAULT_FIRED, "f1");
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_FIRED, "sessions"), 1);
	check_event(4, EVENT_PROXY_GATE, NULL);
	ck_assert_str_eq(fake_event_text(w, EVENT_PROXY_GATE, "old"), "silent");
	ck_assert_str_eq(fake_event_text(w, EVENT_PROXY_GATE, "new"), "open");
	check_event(5, EVENT_FAULT_LIFTED, "f1");
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_LIFTED, "reason"), "over");
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_LIFTED, "sessions"), 1);
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_LIFTED, "segments"), 0);
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_LIFTED, "active_ns"), 30 * NS_PER_S);
	ck_assert(json_is_true(json_object_get(fake_event(w, EVENT_FAULT_LIFTED), "touched")));
}
END_TEST

static void check_fields(const char *row, const json_t *record)
{
	char fields[256], *rest = fields, *key;
	size_t known = 0;

	snprintf(fields, sizeof(fields), "%s", row);
	while ((key = strsep(&rest, ","))) {
		char *optional = strchr(key, '?');

		if (optional)
			*optional = '\0';
		if (json_object_get(record, key))
			known++;
		else
			ck_assert_msg(optional != NULL, "no %s, of %s", key, row);
	}
	ck_assert_msg(known == json_object_size(record), "a field that is not of %s", row);
}

/* The table of events is a contract. */
START_TEST(records_have_the_fields_of_their_row)
{
	struct fake_target *t;

	fake_door(w, "b", NULL);
	for (const struct fault_ops *const *o = catalogue; *o; o++) {
		t = fake_open(door(0), "10.0.0.1");
		fake_arm(w, (*o)->type.name);
		t->drops[LEG_CLIENT] = 1;
		door(0)->drops++;
		fake_until(w, (o - catalogue + 1) * 100);
		while (!TAILQ_EMPTY(&w->engine.faults))
			fake_lift(w, TAILQ_FIRST(&w->engine.faults));
	}
	for (unsigned i = 0; i < w->n_events; i++)
		check_fields(event_rows[w->events[i].id].fields, w->events[i].fields);
}
END_TEST

START_TEST(a_fault_that_touched_nothing_says_so)
{
	static const char *const texts[] = { "power_loss", "hang", "reset", "refuse", "syn_drop",
		"half_close", "partition", "power_loss nth=7" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct fault *f = fake_arm(w, texts[i]);

		fake_until(w, i + 1);
		fake_lift(w, f);
		ck_assert_msg(
		    json_is_false(json_object_get(fake_event(w, EVENT_FAULT_LIFTED), "touched")),
		    "%s touched nothing", texts[i]);
		ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_LIFTED, "sessions"), 0);
	}
}
END_TEST

/* refuse and syn_drop act before there is a session: those that are open are not touched. */
START_TEST(open_sessions_are_not_touched_by_gates)
{
	static const char *const texts[] = { "refuse", "syn_drop" };

	fake_open(door(0), "10.0.0.1");
	for (size_t i = 0; i < 2; i++) {
		struct fault *f = fake_arm(w, texts[i]);

		fake_lift(w, f);
		ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_LIFTED, "sessions"), 0);
		ck_assert(
		    json_is_false(json_object_get(fake_event(w, EVENT_FAULT_LIFTED), "touched")));
	}
}
END_TEST

START_TEST(a_reboot_is_lifted_once)
{
	fake_arm(w, "reboot down=10s service_delay=5s");
	fake_until(w, 10);
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_LIFTED), 1);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_LIFTED, "reason"), "booted");
	fake_until(w, 100);
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_LIFTED), 1);
}
END_TEST

START_TEST(dropped_segments_are_told)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1");
	struct fault *f = fake_arm(w, "power_loss");

	t->drops[LEG_CLIENT] = 3;
	fake_until(w, 1);
	ck_assert_uint_eq(fake_event_count(w, EVENT_SEGMENTS_DROPPED), 1);
	ck_assert_int_eq(fake_event_int(w, EVENT_SEGMENTS_DROPPED, "segments"), 3);
	ck_assert_int_eq(fake_event_int(w, EVENT_SEGMENTS_DROPPED, "total"), 3);
	ck_assert_int_eq(fake_event_int(w, EVENT_SEGMENTS_DROPPED, "session"), 1);
	ck_assert_str_eq(fake_event_text(w, EVENT_SEGMENTS_DROPPED, "leg"), "client");
	t->drops[LEG_CLIENT] = 5;
	fake_until(w, 2);
	ck_assert_int_eq(fake_event_int(w, EVENT_SEGMENTS_DROPPED, "segments"), 2);
	ck_assert_int_eq(fake_event_int(w, EVENT_SEGMENTS_DROPPED, "total"), 5);
	t->drops[LEG_CLIENT] = 6; /* seen only when it is lifted */
	fake_lift(w, f);
	ck_assert_uint_eq(fake_event_count(w, EVENT_SEGMENTS_DROPPED), 3);
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_LIFTED, "segments"), 6);
	fake_until(w, 3);
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX); /* nothing to observe any more */
}
END_TEST

START_TEST(drops_seen_when_the_session_closes)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1");
	struct fault *f = fake_arm(w, "partition");

	t->drops[LEG_SERVER] = 2;
	fake_close(t);
	ck_assert_int_eq(f->segments, 2);
	ck_assert_str_eq(fake_event_text(w, EVENT_SEGMENTS_DROPPED, "leg"), "server");
}
END_TEST

START_TEST(syns_at_the_door_are_told)
{
	struct fault *f = fake_arm(w, "syn_drop"), *hang = fake_arm(w, "hang"), *client, *some;

	client = fake_arm(w, "power_loss side=client");
	some = fake_arm(w, "power_loss toxicity=0.5");
	door(0)->drops = 4;
	fake_until(w, 1);
	ck_assert_str_eq(fake_event_text(w, EVENT_SEGMENTS_DROPPED, "leg"), "listener");
	ck_assert_int_eq(fake_event_int(w, EVENT_SEGMENTS_DROPPED, "segments"), 4);
	ck_assert_int_eq(f->segments, 4);
	ck_assert_int_eq(hang->segments, 0);
	ck_assert_int_eq(client->segments, 0); /* it refuses */
	ck_assert_int_eq(some->segments, 0);   /* it has no gate */
	fake_lift(w, f);
	ck_assert(json_is_true(json_object_get(fake_event(w, EVENT_FAULT_LIFTED), "touched")));
}
END_TEST

START_TEST(syns_of_a_range_are_told)
{
	struct fault *f;

	door(0)->drops = 7; /* before */
	f = fake_arm(w, "syn_drop clients=10.0.0.0/8");
	door(0)->drops = 9;
	fake_until(w, 1);
	ck_assert_int_eq(fake_event_int(w, EVENT_SEGMENTS_DROPPED, "segments"), 2);
	ck_assert_int_eq(f->segments, 2);
	fake_lift(w, f);
	ck_assert(json_is_true(json_object_get(fake_event(w, EVENT_FAULT_LIFTED), "touched")));
	fake_until(w, 2);
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
}
END_TEST

/* What a leg dropped before a second fault came is the first one's alone, and told once. */
START_TEST(drops_are_told_once)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1");
	struct fault *a = fake_arm(w, "partition after_bytes=1"), *b;

	fake_carry(t, FLOW_DOWNSTREAM, 1);
	t->drops[LEG_CLIENT] = 5;
	b = fake_arm(w, "power_loss");
	t->drops[LEG_CLIENT] = 7;
	fake_until(w, 1);
	ck_assert_int_eq(a->segments, 7);
	ck_assert_int_eq(b->segments, 2);
	int64_t told = 0;

	for (unsigned i = 0; i < w->n_events; i++)
		if (w->events[i].id == EVENT_SEGMENTS_DROPPED)
			told +=
			    json_integer_value(json_object_get(w->events[i].fields, "segments"));
	ck_assert_int_eq(told, 7);
	ck_assert_uint_eq(fake_event_count(w, EVENT_SEGMENTS_DROPPED), 2);
}
END_TEST

START_TEST(nothing_is_built_when_nobody_listens)
{
	struct fault *f;

	w->timeline.watch = NULL;
	fake_open(door(0), "10.0.0.1");
	f = fake_arm(w, "power_loss");
	fake_until(w, 1);
	fake_lift(w, f);
	ck_assert_uint_eq(w->n_events, 0);
	ck_assert_uint_eq(w->timeline.seq, 0);
}
END_TEST

/* --- the random walk --- */

#define WALK_DOORS    3
#define WALK_FAULTS   12
#define WALK_SESSIONS 40
#define WALK_STEPS    10000

/* What a type wants, by definition. */
struct want {
	const char *text;
	uint8_t silent[LEGS], held;
	enum gate gate;
	bool kills; /* when its window ends the session is over */
	bool ends;  /* it is over at once */
};

static const struct want wants[] = {
	{ "power_loss", { 3, 0 }, 3, GATE_SILENT, true, false },
	{ "power_loss side=client", { 0, 3 }, 3, GATE_REFUSE, true, false },
	{ "reboot side=both down=%s service_delay=0", { 3, 3 }, 3, GATE_SILENT, true, false },
	{ "partition", { 3, 3 }, 3, GATE_SILENT, false, false },
	{ "partition direction=upstream", { 1, 2 }, 1, GATE_SILENT, false, false },
	{ "partition direction=downstream", { 2, 1 }, 2, GATE_SILENT, false, false },
	{ "hang", { 0, 0 }, 3, GATE_HOLD, false, false },
	{ "refuse", { 0, 0 }, 0, GATE_REFUSE, false, false },
	{ "syn_drop", { 0, 0 }, 0, GATE_SILENT, false, false },
	{ "process_crash restart_after=%s", { 0, 0 }, 0, GATE_REFUSE, false, true },
	{ "reset side=both duration=%s", { 0, 0 }, 0, GATE_OPEN, false, true },
	{ "half_close", { 0, 0 }, 0, GATE_OPEN, false, false },
};

enum { TRIGGER_NONE, TRIGGER_EVERY2, TRIGGER_BYTES, TRIGGERS };

struct model_fault {
	struct fault *fault; /* NULL: a free place */
	const struct want *want;
	int door; /* -1: all */
	int trigger;
	int64_t from_ns, until_ns; /* TRIGGER_NONE: active; else from is when it arms */
	int64_t lasts_ns;
	uint64_t seen[WALK_DOORS];
};

struct model_session {
	struct fake_target *target; /* NULL: a free place */
	int door;
	bool over;                      /* it should be by now */
	bool enlisted[WALK_FAULTS];     /* TRIGGER_*: chosen, waits for its bytes */
	int64_t struck_ns[WALK_FAULTS]; /* 0: not; own window from here */
};

static struct model_fault mf[WALK_FAULTS];
static struct model_session ms[WALK_SESSIONS];
static uint64_t walk_n;

static unsigned pick(unsigned n)
{
	return (unsigned)(rng_bits(20261122, "walk", walk_n++) % n);
}

static bool window_open(const struct model_fault *f)
{
	return f->fault && f->trigger == TRIGGER_NONE && w->now_ns >= f->from_ns &&
	       w->now_ns < f->until_ns;
}

static bool covers(const struct model_fault *f, int d)
{
	return f->door < 0 || f->door == d;
}

/* Does fault i act on this session now? */
static bool acts(int i, const struct model_session *s)
{
	const struct model_fault *f = &mf[i];

	if (!f->fault || !covers(f, s->door))
		return false;
	if (f->trigger == TRIGGER_NONE)
		return window_open(f);
	return s->struck_ns[i] && w->now_ns < s->struck_ns[i] + f->lasts_ns;
}

static bool is_over(struct model_session *s)
{
	return s->over || s->target->target.over;
}

static void model_strike(int i, struct model_session *s)
{
	s->struck_ns[i] = w->now_ns;
	s->enlisted[i] = false;
}

/* Sessions the fault has killed, now that it no longer acts: they end when nothing silences them.
 */
static void check_session(struct model_session *s)
{
	uint8_t silent[LEGS] = { 0, 0 }, held = 0;
	struct fake_target *t = s->target;

	for (int i = 0; i < WALK_FAULTS; i++)
		if (acts(i, s)) {
			silent[LEG_CLIENT] |= mf[i].want->silent[LEG_CLIENT];
			silent[LEG_SERVER] |= mf[i].want->silent[LEG_SERVER];
			held |= mf[i].want->held;
		}
	if (is_over(s))
		return;
	for (enum leg leg = 0; leg < LEGS; leg++)
		ck_assert_msg(t->silent[leg] == silent[leg],
		    "step %u session %d leg %d: silent %d, not %d", (unsigned)walk_n,
		    (int)t->target.id, leg, t->silent[leg], silent[leg]);
	ck_assert_msg(t->held == held, "step %u session %d: held %d, not %d", (unsigned)walk_n,
	    (int)t->target.id, t->held, held);
	ck_assert(!(t->ended[LEG_CLIENT] && t->ended[LEG_SERVER]) ||
		  (t->silent[LEG_CLIENT] | t->silent[LEG_SERVER]) & WIRE_OUT);
}

static void check_model(void)
{
	for (int d = 0; d < WALK_DOORS; d++) {
		enum gate gate = GATE_OPEN;

		for (int i = 0; i < WALK_FAULTS; i++)
			if (window_open(&mf[i]) && covers(&mf[i], d) && mf[i].want->gate > gate)
				gate = mf[i].want->gate;
		ck_assert_int_eq(door(d)->door.gate, gate);
	}
	for (int s = 0; s < WALK_SESSIONS; s++)
		if (ms[s].target)
			check_session(&ms[s]);
}

static void walk_arm(int i)
{
	static const char *const triggers[] = { "", " every=2", " after_bytes=100" };
	const struct want *want = &wants[pick(sizeof(wants) / sizeof(*wants))];
	int64_t delay_s = pick(3), lasts_s = 1 + pick(8);
	struct model_fault *f = &mf[i];
	char lasts[16], text[256];
	int len;

	snprintf(lasts, sizeof(lasts), "%ds", (int)lasts_s);
	len = snprintf(text, sizeof(text), want->text, lasts); // NOLINT: the table's formats
	if (!strchr(want->text, '%'))
		len += snprintf(text + len, sizeof(text) - len, " duration=%s", lasts);
	*f = (struct model_fault){ .want = want,
		.door = (int)pick(WALK_DOORS + 1) - 1,
		.trigger = strstr(want->text, "refuse") || strstr(want->text, "syn_drop")
			       ? TRIGGER_NONE
			       : (int)pick(TRIGGERS),
		.from_ns = w->now_ns + delay_s * NS_PER_S,
		.lasts_ns = lasts_s * NS_PER_S };
	f->until_ns = f->from_ns + f->lasts_ns;
	len += snprintf(
	    text + len, sizeof(text) - len, " delay=%ds%s", (int)delay_s, triggers[f->trigger]);
	if (f->door >= 0)
		len += snprintf(
		    text + len, sizeof(text) - len, " proxy=%s", door(f->door)->door.spec->name);
	for (int s = 0; s < WALK_SESSIONS; s++) {
		ms[s].struck_ns[i] = 0;
		ms[s].enlisted[i] =
		    ms[s].target && f->trigger == TRIGGER_BYTES && covers(f, ms[s].door);
	}
	f->fault = fake_arm(w, text);
}

static void walk_open(int i)
{
	struct model_session *s = &ms[i];

	*s = (struct model_session){ .door = (int)pick(WALK_DOORS) };
	for (int k = 0; k < WALK_FAULTS; k++) {
		struct model_fault *f = &mf[k];

		if (!f->fault || !covers(f, s->door) || f->trigger == TRIGGER_NONE)
			continue;
		f->seen[s->door]++;
		if (f->trigger == TRIGGER_BYTES)
			s->enlisted[k] = true;
		else if (f->seen[s->door] % 2 == 0) {
			s->enlisted[k] = true;
			if (w->now_ns >= f->from_ns)
				model_strike(k, s);
		}
	}
	s->target = fake_open(door(s->door), "10.0.0.1");
}

static bool reached(const struct model_fault *f, const struct fake_target *t)
{
	bool client = strstr(f->want->text, "side=client"),
	     both = f->want->silent[0] && f->want->silent[1];

	both |= strstr(f->want->text, "side=both") != NULL;
	return ((client || both) && t->bytes[FLOW_UPSTREAM] >= 100) ||
	       (!client && t->bytes[FLOW_DOWNSTREAM] >= 100);
}

/* After bytes have moved, or a delay is over: who has reached its mark? */
static void model_bytes(void)
{
	for (int i = 0; i < WALK_FAULTS; i++)
		for (int s = 0; s < WALK_SESSIONS; s++) {
			if (!mf[i].fault || !ms[s].target || !ms[s].enlisted[i] ||
			    w->now_ns < mf[i].from_ns)
				continue;
			if (mf[i].trigger == TRIGGER_EVERY2 || reached(&mf[i], ms[s].target))
				model_strike(i, &ms[s]);
		}
}

static void walk_step(void)
{
	int i = (int)pick(WALK_FAULTS), s = (int)pick(WALK_SESSIONS);

	switch (pick(6)) {
	case 0:
		if (mf[i].fault) {
			fake_lift(w, mf[i].fault);
			mf[i].fault = NULL;
		} else if (pick(2)) {
			walk_arm(i);
		}
		break;
	case 1:
	case 2:
		if (!ms[s].target)
			walk_open(s);
		else if (is_over(&ms[s]) || pick(4) == 0) {
			fake_close(ms[s].target);
			ms[s].target = NULL;
		}
		break;
	case 3:
		if (ms[s].target && !is_over(&ms[s]))
			fake_carry(ms[s].target, (enum flow)pick(FLOWS), 1 + pick(60));
		break;
	default:
		fake_until(w, (double)(w->now_ns - FAKE_START) / NS_PER_S + 0.25);
		break;
	}
	model_bytes();
}

START_TEST(ten_thousand_steps_against_the_model)
{
	memset(mf, 0, sizeof(mf));
	memset(ms, 0, sizeof(ms));
	fake_door(w, "b", NULL);
	fake_door(w, "c", NULL);
	fake_door_add(door(1));
	fake_door_add(door(2));
	w->quiet = true;
	for (unsigned step = 0; step < WALK_STEPS; step++) {
		walk_step();
		check_model();
	}
	while (!TAILQ_EMPTY(&w->engine.faults))
		fake_lift(w, TAILQ_FIRST(&w->engine.faults));
	memset(mf, 0, sizeof(mf));
	check_model();
	for (int s = 0; s < WALK_SESSIONS; s++)
		if (ms[s].target) {
			ck_assert(LIST_EMPTY(&ms[s].target->target.runs));
			fake_close(ms[s].target);
		}
	ck_assert_int_eq(heap_first(&w->engine.timers) == NULL, 1);
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
	tcase_add_test(c, unix_legs_are_refused);
	tcase_add_test(c, other_proxies_do_not_matter);
	tcase_add_test(c, without_powers_it_is_refused);
	tcase_add_test(c, each_leg_is_asked_for_its_own_cut);
	tcase_add_test(c, the_grade_is_promised_and_then_measured);
	tcase_add_test(c, a_fault_before_its_door);
	tcase_add_test(c, the_worst_strike_is_the_grade);
	tcase_add_test(c, the_worse_leg_is_the_grade);
	tcase_add_test(c, a_silence_refused_stays_refused);
	tcase_add_test(c, a_leg_that_connects_later_counts_for_the_grade);
	tcase_add_test(c, a_life_on_the_timeline);
	tcase_add_test(c, records_have_the_fields_of_their_row);
	tcase_add_test(c, a_fault_that_touched_nothing_says_so);
	tcase_add_test(c, open_sessions_are_not_touched_by_gates);
	tcase_add_test(c, a_reboot_is_lifted_once);
	tcase_add_test(c, dropped_segments_are_told);
	tcase_add_test(c, drops_seen_when_the_session_closes);
	tcase_add_test(c, syns_at_the_door_are_told);
	tcase_add_test(c, syns_of_a_range_are_told);
	tcase_add_test(c, drops_are_told_once);
	tcase_add_test(c, nothing_is_built_when_nobody_listens);
	tcase_add_test(c, ten_thousand_steps_against_the_model);
	suite_add_tcase(s, c);
	return s;
}
