/* What a journal says: who attempted what, who came back from which death, what became of it. */
#include "base/mono.h"
#include "base/rng.h"
#include "control/facts_parts.h"
#include "scratch.h"
#include "verdict_rig.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

Suite *facts_suite(void);

#define A        "10.0.0.1:1000"
#define S(x)     ((int64_t)((x)*1e9 + 0.5))
#define COUNT(a) (int)(sizeof(a) / sizeof(*(a)))
#define STRUCK                                                                                     \
	RIG_RELAY RIG_SESSION("0.5", "db", "1", A)                                                 \
	RIG_BEGAN RIG_STRUCK("1", "dead", "1", A, "idle")
#define SYN(at, client)      at " client.syn proxy=db client=" client " retransmission=false\n"
#define PID(at, client, pid) at " peer.attempt proxy=db client=" client " pid=" pid " process=app\n"
#define CALM                 RIG_PROXIES RIG_STEP "[expect]\nno_zombies = yes\n"

static struct rig run_of(const char *script)
{
	const char *const scripts[] = { script, NULL };

	return rig_judge(CALM, scripts);
}

/* ---- one attempt, seen in several ways ---- */

static const struct {
	const char *script;
	size_t attempts; /* beside the first session's */
	double at;       /* of the first of them */
	size_t accepted;
} sights[] = {
	{ SYN("3", "10.0.0.1:2"), 1, 3, 0 },
	{ PID("3", "10.0.0.1:2", "7"), 1, 3, 0 },
	{ RIG_SESSION("3", "db", "2", "10.0.0.1:2"), 1, 3, 1 },
	{ SYN("3", "10.0.0.1:2") PID("3.1", "10.0.0.1:2", "7")
		RIG_SESSION("12", "db", "2", "10.0.0.1:2"),
	    1, 3, 1 },
	{ PID("3", "10.0.0.1:2", "7") SYN("3.1", "10.0.0.1:2"), 1, 3, 0 },
	{ SYN("3", "10.0.0.1:2") "4 client.syn proxy=db client=10.0.0.1:2 retransmission=true\n"
				 "6 client.syn proxy=db client=10.0.0.1:2 retransmission=true\n",
	    1, 3, 0 },
	{ "3 client.syn proxy=db client=10.0.0.1:2 retransmission=true\n", 1, 3, 0 },
	/* a poll that comes after the accept */
	{ RIG_SESSION("3", "db", "2", "10.0.0.1:2") PID("3.1", "10.0.0.1:2", "7"), 1, 3, 1 },
	/* the same port, another attempt */
	{ SYN("3", "10.0.0.1:2") SYN("9", "10.0.0.1:2"), 2, 3, 0 },
	{ PID("3", "10.0.0.1:2",
	      "7") "3.1 peer.socket proxy=db client=10.0.0.1:2 old=SYN-SENT new=gone\n" PID("9",
	      "10.0.0.1:2", "7"),
	    2, 3, 0 },
	{ RIG_SESSION("3", "db", "2", "10.0.0.1:2") RIG_SESSION("9", "db", "3", "10.0.0.1:2"), 2, 3,
	    2 },
	{ RIG_SESSION("3", "db", "2", "10.0.0.1:2") PID("9", "10.0.0.1:2", "7"), 2, 3, 1 },
	/* another port, another client, another proxy */
	{ SYN("3", "10.0.0.1:2") SYN("3", "10.0.0.1:3"), 2, 3, 0 },
	{ SYN("3", "10.0.0.1:2") SYN("3", "10.0.0.2:2"), 2, 3, 0 },
	{ SYN("3", "10.0.0.1:2") "3 client.syn proxy=web client=10.0.0.1:2 retransmission=false\n",
	    2, 3, 0 },
};

START_TEST(attempts_seen_in_several_ways)
{
	char script[4096];
	struct rig r;
	size_t accepted = 0;

	snprintf(script, sizeof(script), "%s%s%s", STRUCK, sights[_i].script, RIG_END("20"));
	r = run_of(script);
	ck_assert_uint_eq(r.facts->n_attempts, sights[_i].attempts + 1);
	ck_assert_int_eq(r.facts->attempts[1].at_ns, S(sights[_i].at));
	for (size_t i = 1; i < r.facts->n_attempts; i++)
		accepted += r.facts->attempts[i].outcome == OUTCOME_ACCEPTED;
	ck_assert_uint_eq(accepted, sights[_i].accepted);
	rig_free(&r);
}
END_TEST

START_TEST(what_an_address_answers_is_an_attempts_outcome)
{
	struct rig r = run_of(
	    STRUCK SYN("3", "10.0.0.1:2") "4 proxy.gate proxy=db old=silent new=refuse\n" SYN("5",
		"10.0.0.1:3") "6 proxy.gate proxy=db old=refuse new=open\n" SYN("7", "10.0.0.1:4")
		RIG_END("20"));

	ck_assert_int_eq(r.facts->attempts[1].outcome, OUTCOME_UNANSWERED);
	ck_assert_int_eq(r.facts->attempts[2].outcome, OUTCOME_REFUSED);
	ck_assert_int_eq(r.facts->attempts[3].outcome, OUTCOME_UNKNOWN);
	rig_free(&r);
}
END_TEST

/* ---- who is a client ---- */

static const struct {
	const char *first, *attempt; /* what is told of the session's client, and of an attempt */
	bool same;
} whos[] = {
	{ "", SYN("3", "10.0.0.1:2"), true },
	{ "", SYN("3", "10.0.0.2:2"), false },
	{ PID("0.4", A, "7"), PID("3", "10.0.0.1:2", "7"), true },
	{ PID("0.4", A, "7"), PID("3", "10.0.0.1:2", "8"), false },
	{ PID("0.4", A, "7"), PID("3", "10.0.0.9:2", "7"), true },
	{ PID("0.4", A, "7"), SYN("3", "10.0.0.1:2"), true },
	{ "", SYN("3", "10.0.0.1:2") PID("3.5", "10.0.0.1:3", "8"), true },
	/* two processes there: who was not seen may be either */
	{ PID("0.4", A, "7") PID("0.4", "10.0.0.1:9", "8"), SYN("3", "10.0.0.1:2"), true },
};

