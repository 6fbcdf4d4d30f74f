/*
 * Cutting established connections and healing them: what the peer's kernel and application see.
 */
#include "wire_rig.h"
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BULK ((size_t)16 << 20)

/* ---- established connections ------------------------------------------------------------- */

START_TEST(silent_when_quiet)
{
	struct heard before;
	enum grade grade;

	rig_open(_i);
	put(rig.theirs, 7);
	ck_soon(readable(rig.ours) == 7);
	drain(rig.ours);
	grade = wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH);
	ck_assert_int_eq(grade, rig.limit);
	ck_assert_int_eq(rig.state.grade, rig.limit);
	before = heard();
	theirs_sends_in_vain();
	/* Nothing of ours is unacknowledged, so even min-TTL has nothing to betray it. */
	ck_unheard(before, GRADE_EXACT);
	ck_assert_int_eq(readable(rig.ours), 0);
	ck_assert_uint_ge(wire_drops(rig.ours, &rig.state), 3);
	ck_assert_int_eq(wire_silence(&rig.wire, rig.ours, &rig.state, 0), GRADE_EXACT);
	ck_soon(readable(rig.ours) == 3);
	ck_soon(wire_unacked(rig.theirs) == 0);
}
END_TEST

START_TEST(silent_with_data_in_flight)
{
	struct heard before;
	enum grade grade, expect;

	rig_open(_i);
	expect = rig.limit == GRADE_EXACT ? GRADE_EQUIVALENT : rig.limit;
	in_flight(100);
	grade = wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH);
	ck_assert_int_eq(grade, expect);
	theirs_deaf(false);
	before = heard();
	theirs_sends_in_vain();
	ck_soon(info(rig.ours).tcpi_total_retrans >= 2);
	ck_unheard(before, grade);
	if (grade >= GRADE_EQUIVALENT)
		ck_that(readable(rig.theirs) == 0);
	else /* partial is partial: the peer got the retransmission */
		ck_soon(readable(rig.theirs) == 100);
	(void)wire_silence(&rig.wire, rig.ours, &rig.state, 0);
	ck_soon(readable(rig.theirs) == 100);
	ck_soon(readable(rig.ours) == 3);
	ck_soon(wire_unacked(rig.ours) == 0 && wire_unacked(rig.theirs) == 0);
}
END_TEST

START_TEST(peer_gives_up)
{
	struct heard before;

	rig_open(_i);
	ck_assert_int_eq(
	    setsockopt(rig.theirs, IPPROTO_TCP, TCP_USER_TIMEOUT, &(int){ 500 }, sizeof(int)), 0);
	ck_assert_int_ne(wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH), GRADE_REFUSED);
	before = heard();
	put(rig.theirs, 1);
	ck_soon(theirs_errno() == ETIMEDOUT);
	ck_unheard(before, GRADE_EXACT);
}
END_TEST

static void keepalive_each_second(int fd)
{
	const int yes = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &yes, sizeof(yes));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &yes, sizeof(yes));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &yes, sizeof(yes));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
}

/* Theirs are not answered, and ours are not sent. */
START_TEST(keepalive_goes_unanswered)
{
	struct heard before;

	rig_open(_i);
	keepalive_each_second(rig.ours);
	ck_assert_int_ne(wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH), GRADE_REFUSED);
	before = heard();
	keepalive_each_second(rig.theirs);
	ck_soon(theirs_errno() == ETIMEDOUT);
	ck_unheard(before, GRADE_EXACT);
	ck_assert_uint_ge(wire_drops(rig.ours, &rig.state), 1);
}
END_TEST

/* Questions and answers end the quick ACKs of a connection's start
 * (inet_csk_enter_pingpong_mode()). */
static void end_quick_acks(void)
{
	for (int i = 0; i < 20; i++) {
		put(rig.theirs, 1);
		ck_soon(readable(rig.ours) == 1);
		drain(rig.ours);
		put(rig.ours, 1);
		ck_soon(readable(rig.theirs) == 1);
		drain(rig.theirs);
	}
}

/* An ACK that was owed (delayed) is sent before the silence: the peer does not repeat what arrived.
 */
