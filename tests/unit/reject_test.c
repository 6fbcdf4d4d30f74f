/* unreachable: what is asked of sessions and doors, and whose segments are answered, and how. */
#include "fake_target.h"
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

Suite *reject_suite(void);

static struct fake_world *w;

static void setup(void)
{
	w = fake_world_new();
	fake_door_add(fake_door(w, "a", NULL));
	fake_calls(w);
}

static void teardown(void)
{
	fake_world_free(w);
}

static struct fake_door *door(int n)
{
	return &w->doors[n];
}

static void check_calls(const char *expected)
{
	ck_assert_str_eq(fake_calls(w), expected);
}

/* How a segment from that address's port 0 is answered: the code's name, or "-". */
static const char *answer_to(int n, const char *client, struct icmp_segment s)
{
	struct icmp_error how;

	s.from.in.sin_family = AF_INET;
	if (inet_pton(AF_INET, client, &s.from.in.sin_addr) != 1) {
		s.from.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
		ck_assert_int_eq(inet_pton(AF_INET6, client, &s.from.in6.sin6_addr), 1);
	}
	if (!engine_rejects(&w->engine, &door(n)->door, &s, &how))
		return "-";
	return icmp_code_names[how.code];
}

static const char *answer(const char *client)
{
	return answer_to(0, client, (struct icmp_segment){ .length = 60, .syn = true });
}

/* To data of the session 10.0.0.1. */
static const char *answer_data(uint32_t seq, uint32_t length)
{
	return answer_to(
	    0, "10.0.0.1", (struct icmp_segment){ .seq = seq, .length = length, .data = true });
}

#define STRUCK "a reject=on; a gate=silent; 1.client silence=both; 1 hold=both"
#define LIFTED "1.client silence=none; 1 hold=none; a gate=open; a reject=off"

static const struct {
	const char *text, *struck, *lifted;
} rows[] = {
	{ "unreachable", STRUCK, LIFTED },
	{ "unreachable code=port other=hold", STRUCK, LIFTED },
	{ "unreachable other=abort", STRUCK "; 1.server end=abort",
	    "1.client end=abort; 1.client silence=none; a gate=open; a reject=off" },
	{ "unreachable other=close", STRUCK "; 1.server end=close",
	    "1.client end=close; 1.client silence=none; a gate=open; a reject=off" },
	{ "unreachable clients=10.0.0.0/8",
	    "a reject=on; a range 10.0.0.0/8 silent; 1.client silence=both; 1 hold=both",
	    "1.client silence=none; 1 hold=none; a range 10.0.0.0/8 speaks; a reject=off" },
	{ "unreachable clients=192.0.2.1", "a reject=on; a range 192.0.2.1 silent",
	    "a range 192.0.2.1 speaks; a reject=off" },
};

START_TEST(strikes_and_is_lifted)
{
	struct fault *f;

	fake_open(door(0), "10.0.0.1");
	f = fake_arm(w, rows[_i].text);
	check_calls(rows[_i].struck);
	fake_lift(w, f);
	check_calls(rows[_i].lifted);
}
END_TEST

START_TEST(one_session_without_a_gate)
{
	struct fake_target *first = fake_open(door(0), "10.0.0.1");
	struct fault *f = fake_arm(w, "unreachable after_bytes=10 code=net");

	fake_open(door(0), "10.0.0.2");
	check_calls("a reject=on");
	ck_assert_str_eq(answer("10.0.0.1"), "-");
	fake_carry(first, FLOW_DOWNSTREAM, 10);
	check_calls("1.client silence=both; 1 hold=both");
	ck_assert_str_eq(answer("10.0.0.1"), "net");
	ck_assert_str_eq(answer("::ffff:10.0.0.1"), "net");
	ck_assert_str_eq(answer("10.0.0.2"), "-");
	ck_assert_str_eq(answer("10.0.0.3"), "-"); /* its SYN is accepted */
	fake_lift(w, f);
	check_calls("1.client silence=none; 1 hold=none; a reject=off");
	ck_assert_str_eq(answer("10.0.0.1"), "-");
}
END_TEST

START_TEST(a_session_that_is_over_is_not_answered_for)
{
	struct fake_target *t;

	fake_arm(w, "unreachable nth=1");
	t = fake_open(door(0), "10.0.0.1");
	ck_assert_str_eq(answer("10.0.0.1"), "host");
	t->target.over = true;
	ck_assert_str_eq(answer("10.0.0.1"), "-");
	fake_close(t);
	ck_assert_str_eq(answer("10.0.0.1"), "-");
}
END_TEST