START_TEST(a_client_is_its_process_or_its_address)
{
	char script[4096];
	struct rig r;

	snprintf(script, sizeof(script), "%s%s%s%s%s", whos[_i].first, STRUCK,
	    RIG_PEER("2", "1", "fin"), whos[_i].attempt, RIG_END("20"));
	r = run_of(script);
	ck_assert_uint_eq(r.facts->n_comebacks, 1);
	ck_assert_uint_eq(r.facts->comebacks[0].attempts > 0, whos[_i].same);
	rig_free(&r);
}
END_TEST

START_TEST(addresses_of_all_kinds)
{
	struct rig r = run_of(RIG_RELAY RIG_SESSION("0.5", "db", "1", "[::1]:1") RIG_SESSION(
	    "0.5", "db", "2", "unix:/a") RIG_BEGAN RIG_STRUCK("1", "dead", "1", "[::1]:1", "idle")
		RIG_STRUCK("1", "dead", "2", "unix:/a", "idle") RIG_PEER("2", "1", "fin")
		    RIG_PEER("2", "2", "fin") SYN("3", "[::1]:2") SYN("4", "unix:") RIG_END("20"));

	ck_assert_uint_eq(r.facts->n_comebacks, 2);
	ck_assert_uint_eq(r.facts->comebacks[0].attempts, 1);
	ck_assert_uint_eq(r.facts->comebacks[1].attempts, 1);
	ck_assert_str_eq(r.facts->comebacks[0].who.ip, "[::1]");
	rig_free(&r);
}
END_TEST

/* ---- coming back ---- */

static void assert_back(const struct rig *r, size_t death, double detected, double connected)
{
	const struct fact_death *d = &r->facts->deaths[death];

	ck_assert_msg(d->detected_ns == (detected < 0 ? NOT_YET : S(detected)),
	    "death %zu detected at %lld", death, (long long)d->detected_ns);
	ck_assert_msg(d->connected_ns == (connected < 0 ? NOT_YET : S(connected)),
	    "death %zu came back at %lld", death, (long long)d->connected_ns);
}

#define POOL                                                                                       \
	RIG_RELAY RIG_SESSION("0.5", "db", "1", A) RIG_SESSION("0.6", "db", "2", "10.0.0.1:1001")  \
	    RIG_SESSION("0.7", "db", "3", "10.0.0.1:1002")                                         \
		RIG_BEGAN RIG_STRUCK("1", "dead", "1", A, "idle")                                  \
		    RIG_STRUCK("1", "dead", "2", "10.0.0.1:1001", "idle")                          \
			RIG_STRUCK("1", "dead", "3", "10.0.0.1:1002", "idle")
#define WATCHED                                                                                    \
	"0.8 peer.socket proxy=db client=" A " old=SYN-SENT new=ESTAB\n"                           \
	"0.8 peer.socket proxy=db client=10.0.0.1:1001 old=SYN-SENT new=ESTAB\n"                   \
	"0.8 peer.socket proxy=db client=10.0.0.1:1002 old=SYN-SENT new=ESTAB\n"

#define BURIED                                                                                     \
	RIG_LIFTED "11 session.closed proxy=db session=1 reason=fault fault=dead\n"                \
		   "11 session.closed proxy=db session=2 reason=fault fault=dead\n"                \
		   "11 session.closed proxy=db session=3 reason=fault fault=dead\n"

START_TEST(a_pool_comes_back_one_by_one)
{
	struct rig r = run_of(POOL RIG_PEER("2", "2", "fin") RIG_PEER("2.1", "1", "fin")
		RIG_PEER("2.2", "3", "fin") SYN("2.5", "10.0.0.1:9") BURIED RIG_SESSION(
		    "12", "db", "4", "10.0.0.1:10") RIG_SESSION("13", "db", "5", "10.0.0.1:11")
		    RIG_SESSION("14", "db", "6", "10.0.0.1:12") RIG_END("20"));

	assert_back(&r, 0, 2.1, 12);
	assert_back(&r, 1, 2, 14); /* its lane tried at 2.5: the others have waited longer */
	assert_back(&r, 2, 2.2, 13);
	ck_assert_uint_eq(r.facts->n_comebacks, 3);
	ck_assert_uint_eq(r.facts->comebacks[0].attempts, 2);
	ck_assert_uint_eq(r.facts->comebacks[1].attempts, 1);
	ck_assert_uint_eq(r.facts->comebacks[2].attempts, 1);
	ck_assert_int_eq(r.facts->comebacks[0].from_ns, S(2));
	rig_free(&r);
}
END_TEST

START_TEST(a_pool_that_knows_only_by_trying)
{
	struct rig r = run_of(POOL SYN("3", "10.0.0.1:9") SYN("4", "10.0.0.1:10")
		BURIED RIG_SESSION("12", "db", "4", "10.0.0.1:11")
		    RIG_SESSION("13", "db", "5", "10.0.0.1:12") RIG_END("20"));

	assert_back(&r, 0, 3, 12); /* 4 s: tries again, as it has not come back */
	assert_back(&r, 1, 13, 13);
	assert_back(&r, 2, -1, -1);
	ck_assert_int_eq(r.facts->deaths[0].how, HOW_RECONNECT);
	ck_assert_int_eq(r.facts->deaths[0].seen_by, SIGHT_SEGMENT);
	ck_assert_int_eq(r.facts->deaths[1].seen_by, SIGHT_SESSION);
	ck_assert(!r.facts->deaths[0].zombie && r.facts->deaths[2].zombie);
	rig_free(&r);
}
END_TEST

/* What a pool that has a live session opens tells nothing of the dead ones that it still holds. */
START_TEST(a_pool_that_grows_has_not_noticed)
{
	struct rig r = run_of(
	    POOL WATCHED "3 peer.socket proxy=db client=" A
			 " old=ESTAB new=gone\n" BURIED RIG_SESSION("12", "db", "4", "10.0.0.1:11")
			     RIG_SESSION("13", "db", "5", "10.0.0.1:12") RIG_END("20"));

	assert_back(&r, 0, 3, 12);
	assert_back(&r, 1, -1, -1);
	ck_assert_int_eq(r.facts->deaths[0].how, HOW_GONE);
	ck_assert(r.facts->deaths[1].zombie);
	rig_free(&r);
}
END_TEST

