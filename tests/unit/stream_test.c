#include "kernel/pipe.h"
#include "shape_rig.h"
#include <check.h>
#include <string.h>
#include <unistd.h>

Suite *stream_suite(void);

START_TEST(unshaped_flow_has_no_stream)
{
	struct fault *f = fake_arm(w, "latency latency=100ms direction=upstream");

	ck_assert_ptr_nonnull(t->target.streams[FLOW_UPSTREAM]);
	ck_assert_ptr_null(t->target.streams[FLOW_DOWNSTREAM]);
	fake_lift(w, f);
	ck_assert_ptr_null(t->target.streams[FLOW_UPSTREAM]);
}
END_TEST

START_TEST(stages_add_up_in_the_order_of_arming)
{
	fake_arm(w, "latency latency=100ms");
	fake_arm(w, "latency latency=200ms");
	SEND(DOWNSTREAM, "x");
	fake_until(w, 0.299);
	GOT(DOWNSTREAM, "");
	fake_until(w, 1);
	GOT(DOWNSTREAM, "0.300:x");
}
END_TEST

START_TEST(end_keeps_its_place)
{
	fake_arm(w, "latency latency=100ms");
	SEND(DOWNSTREAM, "x");
	SEND(DOWNSTREAM, NULL);
	ck_assert(!fake_send(t, FLOW_DOWNSTREAM, "y"));
	fake_until(w, 1);
	GOT(DOWNSTREAM, "0.100:x 0.100:FIN");
}
END_TEST

START_TEST(reset_keeps_its_place)
{
	struct stream *s;

	fake_arm(w, "latency latency=100ms");
	SEND(DOWNSTREAM, "x");
	SEND(DOWNSTREAM, NULL);
	s = t->target.streams[FLOW_DOWNSTREAM];
	ck_assert(stream_reset(s, w->now_ns));
	ck_assert_uint_eq(stream_room(s), 0);
	fake_until(w, 1);
	GOT(DOWNSTREAM, "0.100:x 0.100:FIN 0.100:RST");
}
END_TEST

START_TEST(what_is_lifted_lets_all_go_in_order)
{
	struct fault *first = fake_arm(w, "latency latency=1s"), *second;

	SEND(DOWNSTREAM, "a");
	second = fake_arm(w, "latency latency=5s");
	fake_until(w, 1.5);
	SEND(DOWNSTREAM, "b");
	SEND(DOWNSTREAM, NULL);
	fake_lift(w, first);
	fake_until(w, 2);
	GOT(DOWNSTREAM, "");
	fake_lift(w, second);
	GOT(DOWNSTREAM, "2.000:a 2.000:b 2.000:FIN");
	ck_assert_ptr_null(t->target.streams[FLOW_DOWNSTREAM]);
}
END_TEST

START_TEST(window_over_lets_all_go)
{
	fake_arm(w, "latency latency=10s duration=2s");
	SEND(DOWNSTREAM, "a");
	fake_until(w, 5);
	GOT(DOWNSTREAM, "2.000:a");
	ck_assert_ptr_null(t->target.streams[FLOW_DOWNSTREAM]);
}
END_TEST

START_TEST(sessions_opened_later_are_shaped_too)
{
	fake_arm(w, "latency latency=100ms");
	t = fake_open(door, "10.0.0.2");
	SEND(DOWNSTREAM, "x");
	fake_until(w, 1);
	GOT(DOWNSTREAM, "0.100:x");
}
END_TEST

START_TEST(room_is_bounded)
{
	const char *kb = shape_xs(1024);

	w->engine.buffer_bytes = 4096;
	fake_arm(w, "latency latency=1h");
	for (int n = 0; n < 3; n++)
		SEND(DOWNSTREAM, kb);
	ck_assert_uint_gt(w->engine.buffered, 3 * 1024);
	ck_assert(!fake_send(t, FLOW_DOWNSTREAM, kb));
}
END_TEST

/* A byte that comes alone takes a chunk and a block: 130 bytes or so. */
START_TEST(keeping_single_bytes_is_counted)
{
	fake_arm(w, "latency latency=1h");
	for (int n = 0; n < 100; n++)
		SEND(DOWNSTREAM, "x");
	ck_assert_uint_ge(w->engine.buffered, 100 * 128);
}
END_TEST

