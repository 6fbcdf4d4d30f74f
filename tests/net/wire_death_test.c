/*
 * Ends without a word: connections that vanish, that are buried, whose process is killed.
 */
#include "wire_rig.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- vanishing ---------------------------------------------------------------------------- */

/* With unread data and data in flight: a close would say RST, and a FIN would be retransmitted. */
START_TEST(vanishes_without_a_word)
{
	struct heard before;
	enum grade grade;

	rig_open(_i);
	if (rig.limit == GRADE_PARTIAL)
		return;
	put(rig.theirs, 5);
	ck_soon(readable(rig.ours) == 5);
	ck_soon(wire_unacked(rig.theirs) == 0);
	in_flight(50);
	(void)wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH);
	theirs_deaf(false);
	before = heard();
	grade = wire_vanish(&rig.wire, rig.ours, &rig.state);
	ck_assert_int_eq(grade, rig.limit);
	ck_assert_int_eq(poll(&(struct pollfd){ .fd = rig.theirs, .events = POLLIN }, 1, 20), 0);
	ck_unheard(before, grade);
	ck_that(info(rig.theirs).tcpi_state == STATE_ESTABLISHED);
	put(rig.theirs, 1);
	ck_soon(theirs_errno() == ECONNRESET);
}
END_TEST

/* From a connection that was not silent before, with nothing unread: close(2) would say FIN, and
 * its orphan would repeat it, signed, and never let the RST out. */
START_TEST(vanishes_unannounced)
{
	rig_open(_i);
	if (rig.limit == GRADE_PARTIAL)
		return;
	ck_assert_int_eq(wire_vanish(&rig.wire, rig.ours, &rig.state), rig.limit);
	ck_assert_int_eq(poll(&(struct pollfd){ .fd = rig.theirs, .events = POLLIN }, 1, 20), 0);
	put(rig.theirs, 1);
	ck_soon(theirs_errno() == ECONNRESET);
}
END_TEST

/* The port's listener is silent, so no one answers; when it speaks again, the next retransmission
 * gets its RST. */
START_TEST(boot_answers_with_rst)
{
	struct wire_state gate = { 0 };
	struct heard before;

	rig_open(_i);
	if (rig.limit == GRADE_PARTIAL)
		return;
	ck_assert_int_eq(
	    wire_silence_listener(&rig.wire, rig.listener, &gate, NULL, true), rig.limit);
	(void)wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH);
	(void)wire_vanish(&rig.wire, rig.ours, &rig.state);
	before = heard();
	theirs_sends_in_vain();
	ck_unheard(before, GRADE_EXACT);
	ck_assert_uint_ge(wire_drops(rig.listener, &gate), 2); /* one may have come before */
	(void)wire_silence_listener(&rig.wire, rig.listener, &gate, NULL, false);
	ck_soon(theirs_errno() == ECONNRESET);
}
END_TEST

/* ---- burial ------------------------------------------------------------------------------- */

static void bury_and_check(int shield)
{
	const int fd = rig.ours;
	uint32_t drops;
	struct heard before;

	in_flight(100);
	(void)wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH);
	put(rig.theirs, 3);
	ck_soon(wire_drops(rig.ours, &rig.state) >= 1);
	drops = wire_drops(rig.ours, &rig.state);
	theirs_deaf(false);
	before = heard();
	ck_assert_int_eq(wire_bury(&rig.wire, rig.ours, &rig.state, shield), GRADE_EXACT);
	ck_assert(rig.state.buried);
	ck_assert_int_eq(rig.ours, fd);
	ck_assert_int_eq(wire_unacked(rig.ours), 0);
	ck_assert_uint_ge(wire_drops(rig.ours, &rig.state), drops);
	ck_soon(info(rig.theirs).tcpi_total_retrans >= 2);
	ck_unheard(before, GRADE_EXACT);
	ck_soon(wire_drops(rig.ours, &rig.state) > drops);
	ck_that(info(rig.theirs).tcpi_state == STATE_ESTABLISHED);
	/* There is no way back but through a boot. */
	ck_assert_int_eq(wire_silence(&rig.wire, rig.ours, &rig.state, 0), GRADE_REFUSED);
	ck_assert_int_eq(wire_vanish(&rig.wire, rig.ours, &rig.state), GRADE_EXACT);
	ck_soon(theirs_errno() == ECONNRESET);
}

START_TEST(buried_is_exact)
{
	rig_open(_i);
	if (lacks("buried_is_exact", WIRE_FILTER | WIRE_REPAIR))
		return;
	bury_and_check(rig.listener);
}
END_TEST

/* A connection of ours out to a server: no listening socket has its port. */
START_TEST(buried_without_a_listener)
{
	rig_open(_i);
	if (lacks("buried_without_a_listener", WIRE_FILTER | WIRE_REPAIR))
		return;
	if (rig.kind == KIND_MAPPED) {
		(void)skip("buried_without_a_listener", "theirs is a plain IPv4 socket");
		return;
	}
	rig_swap();
	bury_and_check(-1);
}
END_TEST

