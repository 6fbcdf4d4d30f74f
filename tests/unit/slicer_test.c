/* slicer, and whoever else cuts small pieces: what they may cost. */
#include "base/mono.h"
#include "shape_rig.h"
#include <stdio.h>
#include <string.h>

Suite *slicer_suite(void);

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
	shape_again();
	slice(second, sizeof(second), 7);
	shape_again();
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
	const char *text = shape_xs(1000);

	fake_arm(w, "slicer average_size=1");
	SEND(DOWNSTREAM, text);
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 32);
	fake_until(w, 0.001);
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 1000);
}
END_TEST

START_TEST(slicer_keeps_to_the_buffer)
{
	const char *text = shape_xs(3000);

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
	const char *text = shape_xs(3900);

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
START_TEST(pieces_keep_to_the_buffer)
{
	const char *text = shape_xs(3000);

	w->engine.buffer_bytes = 4096;
	t->blocked = true;
	fake_arm(w, shape_cutters[_i]);
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
	const char *text = shape_xs(3000);

	w->engine.buffer_total = 1;
	t->blocked = true;
	fake_arm(w, shape_cutters[_i]);
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
	ck_assert(shape_update(f, "slicer average_size=2 pause=1s"));
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
	const char *bytes = shape_xs(400);

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

#define ADD(test) tcase_add_test(c, test)

Suite *slicer_suite(void)
{
	Suite *s = suite_create("slicer");
	TCase *c = tcase_create("all");

	tcase_add_checked_fixture(c, shape_setup, shape_teardown);
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
	suite_add_tcase(s, c);
	return s;
}