START_TEST(common_limit_leaves_one_read_each)
{
	w->engine.buffer_total = 1;
	fake_arm(w, "latency latency=1s direction=both");
	SEND(DOWNSTREAM, "x");
	ck_assert(!fake_send(t, FLOW_DOWNSTREAM, "x"));
	SEND(UPSTREAM, "y");
	ck_assert(!fake_send(t, FLOW_UPSTREAM, "y"));
	fake_until(w, 2);
	SEND(DOWNSTREAM, "z");
}
END_TEST

/* Ten thousand of them are not to hold many times the limit. */
START_TEST(over_the_common_limit_reads_are_small)
{
	struct stream *s;

	w->engine.buffer_total = 1;
	fake_arm(w, "latency latency=1s direction=both");
	s = t->target.streams[FLOW_UPSTREAM];
	ck_assert_uint_eq(stream_room(s), w->engine.buffer_bytes);
	SEND(DOWNSTREAM, "x");
	ck_assert_uint_eq(stream_room(s), 16 << 10);
	w->engine.buffer_bytes = 4096;
	ck_assert_uint_eq(stream_room(s), 4096);
}
END_TEST

START_TEST(sink_that_is_full_keeps_all)
{
	fake_arm(w, "latency latency=100ms");
	t->blocked = true;
	SEND(DOWNSTREAM, "x");
	SEND(DOWNSTREAM, "y");
	fake_until(w, 1);
	GOT(DOWNSTREAM, "");
	t->blocked = false;
	t->target.ops->shaped(&t->target, FLOW_DOWNSTREAM);
	GOT(DOWNSTREAM, "1.000:x 1.000:y");
}
END_TEST

START_TEST(update_keeps_place_and_time)
{
	struct fault *f = fake_arm(w, "latency latency=10s");

	fake_arm(w, "latency latency=1s");
	SEND(DOWNSTREAM, "x");
	fake_until(w, 1);
	ck_assert(shape_update(f, "latency latency=2s"));
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_UPDATED, "sessions"), 1);
	fake_until(w, 9);
	GOT(DOWNSTREAM, "3.000:x");
}
END_TEST

START_TEST(update_changes_the_direction)
{
	struct fault *f = fake_arm(w, "latency latency=10s");

	SEND(DOWNSTREAM, "x");
	ck_assert(shape_update(f, "latency latency=10s direction=upstream"));
	GOT(DOWNSTREAM, "0.000:x");
	ck_assert_ptr_null(t->target.streams[FLOW_DOWNSTREAM]);
	SEND(UPSTREAM, "y");
	GOT(UPSTREAM, "");
}
END_TEST

START_TEST(update_changes_the_direction_that_triggers)
{
	struct fault *f = fake_arm(w, "latency latency=10s after_bytes=5");

	ck_assert(shape_update(f, "latency latency=10s after_bytes=5 direction=upstream"));
	fake_carry(t, FLOW_DOWNSTREAM, 9);
	ck_assert_ptr_null(t->target.streams[FLOW_UPSTREAM]);
	fake_carry(t, FLOW_UPSTREAM, 9);
	ck_assert_ptr_nonnull(t->target.streams[FLOW_UPSTREAM]);
}
END_TEST

START_TEST(update_of_toxicity_chooses_again)
{
	struct fault *f = fake_arm(w, "latency latency=10s");

	SEND(DOWNSTREAM, "x");
	ck_assert(shape_update(f, "latency latency=10s toxicity=0"));
	GOT(DOWNSTREAM, "0.000:x");
	ck_assert(shape_update(f, "latency latency=10s"));
	SEND(DOWNSTREAM, "y");
	fake_until(w, 1);
	GOT(DOWNSTREAM, "");
}
END_TEST

static bool is_shaped(const struct fake_target *x)
{
	return x->target.streams[FLOW_DOWNSTREAM];
}

