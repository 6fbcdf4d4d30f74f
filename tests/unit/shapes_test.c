/* The faults that shape bytes, beyond those with a suite of their own: pieces and times. */
#include "base/mono.h"
#include "fake_target.h"
#include "faults/catalogue.h"
#include "faults/stream.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *shapes_suite(void);

static struct fake_world *w;
static struct fake_door *door;
static struct fake_target *t;

static void setup(void)
{
	w = fake_world_new();
	door = fake_door(w, "a", NULL);
	fake_door_add(door);
	t = fake_open(door, "10.0.0.1");
}

static void teardown(void)
{
	uint64_t kept;

	while (!TAILQ_EMPTY(&door->door.targets))
		fake_close((struct fake_target *)TAILQ_FIRST(&door->door.targets));
	kept = w->engine.buffered;
	fake_world_free(w);
	ck_assert_uint_eq(kept, 0);
}

static void again(void)
{
	teardown();
	setup();
}

#define GOT(flow, text)  ck_assert_str_eq(fake_got(t, FLOW_##flow), text)
#define SEND(flow, text) ck_assert(fake_send(t, FLOW_##flow, text))
#define CALLS(text)      ck_assert_str_eq(fake_calls(w), text)

static bool update(struct fault *f, const char *text)
{
	struct fault_spec *s = (struct fault_spec *)fake_spec(w, text);

	free(s->name);
	s->name = strdup(f->spec->name);
	return engine_update(&w->engine, f, s, w->now_ns);
}

/* ---- slicer ---- */

START_TEST(slicer_halves)
{
	fake_arm(w, "slicer average_size=2");
	SEND(DOWNSTREAM, "abcdefghij");
	SEND(DOWNSTREAM, "kl");
	SEND(DOWNSTREAM, NULL);
	GOT(DOWNSTREAM, "0.000:ab 0.000:c 0.000:de 0.000:fg 0.000:h 0.000:ij 0.000:kl 0.000:FIN");
}
END_TEST

START_TEST(slicer_leaves_what_is_within_the_variation)
{
	fake_arm(w, "slicer average_size=4 size_variation=4");
	SEND(DOWNSTREAM, "abcdefgh");
	GOT(DOWNSTREAM, "0.000:abcdefgh");
	SEND(DOWNSTREAM, "abcdefghi");
	ck_assert_ptr_nonnull(strchr(fake_got(t, FLOW_DOWNSTREAM), ' '));
}
END_TEST

START_TEST(slicer_pauses_after_each_piece)
{
	fake_arm(w, "slicer average_size=2 pause=10ms");
	SEND(DOWNSTREAM, "abcd");
	SEND(DOWNSTREAM, NULL);
	fake_until(w, 1);
	GOT(DOWNSTREAM, "0.000:ab 0.010:cd 0.020:FIN");
}
END_TEST

/* No size may crash it or keep it from ending; 0 cuts nothing. */
START_TEST(slicer_takes_any_size)
{
	static const char *const sizes[] = { "0", "1", "2", "7", "1000", "1MiB" };
	char text[2001], arm[96], *got;
	size_t len = 0;

	for (int i = 0; i < 2000; i++)
		text[i] = (char)('a' + i % 26);
	text[2000] = 0;
	snprintf(arm, sizeof(arm), "slicer average_size=%s size_variation=%s", sizes[_i / 6],
	    sizes[_i % 6]);
	fake_arm(w, arm);
	SEND(DOWNSTREAM, text);
	fake_until(w, 1);
	got = (char *)fake_got(t, FLOW_DOWNSTREAM);
	for (char *word = strtok(got, " "); word; word = strtok(NULL, " ")) {
		size_t n = strlen(word + 6);

		ck_assert_int_eq(strncmp(word + 6, text + len, n), 0);
		ck_assert_uint_le(n, _i < 6 ? 2000 : 2001u * (_i / 6 > 3 || _i % 6 > 3) + 2000);
		len += n;
	}
	ck_assert_uint_eq(len, 2000);
}
END_TEST

