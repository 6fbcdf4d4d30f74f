/* A flap: another fault's window again and again, to the nanosecond, and its rules. */
#include "base/mono.h"
#include "fake_target.h"
#include "faults/catalogue.h"
#include "faults/flap.h"
#include <check.h>
#include <string.h>

Suite *flap_suite(void);

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

static struct fake_door *door(void)
{
	return &w->doors[0];
}

static void check_calls(const char *expected)
{
	ck_assert_str_eq(fake_calls(w), expected);
}

#define CUT                                                                                        \
	"a gate=silent; 1.client silence=both; 1.server silence=both; "                            \
	"1 hold=both"
#define HEALED "1.client silence=none; 1.server silence=none; 1 hold=none; a gate=open"

static void check_phase(const char *phase, int64_t cycle)
{
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_PHASE, "phase"), phase);
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_PHASE, "cycle"), cycle);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_PHASE, "fault"), "f1");
}

START_TEST(the_path_comes_and_goes_until_the_duration_is_over)
{
	fake_open(door(), "10.0.0.1");
	fake_arm(w, "flap delay=1s down=2s up=3s duration=11s");
	check_calls("");
	fake_until(w, 1);
	check_calls(CUT);
	check_phase("down", 1);
	fake_until(w, 2.99);
	check_calls("");
	fake_until(w, 3);
	check_calls(HEALED);
	check_phase("up", 1);
	fake_until(w, 5.99);
	check_calls("");
	fake_until(w, 6);
	check_calls(CUT);
	check_phase("down", 2);
	fake_until(w, 8);
	check_calls(HEALED);
	fake_until(w, 11);
	check_calls(CUT);
	check_phase("down", 3);
	fake_until(w, 12); /* in the middle of an outage */
	check_calls(HEALED);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_LIFTED, "type"), "flap");
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_LIFTED, "reason"), "over");
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_LIFTED), 1);
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_PHASE), 5);
	fake_until(w, 100);
	check_calls("");
}
END_TEST

START_TEST(it_ends_between_two_outages_too)
{
	struct fault *f = fake_arm(w, "flap down=1s up=5s duration=3s");

	fake_until(w, 2);
	ck_assert_int_eq(f->state, FAULT_UP);
	ck_assert_str_eq(fault_state_names[f->state], "up");
	fake_calls(w);
	fake_until(w, 3);
	ck_assert_int_eq(f->state, FAULT_OVER);
	check_calls("");
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_LIFTED), 1);
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
	fake_lift(w, f);
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_LIFTED), 1);
}
END_TEST

START_TEST(lifted_while_down_it_heals_at_once)
{
	struct fault *f;

	fake_open(door(), "10.0.0.1");
	f = fake_arm(w, "flap down=1h");
	fake_until(w, 5);
	check_calls(CUT);
	fake_lift(w, f);
	check_calls(HEALED);
	fake_until(w, 6);
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
}
END_TEST

START_TEST(lifted_while_up_nothing_is_left)
{
	struct fault *f;

	fake_open(door(), "10.0.0.1");
	f = fake_arm(w, "flap down=1s up=1h");
	fake_until(w, 5);
	fake_calls(w);
	fake_lift(w, f);
	check_calls("");
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_LIFTED, "reason"), "removed");
}
END_TEST

/* Whoever comes while it is up is left in peace until the next outage. */
START_TEST(new_sessions_are_struck_while_it_is_down_only)
{
	fake_arm(w, "flap down=1s up=1s fault=process_crash");
	check_calls("a gate=refuse");
	fake_open(door(), "10.0.0.1"); /* from the accept queue */
	check_calls("1.client end=close");
	fake_until(w, 1.5);
	check_calls("a gate=open");
	fake_open(door(), "10.0.0.1");
	check_calls("");
	fake_until(w, 2);
	check_calls("a gate=refuse; 2.client end=close; 2.server end=abort");
	fake_until(w, 3);
	check_calls("a gate=open");
	ck_assert_int_eq(engine_find(&w->engine, "f1")->sessions, 2);
}
END_TEST

/* Each outage of a reboot is one: no service delay of its own after it. */
START_TEST(a_reboot_has_booted_when_its_outage_ends)
{
	struct fault *f = fake_arm(w, "flap fault=reboot down=1s up=1s duration=2500ms");

	fake_until(w, 1.5);
	check_calls("a gate=silent; a gate=open");
	fake_until(w, 10);
	check_calls("a gate=silent; a gate=open");
	ck_assert_int_eq(f->state, FAULT_OVER);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_LIFTED, "reason"), "over");
}
END_TEST

