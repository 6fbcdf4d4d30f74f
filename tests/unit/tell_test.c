/* What the engine refuses, which grade it claims, and what the timeline hears of faults. */
#include "base/mono.h"
#include "fake_target.h"
#include "faults/catalogue.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

Suite *tell_suite(void);

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

/* A minimum TTL cannot tell one client's SYNs from another's. */
START_TEST(clients_are_told_apart_or_it_is_refused)
{
	w->wire.powers[WIRE_V4] = WIRE_MINTTL;
	ck_assert_ptr_null(refused("syn_drop"));
	ck_assert_ptr_nonnull(refused("syn_drop clients=10.0.0.0/8"));
	w->wire.powers[WIRE_V4] |= WIRE_SIGNATURE;
	ck_assert_ptr_null(refused("syn_drop clients=10.0.0.0/8"));
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

Suite *tell_suite(void)
{
	Suite *s = suite_create("tell");
	TCase *c = tcase_create("tell");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, unix_legs_are_refused);
	tcase_add_test(c, other_proxies_do_not_matter);
	tcase_add_test(c, clients_are_told_apart_or_it_is_refused);
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
	suite_add_tcase(s, c);
	return s;
}
