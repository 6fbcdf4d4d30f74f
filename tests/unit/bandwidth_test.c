#include "base/mono.h"
#include "shape_rig.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *bandwidth_suite(void);

START_TEST(short_message_takes_its_own_time)
{
	fake_arm(w, "bandwidth rate=1KB/s");
	fake_send(t, FLOW_DOWNSTREAM, "abc"); /* 3 ms: less than is worth a wake-up for a part */
	fake_send(t, FLOW_DOWNSTREAM, NULL);
	fake_until(w, 1);
	ck_assert_str_eq(fake_got(t, FLOW_DOWNSTREAM), "0.003:abc 0.003:FIN");
	fake_until(w, 2);
}
END_TEST

START_TEST(idle_line_saves_nothing_up)
{
	fake_arm(w, "bandwidth rate=1KB/s");
	fake_until(w, 10);
	fake_send(t, FLOW_DOWNSTREAM, "abcd");
	fake_until(w, 11);
	ck_assert_str_eq(fake_got(t, FLOW_DOWNSTREAM), "10.004:abcd");
}
END_TEST

/* What had to wait in the source's socket because this came late to read it. */
START_TEST(lateness_of_our_own_is_caught_up)
{
	struct stream *s;

	fake_arm(w, "bandwidth rate=1KB/s");
	s = t->target.streams[FLOW_DOWNSTREAM];
	fake_send(t, FLOW_DOWNSTREAM, "0123456789");
	s->more = true;
	w->now_ns += 100 * NS_PER_MS;
	stream_run(s, w->now_ns);
	ck_assert(fake_send(t, FLOW_DOWNSTREAM, "abcd"));
	ck_assert_str_eq(fake_got(t, FLOW_DOWNSTREAM), "0.100:0123456789 0.100:abcd");
	ck_assert(fake_send(t, FLOW_DOWNSTREAM, "efgh"));
	fake_until(w, 1);
	ck_assert_str_eq(fake_got(t, FLOW_DOWNSTREAM), "0.104:efgh");
}
END_TEST

/* And cheap: 20 pieces a second. */
START_TEST(slow_line_is_smooth)
{
	const char *text = shape_xs(1000);
	char *got;
	int words = 0;

	fake_arm(w, "bandwidth rate=1KB/s");
	fake_send(t, FLOW_DOWNSTREAM, text);
	fake_until(w, 0.49);
	ck_assert_uint_ge(t->bytes[FLOW_DOWNSTREAM], 440);
	ck_assert_uint_le(t->bytes[FLOW_DOWNSTREAM], 490);
	fake_until(w, 0.999);
	ck_assert_uint_lt(t->bytes[FLOW_DOWNSTREAM], 1000);
	fake_until(w, 1);
	ck_assert_uint_eq(t->bytes[FLOW_DOWNSTREAM], 1000);
	got = (char *)fake_got(t, FLOW_DOWNSTREAM);
	for (char *word = strtok(got, " "); word; word = strtok(NULL, " "), words++)
		ck_assert_uint_le(strlen(word), 6 + 50);
	ck_assert_int_ge(words, 20);
	ck_assert_int_le(words, 25);
}
END_TEST

/* So many bytes of 60 KB each as fast as they are taken, for 5 s of the world's time. */
static void flood(uint64_t rate)
{
	struct stream *s = t->target.streams[FLOW_DOWNSTREAM];
	static char block[60000];
	int64_t end = w->now_ns + 5 * NS_PER_S;

	t->blocked = true;
	while (w->now_ns < end) {
		struct chunk *c;

		while (stream_room(s) >= sizeof(block))
			ck_assert(stream_push(s, block, sizeof(block), w->now_ns));
		stream_run(s, w->now_ns);
		while ((c = stream_first(s))) {
			t->bytes[FLOW_DOWNSTREAM] += c->len;
			stream_taken(s, c->len);
		}
		w->now_ns += 50 * NS_PER_US; /* how late a wake-up may be */
	}
	/* 0.2 %, and the quantum that is under way */
	ck_assert_double_eq_tol(
	    (double)t->bytes[FLOW_DOWNSTREAM], 5.0 * (double)rate, 0.0045 * 5.0 * (double)rate);
}

START_TEST(rate_is_kept)
{
	static const struct {
		const char *text;
		uint64_t rate;
	} rates[] = {
		{ "bandwidth rate=100", 100000 },
		{ "bandwidth rate=64KiB/s", 65536 },
		{ "bandwidth rate=10Mbit/s", 1250000 },
		{ "bandwidth rate=100MB/s", 100000000 },
		{ "bandwidth rate=1GB/s", 1000000000 },
		{ "bandwidth rate=5GB/s", 5000000000 },
	};

	fake_arm(w, rates[_i].text);
	flood(rates[_i].rate);
}
END_TEST

START_TEST(rate_0_stalls_and_loses_nothing)
{
	struct fault *f = fake_arm(w, "bandwidth rate=0");

	fake_send(t, FLOW_DOWNSTREAM, "a");
	fake_send(t, FLOW_DOWNSTREAM, NULL);
	fake_until(w, 3600);
	ck_assert_str_eq(fake_got(t, FLOW_DOWNSTREAM), "");
	fake_lift(w, f);
	ck_assert_str_eq(fake_got(t, FLOW_DOWNSTREAM), "3600.000:a 3600.000:FIN");
}
END_TEST

Suite *bandwidth_suite(void)
{
	Suite *s = suite_create("bandwidth");
	TCase *c = tcase_create("all");

	tcase_add_checked_fixture(c, shape_setup, shape_teardown);
	tcase_add_test(c, short_message_takes_its_own_time);
	tcase_add_test(c, idle_line_saves_nothing_up);
	tcase_add_test(c, lateness_of_our_own_is_caught_up);
	tcase_add_test(c, slow_line_is_smooth);
	tcase_add_loop_test(c, rate_is_kept, 0, 6);
	tcase_add_test(c, rate_0_stalls_and_loses_nothing);
	suite_add_tcase(s, c);
	return s;
}