START_TEST(what_an_outage_is)
{
	static const struct {
		const char *fault, *down, *up;
	} rows[] = {
		{ "power_loss",
		    "a gate=silent; 1.client silence=both; 1 hold=both; 1.client bury; "
		    "1.server end=abort",
		    "1.client end=vanish; 1.server end=abort; 1.client silence=none; a gate=open" },
		{ "reboot",
		    "a gate=silent; 1.client silence=both; 1 hold=both; 1.client bury; "
		    "1.server end=abort",
		    "1.client end=vanish; 1.server end=abort; 1.client silence=none; a gate=open" },
		{ "hang", "a gate=hold; 1 hold=both", "1 hold=none; a gate=open" },
		{ "reset", "1.client end=abort; 1.server end=abort", "" },
		{ "refuse", "a gate=refuse", "a gate=open" },
		{ "syn_drop", "a gate=silent", "a gate=open" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char text[64];

		teardown();
		setup();
		fake_open(door(), "10.0.0.1");
		snprintf(text, sizeof(text), "flap down=1s up=10s fault=%s", rows[i].fault);
		fake_arm(w, text);
		check_calls(rows[i].down);
		fake_until(w, 1);
		check_calls(rows[i].up);
		ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_FIRED, "type"), "flap");
	}
}
END_TEST

START_TEST(reset_strikes_the_newcomers_of_an_outage_too)
{
	fake_arm(w, "flap down=1s up=1s fault=reset");
	fake_open(door(), "10.0.0.1");
	check_calls("1.client end=abort");
	fake_until(w, 1.5);
	fake_open(door(), "10.0.0.1");
	check_calls("");
}
END_TEST

START_TEST(side_clients_and_toxicity_go_along)
{
	fake_open(door(), "10.0.0.1");
	fake_open(door(), "10.1.0.1");
	fake_arm(w, "flap down=1s up=1s fault=power_loss clients=10.1.0.0/16");
	check_calls("a range 10.1.0.0/16 silent; 2.client silence=both; 2 hold=both; "
		    "2.client bury; 2.server end=abort");
	fake_until(w, 1);
	check_calls("2.client end=vanish; 2.server end=abort; 2.client silence=none; "
		    "a range 10.1.0.0/16 speaks");
	fake_arm(w, "flap fault=process_crash side=client");
	check_calls("a gate=refuse; 1.server end=close; 1.client end=abort");
	fake_arm(w, "flap fault=hang toxicity=0");
	check_calls("");
}
END_TEST

/* A loop that was busy for seconds does not make up for what it missed, nor shift what it did. */
START_TEST(cycles_do_not_drift)
{
	struct fault *f = fake_arm(w, "flap down=1s up=1s fault=refuse");

	engine_tick(&w->engine, FAKE_START + 1 * NS_PER_S + 300 * NS_PER_MS);
	ck_assert_int_eq(engine_deadline(&w->engine), FAKE_START + 2 * NS_PER_S);
	engine_tick(&w->engine, FAKE_START + 2 * NS_PER_S);
	ck_assert_int_eq(engine_deadline(&w->engine), FAKE_START + 3 * NS_PER_S);
	engine_tick(&w->engine, FAKE_START + 9 * NS_PER_S);
	ck_assert_int_eq(engine_deadline(&w->engine), FAKE_START + 10 * NS_PER_S);
	ck_assert_int_eq(f->state, FAULT_UP);
	ck_assert_uint_eq(f->cycle.n, 2);
}
END_TEST

START_TEST(two_flaps_join)
{
	fake_open(door(), "10.0.0.1");
	fake_arm(w, "flap down=2s up=2s fault=hang");
	fake_arm(w, "flap down=3s up=1h fault=hang delay=1s");
	check_calls("a gate=hold; 1 hold=both");
	fake_until(w, 3.5);
	ck_assert_uint_eq(w->doors[0].door.gate, GATE_HOLD);
	check_calls("1 hold=both; 1 hold=both");
	fake_until(w, 5.5); /* the first is down again */
	ck_assert_uint_eq(w->doors[0].door.gate, GATE_HOLD);
	fake_until(w, 6.5);
	ck_assert_uint_eq(w->doors[0].door.gate, GATE_OPEN);
}
END_TEST

/* --- its rules are those of what it repeats --- */

static char *errors_of(const char *text, unsigned listen_unix)
{
	static char all[1024];
	struct conf_errors e = { 0 };
	struct config *c = config_new();
	struct proxy_spec *p = config_add_proxy(c, "p");

	addr_parse(listen_unix ? "unix:/run/p.sock" : "127.0.0.1:1", &p->listen);
	addr_parse("127.0.0.1:2", &p->upstream);
	*all = '\0';
	if (!conf_add_fault_text(c, "f", text, catalogue_types, &e))
		for (size_t i = 0; i < e.count; i++)
			snprintf(
			    all + strlen(all), sizeof(all) - strlen(all), "%s\n", e.message[i]);
	conf_errors_free(&e);
	config_free(c);
	return all;
}

