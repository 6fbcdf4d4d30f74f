/* Faults that drop some segments: what they ask for, joined; what they count; who is refused. */
#include "base/mono.h"
#include "fake_target.h"
#include "faults/catalogue.h"
#include <check.h>
#include <string.h>

Suite *sieve_suite(void);

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

static struct fake_target *open_session(void)
{
	return fake_open(&w->doors[0], "10.0.0.1");
}

static const struct {
	const char *text, *struck, *lifted;
} rows[] = {
#define BOTH(what) "1.client sieve=" what "; 1.server sieve=" what
	{ "packet_loss", BOTH("loss=0.1"), BOTH("none") },
	{ "packet_loss rate=100%", BOTH("loss=1"), BOTH("none") },
	{ "packet_loss rate=0", BOTH("none"), BOTH("none") },
	{ "packet_loss direction=upstream rate=2.5%", "1.client sieve=loss=0.025",
	    "1.client sieve=none" },
	{ "packet_loss direction=downstream", "1.server sieve=loss=0.1", "1.server sieve=none" },
	{ "mtu_blackhole", BOTH("mtu=1400"), BOTH("none") },
	{ "mtu_blackhole direction=upstream mtu=68", "1.client sieve=mtu=68",
	    "1.client sieve=none" },
	{ "ack_loss", BOTH("ack=1"), BOTH("none") },
	{ "ack_loss direction=downstream rate=50%", "1.server sieve=ack=0.5",
	    "1.server sieve=none" },
	{ "keepalive_blackhole", "1.client sieve=probes", "1.client sieve=none" },
	{ "keepalive_blackhole direction=both", BOTH("probes"), BOTH("none") },
	{ "keepalive_blackhole direction=downstream", "1.server sieve=probes",
	    "1.server sieve=none" },
};

#define N_ROWS ((int)(sizeof(rows) / sizeof(*rows)))

START_TEST(each_strikes_and_is_lifted)
{
	struct fault *f;

	open_session();
	f = fake_arm(w, rows[_i].text);
	ck_assert_str_eq(fake_calls(w), rows[_i].struck);
	ck_assert_int_eq(f->grade, GRADE_EXACT);
	ck_assert_uint_eq(f->sessions, 1);
	fake_until(w, 3600);
	ck_assert_str_eq(fake_calls(w), ""); /* nothing arrives: nothing changes */
	fake_lift(w, f);
	ck_assert_str_eq(fake_calls(w), rows[_i].lifted);
	fake_until(w, 3601);
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
}
END_TEST

/* A session within, and its upstream that connects later. */
START_TEST(those_that_come_later)
{
	struct fake_target *t;

	fake_arm(w, "packet_loss");
	t = fake_dialing(&w->doors[0], "10.0.0.1");
	ck_assert_str_eq(fake_calls(w), "1.client sieve=loss=0.1");
	fake_connected(t);
	ck_assert_str_eq(fake_calls(w), "1.server sieve=loss=0.1");
	fake_close(t);
	ck_assert_str_eq(fake_calls(w), "");
}
END_TEST

START_TEST(several_are_joined)
{
	struct fault *loss, *more, *wide, *narrow, *acks, *probes;

	open_session();
	loss = fake_arm(w, "packet_loss direction=upstream rate=10%");
	more = fake_arm(w, "packet_loss direction=upstream rate=20%");
	fake_calls(w);
	wide = fake_arm(w, "mtu_blackhole direction=upstream mtu=1400");
	narrow = fake_arm(w, "mtu_blackhole direction=upstream mtu=576");
	fake_lift(w, wide);
	wide = fake_arm(w, "mtu_blackhole direction=upstream mtu=1500");
	acks = fake_arm(w, "ack_loss direction=upstream rate=50%");
	fake_calls(w);
	probes = fake_arm(w, "keepalive_blackhole");
	ck_assert_str_eq(fake_calls(w), "1.client sieve=loss=0.28,ack=0.5,mtu=576,probes");
	fake_lift(w, more);
	ck_assert_str_eq(fake_calls(w), "1.client sieve=loss=0.1,ack=0.5,mtu=576,probes");
	fake_lift(w, narrow);
	ck_assert_str_eq(fake_calls(w), "1.client sieve=loss=0.1,ack=0.5,mtu=1500,probes");
	fake_lift(w, probes);
	fake_lift(w, acks);
	ck_assert_str_eq(fake_calls(w),
	    "1.client sieve=loss=0.1,ack=0.5,mtu=1500; 1.client sieve=loss=0.1,mtu=1500");
	fake_lift(w, wide);
	fake_lift(w, loss);
	ck_assert_str_eq(fake_calls(w), "1.client sieve=loss=0.1; 1.client sieve=none");
}
END_TEST