/* It opens a new connection and never closes the dead one. */
START_TEST(a_client_that_leaks_has_noticed)
{
	struct rig r =
	    run_of("0.8 peer.socket proxy=db client=" A
		   " old=SYN-SENT new=ESTAB\n" STRUCK SYN("4", "10.0.0.1:9") RIG_END("20"));

	assert_back(&r, 0, 4, -1);
	ck_assert_int_eq(r.facts->deaths[0].how, HOW_RECONNECT);
	ck_assert(r.facts->deaths[0].zombie);
	ck_assert(!r.facts->comebacks[0].from_known);
	rig_free(&r);
}
END_TEST

START_TEST(a_new_connection_first_and_then_the_fin)
{
	struct rig r =
	    run_of(STRUCK SYN("4", "10.0.0.1:9") RIG_PEER("5", "1", "fin") RIG_END("20"));

	assert_back(&r, 0, 4, -1);
	ck_assert(!r.facts->deaths[0].zombie);
	rig_free(&r);
}
END_TEST

/* The second death: what comes after it is not the first one's. */
START_TEST(a_window_ends_at_the_next_strike)
{
	struct rig r = run_of(STRUCK RIG_PEER("2", "1", "fin") RIG_LIFTED RIG_OPEN("12", "db", "2",
	    "10.0.0.1:2") "13 fault.active fault=more type=power_loss side=server "
			  "grade=exact\n"
			  "13 session.struck fault=more proxy=db session=2 watcher=client "
			  "shape=idle upstream_bytes=0 "
			  "downstream_bytes=0\n" RIG_PEER("14", "2", "fin") SYN("15", "10.0.0.1:3")
			      SYN("16", "10.0.0.1:4") RIG_SESSION("17", "db", "3", "10.0.0.1:5")
				  RIG_END("20"));

	assert_back(&r, 0, 2, 12);
	assert_back(&r, 1, 14, 17);
	ck_assert_int_eq(r.facts->deaths[0].next_ns, S(13));
	ck_assert_uint_eq(r.facts->n_comebacks, 2);
	ck_assert_uint_eq(r.facts->comebacks[0].attempts, 1);
	ck_assert_uint_eq(r.facts->comebacks[1].attempts, 3);
	ck_assert_int_eq(
	    r.facts->deaths[0].recovered_ns, NOT_YET); /* had no traffic before it died */
	ck_assert_int_eq(r.facts->deaths[1].recovered_ns, S(17));
	rig_free(&r);
}
END_TEST

START_TEST(attempts_under_way_at_once)
{
	struct rig r = run_of(STRUCK RIG_PEER("2", "1", "fin") SYN("3", "10.0.0.1:2") SYN("4",
	    "10.0.0.1:3") "4.5 peer.socket proxy=db client=10.0.0.1:2 old=SYN-SENT new=gone\n"
			  "6 peer.socket proxy=db client=10.0.0.1:3 old=SYN-SENT new=gone\n" SYN(
			      "5", "10.0.0.1:4") SYN("7", "10.0.0.1:5") RIG_END("20"));

	ck_assert_uint_eq(r.facts->comebacks[0].parallel, 2);
	ck_assert_uint_eq(r.facts->comebacks[0].attempts, 4);
	rig_free(&r);
}
END_TEST

/* ---- lanes ---- */

#define TRIES 7

enum waits { CONSTANT, EXPONENTIAL, FULL_JITTER };

static double wait_of(enum waits waits, int k, uint64_t seed, int lane)
{
	const double grown = 0.2 * (1 << k);

	return waits == CONSTANT ? 0.7
	       : waits == EXPONENTIAL
		   ? grown
		   : grown * rng_unit(seed, "wait", (uint64_t)(lane * TRIES + k));
}

/* Each connection on its own: known a little after the one before it, tries, and gets through at
 * last. Times in the script are put in order by the journal. */
static struct rig lanes_of(enum waits waits, int lanes, uint64_t seed)
{
	char *script, one[128];
	size_t len;
	FILE *out = open_memstream(&script, &len);
	struct rig r;

	fputs(RIG_RELAY RIG_BEGAN, out);
	for (int i = 1; i <= lanes; i++) {
		double at = 2 + 0.013 * i;

		fprintf(out, RIG_OPEN("0.5", "db", "%d", "10.0.0.1:%d"), i, i, i);
		fprintf(out, RIG_BYTES("0.6", "db", "%d"), i, i);
		fprintf(out, RIG_STRUCK("1", "dead", "%d", "10.0.0.1:%d", "idle"), i, i);
		snprintf(one, sizeof(one), "%.4f", at);
		fprintf(out,
		    "%s session.peer proxy=db session=%d leg=client what=fin seen_by=segment\n",
		    one, i);
		for (int k = 0; k < TRIES; k++) {
			at += wait_of(waits, k, seed, i);
			fprintf(out,
			    "%.4f client.syn proxy=db client=10.0.0.1:%d retransmission=false\n",
			    at, 100 * i + k);
		}
	}
	fputs(RIG_END("60"), out);
	fclose(out);
	r = run_of(script);
	free(script);
	return r;
}

static const struct {
	enum waits waits;
	int lanes;
	double growth_least, growth_most, jitter_least, jitter_most;
} lane_rows[] = {
	{ CONSTANT, 1, 0.99, 1.01, 0, 0.01 },
	{ CONSTANT, 2, 0.99, 1.01, 0, 0.01 },
	{ CONSTANT, 8, 0.99, 1.01, 0, 0.01 },
	{ EXPONENTIAL, 1, 1.99, 2.01, 0, 0.01 },
	{ EXPONENTIAL, 2, 1.99, 2.01, 0, 0.01 },
	{ EXPONENTIAL, 8, 1.99, 2.01, 0, 0.01 },
	{ FULL_JITTER, 1, 1.1, 4, 0.2, 3 }, /* six draws say little */
	{ FULL_JITTER, 2, 1.2, 3, 0.1, 1 },
	{ FULL_JITTER, 8, 1.4, 2.5, 0.2, 1 },
};

