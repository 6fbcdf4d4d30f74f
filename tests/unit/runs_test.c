/*
 * Which sessions a fault strikes, and when: toxicity, clients, nth, first, every, after_bytes,
 * after_idle and what they are together.
 */
#include "base/mono.h"
#include "fake_target.h"
#include "faults/runs.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

Suite *runs_suite(void);

static struct fake_world *w;

static void setup(void)
{
	w = fake_world_new();
	fake_door(w, "a", NULL);
	fake_door_add(&w->doors[0]);
	fake_door(w, "b", NULL);
	fake_door_add(&w->doors[1]);
}

static void teardown(void)
{
	fake_world_free(w);
}

static struct fake_target *open_a(void)
{
	return fake_open(&w->doors[0], "10.0.0.1");
}

/* Opens n sessions at the first door; one letter each: 'x' struck, '.' not. */
static const char *opened(unsigned n)
{
	static char text[64];

	for (unsigned i = 0; i < n; i++)
		text[i] = open_a()->held ? 'x' : '.';
	text[n] = '\0';
	return text;
}

/* --- counting --- */

START_TEST(counting)
{
	static const struct {
		const char *key, *struck;
	} rows[] = {
		{ "nth=1", "x..........." },
		{ "nth=3", "..x........." },
		{ "first=3", "xxx........." },
		{ "every=1", "xxxxxxxxxxxx" },
		{ "every=4", "...x...x...x" },
		{ "every=2 first=5", ".x.x........" },
		{ "nth=4 every=2", "...x........" },
		{ "first=1 every=1 nth=1", "x..........." },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[64];
		struct fault *f;

		snprintf(text, sizeof(text), "hang %s", rows[i].key);
		f = fake_arm(w, text);
		ck_assert_msg(!strcmp(opened(12), rows[i].struck), "%s", text);
		fake_lift(w, f);
	}
}
END_TEST

START_TEST(counting_is_per_proxy)
{
	fake_arm(w, "hang nth=2");
	ck_assert_str_eq(opened(1), ".");
	ck_assert_uint_eq(fake_open(&w->doors[1], "10.0.0.1")->held, 0);
	ck_assert_uint_eq(fake_open(&w->doors[1], "10.0.0.1")->held, FLOWS_ALL);
	ck_assert_str_eq(opened(2), "x.");
}
END_TEST

START_TEST(counting_begins_when_armed)
{
	opened(5);
	fake_arm(w, "hang first=2");
	ck_assert_str_eq(opened(4), "xx..");
}
END_TEST

/* Sessions that come while it waits for its delay are counted, and struck when it is over. */
START_TEST(counting_goes_on_during_the_delay)
{
	struct fake_target *t[3];

	fake_arm(w, "hang nth=2 delay=5s");
	for (int i = 0; i < 3; i++)
		t[i] = open_a();
	fake_until(w, 4.9);
	ck_assert_str_eq(fake_calls(w), "");
	fake_until(w, 5);
	ck_assert_str_eq(fake_calls(w), "2 hold=both");
	ck_assert_uint_eq(t[1]->held, FLOWS_ALL);
	ck_assert_str_eq(opened(3), "...");
}
END_TEST

START_TEST(sessions_that_another_fault_ends_are_counted)
{
	fake_arm(w, "reset first=2");
	fake_arm(w, "hang nth=3");
	ck_assert_str_eq(opened(4), "..x.");
}
END_TEST

/* A door that went and one that came in its place have nothing in common. */
START_TEST(counting_forgets_a_door)
{
	fake_arm(w, "hang nth=2");
	ck_assert_str_eq(opened(1), ".");
	fake_close((struct fake_target *)TAILQ_FIRST(&w->doors[0].door.targets));
	engine_door_remove(&w->engine, &w->doors[0].door);
	fake_door_add(&w->doors[0]);
	ck_assert_str_eq(opened(3), ".x.");
}
END_TEST

/* --- clients --- */