START_TEST(owed_ack_is_sent)
{
	rig_open(_i);
	end_quick_acks();
	put(rig.theirs, 5);
	ck_soon(readable(rig.ours) == 5);
	drain(rig.ours);
	ck_assert_int_eq(wire_unacked(rig.theirs), 5);
	(void)wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH);
	ck_assert_msg(
	    WITHIN(30 * NS_PER_MS, wire_unacked(rig.theirs) == 0), "%s: no ACK", rig_name());
}
END_TEST

/* With received data unread, TCP_QUICKACK does not send the ACK that is owed and its timer runs:
 * not quiet, not exact, until it is buried. */
START_TEST(unread_data_owes_an_ack)
{
	struct heard before;

	rig_open(_i);
	end_quick_acks();
	put(rig.theirs, 5);
	ck_soon(readable(rig.ours) == 5);
	if (wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH) == GRADE_PARTIAL)
		return;
	ck_assert_int_eq(rig.state.grade, GRADE_EQUIVALENT);
	ck_assert_int_eq(wire_bury(&rig.wire, rig.ours, &rig.state, rig.listener), rig.limit);
	before = heard();
	ck_soon(info(rig.theirs).tcpi_total_retrans >= 1); /* no ACK came in five times its delay */
	ck_unheard(before, rig.limit);
}
END_TEST

START_TEST(deaf_one_way)
{
	const unsigned needed = WIRE_FILTER | WIRE_MINTTL;

	rig_open(_i);
	if ((rig_powers() & needed) == 0 && lacks("deaf_one_way", needed))
		return;
	ck_assert_int_ge(wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_IN), GRADE_EQUIVALENT);
	theirs_sends_in_vain();
	ck_that(readable(rig.ours) == 0);
	put(rig.ours, 9);
	ck_soon(readable(rig.theirs) == 9);
	ck_soon(wire_unacked(rig.ours) == 9); /* their ACKs are not heard */
	(void)wire_silence(&rig.wire, rig.ours, &rig.state, 0);
	ck_soon(readable(rig.ours) == 3);
	ck_soon(wire_unacked(rig.ours) == 0 && wire_unacked(rig.theirs) == 0);
}
END_TEST

START_TEST(mute_one_way)
{
	struct heard before;

	rig_open(_i);
	if (lacks("mute_one_way", WIRE_MUTE)) {
		ck_assert_int_eq(wire_grade(&rig.wire, rig_family(), WIRE_OUT), GRADE_PARTIAL);
		ck_assert_int_eq(
		    wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_OUT), GRADE_PARTIAL);
		put(rig.ours, 9);
		ck_soon(readable(rig.theirs) == 9); /* it says so: partial */
		return;
	}
	ck_assert_int_eq(wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_OUT), GRADE_EQUIVALENT);
	before = heard();
	put(rig.ours, 9);
	theirs_sends_in_vain();           /* our ACKs do not get there ... */
	ck_that(readable(rig.ours) == 3); /* ... but we hear */
	ck_soon(info(rig.ours).tcpi_total_retrans >= 2);
	ck_unheard(before, GRADE_EXACT); /* dropped below TCP: not counted on the socket */
	ck_that(readable(rig.theirs) == 0);
	(void)wire_silence(&rig.wire, rig.ours, &rig.state, 0);
	ck_soon(readable(rig.theirs) == 9);
	ck_soon(wire_unacked(rig.ours) == 0 && wire_unacked(rig.theirs) == 0);
}
END_TEST

/* Up and down the ladder on one connection; each cut is whole and the end is a living connection.
 */
