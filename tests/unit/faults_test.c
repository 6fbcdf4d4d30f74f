/*
 * Every type of fault as a table: what one session and its door are asked for when it strikes, when
 * it ends by itself, and when it is lifted.
 */
#include "fake_target.h"
#include <check.h>
#include <string.h>

Suite *faults_suite(void);

struct row {
	const char *text;
	const char *struck; /* at activation, with one session open */
	const char *lifted; /* when it is lifted while active */
};

#define DEATH_SERVER "a gate=silent; 1.client silence=both; 1 hold=both; 1.client bury"
#define DEATH_CLIENT "a gate=refuse; 1.server silence=both; 1 hold=both; 1.server bury"
#define DEATH_BOTH                                                                                 \
	"a gate=silent; 1.client silence=both; 1.server silence=both; 1 hold=both; "               \
	"1.client bury; 1.server bury"
#define BOOT_SERVER "1.client end=vanish; 1.server end=abort; 1.client silence=none; a gate=open"
#define BOOT_CLIENT "1.client end=abort; 1.server end=vanish; 1.server silence=none; a gate=open"
#define BOOT_BOTH                                                                                  \
	"1.client end=vanish; 1.server end=vanish; 1.client silence=none; 1.server silence=none; " \
	"a gate=open"

static const struct row rows[] = {
	{ "power_loss", DEATH_SERVER "; 1.server end=abort", BOOT_SERVER },
	{ "power_loss other=abort", DEATH_SERVER "; 1.server end=abort", BOOT_SERVER },
	{ "power_loss other=close", DEATH_SERVER "; 1.server end=close", BOOT_SERVER },
	{ "power_loss other=hold", DEATH_SERVER, BOOT_SERVER },
	{ "power_loss side=client", DEATH_CLIENT "; 1.client end=abort", BOOT_CLIENT },
	{ "power_loss side=client other=close", DEATH_CLIENT "; 1.client end=close", BOOT_CLIENT },
	{ "power_loss side=client other=hold", DEATH_CLIENT, BOOT_CLIENT },
	{ "power_loss side=both", DEATH_BOTH, BOOT_BOTH },
	{ "power_loss side=both other=close", DEATH_BOTH, BOOT_BOTH },

	{ "reboot", DEATH_SERVER "; 1.server end=abort", BOOT_SERVER },
	{ "reboot other=close", DEATH_SERVER "; 1.server end=close", BOOT_SERVER },
	{ "reboot other=hold", DEATH_SERVER, BOOT_SERVER },
	{ "reboot side=client", DEATH_CLIENT "; 1.client end=abort", BOOT_CLIENT },
	{ "reboot side=both", DEATH_BOTH, BOOT_BOTH },

	{ "process_crash", "a gate=refuse; 1.client end=close; 1.server end=abort", "a gate=open" },
	{ "process_crash other=abort", "a gate=refuse; 1.client end=close; 1.server end=abort",
	    "a gate=open" },
	{ "process_crash other=close", "a gate=refuse; 1.client end=close; 1.server end=close",
	    "a gate=open" },
	{ "process_crash other=hold", "a gate=refuse; 1.client end=close", "a gate=open" },
	{ "process_crash side=client", "a gate=refuse; 1.server end=close; 1.client end=abort",
	    "a gate=open" },
	{ "process_crash side=both", "a gate=refuse; 1.client end=close; 1.server end=close",
	    "a gate=open" },

	{ "hang", "a gate=hold; 1 hold=both", "1 hold=none; a gate=open" },
	{ "hang side=client", "a gate=hold; 1 hold=both", "1 hold=none; a gate=open" },
	{ "hang side=both", "a gate=hold; 1 hold=both", "1 hold=none; a gate=open" },
	{ "hang other=hold", "a gate=hold; 1 hold=both", "1 hold=none; a gate=open" },
	{ "hang other=abort", "a gate=hold; 1 hold=both; 1.server end=abort",
	    "1.client end=abort; a gate=open" },
	{ "hang other=close", "a gate=hold; 1 hold=both; 1.server end=close",
	    "1.client end=close; a gate=open" },
	{ "hang side=client other=abort", "a gate=hold; 1 hold=both; 1.client end=abort",
	    "1.server end=abort; a gate=open" },
	{ "hang side=both other=abort", "a gate=hold; 1 hold=both", "1 hold=none; a gate=open" },

	{ "partition", "a gate=silent; 1.client silence=both; 1.server silence=both; 1 hold=both",
	    "1.client silence=none; 1.server silence=none; 1 hold=none; a gate=open" },
	{ "partition direction=upstream",
	    "a gate=silent; 1.client silence=in; 1.server silence=out; 1 hold=up",
	    "1.client silence=none; 1.server silence=none; 1 hold=none; a gate=open" },
	{ "partition direction=downstream",
	    "a gate=silent; 1.client silence=out; 1.server silence=in; 1 hold=down",
	    "1.client silence=none; 1.server silence=none; 1 hold=none; a gate=open" },

	{ "reset duration=1h", "1.client end=abort; 1.server end=abort", "" },
	{ "reset", "1.client end=abort; 1.server end=abort", "" },
	{ "reset other=close", "1.client end=abort; 1.server end=close", "" },
	{ "reset other=hold", "1.client end=abort", "" },
	{ "reset side=client", "1.server end=abort; 1.client end=abort", "" },
	{ "reset side=client other=hold", "1.server end=abort", "" },
	{ "reset side=both", "1.client end=abort; 1.server end=abort", "" },

	{ "refuse", "a gate=refuse", "a gate=open" },
	{ "syn_drop", "a gate=silent", "a gate=open" },

	{ "half_close", "1.client end=finish", "" },
	{ "half_close side=client", "1.server end=finish", "" },
	{ "half_close side=both", "1.client end=finish; 1.server end=finish", "" },
};