START_TEST(clients_by_range)
{
	fake_arm(w, "hang clients=10.1.0.0/16 nth=1 delay=0");
	fake_arm(w, "hang clients=192.0.2.7");
	ck_assert_uint_eq(fake_open(&w->doors[0], "10.2.0.1")->held, 0);
	ck_assert_uint_eq(fake_open(&w->doors[0], "192.0.2.7")->held, FLOWS_ALL);
	ck_assert_uint_eq(fake_open(&w->doors[0], "192.0.2.8")->held, 0);
	ck_assert_uint_eq(fake_open(&w->doors[0], "10.1.255.255")->held, 0); /* not the first */
	ck_assert_uint_eq(fake_open(&w->doors[1], "10.1.0.1")->held, FLOWS_ALL);
	ck_assert_uint_eq(fake_open(&w->doors[0], NULL)->held, 0); /* a Unix peer is of no range */
}
END_TEST

START_TEST(clients_that_are_there_already)
{
	struct fake_target *in = fake_open(&w->doors[0], "10.1.0.1");
	struct fake_target *out = fake_open(&w->doors[0], "10.2.0.1");

	fake_arm(w, "partition clients=10.1.0.0/16");
	ck_assert_uint_eq(in->silent[LEG_CLIENT], WIRE_BOTH);
	ck_assert_uint_eq(out->silent[LEG_CLIENT], 0);
}
END_TEST

/* --- toxicity --- */

#define ROLLS 10000

static void roll(const struct fault *f, bool *chosen, bool backwards)
{
	for (unsigned i = 0; i < ROLLS; i++) {
		unsigned n = backwards ? ROLLS - 1 - i : i;
		struct target t = { .door = &w->doors[0].door, .nth = n + 1 };

		chosen[n] = fault_chooses(f, &t);
	}
}

START_TEST(toxicity_is_the_share)
{
	static const double shares[] = { 0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.999, 1 };

	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		static bool chosen[ROLLS];
		char text[64];
		unsigned n = 0;
		double share = shares[i], slack = 4 * 100 * (share * (1 - share)) * 2;

		snprintf(text, sizeof(text), "hang toxicity=%g", share);
		roll(fake_arm(w, text), chosen, false);
		for (int k = 0; k < ROLLS; k++)
			n += chosen[k];
		if (share == 0 || share == 1)
			slack = 0;
		else if (slack < 15)
			slack = 15;
		ck_assert_msg(n >= share * ROLLS - slack && n <= share * ROLLS + slack,
		    "%u of %d at %g", n, ROLLS, share);
	}
}
END_TEST

START_TEST(toxicity_depends_on_the_seed_alone)
{
	static bool one[ROLLS], two[ROLLS], other[ROLLS];
	struct fault *f = fake_arm(w, "hang toxicity=0.5");
	unsigned differ = 0;

	roll(f, one, false);
	roll(f, two, true);
	ck_assert_mem_eq(one, two, sizeof(one));
	w->engine.seed++;
	roll(f, other, false);
	for (int i = 0; i < ROLLS; i++)
		differ += one[i] != other[i];
	ck_assert_uint_gt(differ, ROLLS * 45 / 100);
	ck_assert_uint_lt(differ, ROLLS * 55 / 100);
}
END_TEST

/* The same number at another proxy, or of another fault, is another roll. */
START_TEST(rolls_are_independent)
{
	struct fault *f = fake_arm(w, "hang toxicity=0.5"), *g = fake_arm(w, "hang toxicity=0.5");
	unsigned proxies = 0, faults = 0;

	for (uint64_t n = 1; n <= ROLLS; n++) {
		struct target a = { .door = &w->doors[0].door, .nth = n };
		struct target b = { .door = &w->doors[1].door, .nth = n };

		proxies += fault_chooses(f, &a) != fault_chooses(f, &b);
		faults += fault_chooses(f, &a) != fault_chooses(g, &a);
	}
	ck_assert_uint_gt(proxies, ROLLS * 45 / 100);
	ck_assert_uint_lt(proxies, ROLLS * 55 / 100);
	ck_assert_uint_gt(faults, ROLLS * 45 / 100);
	ck_assert_uint_lt(faults, ROLLS * 55 / 100);
}
END_TEST

