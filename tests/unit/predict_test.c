/*
 * The model against the figures of the kernel's own formulas and against what was measured on a
 * Linux 6.18 (net.ipv4 at its defaults but for what a row says): measured is inside the range.
 */
#include "base/mono.h"
#include "model/predict.h"
#include "model/predict_timers.h"
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

Suite *predict_suite(void);

#define S(x)     ((int64_t)((x)*1e9))
#define ROUNDED  S(0.11) /* tenths were written down; also of how long it had been idle */
#define COUNT(a) (int)(sizeof(a) / sizeof(*(a)))

struct knobs {
	double idle, interval;
	int count; /* 0: no keepalive */
	double user_timeout, rto_max, rtt, deadline;
	int retries2, syn_retries, syn_linear; /* -1 for none; 0: the default */
};

static struct predict_settings settings_of(const struct knobs *k)
{
	struct predict_settings s;

	predict_preset(&s, PREDICT_LINUX);
	if (k->count) {
		s.keepalive = true;
		s.keep_idle_ns = S(k->idle);
		s.keep_interval_ns = S(k->interval);
		s.keep_count = (uint64_t)k->count;
	}
	s.user_timeout_ns = S(k->user_timeout);
	s.rtt_ns = S(k->rtt);
	s.deadline_ns = S(k->deadline);
	s.rto_max_ns = k->rto_max > 0 ? S(k->rto_max) : s.rto_max_ns;
	s.retries2 = k->retries2 ? (uint64_t)k->retries2 : s.retries2;
	s.syn_retries = k->syn_retries ? (uint64_t)k->syn_retries : s.syn_retries;
	if (k->syn_linear)
		s.syn_linear = k->syn_linear < 0 ? 0 : (uint64_t)k->syn_linear;
	return s;
}

static const struct predict_fate usual = { .back_after_ns = 30 * NS_PER_S,
	.service_delay_ns = 5 * NS_PER_S,
	.forget_after_ns = 350 * NS_PER_S };

static struct prediction ask(const struct knobs *k, const struct predict_fate *f,
    enum predict_death death, enum predict_when when)
{
	const struct predict_settings s = settings_of(k);
	struct prediction p;

	predict(&s, f ? f : &usual, death, when, &p);
	return p;
}

/* ---- formulas ---- */

static const struct {
	int n;
	double max_s, seconds;
} model[] = { { 15, 120, 924.6 }, { 8, 120, 102.2 }, { 5, 120, 12.6 }, { 3, 120, 3.0 },
	{ 9, 120, 204.6 }, { 10, 120, 324.6 }, { 0, 120, 0.2 }, { 15, 1, 14.4 }, { 15, 5, 61.2 } };

START_TEST(the_kernels_model_of_so_many_retries)
{
	ck_assert_int_eq(
	    predict_model_timeout((uint64_t)model[_i].n, 200 * NS_PER_MS, S(model[_i].max_s)),
	    S(model[_i].seconds));
}
END_TEST

/* ---- figures: model and measured ---- */