static void check_error(const char *text, const char *expected)
{
	const char *got = errors_of(text, 0);

	ck_assert_msg(*expected ? strstr(got, expected) != NULL : !*got, "%s: %s", text, got);
}

START_TEST(what_it_takes)
{
	check_error("flap", "");
	check_error("flap side=both", "");
	check_error("flap side=server", "which partition cannot have");
	check_error("flap fault=hang side=client other=abort duration=1m", "");
	check_error("flap fault=reboot duration=1m", "");
	check_error("flap fault=refuse", "");
	check_error("flap fault=refuse side=both", "expected server");
	check_error("flap other=close", "partition does not take other");
	check_error("flap fault=syn_drop toxicity=50%", "syn_drop does not take toxicity");
	check_error("flap fault=refuse clients=10.0.0.1", "refuse does not take clients");
	check_error("flap fault=hang nth=3", "flap does not take nth");
	check_error("flap after_bytes=3", "flap does not take after_bytes");
	check_error("flap fault=flap", "expected partition");
	check_error("flap down=9ms", "down");
	check_error("flap up=9ms", "up");
}
END_TEST

START_TEST(nothing_of_a_unix_socket_falls_silent)
{
	ck_assert_ptr_nonnull(strstr(errors_of("flap", 1), "partition needs TCP"));
	ck_assert_str_eq(errors_of("flap fault=hang", 1), "");
	ck_assert_str_eq(errors_of("flap fault=process_crash", 1), "");
}
END_TEST

START_TEST(the_engine_refuses_what_it_repeats)
{
	const struct fault_spec *cut = fake_spec(w, "flap"),
				*hang = fake_spec(w, "flap fault=hang");
	char why[256];

	ck_assert_ptr_null(engine_refuses(&w->engine, cut, &door()->door, why, sizeof(why)));
	for (int f = 0; f < WIRE_FAMILIES; f++)
		w->wire.powers[f] = 0;
	ck_assert_ptr_nonnull(engine_refuses(&w->engine, cut, &door()->door, why, sizeof(why)));
	ck_assert_ptr_eq(strstr(why, "partition: no way to silence"), why);
	ck_assert_ptr_null(engine_refuses(&w->engine, hang, &door()->door, why, sizeof(why)));
}
END_TEST

START_TEST(the_grade_is_that_of_what_it_repeats)
{
	for (int f = 0; f < WIRE_FAMILIES; f++)
		w->wire.powers[f] = WIRE_SIGNATURE;
	fake_arm(w, "flap");
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_ARMED, "grade"), "equivalent");
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_ARMED, "side"), "both");
	fake_arm(w, "flap fault=hang duration=90s");
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_ARMED, "grade"), "exact");
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_ARMED, "duration_ns"), 90 * NS_PER_S);
}
END_TEST

/* flap_act() frees nothing: no default of theirs may be a text of its own. */
START_TEST(what_it_repeats_owns_nothing)
{
	const struct field *choice = field_find(catalogue_find("flap")->type.params, "fault");

	for (const char *const *name = choice->choices; *name; name++)
		for (const struct field *f = catalogue_find(*name)->type.params; f && f->key; f++)
			ck_assert(f->kind != FIELD_TEXT && f->kind != FIELD_NAMES);
}
END_TEST

Suite *flap_suite(void)
{
	Suite *s = suite_create("flap");
	TCase *c = tcase_create("cycles");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, the_path_comes_and_goes_until_the_duration_is_over);
	tcase_add_test(c, it_ends_between_two_outages_too);
	tcase_add_test(c, lifted_while_down_it_heals_at_once);
	tcase_add_test(c, lifted_while_up_nothing_is_left);
	tcase_add_test(c, new_sessions_are_struck_while_it_is_down_only);
	tcase_add_test(c, what_an_outage_is);
	tcase_add_test(c, a_reboot_has_booted_when_its_outage_ends);
	tcase_add_test(c, reset_strikes_the_newcomers_of_an_outage_too);
	tcase_add_test(c, side_clients_and_toxicity_go_along);
	tcase_add_test(c, cycles_do_not_drift);
	tcase_add_test(c, two_flaps_join);
	suite_add_tcase(s, c);
	c = tcase_create("rules");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, what_it_takes);
	tcase_add_test(c, nothing_of_a_unix_socket_falls_silent);
	tcase_add_test(c, the_engine_refuses_what_it_repeats);
	tcase_add_test(c, the_grade_is_that_of_what_it_repeats);
	tcase_add_test(c, what_it_repeats_owns_nothing);
	suite_add_tcase(s, c);
	return s;
}