START_TEST(cuts_change_without_a_gap)
{
	struct heard before;

	rig_open(_i);
	ck_assert_int_ne(wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH), GRADE_REFUSED);
	theirs_sends_in_vain();
	ck_assert_int_ne(wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_IN), GRADE_REFUSED);
	ck_assert_int_eq(rig.state.dirs, WIRE_IN);
	put(rig.ours, 9);
	ck_soon(readable(rig.theirs) == 9);
	ck_that(readable(rig.ours) == 0);
	if (rig_powers() & WIRE_MUTE) {
		ck_assert_int_ne(
		    wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_OUT), GRADE_REFUSED);
		ck_soon(readable(rig.ours) == 3);
		before = heard();
		ck_assert_int_ne(
		    wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH), GRADE_REFUSED);
		ck_unheard(before, GRADE_EQUIVALENT);
	} else {
		(void)lacks("cuts_change_without_a_gap (outbound)", WIRE_MUTE);
	}
	ck_assert_int_eq(wire_silence(&rig.wire, rig.ours, &rig.state, 0), GRADE_EXACT);
	ck_assert_int_eq(rig.state.powers, 0);
	ck_soon(readable(rig.ours) == 3);
	put(rig.theirs, 4);
	ck_soon(readable(rig.ours) == 7);
	ck_soon(wire_unacked(rig.ours) == 0 && wire_unacked(rig.theirs) == 0);
}
END_TEST

/* ---- a partition that heals in the middle of a transfer ----------------------------------- */

struct half {
	uint64_t sent, got;
	uint64_t sum_sent, sum_got;
};

static uint64_t mix(uint64_t sum, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
	return sum;
}

/* Bytes that depend on their place in the stream, so that none can be lost, doubled or moved. */
static void pump_out(int fd, struct half *h, uint64_t salt)
{
	unsigned char buf[16384];
	size_t want = BULK - h->sent < sizeof(buf) ? (size_t)(BULK - h->sent) : sizeof(buf);
	ssize_t n;

	if (want == 0)
		return;
	for (size_t i = 0; i < want; i++)
		buf[i] =
		    (unsigned char)(((h->sent + i) * UINT64_C(0x9e3779b97f4a7c15) + salt) >> 56);
	n = send(fd, buf, want, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0) {
		h->sum_sent = mix(h->sum_sent, buf, (size_t)n);
		h->sent += (uint64_t)n;
	}
}

static void pump_in(int fd, struct half *h)
{
	unsigned char buf[16384];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n > 0) {
		h->sum_got = mix(h->sum_got, buf, (size_t)n);
		h->got += (uint64_t)n;
	}
}

START_TEST(partition_heals)
{
	struct half up = { 0 }, down = { 0 };
	const int64_t limit_ns = mono_now_ns() + 20 * NS_PER_S;
	int64_t cut_ns = 0;
	bool cut = false;

	rig_open(_i);
	while ((up.got < BULK || down.got < BULK) && mono_now_ns() < limit_ns) {
		const bool busy = !cut || rig.state.dirs == 0; /* a cut leg is left alone */

		if (!cut && up.got > BULK / 3 && down.got > BULK / 3) {
			pump_out(rig.ours, &down, 1); /* something is in flight */
			ck_assert_int_ne(wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH),
			    GRADE_REFUSED);
			cut_ns = mono_now_ns();
			cut = true;
			continue;
		}
		if (cut && rig.state.dirs && mono_now_ns() > cut_ns + 300 * NS_PER_MS)
			(void)wire_silence(&rig.wire, rig.ours, &rig.state, 0);
		pump_out(rig.theirs, &up, 2);
		pump_in(rig.theirs, &down);
		if (busy) {
			pump_out(rig.ours, &down, 1);
			pump_in(rig.ours, &up);
		}
	}
	ck_assert(cut);
	ck_assert_uint_eq(up.got, BULK);
	ck_assert_uint_eq(down.got, BULK);
	ck_assert_uint_eq(up.sum_sent, up.sum_got);
	ck_assert_uint_eq(down.sum_sent, down.sum_got);
}
END_TEST

TCase *wire_cut_tests(int variant)
{
	const TTest *const tests[] = {
		silent_when_quiet,
		silent_with_data_in_flight,
		peer_gives_up,
		keepalive_goes_unanswered,
		owed_ack_is_sent,
		unread_data_owes_an_ack,
		deaf_one_way,
		mute_one_way,
		cuts_change_without_a_gap,
		partition_heals,
	};
	TCase *tc = tcase_create("cut");

	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_loop_test(tc, tests[i], variant, variant + 1);
	return tc;
}