static const struct {
	const char *what;
	enum predict_death death;
	enum predict_when when;
	struct knobs k;
	double model, measured; /* seconds; measured 0: not measured */
	enum predict_by by;
	int error;
} figures[] = {
	{ "connect, defaults", PREDICT_POWER_LOSS, PREDICT_CONNECTING, { 0 }, 131, 133.9,
	    PREDICT_BY_SYN_RETRIES, ETIMEDOUT },
	{ "connect, no linear timeouts", PREDICT_POWER_LOSS, PREDICT_CONNECTING,
	    { .syn_linear = -1 }, 127, 129.2, PREDICT_BY_SYN_RETRIES, ETIMEDOUT },
	{ "connect, 1", PREDICT_POWER_LOSS, PREDICT_CONNECTING, { .syn_retries = 1 }, 3, 3.07,
	    PREDICT_BY_SYN_RETRIES, ETIMEDOUT },
	{ "connect, 2", PREDICT_POWER_LOSS, PREDICT_CONNECTING, { .syn_retries = 2 }, 7, 0,
	    PREDICT_BY_SYN_RETRIES, ETIMEDOUT },
	{ "connect, 3", PREDICT_POWER_LOSS, PREDICT_CONNECTING, { .syn_retries = 3 }, 19, 19.4,
	    PREDICT_BY_SYN_RETRIES, ETIMEDOUT },
	{ "connect, 4", PREDICT_POWER_LOSS, PREDICT_CONNECTING, { .syn_retries = 4 }, 35, 0,
	    PREDICT_BY_SYN_RETRIES, ETIMEDOUT },
	{ "connect, 5", PREDICT_POWER_LOSS, PREDICT_CONNECTING, { .syn_retries = 5 }, 67, 0,
	    PREDICT_BY_SYN_RETRIES, ETIMEDOUT },
	{ "connect, user timeout", PREDICT_POWER_LOSS, PREDICT_CONNECTING, { .user_timeout = 5 }, 5,
	    5.02, PREDICT_BY_USER_TIMEOUT, ETIMEDOUT },
	{ "one byte", PREDICT_POWER_LOSS, PREDICT_SENDING, { 0 }, 924.6, 939.1, PREDICT_BY_RETRIES,
	    ETIMEDOUT },
	{ "one byte again", PREDICT_POWER_LOSS, PREDICT_SENDING, { 0 }, 924.6, 937.8,
	    PREDICT_BY_RETRIES, ETIMEDOUT },
	{ "keepalive is silent while data is in flight", PREDICT_POWER_LOSS, PREDICT_SENDING,
	    { .idle = 5, .interval = 2, .count = 3 }, 924.6, 937.8, PREDICT_BY_RETRIES, ETIMEDOUT },
	{ "tcp_retries2 8", PREDICT_POWER_LOSS, PREDICT_SENDING, { .retries2 = 8 }, 102.2, 106.3,
	    PREDICT_BY_RETRIES, ETIMEDOUT },
	{ "tcp_retries2 5", PREDICT_POWER_LOSS, PREDICT_SENDING, { .retries2 = 5 }, 12.6, 13.4,
	    PREDICT_BY_RETRIES, ETIMEDOUT },
	{ "TCP_RTO_MAX_MS 1000", PREDICT_POWER_LOSS, PREDICT_SENDING, { .rto_max = 1 }, 14.4, 15.0,
	    PREDICT_BY_RETRIES, ETIMEDOUT },
	{ "TCP_RTO_MAX_MS 5000", PREDICT_POWER_LOSS, PREDICT_SENDING, { .rto_max = 5 }, 61.2, 63.1,
	    PREDICT_BY_RETRIES, ETIMEDOUT },
	{ "user timeout", PREDICT_POWER_LOSS, PREDICT_SENDING, { .user_timeout = 10 }, 10.204, 10.6,
	    PREDICT_BY_USER_TIMEOUT, ETIMEDOUT },
	{ "keepalive", PREDICT_POWER_LOSS, PREDICT_IDLE, { .idle = 5, .interval = 2, .count = 3 },
	    11, 10.5 + 0.4, PREDICT_BY_KEEPALIVE, ETIMEDOUT },
	{ "keepalive and a sooner user timeout", PREDICT_POWER_LOSS, PREDICT_WAITING,
	    { .idle = 5, .interval = 2, .count = 3, .user_timeout = 7 }, 7, 6.7 + 0.4,
	    PREDICT_BY_KEEPALIVE_LIMIT, ETIMEDOUT },
	{ "keepalive and a later user timeout", PREDICT_POWER_LOSS, PREDICT_IDLE,
	    { .idle = 5, .interval = 2, .count = 3, .user_timeout = 30 }, 31, 30.5 + 0.4,
	    PREDICT_BY_KEEPALIVE_LIMIT, ETIMEDOUT },
	{ "one lost probe", PREDICT_POWER_LOSS, PREDICT_IDLE,
	    { .idle = 15, .interval = 15, .count = 9, .user_timeout = 20 }, 30, 29.8 + 0.4,
	    PREDICT_BY_KEEPALIVE_LIMIT, ETIMEDOUT },
	{ "defaults, keepalive on", PREDICT_POWER_LOSS, PREDICT_IDLE,
	    { .idle = 7200, .interval = 75, .count = 9 }, 7875, 0, PREDICT_BY_KEEPALIVE,
	    ETIMEDOUT },
	{ "a slow reader", PREDICT_HANG, PREDICT_BLOCKED, { .user_timeout = 10 }, 10.204, 10.1,
	    PREDICT_BY_USER_TIMEOUT, ETIMEDOUT },
	{ "zero window, dead", PREDICT_POWER_LOSS, PREDICT_BLOCKED, { 0 }, 924.6, 0,
	    PREDICT_BY_WINDOW_PROBES, ETIMEDOUT },
	{ "crash, sending", PREDICT_PROCESS_CRASH, PREDICT_SENDING, { 0 }, 0, 0, PREDICT_BY_RST,
	    ECONNRESET },
	{ "crash, idle", PREDICT_PROCESS_CRASH, PREDICT_IDLE, { 0 }, 0, 0, PREDICT_BY_FIN, 0 },
	{ "crash, connecting", PREDICT_PROCESS_CRASH, PREDICT_CONNECTING, { 0 }, 0, 0,
	    PREDICT_BY_RST, ECONNREFUSED },
	{ "reset", PREDICT_RESET, PREDICT_WAITING, { 0 }, 0, 0, PREDICT_BY_RST, ECONNRESET },
	{ "an answer's deadline", PREDICT_HANG, PREDICT_WAITING, { .deadline = 5 }, 5, 5.0,
	    PREDICT_BY_DEADLINE, 0 },
	{ "a deadline before the kernel's", PREDICT_POWER_LOSS, PREDICT_CONNECTING,
	    { .deadline = 5 }, 5, 5.0, PREDICT_BY_DEADLINE, 0 },
	{ "a deadline after the kernel's", PREDICT_POWER_LOSS, PREDICT_SENDING,
	    { .deadline = 60, .user_timeout = 10 }, 10.204, 10.6, PREDICT_BY_USER_TIMEOUT,
	    ETIMEDOUT },
	{ "boot before giving up", PREDICT_REBOOT, PREDICT_IDLE,
	    { .idle = 10, .interval = 10, .count = 9 }, 30, 0, PREDICT_BY_PROBE, ECONNRESET },
	{ "boot after giving up", PREDICT_REBOOT, PREDICT_SENDING, { .retries2 = 5 }, 12.6, 13.4,
	    PREDICT_BY_RETRIES, ETIMEDOUT },
	{ "boot amid retransmissions", PREDICT_REBOOT, PREDICT_SENDING, { 0 }, 51, 0,
	    PREDICT_BY_RETRANSMISSION, ECONNRESET },
};