#define N_ROWS ((int)(sizeof(rows) / sizeof(*rows)))

static struct fake_world *world_with(const char *name)
{
	struct fake_world *w = fake_world_new();

	fake_door_add(fake_door(w, name, NULL));
	return w;
}

START_TEST(each_strikes_and_is_lifted)
{
	const struct row *r = &rows[_i];
	struct fake_world *w = world_with("a");
	struct fault *f;

	fake_open(&w->doors[0], "10.0.0.1");
	ck_assert_str_eq(fake_calls(w), "");
	f = fake_arm(w, r->text);
	ck_assert_msg(!strcmp(r->struck, fake_calls(w)), "%s struck: %s", r->text, w->taken);
	fake_lift(w, f);
	ck_assert_msg(!strcmp(r->lifted, fake_calls(w)), "%s lifted: %s", r->text, w->taken);
	ck_assert_int_eq(engine_deadline(&w->engine) == INT64_MAX ||
			     w->engine.observe_due_ns <= w->now_ns + w->engine.observe_interval_ns,
	    1);
	fake_world_free(w);
}
END_TEST

/* The same with triggers: each session has its own window, so nothing happens at the door. */
START_TEST(each_strikes_one_session_without_a_gate)
{
	const struct row *r = &rows[_i];
	const char *struck = r->struck, *lifted = r->lifted, *gate;
	struct fake_world *w = world_with("a");
	char text[128], expected[512];
	struct fake_target *t;
	struct fault *f;

	if (!strcmp(r->text, "refuse") || !strcmp(r->text, "syn_drop")) {
		fake_world_free(w);
		return; /* they act on SYNs, and take no session triggers */
	}
	if (!strncmp(struck, "a gate=", 7))
		struck = strstr(struck, "; ") + 2;
	snprintf(text, sizeof(text), "%s after_bytes=10", r->text);
	snprintf(expected, sizeof(expected), "%s", lifted);
	if ((gate = strstr(expected, "; a gate=open")))
		expected[gate - expected] = '\0';
	else if (!strcmp(expected, "a gate=open"))
		*expected = '\0';
	t = fake_open(&w->doors[0], "10.0.0.1");
	f = fake_arm(w, text);
	fake_carry(t, FLOW_UPSTREAM, 9);
	fake_carry(t, FLOW_DOWNSTREAM, 9);
	ck_assert_str_eq(fake_calls(w), "");
	fake_carry(t, strstr(r->text, "side=client") ? FLOW_UPSTREAM : FLOW_DOWNSTREAM, 1);
	ck_assert_msg(!strcmp(struck, fake_calls(w)), "%s struck: %s", text, w->taken);
	fake_lift(w, f);
	ck_assert_msg(!strcmp(expected, fake_calls(w)), "%s lifted: %s", text, w->taken);
	fake_world_free(w);
}
END_TEST