/* Each by its own trigger; t is older than the fault, and so in no count. */
START_TEST(update_of_toxicity_chooses_those_with_triggers)
{
	static const struct {
		const char *triggers;
		bool old, first, second;
	} rows[] = {
		{ "first=1", false, true, false },
		{ "nth=2", false, false, true },
		{ "every=1", false, true, true },
		{ "after_bytes=5", true, true, false },
		{ "after_bytes=5 every=1", false, true, false },
		{ "after_idle=1h", false, false, false },
	};
	struct fake_target *first, *second;
	char none[128], all[128];
	struct fault *f;

	snprintf(none, sizeof(none), "latency latency=1s toxicity=0 %s", rows[_i].triggers);
	snprintf(all, sizeof(all), "latency latency=1s %s", rows[_i].triggers);
	f = fake_arm(w, none);
	first = fake_open((struct fake_door *)t->target.door, "10.0.0.2");
	second = fake_open((struct fake_door *)t->target.door, "10.0.0.3");
	fake_carry(t, FLOW_DOWNSTREAM, 9);
	fake_carry(first, FLOW_DOWNSTREAM, 9);
	ck_assert(!is_shaped(t) && !is_shaped(first) && !is_shaped(second));
	ck_assert(shape_update(f, all));
	ck_assert_int_eq(is_shaped(t), rows[_i].old);
	ck_assert_int_eq(is_shaped(first), rows[_i].first);
	ck_assert_int_eq(is_shaped(second), rows[_i].second);
	fake_carry(second, FLOW_DOWNSTREAM, 9);
	ck_assert_int_eq(is_shaped(second), rows[_i].second || strstr(all, "bytes"));
	fake_until(w, 4000);
	ck_assert(strstr(all, "idle") ? is_shaped(t) : is_shaped(t) == rows[_i].old);
	ck_assert(shape_update(f, none));
	ck_assert(!is_shaped(t) && !is_shaped(first) && !is_shaped(second));
}
END_TEST

START_TEST(update_strikes_nobody_twice)
{
	struct fault *f = fake_arm(w, "latency latency=1s first=1 duration=1s");
	struct fake_target *first = fake_open((struct fake_door *)t->target.door, "10.0.0.2");

	ck_assert(is_shaped(first));
	fake_until(w, 2);
	ck_assert(!is_shaped(first));
	ck_assert(shape_update(f, "latency latency=2s first=1 duration=1s"));
	ck_assert(!is_shaped(first));
}
END_TEST

START_TEST(other_changes_are_no_update)
{
	struct fault *f = fake_arm(w, "latency latency=10s"), *loss = fake_arm(w, "power_loss");

	ck_assert(!shape_update(f, "latency latency=10s delay=5s"));
	ck_assert(!shape_update(f, "bandwidth rate=5"));
	ck_assert(!shape_update(loss, "power_loss toxicity=50%"));
}
END_TEST

/* --- bytes that stay in a pipe --- */

static struct pipe_pool pool;

/* The flow's only stage, to which text has come in a pipe. */
static struct stage *send_pipe(const char *text)
{
	struct stream *s;
	struct pipe *p = pipe_take(&pool);
	size_t len = strlen(text);

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(write(p->wr, text, len), (ssize_t)len);
	if (!t->target.streams[FLOW_DOWNSTREAM])
		fake_arm(w, "latency latency=1h");
	s = t->target.streams[FLOW_DOWNSTREAM];
	ck_assert(stream_push_pipe(s, p, &pool, len, w->now_ns));
	return TAILQ_FIRST(&s->stages);
}

/* What the sink takes, as much at a time as is asked for, from the pipe unless it is not there. */
static void take_some(struct stage *st, size_t n, bool piped, const char *wanted)
{
	struct chunk *c = stream_first(st->stream);
	char got[16] = "";

	ck_assert_ptr_nonnull(c);
	ck_assert_uint_ge(c->len, n);
	ck_assert_int_eq(chunk_pipe(c) != NULL, piped);
	if (piped)
		ck_assert_int_eq(read(chunk_pipe(c)->rd, got, n), (ssize_t)n);
	else
		memcpy(got, chunk_bytes(c), n);
	ck_assert_str_eq(got, wanted);
	stream_taken(st->stream, n);
}

static void no_pipe_is_out(void)
{
	ck_assert_uint_eq(pool.n_out, 0);
	pipe_pool_free(&pool);
}

START_TEST(parts_leave_a_pipe_in_order)
{
	struct stage *st = send_pipe("abcdefgh");

	stage_pass_part(st, 3, w->now_ns);
	stage_pass_part(st, 1, w->now_ns);
	take_some(st, 2, true, "ab");
	stage_pass(st, w->now_ns);
	take_some(st, 1, true, "c");
	take_some(st, 1, true, "d");
	take_some(st, 4, true, "efgh");
	ck_assert(!st->stream->looked_at);
	ck_assert_uint_eq(pool.n_idle, 1);
	no_pipe_is_out();
}
END_TEST

