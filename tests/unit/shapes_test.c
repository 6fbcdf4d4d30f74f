/* Portions and damage; then all that shape bytes, together and with any value. */
#include "base/mono.h"
#include "faults/catalogue.h"
#include "shape_rig.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *shapes_suite(void);

/* --- slow_drip, stall --- */

START_TEST(drip_by_the_clock)
{
	fake_arm(w, "slow_drip size=2 interval=100ms");
	SEND(DOWNSTREAM, "abc");
	SEND(DOWNSTREAM, "de"); /* makes the second drop full */
	SEND(DOWNSTREAM, NULL);
	fake_until(w, 1);
	GOT(DOWNSTREAM, "0.000:ab 0.100:c 0.100:d 0.200:e 0.200:FIN");
}
END_TEST

START_TEST(drip_saves_nothing_up)
{
	fake_arm(w, "slow_drip size=1 interval=100ms");
	SEND(DOWNSTREAM, "a");
	fake_until(w, 5.05);
	SEND(DOWNSTREAM, "bc");
	fake_until(w, 6);
	GOT(DOWNSTREAM, "0.000:a 5.050:b 5.150:c");
}
END_TEST

START_TEST(drip_defaults)
{
	fake_arm(w, "slow_drip");
	SEND(DOWNSTREAM, "abc");
	fake_until(w, 1);
	GOT(DOWNSTREAM, "0.000:a 0.100:b 0.200:c");
}
END_TEST

START_TEST(drip_updated_and_lifted)
{
	struct fault *f = fake_arm(w, "slow_drip interval=1h");

	SEND(DOWNSTREAM, "abcdefg");
	fake_until(w, 1);
	ck_assert(shape_update(f, "slow_drip size=3 interval=2s"));
	fake_until(w, 3);
	fake_lift(w, f);
	GOT(DOWNSTREAM, "0.000:a 1.000:bc 2.000:def 3.000:g");
}
END_TEST

START_TEST(stall_after_each_portion)
{
	fake_arm(w, "stall bytes=4 pause=1s");
	SEND(DOWNSTREAM, "abc");
	SEND(DOWNSTREAM, "defghij");
	SEND(DOWNSTREAM, NULL);
	fake_until(w, 0.5);
	GOT(DOWNSTREAM, "0.000:abc 0.000:d");
	fake_until(w, 9);
	GOT(DOWNSTREAM, "1.000:efgh 2.000:ij 2.000:FIN");
}
END_TEST

START_TEST(stall_holds_the_end_too)
{
	fake_arm(w, "stall bytes=2 pause=1s");
	SEND(DOWNSTREAM, "ab");
	SEND(DOWNSTREAM, NULL);
	fake_until(w, 9);
	GOT(DOWNSTREAM, "0.000:ab 1.000:FIN");
}
END_TEST

/* The loop was busy elsewhere: what was due meanwhile goes, and the clock has not lost a beat. */
START_TEST(lateness_is_not_added)
{
	static const char *const arms[] = { "stall bytes=4 pause=1s",
		"slow_drip size=4 interval=1s", "slicer average_size=4 pause=1s" };

	fake_arm(w, arms[_i]);
	SEND(DOWNSTREAM, "abcdefghijklmnop");
	GOT(DOWNSTREAM, "0.000:abcd");
	w->now_ns = FAKE_START + 2500 * NS_PER_MS;
	engine_tick(&w->engine, w->now_ns);
	GOT(DOWNSTREAM, "2.500:efgh 2.500:ijkl");
	fake_until(w, 9);
	GOT(DOWNSTREAM, "3.000:mnop");
}
END_TEST

START_TEST(stall_updated_and_lifted)
{
	struct fault *f = fake_arm(w, "stall bytes=4 pause=1s");

	SEND(DOWNSTREAM, "abcdefghijkl");
	fake_until(w, 0.5);
	ck_assert(shape_update(f, "stall bytes=2 pause=600ms"));
	fake_until(w, 1);
	ck_assert(shape_update(f, "stall bytes=2 pause=1h"));
	fake_until(w, 5);
	fake_lift(w, f);
	GOT(DOWNSTREAM, "0.000:abcd 0.600:ef 5.000:ghijkl");
}
END_TEST

/* --- corrupt --- */

#define TEXT 8000