static void slice(char *out, size_t size, unsigned seed)
{
	char text[401];

	memset(text, 'x', 400);
	text[400] = 0;
	w->engine.seed = seed;
	fake_arm(w, "slicer average_size=20 size_variation=10");
	SEND(DOWNSTREAM, text);
	snprintf(out, size, "%s", fake_got(t, FLOW_DOWNSTREAM));
}

START_TEST(slicer_repeats_by_seed_within_its_bounds)
{
	char first[2048], second[2048], third[2048];
	size_t least = 400, most = 0;

	slice(first, sizeof(first), 7);
	again();
	slice(second, sizeof(second), 7);
	again();
	slice(third, sizeof(third), 8);
	ck_assert_str_eq(first, second);
	ck_assert_str_ne(first, third);
	for (char *word = strtok(first, " "); word; word = strtok(NULL, " ")) {
		size_t n = strlen(word + 6);

		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	ck_assert_uint_le(most, 30);
	ck_assert_uint_lt(least, most);
}
END_TEST

START_TEST(slicer_takes_turns)
{
	char text[1001];

	memset(text, 'x', 1000);
	text[1000] = 0;
	fake_arm(w, "slicer average_size=1");
	SEND(DOWNSTREAM, text);
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 256);
	fake_until(w, 0.001);
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 1000);
}
END_TEST

START_TEST(slicer_keeps_to_the_buffer)
{
	char text[3001];

	memset(text, 'x', 3000);
	text[3000] = 0;
	w->engine.buffer_bytes = 4096;
	t->blocked = true;
	fake_arm(w, "slicer average_size=1");
	SEND(DOWNSTREAM, text);
	fake_until(w, 1);
	ck_assert_uint_lt(w->engine.buffered, 4096 + 3000 + 200);
	t->blocked = false;
	t->target.ops->shaped(&t->target, FLOW_DOWNSTREAM);
	ck_assert_uint_lt(t->bytes[FLOW_DOWNSTREAM], 200);
	engine_tick(&w->engine, w->now_ns + 1); /* others want their turn */
	ck_assert_uint_lt(t->bytes[FLOW_DOWNSTREAM], 400);
	for (int i = 0; i < 40; i++) {
		fake_until(w, 1 + 0.01 * i);
		*t->got[FLOW_DOWNSTREAM] = 0;
	}
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 3000);
}
END_TEST

/* What waits to be cut is no reason not to deliver what was. */
START_TEST(slicers_do_not_wait_for_each_other)
{
	char text[3901];

	memset(text, 'x', 3900);
	text[3900] = 0;
	w->engine.buffer_bytes = 4096;
	fake_arm(w, "slicer average_size=1");
	fake_arm(w, "slicer average_size=1");
	SEND(DOWNSTREAM, text);
	for (int i = 0; i < 200; i++) {
		fake_until(w, 0.01 * i);
		*t->got[FLOW_DOWNSTREAM] = 0;
	}
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 3900);
}
END_TEST

/* Whoever cuts small pieces: a sink that takes none may not cost more than twice the buffer, and no
 * timer while it does. */
static const char *const cutters[] = { "slicer average_size=1", "bandwidth rate=1KB/s",
	"slow_drip size=1 interval=1ms", "stall bytes=1 pause=1ms" };

START_TEST(pieces_keep_to_the_buffer)
{
	char text[3001];

	memset(text, 'x', 3000);
	text[3000] = 0;
	w->engine.buffer_bytes = 4096;
	t->blocked = true;
	fake_arm(w, cutters[_i]);
	SEND(DOWNSTREAM, text);
	for (int i = 0; i < 100; i++)
		fake_until(w, 0.1 * i);
	ck_assert_uint_lt(w->engine.buffered, 2 * 4096);
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
	t->blocked = false;
	t->target.ops->shaped(&t->target, FLOW_DOWNSTREAM);
	for (int i = 100; i < 200; i++) {
		fake_until(w, 0.1 * i);
		*t->got[FLOW_DOWNSTREAM] = 0;
	}
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 3000);
}
END_TEST