START_TEST(figures_of_the_model_and_measured)
{
	const struct prediction p = ask(&figures[_i].k, NULL, figures[_i].death, figures[_i].when);
	const char *what = figures[_i].what;

	ck_assert_msg(
	    p.outcome == PREDICT_NOTICED, "%s: %s", what, predict_outcome_names[p.outcome]);
	ck_assert_msg(p.by == figures[_i].by, "%s: by %s", what, predict_by_names[p.by]);
	ck_assert_msg(p.error == figures[_i].error, "%s: %s", what, strerror(p.error));
	ck_assert_msg(llabs(p.model_ns - S(figures[_i].model)) < 1000, "%s: %.3f s", what,
	    (double)p.model_ns / 1e9);
	ck_assert_msg(p.low_ns <= p.model_ns && p.model_ns <= p.high_ns,
	    "%s: %.3f s is not in %.3f to %.3f s", what, (double)p.model_ns / 1e9,
	    (double)p.low_ns / 1e9, (double)p.high_ns / 1e9);
	if (figures[_i].measured > 0)
		ck_assert_msg(p.low_ns - ROUNDED <= S(figures[_i].measured) &&
				  S(figures[_i].measured) <= p.high_ns + ROUNDED,
		    "%s: measured %.3f s is not in %.3f to %.3f s", what, figures[_i].measured,
		    (double)p.low_ns / 1e9, (double)p.high_ns / 1e9);
}
END_TEST

/* ---- never ---- */