/* The places that differ, as the event tells them; pieces of `piece` bytes. */
static void corrupt(const char *arm, size_t piece, char *places, size_t size)
{
	static char text[TEXT + 1];
	size_t at = 0, len = 0;
	char *got;

	memset(text, 'A', TEXT);
	fake_arm(w, arm);
	*places = 0;
	for (size_t from = 0; from < TEXT; from += piece) {
		char part[TEXT + 1];

		snprintf(part, sizeof(part), "%.*s", (int)piece, text + from);
		SEND(DOWNSTREAM, part);
		got = (char *)fake_got(t, FLOW_DOWNSTREAM) + 6;
		for (size_t i = 0; i < strlen(part); i++, at++) {
			unsigned flipped = (unsigned char)got[i] ^ 'A';

			ck_assert_msg(!(flipped & (flipped - 1)), "more than one bit of %zu", at);
			if (flipped)
				len += (size_t)snprintf(
				    places + len, size - len, "%s%zu", len ? "," : "", at);
		}
	}
}

START_TEST(corrupt_tells_where)
{
	char places[1024];

	corrupt("corrupt", TEXT, places, sizeof(places));
	ck_assert_str_eq(fake_event_text(w, EVENT_BYTES_CORRUPTED, "offsets"), places);
	ck_assert_str_eq(fake_event_text(w, EVENT_BYTES_CORRUPTED, "direction"), "downstream");
	ck_assert_str_eq(fake_event_text(w, EVENT_BYTES_CORRUPTED, "fault"), "f1");
	ck_assert_int_ge(fake_event_int(w, EVENT_BYTES_CORRUPTED, "bytes"), 2);
	ck_assert_int_le(fake_event_int(w, EVENT_BYTES_CORRUPTED, "bytes"), 20);
}
END_TEST

START_TEST(corrupt_does_not_see_how_reads_cut_it)
{
	char whole[4096], cut[4096], other[4096];

	corrupt("corrupt rate=1%", TEXT, whole, sizeof(whole));
	shape_again();
	corrupt("corrupt rate=1%", 7, cut, sizeof(cut));
	shape_again();
	w->engine.seed = 43;
	corrupt("corrupt rate=1%", TEXT, other, sizeof(other));
	ck_assert_str_eq(whole, cut);
	ck_assert_str_ne(whole, other);
}
END_TEST

START_TEST(corrupt_keeps_its_rate)
{
	static const struct {
		const char *arm;
		int64_t least, most; /* of TEXT */
	} rates[] = {
		{ "corrupt rate=100%", TEXT, TEXT },
		{ "corrupt rate=10%", 680, 920 },
		{ "corrupt rate=1%", 45, 115 },
	};
	char text[TEXT + 1];
	const char *offsets;

	memset(text, 'A', TEXT);
	text[TEXT] = 0;
	fake_arm(w, rates[_i].arm);
	SEND(DOWNSTREAM, text);
	ck_assert_int_ge(fake_event_int(w, EVENT_BYTES_CORRUPTED, "bytes"), rates[_i].least);
	ck_assert_int_le(fake_event_int(w, EVENT_BYTES_CORRUPTED, "bytes"), rates[_i].most);
	offsets = fake_event_text(w, EVENT_BYTES_CORRUPTED, "offsets");
	ck_assert_str_eq(offsets + strlen(offsets) - 3, "...");
}
END_TEST

START_TEST(corrupt_0_leaves_all_alone_and_update_changes_it)
{
	struct fault *f = fake_arm(w, "corrupt rate=0");

	SEND(DOWNSTREAM, "AAAA");
	GOT(DOWNSTREAM, "0.000:AAAA");
	ck_assert(shape_update(f, "corrupt rate=1"));
	SEND(DOWNSTREAM, "AA");
	ck_assert_str_eq(fake_event_text(w, EVENT_BYTES_CORRUPTED, "offsets"), "4,5");
	ck_assert(shape_update(f, "corrupt rate=0"));
	fake_got(t, FLOW_DOWNSTREAM);
	SEND(DOWNSTREAM, "AAAA");
	GOT(DOWNSTREAM, "0.000:AAAA");
	fake_lift(w, f);
	ck_assert_ptr_null(t->target.streams[FLOW_DOWNSTREAM]);
}
END_TEST

/* --- any three, in any order --- */