START_TEST(a_client_with_several_connections)
{
	double growth = 0, jitter = 0;
	const int runs = 20;

	for (int run = 1; run <= runs; run++) {
		struct rig r = lanes_of(lane_rows[_i].waits, lane_rows[_i].lanes, (uint64_t)run);
		const struct fact_comeback *c = r.facts->comebacks;
		size_t attempts = 0;

		ck_assert_uint_eq(r.facts->n_comebacks, (size_t)lane_rows[_i].lanes);
		ck_assert_uint_eq(c->lanes, (size_t)lane_rows[_i].lanes);
		for (size_t i = 0; i < r.facts->n_comebacks; i++)
			attempts += c[i].attempts;
		ck_assert_uint_eq(attempts, (size_t)lane_rows[_i].lanes * TRIES);
		if (lane_rows[_i].waits != FULL_JITTER)
			for (size_t i = 0; i < r.facts->n_comebacks; i++) {
				ck_assert_uint_eq(c[i].attempts, TRIES);
				ck_assert_int_eq(r.facts->attempts[c[i].first].at_ns - c[i].from_ns,
				    lane_rows[_i].waits == CONSTANT ? S(0.7) : S(0.2));
			}
		growth += c->growth / runs;
		jitter += c->jitter / runs;
		rig_free(&r);
	}
	ck_assert_msg(growth >= lane_rows[_i].growth_least && growth <= lane_rows[_i].growth_most &&
			  jitter >= lane_rows[_i].jitter_least &&
			  jitter <= lane_rows[_i].jitter_most,
	    "row %d: growth %f, jitter %f", _i, growth, jitter);
}
END_TEST

/* The first connection's attempt hangs; the second one's are refused. */
START_TEST(a_lane_with_an_attempt_under_way_makes_no_other)
{
	struct rig r = run_of(POOL RIG_PEER("2", "1", "fin") RIG_PEER("2.01", "2", "fin") SYN(
	    "3", "10.0.0.1:9") "10 peer.socket proxy=db client=10.0.0.1:9 old=SYN-SENT "
			       "new=gone\n" SYN("4", "10.0.0.1:10") SYN("5", "10.0.0.1:11")
				   SYN("6", "10.0.0.1:12") RIG_PEER("2.02", "3", "fin") SYN("4.5",
				       "10.0.0.1:13") "10 peer.socket proxy=db client=10.0.0.1:13 "
						      "old=SYN-SENT new=gone\n" RIG_END("20"));

	ck_assert_uint_eq(r.facts->n_comebacks, 3);
	ck_assert_uint_eq(r.facts->comebacks[0].attempts, 1);
	ck_assert_uint_eq(r.facts->comebacks[1].attempts, 3);
	ck_assert_uint_eq(r.facts->comebacks[2].attempts, 1);
	rig_free(&r);
}
END_TEST

/* The first two are on their way back, and busy; the third still holds its dead session. */
START_TEST(who_holds_a_dead_session_did_not_try)
{
	struct rig r = run_of(POOL WATCHED
	    "2 peer.socket proxy=db client=" A " old=ESTAB new=gone\n"
	    "2 peer.socket proxy=db client=10.0.0.1:1001 old=ESTAB new=gone\n" SYN("3",
		"10.0.0.1:9") "10 peer.socket proxy=db client=10.0.0.1:9 old=SYN-SENT "
			      "new=gone\n" SYN("3.1", "10.0.0.1:10") "10 peer.socket proxy=db "
								     "client=10.0.0.1:10 "
								     "old=SYN-SENT new=gone\n" SYN(
									 "4", "10.0.0.1:11")
									 RIG_END("20"));

	ck_assert_uint_eq(r.facts->n_comebacks, 2);
	ck_assert_int_eq(r.facts->deaths[2].how, HOW_NONE);
	ck_assert(r.facts->deaths[2].zombie);
	rig_free(&r);
}
END_TEST

/* Accepted and closed without a byte: it tries again, and is the same lane. */
START_TEST(a_lane_is_left_when_it_carries_on)
{
	struct rig r = run_of(
	    POOL RIG_PEER("2", "1", "fin") RIG_PEER("2.01", "2", "fin") BURIED RIG_OPEN("12", "db",
		"4", "10.0.0.1:11") "12.5 session.closed proxy=db session=4 "
				    "reason=closed\n" RIG_SESSION("12.2", "db", "5", "10.0.0.1:12")
					RIG_SESSION("13", "db", "6", "10.0.0.1:13") RIG_SESSION(
					    "14", "db", "7", "10.0.0.1:14") RIG_END("20"));

	ck_assert_uint_eq(r.facts->n_comebacks, 3); /* the third shows by trying, too */
	ck_assert_uint_eq(r.facts->comebacks[0].attempts, 2);
	ck_assert_uint_eq(r.facts->comebacks[1].attempts, 1);
	assert_back(&r, 0, 2, 12);
	ck_assert_int_eq(r.facts->deaths[0].recovered_ns, S(13));
	assert_back(&r, 1, 2.01, 12.2);
	assert_back(&r, 2, 14, 14);
	rig_free(&r);
}
END_TEST

/* ---- growth ---- */

static const struct {
	int n;
	int64_t gaps[12];
	double growth, within;
} growths[] = {
	{ 5, { 1000, 2000, 4000, 8000, 16000 }, 2, 1e-6 },
	{ 8, { 1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000 }, 2, 1e-6 },
	{ 12, { 1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000 }, 2, 1e-6 },
	{ 7, { 1000, 2000, 4000, 7600, 8000, 7800, 7900 }, 2, 1e-6 }, /* a cap with jitter */
	{ 4, { 1000, 1000, 1000, 1000 }, 1, 1e-6 },
	{ 6, { 600, 1000, 1400, 700, 1300, 800 }, 1, 0.2 }, /* constant with jitter */
	{ 7, { 1400, 1000, 600, 1300, 700, 1200, 900 }, 1, 0.2 },
	{ 3, { 1000, 10000, 10000 }, 10, 1e-6 },
	{ 3, { 4000, 2000, 1000 }, 0.5, 1e-6 },
	{ 5, { 1000, 1500, 2250, 3375, 5062 }, 1.5, 1e-3 },
	{ 3, { 0, 0, 0 }, 1, 1e-6 },
	{ 1, { 1000 }, -1, 0 },
};