static const struct {
	enum predict_death death;
	enum predict_when when;
	struct knobs k;
	enum predict_outcome outcome;
	const char *advice; /* a part of it */
} nevers[] = {
	{ PREDICT_POWER_LOSS, PREDICT_IDLE, { 0 }, PREDICT_NEVER, "turn keepalive on or ping" },
	{ PREDICT_POWER_LOSS, PREDICT_WAITING, { 0 }, PREDICT_NEVER, "deadline" },
	{ PREDICT_POWER_LOSS, PREDICT_IDLE, { .user_timeout = 10 }, PREDICT_NEVER,
	    "only while data is unacknowledged" },
	{ PREDICT_REBOOT, PREDICT_IDLE, { 0 }, PREDICT_NEVER, "keepalive" },
	{ PREDICT_HANG, PREDICT_IDLE, { .idle = 1, .interval = 1, .count = 1, .user_timeout = 1 },
	    PREDICT_ALIVE, "answers keepalive" },
	{ PREDICT_HANG, PREDICT_SENDING, { .idle = 1, .interval = 1, .count = 1 }, PREDICT_ALIVE,
	    "window probes" },
	{ PREDICT_HANG, PREDICT_BLOCKED, { 0 }, PREDICT_ALIVE, "window probes" },
	{ PREDICT_HANG, PREDICT_CONNECTING, { 0 }, PREDICT_CONNECTED, "" },
	{ PREDICT_RESET, PREDICT_CONNECTING, { 0 }, PREDICT_CONNECTED, "" },
	{ PREDICT_IDLE_TIMEOUT, PREDICT_IDLE, { .idle = 60, .interval = 10, .count = 3 },
	    PREDICT_ALIVE, "" },
	{ PREDICT_IDLE_TIMEOUT, PREDICT_IDLE, { 0 }, PREDICT_NEVER, "keepalive" },
};

START_TEST(what_is_never_noticed)
{
	const struct prediction p = ask(&nevers[_i].k, NULL, nevers[_i].death, nevers[_i].when);

	ck_assert_str_eq(
	    predict_outcome_names[p.outcome], predict_outcome_names[nevers[_i].outcome]);
	ck_assert_msg(strstr(p.advice, nevers[_i].advice) != NULL, "advice: %s", p.advice);
}
END_TEST

START_TEST(a_path_that_heals_carries_on_unless_it_was_given_up)
{
	struct predict_fate f = usual;
	struct prediction p;

	f.heal_after_ns = S(5);
	p = ask(&(struct knobs){ 0 }, &f, PREDICT_PARTITION, PREDICT_SENDING);
	ck_assert_int_eq(p.outcome, PREDICT_CARRIES_ON);
	ck_assert_int_eq(p.model_ns, S(6.2)); /* the first retransmission after it */
	p = ask(&(struct knobs){ 0 }, &f, PREDICT_PARTITION, PREDICT_IDLE);
	ck_assert_int_eq(p.outcome, PREDICT_CARRIES_ON);
	p = ask(&(struct knobs){ 0 }, &f, PREDICT_PARTITION, PREDICT_CONNECTING);
	ck_assert_int_eq(p.outcome, PREDICT_CONNECTED);
	ck_assert_int_eq(p.model_ns, S(5));
	p = ask(&(struct knobs){ .retries2 = 3 }, &f, PREDICT_PARTITION, PREDICT_SENDING);
	ck_assert(p.either && p.low_ns <= S(5) && p.high_ns >= S(6.2)); /* 3 s, or 6.2 */
	p = ask(&(struct knobs){ .user_timeout = 2 }, &f, PREDICT_PARTITION, PREDICT_SENDING);
	ck_assert_int_eq(p.outcome, PREDICT_NOTICED);
	ck_assert_int_eq(p.error, ETIMEDOUT);
}
END_TEST

START_TEST(a_booting_host_refuses_until_its_service_listens)
{
	struct predict_fate f = { .back_after_ns = S(2.5), .service_delay_ns = S(1) };
	struct prediction p;

	p = ask(&(struct knobs){ 0 }, &f, PREDICT_REBOOT, PREDICT_CONNECTING);
	ck_assert_int_eq(p.error, ECONNREFUSED);
	ck_assert_int_eq(p.model_ns, S(3));
	f.service_delay_ns = 0;
	p = ask(&(struct knobs){ 0 }, &f, PREDICT_REBOOT, PREDICT_CONNECTING);
	ck_assert_int_eq(p.outcome, PREDICT_CONNECTED);
}
END_TEST