/* Many streams share buffer_total: each may keep one piece above it. */
START_TEST(pieces_keep_to_the_common_limit)
{
	char text[3001];

	memset(text, 'x', 3000);
	text[3000] = 0;
	w->engine.buffer_total = 1;
	t->blocked = true;
	fake_arm(w, cutters[_i]);
	SEND(DOWNSTREAM, text);
	for (int i = 0; i < 100; i++)
		fake_until(w, 0.1 * i);
	ck_assert_uint_lt(w->engine.buffered, 3500);
	fake_lift(w, TAILQ_FIRST(&w->engine.faults));
	t->blocked = false;
	t->target.ops->shaped(&t->target, FLOW_DOWNSTREAM);
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 3000);
}
END_TEST

START_TEST(slicer_updated_amid_a_pause)
{
	struct fault *f = fake_arm(w, "slicer average_size=2 pause=1h");

	SEND(DOWNSTREAM, "abcdefgh");
	fake_until(w, 0.5);
	ck_assert(update(f, "slicer average_size=2 pause=1s"));
	fake_until(w, 1.5);
	GOT(DOWNSTREAM, "0.000:ab 1.000:cd");
}
END_TEST

START_TEST(slicer_lifted_amid_a_chunk)
{
	struct fault *f = fake_arm(w, "slicer average_size=2 pause=1s");

	SEND(DOWNSTREAM, "abcdefgh");
	fake_until(w, 1.5);
	fake_lift(w, f);
	GOT(DOWNSTREAM, "0.000:ab 1.000:cd 1.500:efgh");
}
END_TEST

/* Pieces that others have cut cost more than the buffer; they wait for it, not behind it. */
START_TEST(slicer_passes_what_waits_in_small_pieces)
{
	struct fault *late;
	char bytes[401];

	memset(bytes, 'x', 400);
	bytes[400] = 0;
	w->engine.buffer_bytes = 1024;
	fake_arm(w, "slow_drip size=1 interval=1ms");
	late = fake_arm(w, "latency latency=1h");
	fake_arm(w, "slicer average_size=9");
	SEND(DOWNSTREAM, bytes);
	fake_until(w, 1);
	GOT(DOWNSTREAM, "");
	ck_assert_uint_gt(w->engine.buffered, 1024);
	fake_lift(w, late);
	fake_until(w, 2);
	ck_assert_uint_eq(w->engine.buffered, 0);
}
END_TEST

/* ---- limit_data ---- */

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
	fake_arm(w, cutters[_i]);
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
	ck_assert(update(f, "limit_data bytes=6"));
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

/* ---- timeout, reset_peer ---- */

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
	ck_assert(update(f, "timeout timeout=5s"));
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

/* ---- slow_drip, stall ---- */

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
	ck_assert(update(f, "slow_drip size=3 interval=2s"));
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
	ck_assert(update(f, "stall bytes=2 pause=600ms"));
	fake_until(w, 1);
	ck_assert(update(f, "stall bytes=2 pause=1h"));
	fake_until(w, 5);
	fake_lift(w, f);
	GOT(DOWNSTREAM, "0.000:abcd 0.600:ef 5.000:ghijkl");
}
END_TEST

/* ---- corrupt ---- */

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
	again();
	corrupt("corrupt rate=1%", 7, cut, sizeof(cut));
	again();
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
	ck_assert(update(f, "corrupt rate=1"));
	SEND(DOWNSTREAM, "AA");
	ck_assert_str_eq(fake_event_text(w, EVENT_BYTES_CORRUPTED, "offsets"), "4,5");
	ck_assert(update(f, "corrupt rate=0"));
	fake_got(t, FLOW_DOWNSTREAM);
	SEND(DOWNSTREAM, "AAAA");
	GOT(DOWNSTREAM, "0.000:AAAA");
	fake_lift(w, f);
	ck_assert_ptr_null(t->target.streams[FLOW_DOWNSTREAM]);
}
END_TEST

/* ---- fin_race ---- */

START_TEST(race_meets_the_first_request)
{
	fake_arm(w, "fin_race");
	fake_until(w, 1);
	SEND(DOWNSTREAM, "hello");
	CALLS("");
	SEND(UPSTREAM, "GET");
	CALLS("1.client end=finish; 1.client end=abort; 1.server end=close");
	GOT(UPSTREAM, "");
}
END_TEST