START_TEST(how_gaps_grow)
{
	int64_t gaps[12];
	double growth;

	for (int i = 0; i < growths[_i].n; i++)
		gaps[i] = growths[_i].gaps[i] * NS_PER_MS;
	growth = facts_growth(gaps, (size_t)growths[_i].n);
	ck_assert_msg(growth >= growths[_i].growth - growths[_i].within &&
			  growth <= growths[_i].growth + growths[_i].within,
	    "row %d: %f", _i, growth);
}
END_TEST

START_TEST(growth_alone_is_no_jitter)
{
	const int64_t even[] = { S(1), S(2), S(4), S(8), S(8), S(8) },
		      uneven[] = { S(1), S(1.4), S(0.6), S(1.4), S(0.6) };

	ck_assert_double_lt(facts_jitter(even, 6), 1e-6);
	ck_assert_double_gt(facts_jitter(uneven, 5), 0.3);
	ck_assert_double_lt(facts_jitter(even, 2), 0);
}
END_TEST

/* ---- faults of all kinds ---- */

#define FLAP                                                                                       \
	"1 fault.armed fault=flap type=flap side=both\n"                                           \
	"1 fault.active fault=flap type=flap side=both grade=exact\n"
#define PHASE(at, phase) at " fault.phase fault=flap phase=" phase " cycle=1\n"
#define BOTH(at)                                                                                   \
	at " session.struck fault=flap proxy=db session=1 client=" A " watcher=both shape=idle "   \
	   "upstream_bytes=9 downstream_bytes=9\n"

START_TEST(a_flapping_fault_strikes_the_same_session_again)
{
	struct rig r = run_of(RIG_RELAY RIG_SESSION("0.5", "db", "1", A) FLAP BOTH("1") PHASE("3",
	    "up") RIG_BYTES("3.5", "db", "1") PHASE("5", "down") BOTH("5") RIG_PEER("6", "1", "rst")
		PHASE("7", "up") RIG_SESSION("8", "db", "2", "10.0.0.1:2") RIG_END("20"));
	const struct fact_death *d = r.facts->deaths;

	ck_assert_uint_eq(r.facts->n_deaths, 2);
	ck_assert_int_eq(d[0].until_ns, S(3));
	ck_assert_int_eq(d[0].next_ns, S(5));
	ck_assert(d[0].lived && !d[0].zombie && d[0].by_client);
	ck_assert_int_eq(d[0].recovered_ns, S(3.5));
	ck_assert_int_eq(d[1].until_ns, S(7));
	ck_assert(!d[1].lived);
	assert_back(&r, 0, -1, -1);
	assert_back(&r, 1, 6, 8);
	ck_assert_uint_eq(r.facts->n_recoveries, 2);
	ck_assert_int_eq(r.facts->recoveries[0].first_ns, S(3.5));
	ck_assert_int_eq(r.facts->recoveries[0].full_ns, S(3.5));
	ck_assert_int_eq(r.facts->recoveries[1].first_ns, S(8));
	rig_free(&r);
}
END_TEST

/* Bytes that a later strike or the end proves, where no event told of them. */
START_TEST(a_session_that_went_on)
{
	struct rig r = run_of(RIG_RELAY RIG_SESSION("0.5", "db", "1", A)
		RIG_BEGAN RIG_STRUCK("1", "dead", "1", A, "idle") RIG_LIFTED
	    "15 session.closed proxy=db session=1 upstream_bytes=20 downstream_bytes=30 "
	    "reason=closed\n" RIG_END("20"));

	ck_assert(r.facts->deaths[0].lived);
	ck_assert_int_eq(r.facts->deaths[0].recovered_ns, S(15));
	rig_free(&r);
}
END_TEST

START_TEST(what_a_later_fault_ended_had_lived)
{
	struct rig r = run_of(RIG_RELAY RIG_SESSION("0.5", "db", "1", A)
		RIG_BEGAN RIG_STRUCK("1", "dead", "1", A, "idle") RIG_LIFTED
	    "12 fault.active fault=more type=power_loss side=server grade=exact\n" RIG_STRUCK("12",
		"more", "1", A,
		"idle") "14 fault.lifted fault=more\n14.001 session.closed proxy=db "
			"session=1 reason=fault fault=more\n" RIG_END("20"));

	ck_assert(r.facts->deaths[0].lived && !r.facts->deaths[1].lived);
	ck_assert(!r.facts->deaths[0].zombie && r.facts->deaths[1].zombie);
	rig_free(&r);
}
END_TEST

START_TEST(a_running_relay_that_hears_segments)
{
	struct rig r = run_of("-1 run.relay relay=local admin=10.0.0.9:1\n" RIG_SESSION(
	    "0.5", "db", "1", A) RIG_BEGAN RIG_STRUCK("1", "dead", "1", A, "idle")
		SYN("4", "10.0.0.1:9") RIG_END("20"));

	ck_assert_str_eq(r.facts->relays[0].witness, "segments");
	ck_assert(!r.facts->comebacks[0].invisible);
	rig_free(&r);
}
END_TEST

/* Sockets that are looked at now and then: who tries before he was seen to know had known. */
START_TEST(an_attempt_between_two_looks)
{
	struct rig r = run_of(POOL
	    "2.3 peer.socket proxy=db client=" A " old=ESTAB new=gone since_ns=300000000\n"
	    "2.3 peer.socket proxy=db client=10.0.0.1:1001 old=ESTAB new=gone since_ns=300000000\n"
	    "2.3 peer.socket proxy=db client=10.0.0.1:1002 old=ESTAB new=gone "
	    "since_ns=300000000\n" SYN("2.1", "10.0.0.1:9") SYN("2.15", "10.0.0.1:10")
		SYN("2.2", "10.0.0.1:11") RIG_END("20"));

	ck_assert_uint_eq(r.facts->n_comebacks, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(r.facts->comebacks[i].attempts, 1);
		ck_assert_int_eq(r.facts->deaths[i].how, HOW_GONE);
		ck_assert_int_eq(r.facts->deaths[i].detected_ns, S(2.1) + (int64_t)i * S(0.05));
		ck_assert_int_eq(r.facts->deaths[i].tolerance_ns, S(0.1) + (int64_t)i * S(0.05));
	}
	rig_free(&r);
}
END_TEST

