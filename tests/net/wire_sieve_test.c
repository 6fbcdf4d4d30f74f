/*
 * Some segments are dropped and the rest pass. Theirs sends to ours, which is sieved; what theirs
 * repeats is what was lost (TCP_INFO), and ours counts it (SK_MEMINFO_DROPS).
 */
#include "kernel/wire_sieve.h"
#include "wire_rig.h"
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How many instructions the socket's filter has; the shared one, which is eBPF, cannot be read
 * (sk_get_filter()) and stands for "ret 0". */
static socklen_t filter_len(int fd)
{
	socklen_t len = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &len) == 0)
		return len;
	ck_assert(rig.shared && errno == EACCES);
	return 1;
}

static void sieve(const struct wire_sieve *s)
{
	ck_assert_int_eq(wire_sieve_set(rig.ours, s), 0);
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

START_TEST(who_may_not_is_told)
{
	const enum wire_family family = rig.kind == KIND_V6 ? WIRE_V6 : WIRE_V4;

	rig_open(_i);
	ck_assert_int_eq(wire_can_sieve(&rig.wire, rig_family()), !!(rig_powers() & WIRE_FILTER));
	if (!rig.wire.result[family][0].error)
		return;
	ck_assert(!wire_can_sieve(&rig.wire, rig_family()));
	ck_assert(!wire_can_sieve_probes(&rig.wire, rig_family()));
	ck_assert_int_eq(wire_sieve_set(rig.ours, &(struct wire_sieve){ .loss = 1 }), -1);
	ck_assert_int_eq(wire_sieve_set(rig.ours, NULL), 0);
}
END_TEST

START_TEST(none_is_no_filter)
{
	rig_open(_i);
	if (lacks("none_is_no_filter", WIRE_FILTER))
		return;
	sieve(&(struct wire_sieve){ .loss = 0.5 });
	ck_assert_uint_gt(filter_len(rig.ours), 0);
	sieve(&(struct wire_sieve){ 0 });
	ck_assert_uint_eq(filter_len(rig.ours), 0);
	sieve(NULL);
	put(rig.theirs, 3);
	ck_soon(readable(rig.ours) == 3);
	ck_assert_uint_eq(raw_drops(rig.ours), 0);
}
END_TEST

START_TEST(all_is_lost_and_then_nothing)
{
	rig_open(_i);
	if (lacks("all_is_lost_and_then_nothing", WIRE_FILTER))
		return;
	sieve(&(struct wire_sieve){ .loss = 1 });
	theirs_sends_in_vain();
	ck_soon(raw_drops(rig.ours) >= 3);
	sieve(NULL);
	ck_soon(readable(rig.ours) == 3);
	ck_soon(wire_unacked(rig.theirs) == 0);
}
END_TEST

/* Ours says a thousand bytes one by one, and each is acknowledged by a segment of its own; one
 * that is lost is made up for by the next. */
static double share_of_acks_lost(void)
{
	const uint32_t before = info(rig.ours).tcpi_segs_in;
	double lost, passed;

	for (int i = 0; i < 1000; i++) {
		(void)setsockopt(
		    rig.theirs, IPPROTO_TCP, 12 /* TCP_QUICKACK */, &(int){ 1 }, sizeof(int));
		put(rig.ours, 1);
		ck_soon(readable(rig.theirs) >= 1);
		drain(rig.theirs);
	}
	lost = raw_drops(rig.ours);
	passed = info(rig.ours).tcpi_segs_in - before;
	ck_assert_msg(lost + passed > 500, "%s: only %g ACKs", rig_name(), lost + passed);
	return lost / (lost + passed);
}

START_TEST(a_share_is_lost)
{
	static const struct wire_sieve sieves[] = { { .loss = 0.3 }, { .ack_loss = 0.3 } };

	for (int i = 0; i < 2; i++) {
		double share;

		rig_open(_i);
		if (lacks("a_share_is_lost", WIRE_FILTER))
			return;
		sieve(&sieves[i]);
		share = share_of_acks_lost();
		ck_assert_msg(share > 0.2 && share < 0.4, "%s: %g lost", rig_name(), share);
	}
}
END_TEST

/* Of a packet of so many bytes, what is left for data. */
static int room_in(int packet)
{
	const int ip = rig.kind == KIND_V6 ? 40 : 20;
	const int timestamps = info(rig.theirs).tcpi_options & TCPI_OPT_TIMESTAMPS ? 12 : 0;

	return packet - ip - 20 - timestamps;
}

START_TEST(larger_ones_are_lost_by_the_byte)
{
	int fits;

	rig_open(_i);
	if (lacks("larger_ones_are_lost_by_the_byte", WIRE_FILTER))
		return;
	sieve(&(struct wire_sieve){ .larger_than = 1400 });
	fits = room_in(1400);
	put(rig.theirs, fits);
	ck_soon(readable(rig.ours) == fits);
	drain(rig.ours);
	ck_assert_uint_eq(raw_drops(rig.ours), 0);
	put(rig.theirs, fits + 1);
	ck_soon(info(rig.theirs).tcpi_total_retrans >= 2);
	ck_assert_int_eq(readable(rig.ours), 0);
	ck_soon(raw_drops(rig.ours) >= 3);
	sieve(NULL);
	ck_soon(readable(rig.ours) == fits + 1);
}
END_TEST

START_TEST(acks_are_lost_and_data_passes)
{
	rig_open(_i);
	if (lacks("acks_are_lost_and_data_passes", WIRE_FILTER))
		return;
	sieve(&(struct wire_sieve){ .ack_loss = 1 });
	put(rig.ours, 3);
	ck_soon(readable(rig.theirs) == 3);
	ck_soon(info(rig.ours).tcpi_total_retrans >= 2);
	ck_assert_int_eq(wire_unacked(rig.ours), 3);
	ck_assert_int_eq(readable(rig.theirs), 3);
	put(rig.theirs, 2); /* carries the acknowledgement */
	ck_soon(readable(rig.ours) == 2);
	ck_soon(wire_unacked(rig.ours) == 0);
}
END_TEST

static bool ours_ended_with(int wanted)
{
	const ssize_t n = recv(rig.ours, &(char){ 0 }, 1, MSG_DONTWAIT);

	return wanted ? n < 0 && errno == wanted : n == 0;
}

/* FIN and RST have no data either; they pass. */
START_TEST(ends_pass)
{
	static const struct wire_sieve sieves[] = { { .ack_loss = 1 }, { .probes = true } };
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	for (int i = 0; i < 4; i++) {
		struct wire_sieve s = sieves[i / 2];

		rig_open(_i);
		if (lacks("ends_pass", WIRE_FILTER | WIRE_REPAIR))
			return;
		ck_assert_int_eq(
		    wire_receive_next(rig.ours, &s.probe_seq), 0); /* theirs, exactly */
		sieve(&s);
		if (i % 2)
			(void)setsockopt(rig.theirs, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		ck_assert_int_eq(close(rig.theirs), 0);
		ck_soon(ours_ended_with(i % 2 ? ECONNRESET : 0));
	}
}
END_TEST

/* Nobody hears of it, and the socket is what it was. */
START_TEST(receive_next_moves_with_what_arrives)
{
	uint32_t first = 0, then = 0;
	struct heard before;

	rig_open(_i);
	if (lacks("receive_next_moves_with_what_arrives", WIRE_REPAIR))
		return;
	before = heard();
	ck_assert_int_eq(wire_receive_next(rig.ours, &first), 0);
	ck_unheard(before, GRADE_EXACT);
	put(rig.theirs, 5);
	ck_soon(readable(rig.ours) == 5);
	ck_assert_int_eq(wire_receive_next(rig.ours, &then), 0);
	ck_assert_uint_eq(then, first + 5);
	ck_assert_int_eq(option(rig.ours, IPPROTO_TCP, 19 /* TCP_REPAIR */), 0);
	ck_assert_int_eq(option(rig.ours, SOL_SOCKET, SO_REUSEADDR), 1);
	drain(rig.ours);
	put(rig.ours, 4);
	ck_soon(readable(rig.theirs) == 4);
}
END_TEST

static void probe_each_second(int fd, int count)
{
	const int yes = 1;

	(void)setsockopt(fd, IPPROTO_TCP, 4 /* TCP_KEEPIDLE */, &yes, sizeof(yes));
	(void)setsockopt(fd, IPPROTO_TCP, 5 /* TCP_KEEPINTVL */, &yes, sizeof(yes));
	(void)setsockopt(fd, IPPROTO_TCP, 6 /* TCP_KEEPCNT */, &count, sizeof(count));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
}

/* After data both ways; bare ACKs and data pass meanwhile. */
START_TEST(probes_are_lost_and_the_rest_passes)
{
	struct wire_sieve s = { .probes = true };

	rig_open(_i);
	if (lacks("probes_are_lost_and_the_rest_passes", WIRE_FILTER | WIRE_REPAIR))
		return;
	put(rig.theirs, 5);
	ck_soon(readable(rig.ours) == 5);
	ck_assert_int_eq(wire_receive_next(rig.ours, &s.probe_seq), 0);
	s.probe_seq--;
	sieve(&s);
	put(rig.ours, 7);
	ck_soon(wire_unacked(rig.ours) == 0);
	ck_assert_uint_eq(raw_drops(rig.ours), 0);
	probe_each_second(rig.theirs, 1);
	drain(rig.theirs);
	ck_soon(theirs_errno() == ETIMEDOUT);
	ck_soon(raw_drops(rig.ours) == 1);
	ck_soon(recv(rig.ours, &(char[8]){ 0 }, 8, MSG_DONTWAIT) < 0 && errno == ECONNRESET);
}
END_TEST

/* As the header says: a silence takes its place, and leaves none. */
START_TEST(a_silence_ends_it)
{
	rig_open(_i);
	if (lacks("a_silence_ends_it", WIRE_FILTER))
		return;
	sieve(&(struct wire_sieve){ .larger_than = 68 });
	ck_assert_int_eq(wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH), GRADE_EXACT);
	ck_assert_uint_eq(filter_len(rig.ours), 1);
	ck_assert_int_eq(wire_silence(&rig.wire, rig.ours, &rig.state, 0), GRADE_EXACT);
	ck_assert_uint_eq(filter_len(rig.ours), 0);
}
END_TEST

/* All at once is a program that the kernel takes. */
START_TEST(everything_at_once)
{
	rig_open(_i);
	if (lacks("everything_at_once", WIRE_FILTER))
		return;
	sieve(&(struct wire_sieve){
	    .loss = 1e-9, .ack_loss = 1e-9, .larger_than = 1400, .probes = true });
	put(rig.theirs, 5);
	ck_soon(readable(rig.ours) == 5);
	ck_soon(wire_unacked(rig.theirs) == 0);
}
END_TEST

TCase *wire_sieve_tests(int variant)
{
	const TTest *const tests[] = {
		who_may_not_is_told,
		none_is_no_filter,
		all_is_lost_and_then_nothing,
		a_share_is_lost,
		larger_ones_are_lost_by_the_byte,
		acks_are_lost_and_data_passes,
		ends_pass,
		receive_next_moves_with_what_arrives,
		probes_are_lost_and_the_rest_passes,
		a_silence_ends_it,
		everything_at_once,
	};
	/* Without the filter there is nothing to try, and less than that is no other variant. */
	const bool spare = variant % N_LIMITS == N_LIMITS - 1;
	TCase *tc = tcase_create("sieve");

	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < (spare ? 1 : sizeof(tests) / sizeof(tests[0])); i++)
		tcase_add_loop_test(tc, tests[i], variant, variant + 1);
	return tc;
}
