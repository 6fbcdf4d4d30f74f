#include "cli/demo_show.h"
#include <check.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

Suite *demo_suite(void);

#define COUNT(a) (int)(sizeof(a) / sizeof(*(a)))

static const struct defaults linux_6_18 = {
	.retries2 = 15,
	.syn_retries = 6,
	.syn_linear = 4,
	.keep_time = 7200,
	.keep_intvl = 75,
	.keep_probes = 9,
	.rto_max_s = 120,
};

static const struct {
	int retries2;
	double seconds;
} sending[] = { { 15, 924.6 }, { 8, 102.2 }, { 5, 12.6 }, { 3, 3.0 }, { 9, 204.6 }, { 10, 324.6 } };

START_TEST(sending_is_given_up_by_the_model)
{
	struct defaults d = linux_6_18;

	d.retries2 = sending[_i].retries2;
	defaults_model(&d);
	ck_assert_double_eq_tol(d.sending_s, sending[_i].seconds, 1e-6);
}
END_TEST

static const struct {
	int retries, linear;
	double seconds;
} connecting[] = {
	{ 1, 4, 3 },
	{ 2, 4, 7 },
	{ 3, 4, 19 },
	{ 4, 4, 35 },
	{ 5, 4, 67 },
	{ 6, 4, 131 },
	{ 6, 0, 127 },
	{ 1, 0, 3 },
};

START_TEST(connecting_is_given_up_by_the_model)
{
	struct defaults d = linux_6_18;

	d.syn_retries = connecting[_i].retries;
	d.syn_linear = connecting[_i].linear;
	defaults_model(&d);
	ck_assert_double_eq_tol(d.connecting_s, connecting[_i].seconds, 1e-6);
}
END_TEST

START_TEST(keepalive_is_idle_and_probes)
{
	struct defaults d = linux_6_18;

	defaults_model(&d);
	ck_assert_double_eq(d.keepalive_s, 7875);
}
END_TEST

/* --- words --- */

static const struct {
	double s;
	const char *text;
} times[] = {
	{ 3, "3 s" },
	{ 12.6, "12.6 s" },
	{ 924.6, "15 min 25 s" },
	{ 131, "2 min 11 s" },
	{ 120, "2 min" },
	{ 7200, "2 h" },
	{ 7875, "2 h 11 min" },
};

START_TEST(time_is_short)
{
	char buf[WORDS_MAX];

	ck_assert_str_eq(words_time(buf, times[_i].s), times[_i].text);
}
END_TEST

START_TEST(a_cell_fits_its_column)
{
	struct defaults d = linux_6_18;
	char buf[WORDS_MAX];

	defaults_model(&d);
	for (int row = 0; row < DEMO_ROWS; row++)
		for (int column = 0; column < DEMO_COLUMNS; column++) {
			const struct cell *c = &demo_rows[row].cells[column];

			ck_assert_uint_le(strlen(c->text), 19);
			ck_assert_uint_le(strlen(words_usual(buf, c->usual, &d)), 19);
			ck_assert_int_ne(c->state, 0);
		}
}
END_TEST

/* --- the judge --- */

/* A peer of the row's column that saw everything as it should be, in the middle of its time. */
static struct peer right_peer(int row, int column)
{
	struct peer p = {
		.row = row, .column = column, .cell = &demo_rows[row].cells[column], .fd = -1
	};

	for (int i = 0; i < DEMO_STEPS && p.cell->should[i].saw; i++) {
		const struct step *s = &p.cell->should[i];

		p.seen[p.n_seen++] = (struct seen){ s->saw, (s->from + s->to) / 2 };
	}
	p.now = (struct sight){ .state = p.cell->state, .segs_in = 9 };
	if (p.cell->proof == PROOF_UNANSWERED)
		p.now = (struct sight){ .state = p.cell->state, .total_retrans = 4, .unacked = 1 };
	p.sent = p.echoed = 100;
	memset(p.callers, -1, sizeof(p.callers));
	return p;
}

START_TEST(what_should_be_is_right)
{
	struct peer p = right_peer(_i / DEMO_COLUMNS, _i % DEMO_COLUMNS);

	if (p.cell->proof == PROOF_FULL) /* asks real sockets */
		return;
	judge_peer(&p);
	ck_assert_msg(p.verdict == VERDICT_RIGHT, "%s", p.why);
}
END_TEST