/* A strike on thousands of sessions is told when it is over; it began 0.5 s before. */
START_TEST(a_word_before_the_strike_was_told)
{
	struct rig r = run_of(RIG_RELAY RIG_SESSION("0.5", "db", "1", A) RIG_BEGAN
	    "1.2 peer.socket proxy=db client=" A " old=ESTAB new=gone since_ns=20000000\n"
	    "1.5 session.struck fault=dead proxy=db session=1 client=" A
	    " watcher=client shape=idle upstream_bytes=9 downstream_bytes=9 "
	    "ago_ns=500000000\n" RIG_END("20"));
	const struct fact_death *d = &r.facts->deaths[0];

	ck_assert_int_eq(d->at_ns, S(1));
	ck_assert_int_eq(d->detected_ns, S(1.2));
	ck_assert_int_eq(d->how, HOW_GONE);
	ck_assert_int_eq(d->tolerance_ns, S(0.02));
	ck_assert(!d->zombie);
	rig_free(&r);
}
END_TEST

START_TEST(a_word_from_before_the_strike_is_none_of_it)
{
	struct rig r = run_of(RIG_RELAY RIG_SESSION("0.5", "db", "1", A) RIG_BEGAN
	    "0.9 peer.socket proxy=db client=" A " old=ESTAB new=gone since_ns=0\n"
	    "1.5 session.struck fault=dead proxy=db session=1 client=" A
	    " watcher=client shape=idle upstream_bytes=9 downstream_bytes=9 "
	    "ago_ns=500000000\n" RIG_END("20"));

	ck_assert_int_eq(r.facts->deaths[0].detected_ns, NOT_YET);
	rig_free(&r);
}
END_TEST

/* Ten thousand connections, of one process and of as many clients. */
#define CROWD 10000

static void crowd_says(struct rig *r, double at, const char *event, const char *fmt, int i, int k)
{
	char client[64];
	json_t *o = json_object();

	snprintf(client, sizeof(client), fmt, i % 250, i / 250, k);
	json_object_set_new(o, "proxy", json_string("db"));
	json_object_set_new(o, "client", json_string(client));
	json_object_set_new(o, "session", json_integer(i + (k - 1) * CROWD));
	json_object_set_new(o, "fault", json_string("dead"));
	json_object_set_new(o, "leg", json_string("client"));
	json_object_set_new(o, "what", json_string("fin"));
	ck_assert(journal_add(&r->journal, llround(at * 1e9), 0, event, o));
}

START_TEST(a_crowd_takes_no_time)
{
	/* the port, or the address, tells them apart */
	const char *fmt = _i ? "10.0.%d.%d:%d" : "10.0.0.1:1%03d%02d%d";
	struct rig r = { .scenario = rig_scenario(CALM) };
	clock_t began;

	rig_tell(&r.journal, RIG_RELAY);
	for (int i = 0; i < CROWD; i++)
		crowd_says(&r, 0.5, "session.opened", fmt, i, 1);
	rig_tell(&r.journal, RIG_BEGAN);
	for (int i = 0; i < CROWD; i++)
		crowd_says(&r, 1, "session.struck", fmt, i, 1);
	for (int i = 0; i < CROWD; i++)
		crowd_says(&r, 2 + i * 1e-5, "session.peer", fmt, i, 1);
	for (int i = 0; i < CROWD; i++)
		crowd_says(&r, 3 + i * 1e-5, "client.syn", fmt, i, 3);
	rig_tell(&r.journal, RIG_LIFTED);
	for (int i = 0; i < CROWD; i++)
		crowd_says(&r, 12 + i * 1e-5, "session.opened", fmt, i, 2);
	rig_tell(&r.journal, RIG_END("20"));
	began = clock();
	r.facts = facts_new(r.scenario, &r.journal);
	ck_assert_double_lt((double)(clock() - began) / CLOCKS_PER_SEC, 10); /* with sanitizers */
	ck_assert_uint_eq(r.facts->n_comebacks, CROWD);
	for (size_t i = 0; i < CROWD; i++)
		ck_assert_uint_eq(r.facts->comebacks[i].attempts, 2);
	rig_free(&r);
}
END_TEST

START_TEST(where_a_fault_comes_from)
{
	const char *const script[] = { RIG_RELAY
		"1 fault.armed fault=dead type=power_loss side=server\n"
		"2 fault.armed fault=dead#2 type=power_loss side=server\n"
		"3 fault.armed fault=old type=hang side=server\n"
		"4 fault.armed fault=power-db type=power_loss side=server\n"
		"5 action.done step=off iteration=3 action=power_off fault=power-db\n" RIG_END(
		    "20"),
		NULL };
	struct rig r = rig_judge(RIG_PROXIES "[fault old]\ntype = hang\nproxy = db\n" RIG_STEP
					     "repeat = 2\n[at 5s]\nname = off\npause = 1s\n"
					     "[expect]\nno_loss = yes\n",
	    script);
	const struct fact_fault *f = r.facts->faults;

	ck_assert_uint_eq(r.facts->n_faults, 4);
	ck_assert_str_eq(f[0].step->name, "cut");
	ck_assert_int_eq(f[0].iteration, 1);
	ck_assert_str_eq(f[1].step->name, "cut");
	ck_assert_int_eq(f[1].iteration, 2);
	ck_assert_ptr_null(f[2].step);
	ck_assert_ptr_nonnull(f[2].spec);
	ck_assert_str_eq(f[3].step->name, "off");
	ck_assert_int_eq(f[3].iteration, 3);
	ck_assert(json_is_null(rig_at(&r, "faults", 2, "step")));
	rig_free(&r);
}
END_TEST

/* The client dies, the server watches: what its leg says counts. */
START_TEST(the_servers_side)
{
	struct rig r = run_of(RIG_RELAY RIG_SESSION("0.5", "db", "1", A) RIG_BEGAN
	    "1 session.struck fault=dead proxy=db session=1 client=" A " watcher=server shape=busy "
	    "upstream_bytes=9 downstream_bytes=9\n" RIG_PEER("2", "1",
		"fin") "3 peer.socket proxy=db client=" A " old=ESTAB new=gone\n"
		       "4 segments.dropped proxy=db session=1 leg=client segments=1\n"
		       "4 segments.dropped proxy=db session=1 leg=server segments=2\n" SYN(
			   "4", "10.0.0.1:2") "5 session.peer proxy=db session=1 leg=server "
					      "what=rst seen_by=segment\n" RIG_END("20"));

	ck_assert(!r.facts->deaths[0].by_client);
	assert_back(&r, 0, 5, -1);
	ck_assert_int_eq(r.facts->deaths[0].how, HOW_RST);
	ck_assert_uint_eq(r.facts->deaths[0].n_drops, 2);
	ck_assert_uint_eq(r.facts->n_comebacks, 0);
	ck_assert_str_eq(json_string_value(rig_at(&r, "deaths", 0, "watcher")), "server");
	rig_free(&r);
}
END_TEST