START_TEST(while_it_is_active_and_no_longer)
{
	fake_arm(w, "unreachable delay=5s duration=10s");
	fake_until(w, 4.9);
	check_calls("");
	ck_assert_str_eq(answer("10.0.0.1"), "-");
	fake_until(w, 5);
	check_calls("a reject=on; a gate=silent");
	ck_assert_str_eq(answer("10.0.0.1"), "host"); /* whoever it is: the address is silent */
	fake_until(w, 15);
	check_calls("a gate=open; a reject=off");
	ck_assert_str_eq(answer("10.0.0.1"), "-");
}
END_TEST

START_TEST(a_range_alone)
{
	fake_arm(w, "unreachable clients=10.0.0.0/8 code=admin");
	ck_assert_str_eq(answer("10.1.2.3"), "admin");
	ck_assert_str_eq(answer("::ffff:10.1.2.3"), "admin");
	ck_assert_str_eq(answer("11.1.2.3"), "-");
	ck_assert_str_eq(answer("fd00::1"), "-");
}
END_TEST

START_TEST(of_several_the_first_armed_answers)
{
	struct fault *first = fake_arm(w, "unreachable code=port clients=10.0.0.1");
	struct fault *second = fake_arm(w, "unreachable code=net");

	check_calls("a reject=on; a range 10.0.0.1 silent; a gate=silent");
	ck_assert_str_eq(answer("10.0.0.1"), "port");
	ck_assert_str_eq(answer("10.0.0.2"), "net");
	fake_lift(w, first);
	check_calls("a range 10.0.0.1 speaks");
	ck_assert_str_eq(answer("10.0.0.1"), "net");
	fake_lift(w, second);
	check_calls("a gate=open; a reject=off");
}
END_TEST

START_TEST(doors_come_while_it_is_active)
{
	fake_door(w, "b", NULL);
	fake_arm(w, "unreachable proxy=b");
	check_calls("");
	fake_door_add(door(1));
	check_calls("b reject=on; b gate=silent");
	ck_assert_str_eq(answer("10.0.0.1"), "-");
	ck_assert_str_eq(answer_to(1, "10.0.0.1", (struct icmp_segment){ .length = 60 }), "host");
}
END_TEST

START_TEST(only_large_packets_until_the_sender_has_learnt)
{
	struct fault *f;

	fake_open(door(0), "10.0.0.1");
	f = fake_arm(w, "unreachable code=frag_needed mtu=1400 other=abort");
	check_calls("a reject=on; 1.client sieve=mtu=1400");
	ck_assert_str_eq(answer("10.0.0.2"), "-");
	ck_assert_str_eq(answer_data(500, 1400), "-");
	ck_assert_str_eq(answer_data(2000, 1401), "frag_needed");
	ck_assert_str_eq(answer_data(1000, 5000), "frag_needed"); /* they may come in any order */
	ck_assert_str_eq(answer_data(3000, 1500), "frag_needed");
	ck_assert_str_eq(answer_data(900, 1000), "-");
	ck_assert_str_eq(answer_data(2000, 1000), "-"); /* not the first of them yet */
	ck_assert_str_eq(answer("10.0.0.1"), "-");
	check_calls("");
	ck_assert_str_eq(answer_data(1000, 1400), "-");
	check_calls("1.client sieve=none");
	ck_assert_str_eq(answer_data(4000, 9000), "-"); /* several that fit */
	fake_lift(w, f);
	check_calls("a reject=off");
}
END_TEST

/* However soon it learns: sooner than anybody would look at the counter. */
START_TEST(large_packets_are_counted_before_the_sender_has_learnt)
{
	struct fake_target *t = fake_open(door(0), "10.0.0.1");
	struct fault *f = fake_arm(w, "unreachable code=frag_needed mtu=1400");

	ck_assert_str_eq(answer_data(1000, 5000), "frag_needed");
	t->drops[LEG_CLIENT] += 3;
	ck_assert_str_eq(answer_data(1000, 1400), "-");
	ck_assert_int_eq(fake_event_int(w, EVENT_SEGMENTS_DROPPED, "segments"), 3);
	fake_lift(w, f);
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_LIFTED, "segments"), 3);
}
END_TEST

START_TEST(large_packets_around_the_end_of_sequence_numbers)
{
	fake_open(door(0), "10.0.0.1");
	fake_arm(w, "unreachable code=frag_needed");
	fake_calls(w);
	ck_assert_str_eq(answer_data(5, 1281), "frag_needed");
	ck_assert_str_eq(answer_data(UINT32_MAX - 5, 1281), "frag_needed");
	ck_assert_str_eq(answer_data(5, 1000), "-");
	check_calls("");
	ck_assert_str_eq(answer_data(UINT32_MAX - 5, 1000), "-");
	check_calls("1.client sieve=none");
}
END_TEST