struct life {
	const char *text;
	struct {
		double at;
		const char *calls;
	} steps[4]; /* what happens up to each time; ends with at 0 */
};

static const struct life lives[] = {
	{ "power_loss delay=5s duration=30s",
	    { { 4.99, "" }, { 5, DEATH_SERVER "; 1.server end=abort" }, { 34.99, "" },
		{ 35, BOOT_SERVER } } },
	{ "reboot down=10s service_delay=5s", { { 9.99, DEATH_SERVER "; 1.server end=abort" },
						  { 10, "1.client end=vanish; 1.server end=abort; "
							"1.client silence=none; a gate=refuse" },
						  { 14.99, "" }, { 15, "a gate=open" } } },
	{ "reboot down=10s service_delay=0",
	    { { 9.99, DEATH_SERVER "; 1.server end=abort" }, { 10, BOOT_SERVER }, { 60, "" } } },
	{ "reboot delay=1s side=client down=10s service_delay=5s",
	    { { 0.99, "" }, { 1, DEATH_CLIENT "; 1.client end=abort" },
		{ 11, "1.client end=abort; 1.server end=vanish; 1.server silence=none" },
		{ 16, "a gate=open" } } },
	{ "reboot", { { 29.99, DEATH_SERVER "; 1.server end=abort" },
			{ 30, "1.client end=vanish; 1.server end=abort; 1.client silence=none; a "
			      "gate=refuse" },
			{ 34.99, "" }, { 35, "a gate=open" } } },
	{ "process_crash restart_after=3s",
	    { { 2.99, "a gate=refuse; 1.client end=close; 1.server end=abort" },
		{ 3, "a gate=open" } } },
	{ "process_crash",
	    { { 0.01, "a gate=refuse; 1.client end=close; 1.server end=abort" }, { 86400, "" } } },
	{ "hang delay=1s duration=2s", { { 1, "a gate=hold; 1 hold=both" }, { 2.99, "" },
					   { 3, "1 hold=none; a gate=open" } } },
	{ "partition duration=3s",
	    { { 2.99, "a gate=silent; 1.client silence=both; 1.server silence=both; 1 hold=both" },
		{ 3, "1.client silence=none; 1.server silence=none; 1 hold=none; a gate=open" } } },
	{ "reset delay=2s",
	    { { 1.99, "" }, { 2, "1.client end=abort; 1.server end=abort" }, { 9, "" } } },
	{ "refuse duration=2s", { { 1.99, "a gate=refuse" }, { 2, "a gate=open" } } },
	{ "syn_drop delay=1s duration=2s",
	    { { 0.99, "" }, { 1, "a gate=silent" }, { 2.99, "" }, { 3, "a gate=open" } } },
	{ "half_close delay=2s", { { 1.99, "" }, { 2, "1.client end=finish" }, { 9, "" } } },
};

#define N_LIVES ((int)(sizeof(lives) / sizeof(*lives)))