START_TEST(relays_number_their_sessions_each)
{
	struct rig r = run_of(
	    RIG_RELAY "-1 run.relay relay=far admin=tcp:1\n"
		      "-1 deadpeer.start relay=1 witness=segments\n" RIG_SESSION("0.5", "db", "1",
			  A) "0.5 session.opened relay=1 proxy=web session=1 client=10.0.0.9:1\n"
			     "0.6 session.bytes relay=1 proxy=web session=1 direction=upstream\n"
			     "0.6 session.bytes relay=1 proxy=web session=1 direction=downstream\n"
			     "1 fault.armed relay=1 fault=dead type=hang side=server\n"
			     "1 session.struck relay=1 fault=dead proxy=web session=1 "
			     "watcher=client shape=idle upstream_bytes=9 "
			     "downstream_bytes=9\n" RIG_END("20"));

	ck_assert_uint_eq(r.facts->n_sessions, 2);
	ck_assert_uint_eq(r.facts->n_deaths, 1);
	ck_assert_str_eq(json_string_value(rig_at(&r, "deaths", 0, "relay")), "far");
	ck_assert_str_eq(json_string_value(rig_at(&r, "deaths", 0, "proxy")), "web");
	rig_free(&r);
}
END_TEST

/* ---- the forecast beside the measurement ---- */

#define KEEPALIVE                                                                                  \
	"0.6 peer.settings proxy=db client=" A " pid=7 process=app known=true keepalive=true "     \
	"keep_idle_ns=5000000000 keep_interval_ns=1000000000 keep_count=2 user_timeout_ns=0 "      \
	"retries2=15\n"
#define PLAIN                                                                                      \
	"0.6 peer.settings proxy=db client=" A " pid=7 process=app known=true keepalive=false "    \
	"user_timeout_ns=0 retries2=5\n"
#define DROPS(at)    at " segments.dropped proxy=db session=1 leg=client segments=1 total=1\n"
#define ACTIVE(type) "1 fault.active fault=f type=" type " side=server grade=exact\n"
#define HIT(shape)   RIG_STRUCK("1", "f", "1", A, shape)

static const struct {
	const char *settings, *type, *events, *outcome, *by, *against;
	double low; /* -1: none */
	size_t retransmissions, probes;
} forecasts[] = {
	{ KEEPALIVE, "power_loss", HIT("idle") DROPS("6") DROPS("7") RIG_PEER("8", "1", "rst"),
	    "noticed", "keepalive", "within", 7, 0, 2 },
	{ KEEPALIVE, "power_loss",
	    HIT("idle") DROPS("6") DROPS("7") RIG_PEER("8", "1", "rst") DROPS("8.01"), "noticed",
	    "keepalive", "within", 7, 0, 2 }, /* the RST is dropped, too, and no probe */
	{ KEEPALIVE, "power_loss", HIT("idle") RIG_PEER("3", "1", "fin"), "noticed", "keepalive",
	    "sooner", 7, 0, 0 },
	{ KEEPALIVE, "power_loss",
	    HIT("idle") RIG_PEER("3", "1", "fin") DROPS("3.01") DROPS("3.3") DROPS("3.8"),
	    "noticed", "keepalive", "sooner", 7, 0, 0 },
	{ KEEPALIVE, "power_loss", HIT("idle") RIG_PEER("12", "1", "fin"), "noticed", "keepalive",
	    "later", 7, 0, 0 },
	{ KEEPALIVE, "power_loss", HIT("idle"), "noticed", "keepalive", "later", 7, 0, 0 },
	{ PLAIN, "power_loss", HIT("idle"), "never", "nothing", "within", -1, 0, 0 },
	{ PLAIN, "power_loss", HIT("idle") RIG_PEER("3", "1", "fin"), "never", "nothing", "sooner",
	    -1, 0, 0 },
	{ PLAIN, "power_loss", HIT("busy") DROPS("1.2") DROPS("1.6"), "noticed", "retries", "later",
	    12.6, 2, 0 },
	/* it writes two seconds after the death, and is a sender from then on */
	{ PLAIN, "power_loss", HIT("idle") DROPS("3") DROPS("3.2") DROPS("3.6"), "noticed",
	    "retries", "later", 14.6, 3, 0 },
	{ PLAIN, "hang", HIT("idle"), "alive", "nothing", "within", -1, 0, 0 },
	{ PLAIN, "reset", HIT("idle") RIG_PEER("1.1", "1", "rst"), "noticed", "rst", "within", 0, 0,
	    0 },
	{ PLAIN, "process_crash", HIT("waiting") RIG_PEER("1", "1", "fin"), "noticed", "fin",
	    "within", 0, 0, 0 },
	{ PLAIN, "partition", HIT("idle") "3 fault.lifted fault=f\n", "carries_on", "nothing",
	    "within", 2, 0, 0 },
	{ PLAIN, "latency", HIT("idle"), NULL, NULL, "unknown", -1, 0, 0 },
	{ "", "power_loss", HIT("idle"), NULL, NULL, "unknown", -1, 0, 0 },
	{ KEEPALIVE, "power_loss", HIT("unknown"), NULL, NULL, "unknown", -1, 0, 0 },
};