START_TEST(race_waits_for_silence_both_ways)
{
	fake_arm(w, "fin_race after=5s other=hold");
	fake_until(w, 4);
	SEND(UPSTREAM, "a");
	fake_until(w, 8);
	SEND(DOWNSTREAM, "b");
	fake_until(w, 12);
	SEND(UPSTREAM, "c");
	fake_until(w, 16.75);
	SEND(UPSTREAM, "d");
	CALLS("");
	fake_until(w, 21.75);
	SEND(UPSTREAM, "e");
	GOT(UPSTREAM, "4.000:a 12.000:c 16.750:d");
	fake_until(w, 21.751);
	GOT(DOWNSTREAM, "8.000:b 21.750:FIN");
	CALLS("1.client end=finish; 1.client end=abort");
}
END_TEST

START_TEST(race_lets_an_end_pass)
{
	fake_arm(w, "fin_race other=abort");
	SEND(UPSTREAM, NULL);
	GOT(UPSTREAM, "0.000:FIN");
	CALLS("");
}
END_TEST

START_TEST(race_updated_sees_both_ways)
{
	struct fault *f = fake_arm(w, "fin_race");

	ck_assert_ptr_null(t->target.streams[FLOW_DOWNSTREAM]);
	ck_assert(update(f, "fin_race after=5s"));
	ck_assert_ptr_nonnull(t->target.streams[FLOW_DOWNSTREAM]);
	SEND(UPSTREAM, "a");
	CALLS("");
}
END_TEST

#define RACE_LOST "1.client end=finish; 1.client end=abort; 1.server end=close"

/* Whichever was armed first, and with a clock of its own or without. */
START_TEST(race_is_late_as_the_answers_are)
{
	static const char *const races[] = { "fin_race", "fin_race after=1ms" };
	unsigned fired;

	if (_i / 2)
		fake_arm(w, races[_i % 2]);
	fake_arm(w, "latency latency=100ms");
	if (!(_i / 2))
		fake_arm(w, races[_i % 2]);
	SEND(DOWNSTREAM, "hello");
	fake_until(w, 0.01);
	SEND(UPSTREAM, "GET");
	SEND(UPSTREAM, " more");
	fired = fake_event_count(w, EVENT_FAULT_FIRED);
	fake_until(w, 0.109);
	GOT(DOWNSTREAM, "0.100:hello");
	CALLS("");
	fake_until(w, 1);
	GOT(DOWNSTREAM, "0.110:FIN");
	CALLS(RACE_LOST);
	GOT(UPSTREAM, "");
	ck_assert_uint_eq(fake_event_count(w, EVENT_FAULT_FIRED), fired + 1);
}
END_TEST

/* The client has gone before the RST came to it: as a FIN first, or at once. */
START_TEST(race_sees_the_client_go)
{
	fake_arm(w, "latency latency=1h");
	fake_arm(w, "fin_race");
	SEND(UPSTREAM, "GET");
	if (_i)
		SEND(UPSTREAM, NULL);
	GOT(UPSTREAM, "");
	ck_assert(stream_reset(t->target.streams[FLOW_UPSTREAM], w->now_ns));
	stream_run(t->target.streams[FLOW_UPSTREAM], w->now_ns);
	t->target.ops->shaped(&t->target, FLOW_UPSTREAM);
	GOT(UPSTREAM, "0.000:RST");
}
END_TEST

START_TEST(race_lifted_meanwhile_resets_nobody)
{
	struct fault *f;

	fake_arm(w, "latency latency=1s");
	f = fake_arm(w, "fin_race");
	SEND(UPSTREAM, "GET");
	fake_lift(w, f);
	SEND(UPSTREAM, "more");
	fake_until(w, 2);
	GOT(DOWNSTREAM, "1.000:FIN");
	GOT(UPSTREAM, "0.000:more");
	CALLS("");
}
END_TEST