START_TEST(each_lives_its_time)
{
	const struct life *l = &lives[_i];
	struct fake_world *w = world_with("a");
	struct fault *f;

	fake_open(&w->doors[0], "10.0.0.1");
	f = fake_arm(w, l->text);
	for (int i = 0; i < 4 && l->steps[i].at > 0; i++) {
		fake_until(w, l->steps[i].at);
		ck_assert_msg(!strcmp(l->steps[i].calls, fake_calls(w)), "%s at %gs: %s", l->text,
		    l->steps[i].at, w->taken);
	}
	fake_until(w, 100000);
	fake_calls(w);
	ck_assert_ptr_eq(engine_find(&w->engine, "f1"), f);
	fake_world_free(w);
}
END_TEST

/* Per session: the window begins at the session's trigger and ends for it alone. */
static const struct life windows[] = {
	{ "power_loss duration=4s first=1",
	    { { 3.99, "1.client silence=both; 1 hold=both; 1.client bury; 1.server end=abort" },
		{ 4, "1.client end=vanish; 1.server end=abort; 1.client silence=none" } } },
	{ "reboot down=4s first=1",
	    { { 3.99, "1.client silence=both; 1 hold=both; 1.client bury; 1.server end=abort" },
		{ 4, "1.client end=vanish; 1.server end=abort; 1.client silence=none" },
		{ 99, "" } } },
	{ "hang duration=4s nth=1", { { 3.99, "1 hold=both" }, { 4, "1 hold=none" } } },
	{ "partition duration=4s after_idle=2s",
	    { { 1.99, "" }, { 2, "1.client silence=both; 1.server silence=both; 1 hold=both" },
		{ 5.99, "" },
		{ 6, "1.client silence=none; 1.server silence=none; 1 hold=none" } } },
	{ "process_crash restart_after=4s after_idle=1s",
	    { { 0.99, "" }, { 1, "1.client end=close; 1.server end=abort" }, { 9, "" } } },
	{ "reset duration=5s after_idle=1s",
	    { { 0.99, "" }, { 1, "1.client end=abort; 1.server end=abort" }, { 9, "" } } },
	{ "half_close every=1 after_idle=1s",
	    { { 0.99, "" }, { 1, "1.client end=finish" }, { 9, "" } } },
};

#define N_WINDOWS ((int)(sizeof(windows) / sizeof(*windows)))

START_TEST(each_session_has_its_own_window)
{
	const struct life *l = &windows[_i];
	struct fake_world *w = world_with("a");

	fake_arm(w, l->text);
	fake_open(&w->doors[0], "10.0.0.1");
	for (int i = 0; i < 4 && l->steps[i].at > 0; i++) {
		fake_until(w, l->steps[i].at);
		ck_assert_msg(!strcmp(l->steps[i].calls, fake_calls(w)), "%s at %gs: %s", l->text,
		    l->steps[i].at, w->taken);
	}
	fake_world_free(w);
}
END_TEST

/* Sessions opened within a window are struck before engine_session_opened() returns. */
START_TEST(sessions_opened_within_are_struck)
{
	static const struct row within[] = {
		{ "power_loss",
		    "1.client silence=both; 1 hold=both; 1.client bury; 1.server end=abort", "" },
		{ "hang", "1 hold=both", "" },
		{ "partition", "1.client silence=both; 1 hold=both; 1.server silence=both", "" },
		/* it still dials: nobody waits for that any more */
		{ "process_crash", "1.client end=close", "" },
		{ "reset duration=5s", "1.client end=abort", "" },
		{ "half_close duration=5s", "1.client end=finish", "" },
		{ "reset", "", "" },
		{ "half_close", "", "" },
		{ "refuse", "", "" },
		{ "syn_drop", "", "" },
	};

	for (size_t i = 0; i < sizeof(within) / sizeof(*within); i++) {
		struct fake_world *w = world_with("a");

		fake_arm(w, within[i].text);
		fake_calls(w);
		fake_open(&w->doors[0], "10.0.0.1");
		ck_assert_msg(
		    !strcmp(within[i].struck, fake_calls(w)), "%s: %s", within[i].text, w->taken);
		fake_until(w, 5);
		fake_calls(w);
		if (strstr(within[i].text, "duration")) { /* over */
			fake_open(&w->doors[0], "10.0.0.1");
			ck_assert_str_eq(fake_calls(w), "");
		}
		fake_world_free(w);
	}
}
END_TEST

