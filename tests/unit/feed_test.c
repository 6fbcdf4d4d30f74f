/* The last events, who came back, what is counted: records in, answers out. */
#include "admin/feed.h"
#include "admin/known.h"
#include "admin/meter.h"
#include "base/mono.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

Suite *feed_suite(void);

static void add(struct feed *f, uint64_t seq)
{
	char text[32];
	struct timeline_line line = { EVENT_READY, seq, 0, text, 0 };

	line.len = (size_t)snprintf(text, sizeof(text), "event %llu", (unsigned long long)seq);
	feed_add(f, &line);
}

START_TEST(it_keeps_the_last)
{
	struct feed f;

	ck_assert(feed_init(&f, 7));
	ck_assert_ptr_null(feed_find(&f, 7));
	for (uint64_t seq = 7; seq < 7 + FEED_MAX; seq++)
		add(&f, seq);
	ck_assert_str_eq(feed_find(&f, 7)->text, "event 7");
	add(&f, 7 + FEED_MAX);
	ck_assert_ptr_null(feed_find(&f, 7));
	ck_assert_str_eq(feed_find(&f, 8)->text, "event 8");
	ck_assert_uint_eq(f.first, 8);
	ck_assert_str_eq(feed_find(&f, f.next - 1)->text, "event 10007");
	ck_assert_ptr_null(feed_find(&f, f.next));
	feed_free(&f);
}
END_TEST

/* --- who came back --- */

static bool sees(struct known *k, enum event_id id, const char *proxy, const char *client)
{
	json_t *o = json_pack("{s:s*, s:s*, s:i}", "proxy", proxy, "client", client, "sessions", 1);
	bool back = known_sees(k, id, o);

	json_decref(o);
	return back;
}

START_TEST(who_lost_a_session_comes_back)
{
	struct known k;

	ck_assert(known_init(&k));
	ck_assert(!sees(&k, EVENT_SESSION_OPENED, "p", "10.0.0.1:1000"));
	ck_assert(!sees(&k, EVENT_SESSION_OPENED, "p", "10.0.0.1:1001"));
	ck_assert(!sees(&k, EVENT_SESSION_CLOSED, "p", "10.0.0.1:1000"));
	ck_assert(!sees(&k, EVENT_SESSION_OPENED, "q", "10.0.0.1:1002"));
	ck_assert(!sees(&k, EVENT_SESSION_OPENED, "p", "10.0.0.2:1003"));
	ck_assert(!sees(&k, EVENT_SESSION_OPENED, "p", "[2001:db8::1]:1"));
	ck_assert(sees(&k, EVENT_SESSION_OPENED, "p", "10.0.0.1:1004"));
	ck_assert(!sees(&k, EVENT_FAULT_FIRED, "p", NULL));
	ck_assert(sees(&k, EVENT_SESSION_OPENED, "p", "[2001:db8::1]:2"));
	ck_assert(!sees(&k, EVENT_SESSION_OPENED, "q", "10.0.0.1:1005"));
	ck_assert(!sees(&k, EVENT_FAULT_FIRED, NULL, NULL));
	ck_assert(sees(&k, EVENT_SESSION_OPENED, "q", "10.0.0.1:1005"));
	known_add(&k, "r", "10.0.0.9", true);
	known_add(&k, "r", "10.0.0.8", false);
	ck_assert(sees(&k, EVENT_SESSION_OPENED, "r", "10.0.0.9:1"));
	ck_assert(!sees(&k, EVENT_SESSION_OPENED, "r", "10.0.0.8:1"));
	known_free(&k);
}
END_TEST

START_TEST(a_fault_that_found_nobody_takes_nothing)
{
	json_t *o = json_pack("{s:i}", "sessions", 0);
	struct known k;

	ck_assert(known_init(&k));
	ck_assert(!sees(&k, EVENT_SESSION_OPENED, "p", "10.0.0.1:1"));
	ck_assert(!known_sees(&k, EVENT_FAULT_FIRED, o));
	ck_assert(!sees(&k, EVENT_SESSION_OPENED, "p", "10.0.0.1:2"));
	known_free(&k);
	json_decref(o);
}
END_TEST

/* --- the meter --- */

static void connected(struct meter *m, int64_t ns)
{
	json_t *o = json_pack("{s:s, s:I}", "proxy", "p", "connect_ns", (json_int_t)ns);

	meter_count(m, EVENT_SESSION_CONNECTED, o);
	json_decref(o);
}

static json_int_t in_bucket(const struct meter *m, const char *bound)
{
	return json_integer_value(json_object_get(json_object_get(m->connect, "p"), bound));
}

START_TEST(connect_times_fall_into_buckets)
{
	struct meter m;

	ck_assert(meter_init(&m));
	connected(&m, 0);
	connected(&m, 500 * NS_PER_US);
	connected(&m, 500 * NS_PER_US + 1);
	connected(&m, 10 * NS_PER_S);
	connected(&m, 10 * NS_PER_S + 1);
	ck_assert_int_eq(in_bucket(&m, "0.0005"), 2);
	ck_assert_int_eq(in_bucket(&m, "0.001"), 1);
	ck_assert_int_eq(in_bucket(&m, "10"), 1);
	ck_assert_int_eq(in_bucket(&m, "+Inf"), 1);
	ck_assert_int_eq(in_bucket(&m, "sum"), 20 * NS_PER_S + NS_PER_MS + 2);
	meter_free(&m);
}
END_TEST

static bool is_q(void *arg, const char *proxy)
{
	(void)arg;
	return !strcmp(proxy, "q");
}

START_TEST(proxies_that_are_gone_are_forgotten)
{
	struct meter m;

	ck_assert(meter_init(&m));
	connected(&m, 1);
	meter_forget(&m, 1, is_q, NULL);
	ck_assert_int_eq(in_bucket(&m, "0.0005"), 1);
	meter_forget(&m, 0, is_q, NULL);
	ck_assert_uint_eq(json_object_size(m.connect), 0);
	meter_free(&m);
}
END_TEST

START_TEST(late_ticks_are_the_lag)
{
	struct meter m;
	int64_t due;

	ck_assert(meter_init(&m));
	due = m.due_ns;
	meter_tick(&m, due + 5 * NS_PER_MS);
	ck_assert_int_eq(m.lag_ns, 5 * NS_PER_MS);
	meter_tick(&m, due + 5 * NS_PER_MS + METER_TICK_NS);
	ck_assert_int_eq(m.lag_ns, 0);
	ck_assert_int_eq(m.lag_max_ns, 5 * NS_PER_MS);
	meter_free(&m);
}
END_TEST

Suite *feed_suite(void)
{
	Suite *s = suite_create("feed");
	TCase *c = tcase_create("feed");

	tcase_add_test(c, it_keeps_the_last);
	tcase_add_test(c, who_lost_a_session_comes_back);
	tcase_add_test(c, a_fault_that_found_nobody_takes_nothing);
	tcase_add_test(c, connect_times_fall_into_buckets);
	tcase_add_test(c, proxies_that_are_gone_are_forgotten);
	tcase_add_test(c, late_ticks_are_the_lag);
	suite_add_tcase(s, c);
	return s;
}