START_TEST(bytes_that_are_looked_at_leave_the_pipe)
{
	struct stage *st = send_pipe("abcdefgh");

	stage_pass_part(st, 4, w->now_ns);
	take_some(st, 2, true, "ab");
	chunk_bytes(stage_first(st))[0] = 'E';
	stage_pass_part(st, 1, w->now_ns);
	stage_pass(st, w->now_ns);
	ck_assert(st->stream->looked_at);
	ck_assert_uint_eq(pool.n_idle, 1);
	take_some(st, 1, false, "c");
	take_some(st, 1, false, "d");
	take_some(st, 1, false, "E");
	take_some(st, 3, false, "fgh");
	no_pipe_is_out();
}
END_TEST

START_TEST(what_is_lost_of_a_pipe_is_not_in_the_way)
{
	struct stage *st = send_pipe("abcdef");

	stage_pass_part(st, 2, w->now_ns);
	stage_pass_part(st, 2, w->now_ns);
	stage_drop(st);
	send_pipe("gh");
	stage_pass(st, w->now_ns);
	take_some(st, 2, false, "ab");
	take_some(st, 2, false, "cd");
	take_some(st, 2, true, "gh");
	send_pipe("lost whole");
	stage_drop(st);
	ck_assert_ptr_null(stream_first(st->stream));
	ck_assert(!st->stream->failed);
	no_pipe_is_out();
}
END_TEST

START_TEST(what_waits_in_pipes_can_be_cleared)
{
	struct stage *st = send_pipe("abcdef");

	stage_pass_part(st, 4, w->now_ns);
	take_some(st, 1, true, "a");
	send_pipe("gh");
	stream_clear(st->stream);
	ck_assert_uint_eq(w->engine.buffered, 0);
	no_pipe_is_out();
}
END_TEST

START_TEST(end_is_late)
{
	fake_arm(w, "slow_close linger=700ms");
	SEND(DOWNSTREAM, "x");
	fake_until(w, 1);
	SEND(DOWNSTREAM, NULL);
	fake_until(w, 3);
	GOT(DOWNSTREAM, "0.000:x 1.700:FIN");
}
END_TEST

Suite *stream_suite(void)
{
	Suite *s = suite_create("stream");
	TCase *c = tcase_create("all");

	tcase_add_checked_fixture(c, shape_setup, shape_teardown);
	tcase_add_test(c, unshaped_flow_has_no_stream);
	tcase_add_test(c, stages_add_up_in_the_order_of_arming);
	tcase_add_test(c, end_keeps_its_place);
	tcase_add_test(c, reset_keeps_its_place);
	tcase_add_test(c, what_is_lifted_lets_all_go_in_order);
	tcase_add_test(c, window_over_lets_all_go);
	tcase_add_test(c, sessions_opened_later_are_shaped_too);
	tcase_add_test(c, room_is_bounded);
	tcase_add_test(c, keeping_single_bytes_is_counted);
	tcase_add_test(c, common_limit_leaves_one_read_each);
	tcase_add_test(c, over_the_common_limit_reads_are_small);
	tcase_add_test(c, sink_that_is_full_keeps_all);
	tcase_add_test(c, update_keeps_place_and_time);
	tcase_add_test(c, update_changes_the_direction);
	tcase_add_test(c, update_changes_the_direction_that_triggers);
	tcase_add_test(c, update_of_toxicity_chooses_again);
	tcase_add_loop_test(c, update_of_toxicity_chooses_those_with_triggers, 0, 6);
	tcase_add_test(c, update_strikes_nobody_twice);
	tcase_add_test(c, other_changes_are_no_update);
	tcase_add_test(c, parts_leave_a_pipe_in_order);
	tcase_add_test(c, bytes_that_are_looked_at_leave_the_pipe);
	tcase_add_test(c, what_is_lost_of_a_pipe_is_not_in_the_way);
	tcase_add_test(c, what_waits_in_pipes_can_be_cleared);
	tcase_add_test(c, end_is_late);
	suite_add_tcase(s, c);
	return s;
}