START_TEST(a_forgetful_middlebox_by_mode)
{
	static const struct knobs late = { .idle = 600, .interval = 10, .count = 3 };
	struct predict_fate f = usual;
	struct prediction p = ask(&late, &f, PREDICT_IDLE_TIMEOUT, PREDICT_IDLE);

	ck_assert_int_eq(p.error, ETIMEDOUT); /* drop */
	ck_assert_int_eq(p.model_ns, S(630));
	ck_assert_int_eq(p.from, PREDICT_FROM_LAST);
	f.forget = PREDICT_RST_NEXT;
	p = ask(&late, &f, PREDICT_IDLE_TIMEOUT, PREDICT_IDLE);
	ck_assert_int_eq(p.error, ECONNRESET);
	ck_assert_int_eq(p.model_ns, S(600));
	p = ask(&(struct knobs){ 0 }, &f, PREDICT_IDLE_TIMEOUT, PREDICT_WAITING);
	ck_assert_int_eq(p.outcome, PREDICT_NEVER);
	p = ask(&(struct knobs){ 0 }, &f, PREDICT_IDLE_TIMEOUT, PREDICT_SENDING);
	ck_assert_int_eq(p.model_ns, 0);
	f.forget = PREDICT_RST_BOTH;
	p = ask(&late, &f, PREDICT_IDLE_TIMEOUT, PREDICT_IDLE);
	ck_assert_int_eq(p.model_ns, S(350));
	f.forget = PREDICT_FIN;
	p = ask(&late, &f, PREDICT_IDLE_TIMEOUT, PREDICT_IDLE);
	ck_assert_int_eq(p.by, PREDICT_BY_FIN);
}
END_TEST

START_TEST(advice_on_user_timeout_and_keepalive)
{
	struct prediction p =
	    ask(&(struct knobs){ .idle = 15, .interval = 15, .count = 9, .user_timeout = 20 }, NULL,
		PREDICT_POWER_LOSS, PREDICT_IDLE);

	ck_assert_ptr_nonnull(strstr(p.advice, "one lost probe is enough"));
	p = ask(&(struct knobs){ .idle = 5, .interval = 2, .count = 3, .user_timeout = 30 }, NULL,
	    PREDICT_POWER_LOSS, PREDICT_IDLE);
	ck_assert_ptr_nonnull(strstr(p.advice, "later than keepalive alone, 11s"));
	p = ask(&(struct knobs){ .idle = 5, .interval = 2, .count = 3 }, NULL, PREDICT_POWER_LOSS,
	    PREDICT_SENDING);
	ck_assert_ptr_nonnull(strstr(p.advice, "keepalive is silent while data is in flight"));
}
END_TEST

/* ---- schedules ---- */

START_TEST(the_15_retransmissions_of_the_defaults)
{
	static const double at[] = { 0.2, 0.6, 1.4, 3.0, 6.2, 12.6, 25.4, 51.0, 102.2, 204.6, 324.6,
		444.6, 564.6, 684.6, 804.6 };
	const struct prediction p =
	    ask(&(struct knobs){ 0 }, NULL, PREDICT_POWER_LOSS, PREDICT_SENDING);

	ck_assert_uint_eq(p.n_rows, 15);
	for (int i = 0; i < 15; i++) {
		ck_assert_int_eq(p.rows[i].model_ns, S(at[i]));
		ck_assert_int_le(p.rows[i].low_ns, p.rows[i].high_ns);
	}
	ck_assert_int_eq(p.model_ns, S(924.6));
	ck_assert_int_lt(p.high_ns, S(950)); /* 3 % above the model */
}
END_TEST

/* As a kernel did it: the tail loss probe, then the rest; its last timer ended it at 939.1 s. */
START_TEST(the_measured_schedule_is_inside_the_rows)
{
	static const double at[] = { 0.42, 0.85, 1.68, 3.34, 6.74, 13.4, 26.7, 54.4, 107.6, 214.1,
		334.9, 455.8, 576.6, 697.4, 818.3 };
	const struct prediction p =
	    ask(&(struct knobs){ 0 }, NULL, PREDICT_POWER_LOSS, PREDICT_SENDING);

	for (int i = 0; i < COUNT(at); i++)
		ck_assert_msg(
		    S(at[i]) >= p.rows[i].low_ns && S(at[i]) <= p.rows[i].high_ns + S(0.01),
		    "%d: %.2f s is not in %.3f to %.3f s", i, at[i], (double)p.rows[i].low_ns / 1e9,
		    (double)p.rows[i].high_ns / 1e9);
}
END_TEST