START_TEST(the_first_that_fits_was_missed)
{
	fake_open(door(0), "10.0.0.1");
	fake_arm(w, "unreachable code=frag_needed");
	fake_calls(w);
	ck_assert_str_eq(answer_data(9000, 1280), "-"); /* by chance: nothing was said yet */
	check_calls("");
	ck_assert_str_eq(answer_data(1000, 1281), "frag_needed");
	ck_assert_str_eq(answer_data(8000, 1279), "-");
	check_calls("");
	ck_assert_str_eq(answer_data(9000, 1280), "-");
	check_calls("1.client sieve=none");
}
END_TEST

START_TEST(large_packets_until_it_is_lifted)
{
	struct fault *f;

	fake_open(door(0), "10.0.0.1");
	f = fake_arm(w, "unreachable code=frag_needed");
	ck_assert_str_eq(answer_data(5, 1281), "frag_needed");
	fake_lift(w, f);
	check_calls("a reject=on; 1.client sieve=mtu=1280; 1.client sieve=none; a reject=off");
	ck_assert_str_eq(answer_data(5, 1281), "-");
}
END_TEST

/* What promises errors and only makes silence says so. */
START_TEST(a_door_that_cannot)
{
	struct fault *f;

	door(0)->cannot_reject = true;
	f = fake_arm(w, "unreachable");
	check_calls("a reject=on; a gate=silent");
	ck_assert_int_eq(f->grade, GRADE_REFUSED);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_ACTIVE, "grade"), "refused");
	fake_lift(w, f);
	check_calls("a gate=open");
}
END_TEST

static const char *refusal(const char *text)
{
	static char buf[256];

	return engine_refuses(&w->engine, fake_spec(w, text), &door(0)->door, buf, sizeof(buf));
}

START_TEST(without_the_right_it_is_refused)
{
	ck_assert_ptr_null(refusal("unreachable"));
	w->wire.powers[WIRE_V4] &= ~(unsigned)WIRE_ICMP;
	ck_assert_str_eq(refusal("unreachable"),
	    "unreachable: needs CAP_NET_RAW to send ICMP: see deadpeer doctor");
	ck_assert_ptr_null(refusal("partition"));
	w->wire.powers[WIRE_V4] = WIRE_ICMP | WIRE_SIGNATURE;
	ck_assert_ptr_null(refusal("unreachable"));
	ck_assert_str_eq(refusal("unreachable code=frag_needed"),
	    "unreachable: code=frag_needed needs CAP_NET_ADMIN (socket filter): see deadpeer "
	    "doctor");
	door(0)->door.family[LEG_CLIENT] = AF_INET6;
	ck_assert_ptr_null(refusal("unreachable"));
	w->wire.powers[WIRE_V6] = WIRE_ICMP;
	ck_assert_ptr_nonnull(strstr(refusal("unreachable"), "silence an IPv6 socket"));
	door(0)->door.family[LEG_CLIENT] = AF_UNIX;
	ck_assert_ptr_nonnull(strstr(refusal("unreachable"), "Unix socket"));
	door(0)->door.family[LEG_CLIENT] = AF_INET;
}
END_TEST

Suite *reject_suite(void)
{
	Suite *s = suite_create("reject");
	TCase *c = tcase_create("unreachable");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, strikes_and_is_lifted, 0, sizeof(rows) / sizeof(*rows));
	tcase_add_test(c, one_session_without_a_gate);
	tcase_add_test(c, a_session_that_is_over_is_not_answered_for);
	tcase_add_test(c, while_it_is_active_and_no_longer);
	tcase_add_test(c, a_range_alone);
	tcase_add_test(c, of_several_the_first_armed_answers);
	tcase_add_test(c, doors_come_while_it_is_active);
	tcase_add_test(c, only_large_packets_until_the_sender_has_learnt);
	tcase_add_test(c, large_packets_are_counted_before_the_sender_has_learnt);
	tcase_add_test(c, large_packets_around_the_end_of_sequence_numbers);
	tcase_add_test(c, the_first_that_fits_was_missed);
	tcase_add_test(c, large_packets_until_it_is_lifted);
	tcase_add_test(c, a_door_that_cannot);
	tcase_add_test(c, without_the_right_it_is_refused);
	suite_add_tcase(s, c);
	return s;
}