/* With a trigger the window is the session's own; the bytes that count are the direction's. */
START_TEST(a_window_of_its_own)
{
	struct fake_target *t = open_session();

	fake_arm(w, "packet_loss direction=upstream after_bytes=10 duration=4s");
	fake_carry(t, FLOW_DOWNSTREAM, 100);
	fake_carry(t, FLOW_UPSTREAM, 9);
	ck_assert_str_eq(fake_calls(w), "");
	fake_carry(t, FLOW_UPSTREAM, 1);
	ck_assert_str_eq(fake_calls(w), "1.client sieve=loss=0.1");
	fake_until(w, 3.99);
	ck_assert_str_eq(fake_calls(w), "");
	fake_until(w, 4);
	ck_assert_str_eq(fake_calls(w), "1.client sieve=none");
}
END_TEST

/* Whatever arrived may have moved RCV.NXT: it is asked for at the next look that
 * finds nothing new. */
START_TEST(probes_are_looked_for_anew)
{
	struct fake_target *t;

	fake_arm(w, "keepalive_blackhole first=1 duration=2s");
	t = open_session();
	ck_assert_str_eq(fake_calls(w), "1.client sieve=probes");
	t->segments[LEG_SERVER]++;
	fake_until(w, 0.6);
	ck_assert_str_eq(fake_calls(w), "");
	t->segments[LEG_CLIENT]++;
	fake_until(w, 0.8);
	t->segments[LEG_CLIENT]++;
	fake_until(w, 1.24);
	ck_assert_str_eq(fake_calls(w), "");
	fake_until(w, 1.25);
	ck_assert_str_eq(fake_calls(w), "1.client sieve=probes");
	fake_until(w, 1.7);
	ck_assert_str_eq(fake_calls(w), "");
	t->segments[LEG_CLIENT]++;
	fake_until(w, 2);
	ck_assert_str_eq(fake_calls(w), "1.client sieve=none");
	fake_until(w, 10);
	ck_assert_int_eq(engine_deadline(&w->engine), INT64_MAX);
}
END_TEST

/* It stays until it is lifted, and looks all the while. */
START_TEST(probes_are_looked_for_without_an_end)
{
	struct fake_target *t = open_session();
	struct fault *f = fake_arm(w, "keepalive_blackhole");

	for (int i = 1; i <= 100; i++) {
		fake_calls(w);
		t->segments[LEG_CLIENT]++;
		fake_until(w, i);
		ck_assert_str_eq(fake_calls(w), "1.client sieve=probes");
	}
	fake_lift(w, f);
	fake_close(t);
}
END_TEST

static const char *refused(const char *text)
{
	static char buf[256];

	return engine_refuses(&w->engine, fake_spec(w, text), &w->doors[0].door, buf, sizeof(buf));
}

static const char *const types[] = { "packet_loss", "mtu_blackhole", "ack_loss",
	"keepalive_blackhole" };

START_TEST(without_the_filter_it_is_refused)
{
	struct door *d = &w->doors[0].door;
	char text[64], why[128];

	snprintf(text, sizeof(text), "%s direction=upstream", types[_i]);
	snprintf(why, sizeof(why), "%s: needs CAP_NET_ADMIN (socket filter): see deadpeer doctor",
	    types[_i]);
	ck_assert_ptr_null(refused(text));
	w->wire.powers[WIRE_V6] = WIRE_SIGNATURE | WIRE_MINTTL | WIRE_MUTE;
	ck_assert_ptr_null(refused(text));
	d->family[LEG_CLIENT] = AF_INET6;
	ck_assert_str_eq(refused(text), why);
	w->wire.powers[WIRE_V4] &= ~(unsigned)WIRE_FILTER;
	w->wire.powers[WIRE_V6] = WIRE_FILTER | WIRE_REPAIR;
	ck_assert_ptr_null(refused(text)); /* the server's leg is none of its business */
	snprintf(text, sizeof(text), "%s direction=downstream", types[_i]);
	ck_assert_str_eq(refused(text), why);
	d->family[LEG_SERVER] = AF_UNSPEC; /* to be resolved: IPv4 then */
	ck_assert_str_eq(refused(text), why);
	snprintf(text, sizeof(text), "%s proxy=b", types[_i]);
	fake_door(w, "b", NULL);
	ck_assert_ptr_null(refused(text));
}
END_TEST

START_TEST(unix_legs_are_refused)
{
	char text[64];

	w->doors[0].door.family[LEG_SERVER] = AF_UNIX;
	snprintf(text, sizeof(text), "%s direction=both", types[_i]);
	ck_assert_str_eq(refused(text),
	    "proxy a has as its upstream a Unix socket, where there are no segments to drop");
	snprintf(text, sizeof(text), "%s direction=upstream", types[_i]);
	ck_assert_ptr_null(refused(text));
	w->doors[0].door.family[LEG_CLIENT] = AF_UNIX;
	ck_assert_str_eq(
	    refused(text), "proxy a listens on a Unix socket, where there are no segments to drop");
}
END_TEST