START_TEST(toxicity_chooses_sessions_of_a_window)
{
	struct fault *f;
	unsigned struck = 0;

	for (int i = 0; i < 200; i++)
		open_a();
	w->quiet = true;
	f = fake_arm(w, "hang toxicity=0.5");
	struct target *t;

	TAILQ_FOREACH (t, &w->doors[0].door.targets, in_door) {
		bool held = ((struct fake_target *)t)->held;

		ck_assert_int_eq(held, fault_chooses(f, t));
		struck += held;
	}
	ck_assert_uint_eq(f->sessions, struck);
	ck_assert_uint_gt(struck, 70);
	ck_assert_uint_lt(struck, 130);
}
END_TEST

/* --- after_bytes --- */

START_TEST(after_bytes_in_the_direction_of_the_side)
{
	struct fake_target *t = open_a();

	fake_arm(w, "hang after_bytes=100");
	ck_assert_uint_eq(t->mark[FLOW_DOWNSTREAM], 100);
	ck_assert_uint_eq(t->mark[FLOW_UPSTREAM], UINT64_MAX);
	fake_carry(t, FLOW_UPSTREAM, 1000);
	fake_carry(t, FLOW_DOWNSTREAM, 1000);
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 100);
	ck_assert_uint_eq(t->held, FLOWS_ALL);
	ck_assert_uint_eq(t->mark[FLOW_DOWNSTREAM], UINT64_MAX);
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_FIRED, "sessions"), 1);
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_FIRED, "session"), 1);
}
END_TEST

START_TEST(after_bytes_of_the_client)
{
	struct fake_target *t = open_a();

	fake_arm(w, "hang side=client after_bytes=100");
	fake_carry(t, FLOW_DOWNSTREAM, 1000);
	ck_assert_uint_eq(t->held, 0);
	fake_carry(t, FLOW_UPSTREAM, 100);
	ck_assert_uint_eq(t->held, FLOWS_ALL);
}
END_TEST

START_TEST(after_bytes_of_both_is_of_either)
{
	for (enum flow flow = 0; flow < FLOWS; flow++) {
		struct fake_target *t = open_a();
		struct fault *f = fake_arm(w, "partition after_bytes=100");

		fake_carry(t, !flow, 99);
		ck_assert_uint_eq(t->held, 0);
		fake_carry(t, flow, 200);
		ck_assert_uint_eq(t->held, FLOWS_ALL);
		ck_assert_uint_eq(t->bytes[flow], 100);
		fake_lift(w, f);
	}
}
END_TEST

/* Bytes count from the session's start; a session past the mark is struck at once. */
START_TEST(after_bytes_already_carried)
{
	struct fake_target *past = open_a(), *at = open_a(), *before = open_a();

	fake_carry(past, FLOW_DOWNSTREAM, 101);
	fake_carry(at, FLOW_DOWNSTREAM, 100);
	fake_carry(before, FLOW_DOWNSTREAM, 99);
	fake_arm(w, "hang after_bytes=100");
	ck_assert_uint_eq(past->held, FLOWS_ALL);
	ck_assert_uint_eq(at->held, FLOWS_ALL);
	ck_assert_uint_eq(before->held, 0);
	fake_carry(before, FLOW_DOWNSTREAM, 1);
	ck_assert_uint_eq(before->held, FLOWS_ALL);
}
END_TEST

START_TEST(after_bytes_is_not_counted_before_the_delay_is_over)
{
	struct fake_target *t = open_a();

	fake_arm(w, "hang after_bytes=10 delay=1s");
	ck_assert_uint_eq(t->mark[FLOW_DOWNSTREAM], UINT64_MAX);
	fake_carry(t, FLOW_DOWNSTREAM, 50);
	ck_assert_uint_eq(t->held, 0);
	fake_until(w, 1);
	ck_assert_uint_eq(t->held, FLOWS_ALL);
}
END_TEST