static const char *const lossless[] = {
	"latency latency=30ms jitter=20ms",
	"latency latency=10ms jitter=30ms distribution=pareto correlation=50%",
	"bandwidth rate=2KB/s",
	"bandwidth rate=300B/s",
	"slicer average_size=3 size_variation=2 pause=1ms",
	"slicer average_size=1",
	"slow_close linger=300ms",
	"slow_drip size=7 interval=20ms",
	"stall bytes=50 pause=70ms",
	"limit_data bytes=1MiB",
	"limit_data bytes=20 then=hang duration=500ms",
	"reset_peer timeout=1h duration=300ms",
	"corrupt rate=0",
	"fin_race after=1h",
};
#define N_LOSSLESS (sizeof(lossless) / sizeof(*lossless))

static unsigned draws;

static unsigned roll(unsigned n)
{
	/* MINSTD: the walk is the same each time. */
	draws = (unsigned)((uint64_t)draws * 48271 % 2147483647);
	return draws % n;
}

static void say(struct fake_target *to, enum flow flow, unsigned *said, unsigned most)
{
	char text[64];
	unsigned n = 1 + roll(60);

	for (unsigned i = 0; i < n; i++)
		text[i] = (char)('a' + (*said + i) % 26);
	text[n] = 0;
	if (*said < most && fake_send(to, flow, text))
		*said += n;
}

/* Words "1.234:abc" of one flow: the alphabet over and over, times that never go back. */
static void check_flow(enum flow flow, unsigned said, bool ended)
{
	char *got = (char *)fake_got(t, flow);
	unsigned n = 0;
	double last = 0;

	for (char *word = strtok(got, " "); word; word = strtok(NULL, " ")) {
		const char *text = strchr(word, ':') + 1;

		ck_assert_double_ge(atof(word), last);
		last = atof(word);
		if (strcmp(text, "FIN") == 0) {
			ck_assert_uint_eq(n, said);
			ended = false;
			continue;
		}
		for (; *text; text++)
			ck_assert_int_eq(*text, 'a' + (int)(n++ % 26));
	}
	ck_assert_uint_eq(n, said);
	ck_assert_msg(!ended, "no FIN");
}

static const char *roll_lossless(char *text, size_t size)
{
	snprintf(
	    text, size, "%s direction=%s", lossless[roll(N_LOSSLESS)], direction_names[roll(3)]);
	if (strncmp(text, "fin_race", 8) == 0)
		*strstr(text, " direction") = 0;
	return text;
}

START_TEST(any_three_keep_the_order_and_lose_nothing)
{
	struct fault *faults[3] = { 0 };
	unsigned said[FLOWS] = { 0 };
	double now = 0;

	draws = (unsigned)_i + 1;
	w->engine.buffer_bytes = 4096;
	for (int step = 0; step < 120; step++) {
		unsigned place = roll(3);
		char arm[128];

		roll_lossless(arm, sizeof(arm));
		if (roll(6) == 0 && faults[place] && !shape_update(faults[place], arm)) {
			fake_lift(w, faults[place]);
			faults[place] = roll(3) ? fake_arm(w, arm) : NULL;
		} else if (!faults[place]) {
			faults[place] = fake_arm(w, arm);
		}
		say(t, FLOW_UPSTREAM, &said[FLOW_UPSTREAM], 1000);
		say(t, FLOW_DOWNSTREAM, &said[FLOW_DOWNSTREAM], 1000);
		now += 0.001 * roll(40);
		fake_until(w, now);
	}
	ck_assert_uint_gt(said[FLOW_UPSTREAM] + said[FLOW_DOWNSTREAM], 100);
	for (int i = 0; i < 3; i++)
		if (faults[i])
			fake_lift(w, faults[i]);
	SEND(UPSTREAM, NULL);
	SEND(DOWNSTREAM, NULL);
	check_flow(FLOW_UPSTREAM, said[FLOW_UPSTREAM], true);
	check_flow(FLOW_DOWNSTREAM, said[FLOW_DOWNSTREAM], true);
	ck_assert_ptr_null(t->target.streams[FLOW_UPSTREAM]);
	ck_assert_ptr_null(t->target.streams[FLOW_DOWNSTREAM]);
}
END_TEST

static void sink_is_ready(enum flow flow)
{
	if (t->target.streams[flow])
		t->target.ops->shaped(&t->target, flow);
}

/* Lifted, everything goes on by itself; as long as nothing is, each stage must be called again by
 * whatever made it wait: its own time, what has left behind it, or a sink that takes some again. */
