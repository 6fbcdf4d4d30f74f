/* max_fault_duration: what is forgotten heals itself, whatever it is. */
#include "base/mono.h"
#include "fake_target.h"
#include <check.h>
#include <string.h>

Suite *cap_suite(void);

static struct fake_world *w;
static struct fake_target *t;

static void begin(void)
{
	w = fake_world_new();
	fake_door_add(fake_door(w, "a", NULL));
	w->engine.max_fault_ns = 10 * NS_PER_S;
	t = fake_open(&w->doors[0], "10.0.0.1");
	fake_calls(w);
}

static void end(void)
{
	fake_close(t);
	fake_world_free(w);
}

static const char *const lasting[] = { "power_loss", "power_loss duration=1h", "hang delay=5s",
	"partition duration=11s", "hang toxicity=0.999999", "hang after_idle=1s", "refuse",
	"flap down=1s up=2s", "flap down=4s up=20s fault=hang", "latency latency=1s" };

START_TEST(every_fault_ends)
{
	struct fault *f = fake_arm(w, lasting[_i]);
	double delay = f->spec->delay_ns / 1e9;

	fake_until(w, delay + 9.99);
	ck_assert_msg(f->state == FAULT_ACTIVE || f->state == FAULT_UP, "%s", lasting[_i]);
	fake_until(w, delay + 10);
	ck_assert_msg(f->state == FAULT_OVER, "%s", lasting[_i]);
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_LIFTED), 1);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_LIFTED, "reason"), "max_fault_duration");
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_LIFTED, "active_ns"), 10 * NS_PER_S);
	ck_assert_int_eq(w->doors[0].door.gate, GATE_OPEN);
	for (enum leg leg = 0; leg < LEGS; leg++) /* or its host has booted: it vanished */
		ck_assert(!t->silent[leg] || t->ended[leg]);
	ck_assert(!t->held || t->ended[LEG_CLIENT]);
	ck_assert(LIST_EMPTY(&t->target.runs));
	ck_assert_uint_eq(f->timer.node.index, 0);
	fake_calls(w);
	fake_until(w, 100);
	ck_assert_str_eq(fake_calls(w), "");
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_LIFTED), 1);
	fake_lift(w, f);
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_LIFTED), 1);
}
END_TEST

START_TEST(one_that_ends_sooner_is_not_told_twice)
{
	struct fault *f = fake_arm(w, "hang duration=3s");

	fake_until(w, 100);
	ck_assert_int_eq(f->state, FAULT_OVER);
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_LIFTED), 1);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_LIFTED, "reason"), "over");
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
}
END_TEST

/* Down for 4 s, then it would boot for an hour. */
START_TEST(a_long_boot_ends_too)
{
	struct fault *f = fake_arm(w, "reboot down=4s service_delay=1h");

	fake_until(w, 5);
	ck_assert_int_eq(f->state, FAULT_TAIL);
	fake_until(w, 10);
	ck_assert_int_eq(f->state, FAULT_OVER);
	ck_assert_int_eq(w->doors[0].door.gate, GATE_OPEN);
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_LIFTED), 1);
}
END_TEST

START_TEST(a_lifted_one_leaves_no_timer)
{
	fake_lift(w, fake_arm(w, "hang"));
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
	fake_lift(w, fake_arm(w, "hang delay=1h"));
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
}
END_TEST

START_TEST(without_a_limit_it_stays)
{
	struct fault *f;

	w->engine.max_fault_ns = 0;
	f = fake_arm(w, "hang");
	fake_until(w, 1000000);
	ck_assert_int_eq(f->state, FAULT_ACTIVE);
}
END_TEST

Suite *cap_suite(void)
{
	Suite *s = suite_create("cap");
	TCase *c = tcase_create("cap");

	tcase_add_checked_fixture(c, begin, end);
	tcase_add_loop_test(c, every_fault_ends, 0, sizeof(lasting) / sizeof(*lasting));
	tcase_add_test(c, one_that_ends_sooner_is_not_told_twice);
	tcase_add_test(c, a_long_boot_ends_too);
	tcase_add_test(c, a_lifted_one_leaves_no_timer);
	tcase_add_test(c, without_a_limit_it_stays);
	suite_add_tcase(s, c);
	return s;
}