/* The nearest of several marks is set, and the next one once it has struck or gone. */
START_TEST(several_marks)
{
	struct fake_target *t = open_a();
	struct fault *far = fake_arm(w, "partition direction=upstream after_bytes=300"), *near;

	near = fake_arm(w, "partition direction=upstream after_bytes=100");
	fake_arm(w, "half_close after_bytes=200");
	ck_assert_uint_eq(t->mark[FLOW_DOWNSTREAM], 100);
	fake_lift(w, near);
	ck_assert_uint_eq(t->mark[FLOW_DOWNSTREAM], 200);
	fake_carry(t, FLOW_DOWNSTREAM, 200);
	ck_assert_str_eq(fake_calls(w), "1.client end=finish");
	ck_assert_uint_eq(t->mark[FLOW_DOWNSTREAM], 300);
	fake_lift(w, far);
	ck_assert_uint_eq(t->mark[FLOW_DOWNSTREAM], UINT64_MAX);
	ck_assert_uint_eq(t->mark[FLOW_UPSTREAM], UINT64_MAX);
}
END_TEST

START_TEST(two_at_the_same_mark)
{
	struct fake_target *t = open_a();

	fake_arm(w, "half_close after_bytes=100");
	fake_arm(w, "hang after_bytes=100");
	fake_arm(w, "half_close side=both after_bytes=100");
	fake_carry(t, FLOW_DOWNSTREAM, 100);
	ck_assert_uint_eq(t->held, FLOWS_ALL);
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_FIRED), 3);
}
END_TEST

/* --- after_idle --- */

START_TEST(after_idle_from_the_last_byte)
{
	struct fake_target *t = open_a();

	fake_arm(w, "hang after_idle=10s");
	fake_until(w, 8);
	fake_carry(t, FLOW_UPSTREAM, 1);
	fake_until(w, 12);
	fake_carry(t, FLOW_DOWNSTREAM, 1);
	fake_until(w, 21.99);
	ck_assert_uint_eq(t->held, 0);
	fake_until(w, 22);
	ck_assert_uint_eq(t->held, FLOWS_ALL);
}
END_TEST

START_TEST(after_idle_of_a_session_idle_already)
{
	struct fake_target *t = open_a();

	fake_until(w, 30);
	fake_arm(w, "hang after_idle=10s");
	fake_until(w, 30);
	ck_assert_uint_eq(t->held, FLOWS_ALL);
}
END_TEST

START_TEST(after_idle_once)
{
	struct fake_target *t = open_a();

	fake_arm(w, "hang after_idle=1s duration=2s");
	fake_until(w, 1);
	ck_assert_uint_eq(t->held, FLOWS_ALL);
	fake_until(w, 3);
	ck_assert_uint_eq(t->held, 0);
	fake_until(w, 100);
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_FIRED), 1);
	fake_open(&w->doors[0], "10.0.0.1"); /* and so has the next one */
	fake_until(w, 101);
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_FIRED), 2);
}
END_TEST

/* --- together --- */

START_TEST(bytes_first_and_idle_then)
{
	struct fake_target *t = open_a();

	fake_arm(w, "hang after_bytes=100 after_idle=10s");
	fake_until(w, 60);
	ck_assert_uint_eq(t->held, 0);
	fake_carry(t, FLOW_DOWNSTREAM, 150);
	fake_until(w, 65);
	fake_carry(t, FLOW_DOWNSTREAM, 150);
	fake_until(w, 74.9);
	ck_assert_uint_eq(t->held, 0);
	fake_until(w, 75);
	ck_assert_uint_eq(t->held, FLOWS_ALL);
}
END_TEST