/* --- idle_timeout --- */

START_TEST(idle_timeout_as_its_mode_says)
{
	static const struct row modes[] = {
		{ "idle_timeout after=10s",
		    "1.client silence=both; 1.server silence=both; 1 hold=both",
		    "1.client silence=none; 1.server silence=none; 1 hold=none" },
		{ "idle_timeout after=10s mode=rst_next",
		    "1.client end=vanish; 1.server end=vanish", "" },
		{ "idle_timeout after=10s mode=rst_both", "1.client end=abort; 1.server end=abort",
		    "" },
		{ "idle_timeout after=10s mode=fin", "1.client end=close; 1.server end=close", "" },
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct fake_world *w = world_with("a");
		struct fake_target *t = fake_open(&w->doors[0], "10.0.0.1");
		struct fault *f = fake_arm(w, modes[i].text);

		fake_until(w, 9.9);
		fake_carry(t, FLOW_UPSTREAM, 1);
		fake_until(w, 19.8);
		ck_assert_str_eq(fake_calls(w), "");
		fake_until(w, 20);
		ck_assert_msg(
		    !strcmp(modes[i].struck, fake_calls(w)), "%s: %s", modes[i].text, w->taken);
		fake_open(&w->doors[0], "10.0.0.1"); /* the door is open */
		ck_assert_str_eq(fake_calls(w), "");
		fake_lift(w, f);
		ck_assert_msg(
		    !strcmp(modes[i].lifted, fake_calls(w)), "%s: %s", modes[i].text, w->taken);
		fake_world_free(w);
	}
}
END_TEST

/* A probe that arrives, on either leg, restarts the clock where probes count. */
START_TEST(idle_timeout_and_keepalive_probes)
{
	static const char *const texts[] = { "idle_timeout after=10s keepalive_counts=yes",
		"idle_timeout after=10s keepalive_counts=no" };

	for (int i = 0; i < 2; i++) {
		struct fake_world *w = world_with("a");
		struct fake_target *t = fake_open(&w->doors[0], "10.0.0.1");

		fake_arm(w, texts[i]);
		for (int at = 4; at <= 40; at += 4) {
			fake_until(w, at);
			t->segments[at % 8 ? LEG_CLIENT : LEG_SERVER]++;
		}
		ck_assert_uint_eq(t->held, i ? FLOWS_ALL : 0);
		fake_until(w, 49.9); /* the last one was at 40 s */
		ck_assert_uint_eq(t->held, i ? FLOWS_ALL : 0);
		fake_until(w, 53); /* and may be seen a little later */
		ck_assert_uint_eq(t->held, FLOWS_ALL);
		fake_world_free(w);
	}
}
END_TEST

Suite *faults_suite(void)
{
	Suite *s = suite_create("faults");
	TCase *c = tcase_create("types");

	tcase_add_loop_test(c, each_strikes_and_is_lifted, 0, N_ROWS);
	tcase_add_loop_test(c, each_strikes_one_session_without_a_gate, 0, N_ROWS);
	tcase_add_loop_test(c, each_lives_its_time, 0, N_LIVES);
	tcase_add_loop_test(c, each_session_has_its_own_window, 0, N_WINDOWS);
	tcase_add_test(c, sessions_opened_within_are_struck);
	tcase_add_test(c, idle_timeout_as_its_mode_says);
	tcase_add_test(c, idle_timeout_and_keepalive_probes);
	suite_add_tcase(s, c);
	return s;
}