START_TEST(predicted_against_measured)
{
	char script[4096];
	struct rig r;
	const json_t *p;

	snprintf(script, sizeof(script), "%s%s%s%s%s%s%s%s", RIG_RELAY,
	    RIG_SESSION("0.5", "db", "1", A), forecasts[_i].settings,
	    "1 fault.active fault=f side=server grade=exact type=", forecasts[_i].type, "\n",
	    forecasts[_i].events, RIG_END("30"));
	r = run_of(script);
	p = rig_at(&r, "deaths", 0, "predicted");
	ck_assert_int_eq(json_is_null(p), !forecasts[_i].outcome);
	ck_assert_str_eq(
	    json_string_value(rig_at(&r, "deaths", 0, "against")), forecasts[_i].against);
	ck_assert_uint_eq(json_array_size(rig_at(&r, "deaths", 0, "retransmissions")),
	    forecasts[_i].retransmissions);
	ck_assert_uint_eq(json_array_size(rig_at(&r, "deaths", 0, "probes")), forecasts[_i].probes);
	if (forecasts[_i].outcome) {
		const json_t *low = json_object_get(p, "low_ns");

		ck_assert_str_eq(
		    json_string_value(json_object_get(p, "outcome")), forecasts[_i].outcome);
		ck_assert_str_eq(json_string_value(json_object_get(p, "by")), forecasts[_i].by);
		ck_assert_int_eq(json_is_null(low), forecasts[_i].low < 0);
		if (!json_is_null(low))
			ck_assert_int_le(
			    llabs(json_integer_value(low) - S(forecasts[_i].low)), S(0.25));
	}
	rig_free(&r);
}
END_TEST

/* [client] stands in where sockets tell nothing. */
START_TEST(settings_from_the_file)
{
	const char *const script[] = { STRUCK RIG_PEER("12", "1", "rst") RIG_END("20"), NULL };
	struct rig r =
	    rig_judge(RIG_PROXIES "[client]\nkeepalive = yes\nkeep_idle = 5s\nkeep_interval = 3s\n"
				  "keep_count = 2\nuser_timeout = 0\n[at 1s]\nname = cut\n"
				  "arm = power_loss name=dead proxy=db\n"
				  "[expect]\ndetect_within = 9s\n",
		script);
	const json_t *p = rig_at(&r, "deaths", 0, "predicted");

	ck_assert_str_eq(
	    json_string_value(json_object_get(p, "settings")), "keepalive 5/3/2, no user timeout");
	ck_assert_int_eq(json_integer_value(json_object_get(p, "low_ns")), S(11));
	ck_assert_ptr_nonnull(
	    strstr(rig_expect(&r, 0, "message"), "keepalive decides, 5 + 2 x 3 s"));
	rig_free(&r);
}
END_TEST

/* A middlebox forgets: its prediction counts from the last segment, here from the strike. */
START_TEST(a_middlebox_that_forgets)
{
	const char *const script[] = { RIG_RELAY RIG_SESSION("0.5", "db", "1", A) KEEPALIVE
		"1 fault.armed fault=nat type=idle_timeout side=both\n"
		"3.5 session.struck fault=nat proxy=db session=1 client=" A
		" watcher=both shape=idle "
		"upstream_bytes=9 downstream_bytes=9 upstream_idle_ns=3000000000 "
		"downstream_idle_ns=3000000000\n" RIG_PEER("7.6", "1", "rst") RIG_END("20"),
		NULL };
	struct rig r = rig_judge(RIG_PROXIES
	    "[fault nat]\ntype = idle_timeout\nproxy = db\nafter = 3s\n" RIG_STEP
	    "[expect]\ndetect_within = 9s\n",
	    script);
	const json_t *p = rig_at(&r, "deaths", 0, "predicted");

	ck_assert_str_eq(json_string_value(json_object_get(p, "by")), "keepalive");
	ck_assert_int_eq(
	    json_integer_value(json_object_get(p, "low_ns")), S(4)); /* 5 + 2 x 1, less 3 */
	ck_assert_str_eq(json_string_value(rig_at(&r, "deaths", 0, "against")), "within");
	ck_assert(json_is_null(rig_at(&r, "deaths", 0, "step")));
	rig_free(&r);
}
END_TEST

Suite *facts_suite(void)
{
	Suite *s = suite_create("facts");
	TCase *t = tcase_create("all");

	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_loop_test(t, attempts_seen_in_several_ways, 0, COUNT(sights));
	tcase_add_test(t, what_an_address_answers_is_an_attempts_outcome);
	tcase_add_loop_test(t, a_client_is_its_process_or_its_address, 0, COUNT(whos));
	tcase_add_test(t, addresses_of_all_kinds);
	tcase_add_test(t, a_pool_comes_back_one_by_one);
	tcase_add_test(t, a_pool_that_knows_only_by_trying);
	tcase_add_test(t, a_pool_that_grows_has_not_noticed);
	tcase_add_test(t, a_client_that_leaks_has_noticed);
	tcase_add_test(t, a_new_connection_first_and_then_the_fin);
	tcase_add_test(t, a_window_ends_at_the_next_strike);
	tcase_add_test(t, attempts_under_way_at_once);
	tcase_add_test(t, who_holds_a_dead_session_did_not_try);
	tcase_add_loop_test(t, a_client_with_several_connections, 0, COUNT(lane_rows));
	tcase_add_test(t, a_lane_is_left_when_it_carries_on);
	tcase_add_test(t, a_lane_with_an_attempt_under_way_makes_no_other);
	tcase_add_test(t, an_attempt_between_two_looks);
	tcase_add_test(t, a_running_relay_that_hears_segments);
	tcase_add_test(t, a_word_before_the_strike_was_told);
	tcase_add_test(t, a_word_from_before_the_strike_is_none_of_it);
	tcase_add_loop_test(t, a_crowd_takes_no_time, 0, 2);
	tcase_add_loop_test(t, how_gaps_grow, 0, COUNT(growths));
	tcase_add_test(t, growth_alone_is_no_jitter);
	tcase_add_test(t, a_flapping_fault_strikes_the_same_session_again);
	tcase_add_test(t, a_session_that_went_on);
	tcase_add_test(t, what_a_later_fault_ended_had_lived);
	tcase_add_test(t, where_a_fault_comes_from);
	tcase_add_test(t, the_servers_side);
	tcase_add_test(t, relays_number_their_sessions_each);
	tcase_add_loop_test(t, predicted_against_measured, 0, COUNT(forecasts));
	tcase_add_test(t, settings_from_the_file);
	tcase_add_test(t, a_middlebox_that_forgets);
	suite_add_tcase(s, t);
	return s;
}