START_TEST(quiet_needs_no_burial)
{
	rig_open(_i);
	if (lacks("quiet_needs_no_burial", WIRE_FILTER | WIRE_REPAIR))
		return;
	ck_assert_int_eq(wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH), GRADE_EXACT);
	ck_assert_int_eq(wire_bury(&rig.wire, rig.ours, &rig.state, rig.listener), GRADE_EXACT);
	ck_assert(!rig.state.buried);
}
END_TEST

/* A child floods the connection while it is buried: the moment in which the 4-tuple belongs to
 * nobody must not be answered, with RST, by the open port beside it. */
START_TEST(shield_holds_under_fire)
{
	rig_open(_i);
	if (lacks("shield_holds_under_fire", WIRE_FILTER | WIRE_REPAIR))
		return;
	for (int round = 0; round < 100; round++) {
		const bool outbound = round % 2 && rig.kind != KIND_MAPPED;
		pid_t child;

		close(rig.ours);
		close(rig.theirs);
		rig_pair();
		if (outbound)
			rig_swap();
		in_flight(100);
		theirs_deaf(false);
		child = fork();
		ck_assert_int_ge(child, 0);
		if (child == 0) {
			close(rig.ours); /* a duplicate would keep the old connection alive */
			for (;;) {
				if (send(rig.theirs, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
				    errno != EAGAIN)
					_exit(errno);
			}
		}
		ck_soon(readable(rig.ours) > 0);
		(void)wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH);
		ck_assert_int_eq(
		    wire_bury(&rig.wire, rig.ours, &rig.state, outbound ? -1 : rig.listener),
		    GRADE_EXACT);
		ck_assert(rig.state.buried);
		kill(child, SIGKILL);
		ck_assert_int_eq(waitpid(child, NULL, 0), child);
		ck_assert_msg(info(rig.theirs).tcpi_state == STATE_ESTABLISHED,
		    "%s: round %d: reset", rig_name(), round);
		(void)wire_vanish(&rig.wire, rig.ours, &rig.state);
		rig.ours = -1;
	}
}
END_TEST

/* The shield is one of several blocks in the listener's program, and leaves no trace. */
START_TEST(shield_leaves_ranges_alone)
{
	struct wire_state gate = { 0 };
	struct cidr range = { .family = AF_INET, .bits = 32, .bytes = { 127, 0, 0, 2 } };
	socklen_t before = 0, after = 0;
	struct {
		uint16_t code;
		uint8_t jt, jf;
		uint32_t k;
	} program[64];

	rig_open(_i);
	if (lacks("shield_leaves_ranges_alone", WIRE_FILTER | WIRE_REPAIR))
		return;
	if (rig.kind == KIND_V6)
		range = (struct cidr){ .family = AF_INET6, .bits = 12, .bytes = { 0x20, 0x10 } };
	ck_assert_int_eq(
	    wire_silence_listener(&rig.wire, rig.listener, &gate, &range, true), GRADE_EXACT);
	before = 64;
	ck_assert_int_eq(
	    getsockopt(rig.listener, SOL_SOCKET, SO_ATTACH_FILTER, program, &before), 0);
	ck_assert_uint_gt(before, 1);
	in_flight(10);
	(void)wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH);
	ck_assert_int_eq(wire_bury(&rig.wire, rig.ours, &rig.state, rig.listener), GRADE_EXACT);
	ck_assert(rig.state.buried);
	after = 64;
	ck_assert_int_eq(
	    getsockopt(rig.listener, SOL_SOCKET, SO_ATTACH_FILTER, program, &after), 0);
	ck_assert_uint_eq(before, after);
	(void)wire_silence_listener(&rig.wire, rig.listener, &gate, &range, false);
	after = 64;
	ck_assert_int_eq(
	    getsockopt(rig.listener, SOL_SOCKET, SO_ATTACH_FILTER, program, &after), 0);
	ck_assert_uint_eq(after, 0);
}
END_TEST

/* Killed with silent and buried connections, the process leaves nothing: the next segment gets RST.
 */
START_TEST(killed_leaves_nothing)
{
	pid_t child;
	int ready[2], go[2];

	rig_open(_i);
	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(pipe(go), 0);
	in_flight(10);
	theirs_deaf(false);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		/* Burial needs the only descriptor of the connection. */
		close(go[1]);
		(void)!read(go[0], &(char){ 0 }, 1);
		close(rig.theirs);
		(void)wire_silence(&rig.wire, rig.ours, &rig.state, WIRE_BOTH);
		(void)wire_bury(&rig.wire, rig.ours, &rig.state, rig.listener);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	close(rig.ours);
	close(rig.listener);
	close(go[1]);
	ck_assert_int_eq(read(ready[0], &(char){ 0 }, 1), 0); /* its end of the pipe is closed */
	put(rig.theirs, 1);
	ck_soon(info(rig.theirs).tcpi_total_retrans >= 1);
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_soon(theirs_errno() == ECONNRESET);
}
END_TEST

TCase *wire_death_tests(int variant)
{
	const TTest *const tests[] = {
		vanishes_without_a_word,
		vanishes_unannounced,
		boot_answers_with_rst,
		buried_is_exact,
		buried_without_a_listener,
		quiet_needs_no_burial,
		shield_holds_under_fire,
		shield_leaves_ranges_alone,
		killed_leaves_nothing,
	};
	TCase *tc = tcase_create("death");

	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_loop_test(tc, tests[i], variant, variant + 1);
	return tc;
}