START_TEST(which_and_when)
{
	struct fake_target *t[4];

	fake_arm(w, "hang every=2 clients=10.0.0.0/8 after_bytes=10 duration=5s");
	for (int i = 0; i < 4; i++)
		t[i] = fake_open(&w->doors[0], i == 3 ? "192.0.2.1" : "10.0.0.1");
	for (int i = 0; i < 4; i++)
		fake_carry(t[i], FLOW_DOWNSTREAM, 20);
	ck_assert_str_eq(fake_calls(w), "2 hold=both");
	fake_until(w, 5);
	ck_assert_str_eq(fake_calls(w), "2 hold=none");
}
END_TEST

/* With nth, first or every only sessions that come after arming; without them those that are open
 * too. */
START_TEST(who_is_there_already)
{
	struct fake_target *t = open_a();

	fake_arm(w, "hang every=1 after_bytes=10");
	fake_carry(t, FLOW_DOWNSTREAM, 20);
	ck_assert_uint_eq(t->held, 0);
	fake_arm(w, "hang after_bytes=10");
	ck_assert_uint_eq(t->held, FLOWS_ALL);
}
END_TEST

START_TEST(windows_do_not_move_each_other)
{
	struct fake_target *one, *two;

	fake_arm(w, "power_loss every=1 duration=10s");
	one = open_a();
	fake_until(w, 4);
	two = open_a();
	fake_until(w, 9.9);
	ck_assert_uint_eq(one->silent[LEG_CLIENT], WIRE_BOTH);
	fake_until(w, 10);
	ck_assert(one->target.over);
	ck_assert_uint_eq(two->silent[LEG_CLIENT], WIRE_BOTH);
	fake_until(w, 14);
	ck_assert(two->target.over);
}
END_TEST

START_TEST(lifting_ends_every_window)
{
	struct fake_target *t[3];
	struct fault *f = fake_arm(w, "partition first=2 duration=1h");

	for (int i = 0; i < 3; i++)
		t[i] = open_a();
	fake_calls(w);
	fake_lift(w, f);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(
		    t[i]->held | t[i]->silent[LEG_CLIENT] | t[i]->silent[LEG_SERVER], 0);
	ck_assert_ptr_null(heap_first(&w->engine.timers));
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_LIFTED, "sessions"), 2);
}
END_TEST

Suite *runs_suite(void)
{
	Suite *s = suite_create("runs");
	TCase *c = tcase_create("runs");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, counting);
	tcase_add_test(c, counting_is_per_proxy);
	tcase_add_test(c, counting_begins_when_armed);
	tcase_add_test(c, counting_goes_on_during_the_delay);
	tcase_add_test(c, sessions_that_another_fault_ends_are_counted);
	tcase_add_test(c, counting_forgets_a_door);
	tcase_add_test(c, clients_by_range);
	tcase_add_test(c, clients_that_are_there_already);
	tcase_add_test(c, toxicity_is_the_share);
	tcase_add_test(c, toxicity_depends_on_the_seed_alone);
	tcase_add_test(c, rolls_are_independent);
	tcase_add_test(c, toxicity_chooses_sessions_of_a_window);
	tcase_add_test(c, after_bytes_in_the_direction_of_the_side);
	tcase_add_test(c, after_bytes_of_the_client);
	tcase_add_test(c, after_bytes_of_both_is_of_either);
	tcase_add_test(c, after_bytes_already_carried);
	tcase_add_test(c, after_bytes_is_not_counted_before_the_delay_is_over);
	tcase_add_test(c, several_marks);
	tcase_add_test(c, two_at_the_same_mark);
	tcase_add_test(c, after_idle_from_the_last_byte);
	tcase_add_test(c, after_idle_of_a_session_idle_already);
	tcase_add_test(c, after_idle_once);
	tcase_add_test(c, bytes_first_and_idle_then);
	tcase_add_test(c, which_and_when);
	tcase_add_test(c, who_is_there_already);
	tcase_add_test(c, windows_do_not_move_each_other);
	tcase_add_test(c, lifting_ends_every_window);
	suite_add_tcase(s, c);
	return s;
}