/* ---- any three, in any order ---- */

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

		snprintf(arm, sizeof(arm), "%s direction=%s", lossless[roll(N_LOSSLESS)],
		    direction_names[roll(3)]);
		if (strncmp(arm, "fin_race", 8) == 0)
			*strstr(arm, " direction") = 0;
		if (roll(6) == 0 && faults[place] && !update(faults[place], arm)) {
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

/* ---- the ends of what they take ---- */

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
	char text[301];

	memset(text, 'x', 300);
	text[300] = 0;
	fake_arm(w, extremes[_i]);
	SEND(DOWNSTREAM, text);
	SEND(DOWNSTREAM, NULL);
	fake_until(w, 3 * 86400);
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 300);
	ck_assert_ptr_nonnull(strstr(fake_got(t, FLOW_DOWNSTREAM), ":FIN"));
}
END_TEST

/* ---- what they do not take ---- */

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

static void add_slicer(TCase *c)
{
	ADD(slicer_halves);
	ADD(slicer_leaves_what_is_within_the_variation);
	ADD(slicer_pauses_after_each_piece);
	tcase_add_loop_test(c, slicer_takes_any_size, 0, 36);
	ADD(slicer_repeats_by_seed_within_its_bounds);
	ADD(slicer_takes_turns);
	ADD(slicer_keeps_to_the_buffer);
	ADD(slicer_passes_what_waits_in_small_pieces);
	ADD(slicers_do_not_wait_for_each_other);
	tcase_add_loop_test(c, pieces_keep_to_the_buffer, 0, 4);
	tcase_add_loop_test(c, pieces_keep_to_the_common_limit, 0, 4);
	ADD(slicer_updated_amid_a_pause);
	ADD(slicer_lifted_amid_a_chunk);
}

static void add_limit(TCase *c)
{
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
}

static void add_timeout(TCase *c)
{
	ADD(timeout_throws_away_and_closes);
	ADD(timeout_0_waits_to_be_lifted);
	ADD(timeout_ends_with_its_source);
	ADD(timeout_updated);
	ADD(reset_peer_resets_the_idle);
	ADD(reset_peer_0_is_at_once);
	ADD(reset_peer_lifted_loses_nothing);
	ADD(each_session_has_its_own_clock);
}

static void add_stall(TCase *c)
{
	ADD(drip_by_the_clock);
	ADD(drip_saves_nothing_up);
	ADD(drip_defaults);
	ADD(drip_updated_and_lifted);
	ADD(stall_after_each_portion);
	ADD(stall_holds_the_end_too);
	ADD(stall_updated_and_lifted);
	tcase_add_loop_test(c, lateness_is_not_added, 0, 3);
}

static void add_others(TCase *c)
{
	ADD(corrupt_tells_where);
	ADD(corrupt_does_not_see_how_reads_cut_it);
	tcase_add_loop_test(c, corrupt_keeps_its_rate, 0, 3);
	ADD(corrupt_0_leaves_all_alone_and_update_changes_it);
	ADD(race_meets_the_first_request);
	ADD(race_waits_for_silence_both_ways);
	ADD(race_lets_an_end_pass);
	tcase_add_loop_test(c, race_is_late_as_the_answers_are, 0, 4);
	tcase_add_loop_test(c, race_sees_the_client_go, 0, 2);
	ADD(race_lifted_meanwhile_resets_nobody);
	ADD(race_updated_sees_both_ways);
	tcase_add_loop_test(c, any_three_keep_the_order_and_lose_nothing, 0, 60);
	tcase_add_loop_test(c, no_accepted_value_crashes_or_spins, 0, 12);
	tcase_add_loop_test(c, keys_that_mean_nothing_are_refused, 0, 13);
}

Suite *shapes_suite(void)
{
	static const struct {
		const char *name;
		void (*add)(TCase *c);
	} cases[] = {
		{ "slicer", add_slicer },
		{ "limit_data", add_limit },
		{ "timeout", add_timeout },
		{ "stall", add_stall },
		{ "others", add_others },
	};
	Suite *s = suite_create("shapes");

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		TCase *c = tcase_create(cases[i].name);

		tcase_add_checked_fixture(c, setup, teardown);
		cases[i].add(c);
		suite_add_tcase(s, c);
	}
	return s;
}