START_TEST(syns_are_linear_first)
{
	static const double at[] = { 1, 2, 3, 4, 5, 7, 11, 19, 35, 67 };
	const struct prediction p =
	    ask(&(struct knobs){ 0 }, NULL, PREDICT_POWER_LOSS, PREDICT_CONNECTING);

	ck_assert_uint_eq(p.n_rows, COUNT(at));
	for (int i = 0; i < COUNT(at); i++)
		ck_assert_int_eq(p.rows[i].model_ns, S(at[i]));
}
END_TEST

START_TEST(a_longer_round_trip_leaves_fewer_retransmissions)
{
	const struct prediction p =
	    ask(&(struct knobs){ .rtt = 0.3 }, NULL, PREDICT_POWER_LOSS, PREDICT_SENDING);

	ck_assert_uint_lt(p.n_rows, 15);
	ck_assert_int_ge(p.low_ns, S(924.6));
}
END_TEST

/* The window had been closed for longer, so the probes are further apart when it dies. */
START_TEST(window_probes_of_a_peer_that_answered_for_a_while)
{
	struct predict_fate f = { .blocked_for_ns = S(4.5) };
	struct prediction p = ask(&(struct knobs){ 0 }, &f, PREDICT_POWER_LOSS, PREDICT_BLOCKED);

	ck_assert_int_gt(p.low_ns, S(1065.8));
	f.blocked_for_ns = S(0.6);
	p = ask(&(struct knobs){ 0 }, &f, PREDICT_POWER_LOSS, PREDICT_BLOCKED);
	ck_assert_int_le(p.low_ns, S(1065.8)); /* measured */
	ck_assert_int_ge(p.high_ns, S(1065.8));
	f.blocked_for_ns = S(100000);
	p = ask(&(struct knobs){ 0 }, &f, PREDICT_POWER_LOSS, PREDICT_BLOCKED);
	ck_assert_int_ge(p.low_ns, S(15 * 120.0));
}
END_TEST

START_TEST(an_idle_connection_is_probed_from_its_last_segment)
{
	static const struct knobs k = { .idle = 5, .interval = 2, .count = 3 };
	struct predict_fate f = { .idle_for_ns = S(4) };

	ck_assert_int_eq(ask(&k, &f, PREDICT_POWER_LOSS, PREDICT_IDLE).model_ns, S(7));
	f.idle_for_ns = S(104); /* probed and answered meanwhile */
	ck_assert_int_eq(ask(&k, &f, PREDICT_POWER_LOSS, PREDICT_IDLE).model_ns, S(7));
}
END_TEST

/* calc_wheel_index(): below 63 ticks exact, then an eighth. */
START_TEST(timers_are_late_by_an_eighth_at_most)
{
	ck_assert_int_eq(timers_late(S(1), 0), 0);
	ck_assert_int_eq(timers_late(62 * NS_PER_MS, NS_PER_MS), 2 * NS_PER_MS);
	ck_assert_int_eq(timers_late(63 * NS_PER_MS, NS_PER_MS), 9 * NS_PER_MS);
	for (int64_t wait = NS_PER_S; wait < 100000 * NS_PER_S; wait *= 2)
		ck_assert_int_le(timers_late(wait, 4 * NS_PER_MS), wait / 7);
}
END_TEST

/* ---- everything ---- */

static const struct knobs extremes[] = {
	{ 0 },
	{ .idle = 1, .interval = 1, .count = 127, .user_timeout = 2147483 },
	{ .idle = 32767, .interval = 32767, .count = 127, .rto_max = 1, .user_timeout = 2147483 },
	{ .retries2 = 255, .syn_retries = 127, .syn_linear = 127, .rtt = 60 },
	{ .retries2 = 1, .syn_retries = 1, .syn_linear = -1, .user_timeout = 0.001 },
	{ .idle = 1, .interval = 1, .count = 1, .deadline = 0.001 },
};