START_TEST(any_three_leave_nothing_waiting)
{
	unsigned said[FLOWS] = { 0 };
	double now = 0;
	char arm[128];

	draws = (unsigned)_i + 1;
	w->engine.buffer_bytes = 4096;
	w->engine.buffer_total = roll(2) ? 6000 : 256 << 20;
	for (int n = 0; n < 3; n++)
		fake_arm(w, roll_lossless(arm, sizeof(arm)));
	for (int step = 0; step < 150; step++) {
		t->blocked = roll(3) == 0;
		for (enum flow flow = 0; flow < FLOWS; flow++) {
			sink_is_ready(flow);
			say(t, flow, &said[flow], 3000);
		}
		now += 0.001 * roll(40);
		fake_until(w, now);
	}
	t->blocked = false;
	for (enum flow flow = 0; flow < FLOWS; flow++) {
		sink_is_ready(flow);
		fake_until(w, now += 3600);
		ck_assert(fake_send(t, flow, NULL));
	}
	fake_until(w, now + 3600);
	check_flow(FLOW_UPSTREAM, said[FLOW_UPSTREAM], true);
	check_flow(FLOW_DOWNSTREAM, said[FLOW_DOWNSTREAM], true);
}
END_TEST

/* --- the ends of what they take --- */

START_TEST(no_accepted_value_crashes_or_spins)
{
	static const char *const extremes[] = {
		"stall bytes=1 pause=1ms",
		"stall bytes=1000GB pause=1d",
		"slow_drip size=1 interval=1ms",
		"slow_drip size=1000GB interval=1d",
		"slicer average_size=1 size_variation=1MiB",
		"slicer average_size=1MiB size_variation=1MiB pause=1d",
		"slicer size_variation=1MiB",
		"limit_data bytes=1000000GB",
		"corrupt rate=0.00000000000001%",
		"slow_close linger=1d",
		"latency latency=1s jitter=1s distribution=pareto correlation=1",
		"fin_race after=1d",
	};
	const char *text = shape_xs(300);

	fake_arm(w, extremes[_i]);
	SEND(DOWNSTREAM, text);
	SEND(DOWNSTREAM, NULL);
	fake_until(w, 3 * 86400);
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 300);
	ck_assert_ptr_nonnull(strstr(fake_got(t, FLOW_DOWNSTREAM), ":FIN"));
}
END_TEST

/* --- what they do not take --- */

START_TEST(keys_that_mean_nothing_are_refused)
{
	static const char *const wrong[] = {
		"slicer other=abort",
		"slicer side=client",
		"limit_data other=close",
		"timeout other=close",
		"reset_peer side=server",
		"slow_drip size=0",
		"slow_drip interval=0",
		"stall bytes=0",
		"stall pause=10us",
		"corrupt rate=2",
		"fin_race side=client",
		"fin_race direction=both",
		"limit_data then=boom",
	};
	struct conf_errors errors = { 0 };
	struct config *c = config_new();

	conf_add_fault_text(c, "wrong", wrong[_i], catalogue_types, &errors);
	ck_assert_msg(errors.count > 0, "%s", wrong[_i]);
	conf_errors_free(&errors);
	config_free(c);
}
END_TEST

#define ADD(test) tcase_add_test(c, test)

Suite *shapes_suite(void)
{
	Suite *s = suite_create("shapes");
	TCase *c = tcase_create("all");

	tcase_add_checked_fixture(c, shape_setup, shape_teardown);
	ADD(drip_by_the_clock);
	ADD(drip_saves_nothing_up);
	ADD(drip_defaults);
	ADD(drip_updated_and_lifted);
	ADD(stall_after_each_portion);
	ADD(stall_holds_the_end_too);
	ADD(stall_updated_and_lifted);
	tcase_add_loop_test(c, lateness_is_not_added, 0, 3);
	ADD(corrupt_tells_where);
	ADD(corrupt_does_not_see_how_reads_cut_it);
	tcase_add_loop_test(c, corrupt_keeps_its_rate, 0, 3);
	ADD(corrupt_0_leaves_all_alone_and_update_changes_it);
	tcase_add_loop_test(c, any_three_keep_the_order_and_lose_nothing, 0, 60);
	tcase_add_loop_test(c, any_three_leave_nothing_waiting, 0, 100);
	tcase_add_loop_test(c, no_accepted_value_crashes_or_spins, 0, 12);
	tcase_add_loop_test(c, keys_that_mean_nothing_are_refused, 0, 13);
	suite_add_tcase(s, c);
	return s;
}