static void assert_wrong(struct peer *p, const char *why)
{
	judge_peer(p);
	ck_assert_int_eq(p->verdict, VERDICT_WRONG);
	ck_assert_msg(strstr(p->why, why), "\"%s\" is not about %s", p->why, why);
}

START_TEST(another_state_is_wrong)
{
	struct peer p = right_peer(_i / DEMO_COLUMNS, _i % DEMO_COLUMNS);

	p.now.state = TCP_LAST_ACK;
	assert_wrong(&p, "LAST_ACK");
}
END_TEST

START_TEST(another_errno_is_wrong)
{
	struct peer p = right_peer(1, COLUMN_SENDING);

	p.seen[0].what = ECONNRESET;
	assert_wrong(&p, "ECONNRESET");
}
END_TEST

START_TEST(too_early_and_too_late_are_wrong)
{
	const struct step *s = &demo_rows[1].cells[COLUMN_SENDING].should[0];
	struct peer p = right_peer(1, COLUMN_SENDING);

	p.seen[0].at_s = _i ? s->to + 0.01 : s->from - 0.01;
	assert_wrong(&p, "ETIMEDOUT after");
}
END_TEST

START_TEST(nothing_and_more_are_wrong)
{
	struct peer p = right_peer(1, COLUMN_SENDING), q = right_peer(3, COLUMN_KEEPALIVE);

	p.n_seen = 0;
	assert_wrong(&p, "saw nothing");
	q.seen[q.n_seen++] = (struct seen){ ETIMEDOUT, 3 };
	assert_wrong(&q, "should see nothing");
}
END_TEST

START_TEST(a_step_that_may_be_missing_may_be)
{
	struct peer p = right_peer(0, COLUMN_SENDING);

	p.n_seen = 1;
	p.seen[0] = (struct seen){ ECONNRESET, 0.1 };
	judge_peer(&p);
	ck_assert_int_eq(p.verdict, VERDICT_RIGHT);
}
END_TEST

START_TEST(the_board_knows_what_is_to_come)
{
	struct peer p = right_peer(2, COLUMN_CONNECTING), never = right_peer(3, COLUMN_KEEPALIVE);

	ck_assert_int_eq(judge_so_far(&never), VERDICT_PENDING);
	ck_assert_int_eq(judge_so_far(&p), VERDICT_RIGHT);
	p.n_seen = 1;
	ck_assert_int_eq(judge_so_far(&p), VERDICT_PENDING);
	p.seen[0].what = ETIMEDOUT;
	ck_assert_int_eq(judge_so_far(&p), VERDICT_WRONG);
}
END_TEST

START_TEST(proofs_can_fail)
{
	struct peer dead = right_peer(1, COLUMN_IDLE), alive = right_peer(3, COLUMN_KEEPALIVE);
	struct peer whole = right_peer(4, COLUMN_SENDING), full = right_peer(3, COLUMN_CONNECTING);

	dead.now.segs_in = 1;
	assert_wrong(&dead, "from the dead");
	alive.now.segs_in = 1;
	assert_wrong(&alive, "too few answers");
	whole.echoed--;
	assert_wrong(&whole, "not every byte");
	whole = right_peer(4, COLUMN_SENDING);
	whole.corrupt = true;
	assert_wrong(&whole, "changed");
	assert_wrong(&full, "queue");
}
END_TEST

Suite *demo_suite(void)
{
	Suite *s = suite_create("demo");
	TCase *t = tcase_create("demo");

	tcase_add_loop_test(t, sending_is_given_up_by_the_model, 0, COUNT(sending));
	tcase_add_loop_test(t, connecting_is_given_up_by_the_model, 0, COUNT(connecting));
	tcase_add_test(t, keepalive_is_idle_and_probes);
	tcase_add_loop_test(t, time_is_short, 0, COUNT(times));
	tcase_add_test(t, a_cell_fits_its_column);
	tcase_add_loop_test(t, what_should_be_is_right, 0, DEMO_CELLS);
	tcase_add_loop_test(t, another_state_is_wrong, 0, DEMO_CELLS);
	tcase_add_test(t, another_errno_is_wrong);
	tcase_add_loop_test(t, too_early_and_too_late_are_wrong, 0, 2);
	tcase_add_test(t, nothing_and_more_are_wrong);
	tcase_add_test(t, a_step_that_may_be_missing_may_be);
	tcase_add_test(t, the_board_knows_what_is_to_come);
	tcase_add_test(t, proofs_can_fail);
	suite_add_tcase(s, t);
	return s;
}