/* Old kernels let anybody have a filter, and nobody but CAP_NET_ADMIN repair. */
START_TEST(probes_need_repair_too)
{
	w->wire.powers[WIRE_V4] = WIRE_FILTER;
	ck_assert_ptr_null(refused("ack_loss"));
	ck_assert_ptr_nonnull(refused("keepalive_blackhole"));
}
END_TEST

START_TEST(a_session_that_could_not_is_told)
{
	struct fake_target *t = open_session();
	struct fault *f;

	t->grade[LEG_SERVER] = GRADE_REFUSED;
	f = fake_arm(w, "packet_loss");
	ck_assert_int_eq(f->grade, GRADE_REFUSED);
	ck_assert_str_eq(fake_event_text(w, EVENT_FAULT_FIRED, "grade"), "refused");
}
END_TEST

static int64_t told_of(const char *leg)
{
	int64_t n = 0;

	for (unsigned i = 0; i < w->n_events; i++) {
		const json_t *o = w->events[i].fields;

		if (w->events[i].id == EVENT_SEGMENTS_DROPPED &&
		    !strcmp(json_string_value(json_object_get(o, "leg")), leg))
			n += json_integer_value(json_object_get(o, "segments"));
	}
	return n;
}

/* What TCP had thrown away before is nobody's doing; the other leg is not looked at. */
START_TEST(dropped_segments_are_counted_from_here)
{
	struct fake_target *t = open_session();
	struct fault *f;

	t->drops[LEG_CLIENT] = 4;
	t->drops[LEG_SERVER] = 100;
	f = fake_arm(w, "packet_loss direction=upstream");
	fake_until(w, 1);
	ck_assert_uint_eq(fake_event_count(w, EVENT_SEGMENTS_DROPPED), 0);
	t->drops[LEG_CLIENT] += 3;
	t->drops[LEG_SERVER] += 100;
	fake_until(w, 2);
	ck_assert_int_eq(told_of("client"), 3);
	t->drops[LEG_CLIENT] += 2; /* seen only when it is lifted */
	fake_lift(w, f);
	ck_assert_int_eq(told_of("client"), 5);
	ck_assert_int_eq(told_of("server"), 0);
	ck_assert_int_eq(fake_event_int(w, EVENT_FAULT_LIFTED, "segments"), 5);
}
END_TEST

/* The counter starts anew when the leg falls silent; what came before is told first. */
START_TEST(dropped_segments_when_it_falls_silent)
{
	struct fake_target *t = open_session();
	struct fault *lossy = fake_arm(w, "packet_loss direction=upstream"), *cut;

	t->drops[LEG_CLIENT] = 7;
	fake_until(w, 1);
	t->drops[LEG_CLIENT] = 9;
	cut = fake_arm(w, "partition");
	t->drops[LEG_CLIENT] = 2;
	fake_until(w, 2);
	ck_assert_int_eq(told_of("client"), 11);
	ck_assert_uint_eq(cut->segments, 2);
	ck_assert_uint_eq(lossy->segments, 11);
	fake_lift(w, cut);
	t->drops[LEG_CLIENT] = 3;
	fake_lift(w, lossy);
	ck_assert_int_eq(told_of("client"), 12);
}
END_TEST

/* ... and not when it is sieved while silent, or a second time. */
START_TEST(dropped_segments_of_several)
{
	struct fake_target *t = open_session();
	struct fault *cut = fake_arm(w, "partition"), *a, *b;

	t->drops[LEG_CLIENT] = 5;
	a = fake_arm(w, "packet_loss");
	t->drops[LEG_CLIENT] = 6;
	b = fake_arm(w, "mtu_blackhole");
	t->drops[LEG_CLIENT] = 8;
	fake_until(w, 1);
	ck_assert_uint_eq(cut->segments, 8);
	ck_assert_uint_eq(a->segments, 3);
	ck_assert_uint_eq(b->segments, 2);
	ck_assert_int_eq(told_of("client"), 8);
}
END_TEST

Suite *sieve_suite(void)
{
	Suite *s = suite_create("sieve");
	TCase *c = tcase_create("sieve");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, each_strikes_and_is_lifted, 0, N_ROWS);
	tcase_add_test(c, those_that_come_later);
	tcase_add_test(c, several_are_joined);
	tcase_add_test(c, a_window_of_its_own);
	tcase_add_test(c, probes_are_looked_for_anew);
	tcase_add_test(c, probes_are_looked_for_without_an_end);
	tcase_add_loop_test(c, without_the_filter_it_is_refused, 0, 4);
	tcase_add_loop_test(c, unix_legs_are_refused, 0, 4);
	tcase_add_test(c, probes_need_repair_too);
	tcase_add_test(c, a_session_that_could_not_is_told);
	tcase_add_test(c, dropped_segments_are_counted_from_here);
	tcase_add_test(c, dropped_segments_when_it_falls_silent);
	tcase_add_test(c, dropped_segments_of_several);
	suite_add_tcase(s, c);
	return s;
}
