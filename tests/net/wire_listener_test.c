/*
 * SYNs that vanish: all of them, or those of a range of clients; and connections cut while
 * connecting.
 */
#include "wire_rig.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- listening sockets -------------------------------------------------------------------- */

/* Starts a connect(2), from an address of loopback if one is given. */
static void connect_from(int fd, const char *from)
{
	union sockaddr_ip sa = { .in = { .sin_family = AF_INET } };

	if (from) {
		ck_assert_int_eq(inet_pton(AF_INET, from, &sa.in.sin_addr), 1);
		ck_assert_int_eq(bind(fd, &sa.sa, sizeof(sa.in)), 0);
	}
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	(void)connect(fd, &rig.address.sa, rig_address_len());
}

static int connecting_from(const char *from)
{
	const int fd = rig_stream(rig.address.sa.sa_family);

	connect_from(fd, from);
	return fd;
}

static bool is_connected(int fd)
{
	return info(fd).tcpi_state == STATE_ESTABLISHED;
}

START_TEST(syn_is_lost)
{
	struct wire_state gate = { 0 };
	int fd;

	rig_open(_i);
	ck_assert_int_ge(wire_silence_listener(&rig.wire, rig.listener, &gate, NULL, true),
	    rig.limit == GRADE_PARTIAL ? GRADE_EQUIVALENT : rig.limit);
	fd = connecting_from(NULL);
	ck_soon(wire_drops(rig.listener, &gate) >= 1);
	ck_soon(info(fd).tcpi_total_retrans >= 1);
	ck_that(info(fd).tcpi_state == STATE_SYN_SENT);
	ck_assert_int_eq(
	    wire_silence_listener(&rig.wire, rig.listener, &gate, NULL, false), GRADE_EXACT);
	ck_soon(is_connected(fd));
	close(fd);
	/* And nothing of it clings to what is accepted now. */
	close(rig.ours);
	rig.ours = accept4(rig.listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(rig.ours, 0);
	ck_soon(recv(rig.ours, &(char){ 0 }, 1, MSG_DONTWAIT) == 0);
}
END_TEST

/* At grade exact the filter does it alone here, at equivalent the signature. */
static void one_power_each(void)
{
	if (rig.limit != GRADE_EXACT)
		return;
	for (int f = 0; f < WIRE_FAMILIES; f++)
		rig.wire.powers[f] &= ~(unsigned)WIRE_SIGNATURE;
}

START_TEST(syns_of_ranges_are_lost)
{
	static const struct cidr two = { AF_INET, 32, { 127, 0, 0, 2 } };
	static const struct cidr four = { AF_INET, 30, { 127, 0, 0, 4 } };
	struct wire_state gate = { 0 };
	int a, b, c;

	rig_open(_i);
	if (rig.kind == KIND_V6)
		return; /* IPv6 has one loopback address: v6_range_is_lost */
	if (lacks("syns_of_ranges_are_lost", WIRE_SIGNATURE)) {
		ck_assert_int_eq(wire_silence_listener(&rig.wire, rig.listener, &gate, &two, true),
		    GRADE_REFUSED);
		return;
	}
	one_power_each();
	ck_assert_int_eq(
	    wire_silence_listener(&rig.wire, rig.listener, &gate, &two, true), rig.limit);
	ck_assert_int_eq(
	    wire_silence_listener(&rig.wire, rig.listener, &gate, &four, true), rig.limit);
	a = connecting_from("127.0.0.2");
	b = connecting_from("127.0.0.7");
	c = connecting_from("127.0.0.3");
	ck_soon(is_connected(c));
	ck_soon(info(a).tcpi_total_retrans >= 1 && info(b).tcpi_total_retrans >= 1);
	ck_that(!is_connected(a) && !is_connected(b));
	ck_assert_int_eq(
	    wire_silence_listener(&rig.wire, rig.listener, &gate, &two, false), GRADE_EXACT);
	ck_soon(is_connected(a));
	ck_that(!is_connected(b));
	ck_assert_int_eq(
	    wire_silence_listener(&rig.wire, rig.listener, &gate, &four, false), GRADE_EXACT);
	ck_assert_msg(WITHIN(2 * SOON_NS, is_connected(b)), "%s: still lost", rig_name());
}
END_TEST

START_TEST(v6_range_is_lost)
{
	static const struct cidr other = { AF_INET6, 33, { 0x20, 0x01, 0x0d, 0xb8, 0x80 } };
	static const struct cidr zeros = { AF_INET, 8, { 0 } };
	static const struct cidr this = { AF_INET6, 127, { [15] = 0 } }; /* ::/127 has ::1 */
	struct wire_state gate = { 0 };
	int a, b;

	rig_open(_i);
	if (rig.kind != KIND_V6 || lacks("v6_range_is_lost", WIRE_SIGNATURE))
		return;
	one_power_each();
	ck_assert_int_eq(
	    wire_silence_listener(&rig.wire, rig.listener, &gate, &other, true), rig.limit);
	/* The same bits at the same place of an IPv4 header: ::1 is not in 0.0.0.0/8. */
	ck_assert_int_eq(
	    wire_silence_listener(&rig.wire, rig.listener, &gate, &zeros, true), rig.limit);
	a = connecting_from(NULL);
	ck_soon(is_connected(a));
	ck_assert_int_eq(
	    wire_silence_listener(&rig.wire, rig.listener, &gate, &this, true), rig.limit);
	b = connecting_from(NULL);
	ck_soon(info(b).tcpi_total_retrans >= 1);
	ck_that(!is_connected(b));
	ck_assert_int_eq(
	    wire_silence_listener(&rig.wire, rig.listener, &gate, &this, false), GRADE_EXACT);
	ck_soon(is_connected(b));
}
END_TEST

/* A handshake that is half done when the silence begins: the SYN-ACK is repeated by a timer, and
 * must not complete it. */
START_TEST(half_done_handshake_is_cut)
{
	struct wire_state gate = { 0 };
	uint32_t before;

	rig_open(_i);
	if (rig.limit == GRADE_PARTIAL)
		return;
	close(rig.theirs);
	rig.theirs = rig_stream(rig.address.sa.sa_family);
	theirs_deaf(true);
	before = raw_drops(rig.theirs);
	connect_from(rig.theirs, NULL);
	ck_soon(raw_drops(rig.theirs) > before);
	(void)wire_silence_listener(&rig.wire, rig.listener, &gate, NULL, true);
	theirs_deaf(false);
	before = raw_drops(rig.theirs);
	ck_soon(raw_drops(rig.theirs) > before); /* signed: dropped */
	ck_that(!is_connected(rig.theirs));
}
END_TEST

/* After the burial it is not repeated at all, and what comes afterwards is a listener as before. */
START_TEST(half_done_handshake_is_buried)
{
	struct wire_state gate = { 0 };
	struct heard before;
	uint32_t drops;
	int again;

	rig_open(_i);
	close(rig.theirs);
	rig.theirs = rig_stream(rig.address.sa.sa_family);
	theirs_deaf(true);
	drops = raw_drops(rig.theirs);
	connect_from(rig.theirs, NULL);
	ck_soon(raw_drops(rig.theirs) > drops);
	(void)wire_silence_listener(&rig.wire, rig.listener, &gate, NULL, true);
	ck_assert_int_eq(wire_bury(&rig.wire, rig.listener, &gate, -1), gate.grade);
	theirs_deaf(false);
	before = heard();
	ck_soon(info(rig.theirs).tcpi_total_retrans >=
		2); /* its SYNs; SYN-ACKs would have come as often */
	ck_unheard(before, GRADE_EXACT);
	ck_soon(wire_drops(rig.listener, &gate) >= 2); /* a SYN may have come before the silence */
	ck_assert_int_eq(info(rig.listener).tcpi_sacked, 64); /* the backlog */
	(void)wire_silence_listener(&rig.wire, rig.listener, &gate, NULL, false);
	ck_soon(is_connected(rig.theirs));
	again = accept4(rig.listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(again, 0);
	put(again, 3);
	ck_soon(readable(rig.theirs) == 3);
}
END_TEST

/* Who waits in the accept queue would be reset: then nothing is replaced. */
START_TEST(waiting_connection_is_not_buried)
{
	struct wire_state gate = { 0 };

	rig_open(_i);
	close(rig.theirs);
	rig.theirs = connecting_from(NULL);
	ck_soon(is_connected(rig.theirs));
	(void)wire_silence_listener(&rig.wire, rig.listener, &gate, NULL, true);
	(void)wire_bury(&rig.wire, rig.listener, &gate, -1);
	(void)wire_silence_listener(&rig.wire, rig.listener, &gate, NULL, false);
	close(rig.ours);
	rig.ours = accept4(rig.listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(rig.ours, 0);
	drain(rig.ours);
	ck_that(is_connected(rig.theirs));
}
END_TEST

/* A connect of ours whose server's SYN-ACK must not be heard, and whose SYNs must not be either. */
START_TEST(connecting_is_cut)
{
	struct wire_state gate = { 0 };
	uint32_t before;
	int fd;

	rig_open(_i);
	if (rig.limit == GRADE_PARTIAL)
		return;
	(void)wire_silence_listener(&rig.wire, rig.listener, &gate, NULL, true);
	fd = connecting_from(NULL);
	ck_soon(wire_drops(rig.listener, &gate) >= 1);
	ck_assert_int_eq(wire_silence(&rig.wire, fd, &rig.state, WIRE_BOTH), GRADE_EQUIVALENT);
	(void)wire_silence_listener(&rig.wire, rig.listener, &gate, NULL, false);
	before = raw_drops(rig.listener);
	ck_soon(raw_drops(rig.listener) > before); /* a signed SYN */
	ck_that(!is_connected(fd));
	ck_assert_int_eq(wire_silence(&rig.wire, fd, &rig.state, 0), GRADE_EXACT);
	ck_soon(is_connected(fd));
}
END_TEST

TCase *wire_listener_tests(int variant)
{
	const TTest *const tests[] = {
		syn_is_lost,
		syns_of_ranges_are_lost,
		v6_range_is_lost,
		half_done_handshake_is_cut,
		half_done_handshake_is_buried,
		waiting_connection_is_not_buried,
		connecting_is_cut,
	};
	TCase *tc = tcase_create("listener");

	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_loop_test(tc, tests[i], variant, variant + 1);
	return tc;
}