static void check_sane(const struct prediction *p, const char *death, const char *when)
{
	ck_assert_msg(p->low_ns >= 0 && p->low_ns <= p->model_ns && p->model_ns <= p->high_ns,
	    "%s, %s: %lld <= %lld <= %lld", death, when, (long long)p->low_ns,
	    (long long)p->model_ns, (long long)p->high_ns);
	ck_assert_msg(!p->error || p->outcome == PREDICT_NOTICED, "%s, %s", death, when);
	ck_assert_msg(
	    (p->outcome == PREDICT_NEVER || p->outcome == PREDICT_UNKNOWN) <= !!*p->advice,
	    "%s, %s: no advice", death, when);
	for (size_t i = 1; i < p->n_rows; i++)
		ck_assert_int_gt(p->rows[i].model_ns, p->rows[i - 1].model_ns);
}

START_TEST(every_question_has_a_sane_answer)
{
	struct predict_settings s = settings_of(&extremes[_i]);

	for (int os = 0; predict_os_names[os]; os++)
		for (int death = 0; death < PREDICT_DEATHS; death++)
			for (int when = 0; when < PREDICT_WHENS; when++) {
				struct prediction p;

				if (os != PREDICT_LINUX)
					predict_preset(&s, (enum predict_os)os);
				predict(&s, &usual, death, when, &p);
				check_sane(
				    &p, predict_death_names[death], predict_when_names[when]);
				ck_assert_int_eq(p.estimate, os != PREDICT_LINUX);
			}
}
END_TEST

static const struct {
	enum predict_os os;
	enum predict_when when;
	bool keepalive;
	double low, high;
} others[] = {
	{ PREDICT_MACOS, PREDICT_CONNECTING, false, 75, 75 },
	{ PREDICT_MACOS, PREDICT_SENDING, false, 370, 515 },
	{ PREDICT_FREEBSD, PREDICT_IDLE, true, 7800, 7800 },
	{ PREDICT_WINDOWS, PREDICT_CONNECTING, false, 21, 21 },
	{ PREDICT_WINDOWS, PREDICT_IDLE, true, 7210, 7210 },
};

START_TEST(other_systems_by_their_documents)
{
	struct predict_settings s;
	struct prediction p;

	predict_preset(&s, others[_i].os);
	s.keepalive = others[_i].keepalive;
	predict(&s, &usual, PREDICT_POWER_LOSS, others[_i].when, &p);
	ck_assert(p.estimate);
	ck_assert_int_ge(p.low_ns, S(others[_i].low));
	ck_assert_int_le(p.high_ns, S(others[_i].high));
}
END_TEST

Suite *predict_suite(void)
{
	Suite *s = suite_create("predict");
	TCase *t = tcase_create("predict");

	tcase_add_loop_test(t, the_kernels_model_of_so_many_retries, 0, COUNT(model));
	tcase_add_loop_test(t, figures_of_the_model_and_measured, 0, COUNT(figures));
	tcase_add_loop_test(t, what_is_never_noticed, 0, COUNT(nevers));
	tcase_add_test(t, a_path_that_heals_carries_on_unless_it_was_given_up);
	tcase_add_test(t, a_booting_host_refuses_until_its_service_listens);
	tcase_add_test(t, a_forgetful_middlebox_by_mode);
	tcase_add_test(t, advice_on_user_timeout_and_keepalive);
	tcase_add_test(t, the_15_retransmissions_of_the_defaults);
	tcase_add_test(t, the_measured_schedule_is_inside_the_rows);
	tcase_add_test(t, syns_are_linear_first);
	tcase_add_test(t, a_longer_round_trip_leaves_fewer_retransmissions);
	tcase_add_test(t, window_probes_of_a_peer_that_answered_for_a_while);
	tcase_add_test(t, an_idle_connection_is_probed_from_its_last_segment);
	tcase_add_test(t, timers_are_late_by_an_eighth_at_most);
	tcase_add_loop_test(t, every_question_has_a_sane_answer, 0, COUNT(extremes));
	tcase_add_loop_test(t, other_systems_by_their_documents, 0, COUNT(others));
	suite_add_tcase(s, t);
	return s;
}
