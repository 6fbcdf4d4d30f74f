/* Each kind of expectation passes, fails and is vacuous, at its exact boundary; and what comes of
 * all of them together. */
#include "scratch.h"
#include "verdict_rig.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *verdict_suite(void);

#define A        "10.0.0.1:1000"
#define OPENED   RIG_RELAY RIG_SESSION("0.5", "db", "1", A)
#define STRUCK   OPENED RIG_BEGAN RIG_STRUCK("1", "dead", "1", A, "idle")
#define KNEW(at) STRUCK RIG_PEER(at, "1", "fin")
#define UNUSED                                                                                     \
	RIG_RELAY RIG_OPEN("0.5", "db", "1", A) RIG_BEGAN                                          \
	    "1 session.struck fault=dead proxy=db session=1 client=" A                             \
	    " watcher=client shape=idle "                                                          \
	    "upstream_bytes=0 downstream_bytes=0 upstream_idle_ns=-1 "                             \
	    "downstream_idle_ns=-1\n" RIG_PEER("2", "1", "fin") RIG_LIFTED
#define CLOSED(lost)                                                                               \
	"11 session.closed proxy=db session=1 client=" A " upstream_bytes=9 downstream_bytes=9 "   \
	"duration_ns=1 reason=fault fault=dead" lost "\n"
#define SYN(at, port) at " client.syn proxy=db client=10.0.0.1:" port " retransmission=false\n"
#define BACK(at)      RIG_SESSION(at, "db", "2", "10.0.0.1:2000")
#define SETTINGS(idle)                                                                             \
	"0.6 peer.settings proxy=db client=" A " pid=77 process=app known=true keepalive=true "    \
	"keep_idle_ns=" idle " keep_interval_ns=1000000000 keep_count=2 user_timeout_ns=0 "        \
	"retries2=15\n"
/* keepalive 5 + 2 x 1 s: 7 s, up to an eighth of each wait later */
#define KEEPALIVE SETTINGS("5000000000")

#define PASS  "pass"
#define FAIL  "fail"
#define VOID  "vacuous"
#define ERROR "error"

static const struct {
	const char *expect, *result, *script, *message; /* a part of it; NULL: any */
} cases[] = {
	{ "detect_within = 4s", PASS, KNEW("5") RIG_END("20"),
	    "detected after 4 s, expected within 4 s; 0 s to spare" },
	{ "detect_within = 4s", FAIL, KNEW("5.000000001") RIG_END("20"), "1 ns too late" },
	{ "detect_within = 4s", FAIL, STRUCK RIG_END("20"),
	    "not detected in 19 s, expected within 4 s; not in 19 s" },
	{ "detect_within = 4s", ERROR, STRUCK RIG_END("5"), "only 4 s were watched" },
	{ "detect_within = 4s", FAIL, STRUCK RIG_END("5.000000001"), "not in 4 s" },
	{ "detect_within = 4s", VOID, OPENED RIG_END("20"),
	    "nothing was shown, expected within 4 s: no session" },
	{ "detect_within = 4s", VOID, UNUSED RIG_END("20"), "both ways was struck" },

	{ "never_detect = yes", PASS, STRUCK RIG_END("20"), "not detected in 19 s" },
	{ "never_detect = yes", FAIL, KNEW("5") RIG_END("20"),
	    "detected after 4 s, expected no detection; by fin" },
	{ "never_detect = yes", FAIL, KNEW("10.999999999") RIG_LIFTED RIG_END("20"), NULL },
	{ "never_detect = yes", PASS, STRUCK RIG_LIFTED RIG_PEER("11.1", "1", "rst") RIG_END("20"),
	    NULL },
	{ "never_detect = yes", PASS,
	    STRUCK RIG_LIFTED RIG_PEER("11.1", "1", "rst") "11.2 session.closed proxy=db session=1 "
							   "reason=fault fault=dead\n" RIG_END(
							       "20"),
	    NULL },
	{ "never_detect = yes", VOID, UNUSED RIG_END("20"), NULL },

	{ "reconnect_within = 3s", PASS, KNEW("5") RIG_LIFTED CLOSED("") BACK("14") RIG_END("20"),
	    "reconnected after 3 s, expected within 3 s; 0 s to spare" },
	{ "reconnect_within = 3s", FAIL,
	    KNEW("5") RIG_LIFTED CLOSED("") BACK("14.000000001") RIG_END("20"), NULL },
	{ "reconnect_within = 3s", FAIL,
	    KNEW("5") RIG_LIFTED CLOSED("") SYN("6", "2000") RIG_END("20"),
	    "not reconnected with 1 attempt, expected within 3 s; not in 9 s" },
	{ "reconnect_within = 3s", ERROR, KNEW("5") RIG_LIFTED CLOSED("") RIG_END("14"), NULL },
	{ "reconnect_within = 3s", VOID, KNEW("5") RIG_END("20"), "could come back" },
	{ "reconnect_within = 3s", VOID, UNUSED RIG_END("20"), NULL },

	{ "max_attempts = 2", PASS, KNEW("5") SYN("6", "2") SYN("7", "3") RIG_END("20"),
	    "2 attempts, expected at most 2 attempts; 0 to spare" },
	{ "max_attempts = 2", FAIL,
	    KNEW("5") SYN("6", "2") SYN("7", "3") SYN("8", "4") RIG_END("20"),
	    "3 attempts, expected at most 2 attempts; 1 too many" },
	{ "max_attempts = 2", VOID, STRUCK RIG_END("20"), "seen to give up" },
	{ "max_attempts = 2", VOID, UNUSED RIG_END("20"), NULL },

	{ "min_first_delay = 1s", PASS, KNEW("5") SYN("6", "2") RIG_END("20"),
	    "first attempt after 1 s, expected at least 1 s; 0 s to spare" },
	{ "min_first_delay = 1s", FAIL, KNEW("5") SYN("5.999999999", "2") RIG_END("20"),
	    "too soon" },
	{ "min_first_delay = 1s", VOID, KNEW("5") RIG_END("20"), NULL },
	{ "min_first_delay = 1s", ERROR, STRUCK SYN("6", "2") RIG_END("20"),
	    "not seen to give up" },

	{ "backoff = exponential", PASS,
	    KNEW("2") SYN("3", "1") SYN("4", "2") SYN("5.3", "3") SYN("6.99", "4") SYN("9.187", "5")
		RIG_END("20"),
	    "4 gaps that grow 1.3 times each, expected gaps that grow" },
	{ "backoff = exponential", FAIL,
	    KNEW("2") SYN("3", "1") SYN("4", "2") SYN("5.29", "3") SYN("6.9541", "4")
		SYN("9.100789", "5") RIG_END("20"),
	    "1.29 times" },
	{ "backoff = exponential", VOID,
	    KNEW("2") SYN("3", "1") SYN("4", "2") SYN("6", "3") RIG_END("20"), "too few" },
	{ "backoff = constant", PASS,
	    KNEW("2") SYN("3", "1") SYN("4", "2") SYN("5", "3") SYN("6", "4") RIG_END("20"),
	    "3 gaps that grow 1 times each, expected constant gaps" },
	{ "backoff = constant", PASS,
	    KNEW("2") SYN("3", "1") SYN("4", "2") SYN("5.25", "3") SYN("6.8125", "4") RIG_END("20"),
	    "1.25" },
	{ "backoff = constant", FAIL,
	    KNEW("2") SYN("3", "1") SYN("4", "2") SYN("5.26", "3") SYN("6.8476", "4") RIG_END("20"),
	    "1.26" },
	{ "backoff = constant", FAIL,
	    KNEW("2") SYN("3", "1") SYN("4", "2") SYN("4.79", "3") SYN("5.4141", "4") RIG_END("20"),
	    "0.79" },
	{ "backoff = any", PASS,
	    KNEW("2") SYN("3", "1") SYN("4", "2") SYN("8", "3") SYN("8.1", "4") RIG_END("20"),
	    NULL },
	{ "backoff = any", VOID, KNEW("2") RIG_END("20"), NULL },

	{ "max_storm = 2", PASS,
	    KNEW("2") SYN("3", "1") SYN("3.5", "2") SYN("4", "3") RIG_END("20"),
	    "2 attempts in a second, expected at most 2 attempts a second; 0 to spare" },
	{ "max_storm = 2", FAIL,
	    KNEW("2") SYN("3", "1") SYN("3.5", "2") SYN("3.999999999", "3") RIG_END("20"),
	    "3 attempts in a second, expected at most 2 attempts a second; 1 too many" },
	{ "max_storm = 2", VOID, UNUSED RIG_END("20"), NULL },

	{ "jitter_at_least = 40%", PASS,
	    STRUCK RIG_SESSION("0.6", "db", "9", "10.0.0.2:1") RIG_STRUCK(
		"1", "dead", "9", "10.0.0.2:1", "idle") RIG_PEER("2", "1", "fin")
		RIG_PEER("2", "9", "fin") SYN("3", "1") SYN("3.6",
		    "2") "3 client.syn proxy=db client=10.0.0.2:2 retransmission=false\n"
			 "4.4 client.syn proxy=db client=10.0.0.2:3 retransmission=false\n" RIG_END(
			     "20"),
	    "40 % of jitter, expected at least 40 % of jitter; 0 % more" },
	{ "jitter_at_least = 41%", FAIL,
	    STRUCK RIG_SESSION("0.6", "db", "9", "10.0.0.2:1") RIG_STRUCK(
		"1", "dead", "9", "10.0.0.2:1", "idle") RIG_PEER("2", "1", "fin")
		RIG_PEER("2", "9", "fin") SYN("3", "1") SYN("3.6",
		    "2") "3 client.syn proxy=db client=10.0.0.2:2 retransmission=false\n"
			 "4.4 client.syn proxy=db client=10.0.0.2:3 retransmission=false\n" RIG_END(
			     "20"),
	    "1 % too little" },
	{ "jitter_at_least = 10%", PASS,
	    KNEW("2") SYN("3", "1") SYN("4", "2") SYN("4.7", "3") SYN("6", "4") SYN("6.9", "5")
		RIG_END("20"),
	    NULL },
	{ "jitter_at_least = 10%", FAIL,
	    KNEW("2") SYN("3", "1") SYN("4", "2") SYN("5", "3") SYN("6", "4") RIG_END("20"),
	    "0 % of jitter" },
	{ "jitter_at_least = 10%", VOID, KNEW("2") SYN("3", "1") SYN("4", "2") RIG_END("20"),
	    NULL },

	{ "recover_within = 3s", PASS, KNEW("5") RIG_LIFTED CLOSED("") BACK("14") RIG_END("20"),
	    "first bytes both ways 3 s after the fault's end, expected within 3 s; 0 s to spare" },
	{ "recover_within = 3s", FAIL,
	    KNEW("5") RIG_LIFTED CLOSED("") BACK("14.000000001") RIG_END("20"), NULL },
	{ "recover_within = 3s", FAIL,
	    KNEW("5") RIG_LIFTED CLOSED("") RIG_OPEN("14", "db", "2", "10.0.0.1:2") RIG_END("20"),
	    "no bytes both ways since the fault's end, expected within 3 s; not in 9 s" },
	{ "recover_within = 3s", ERROR, KNEW("5") RIG_LIFTED CLOSED("") RIG_END("14"), NULL },
	{ "recover_within = 3s", VOID, KNEW("5") RIG_END("20"), "was lifted" },
	{ "recover_within = 3s", VOID, UNUSED RIG_END("20"), NULL },

	/* a session that lived */
	{ "recover_within = 3s", PASS, STRUCK RIG_LIFTED RIG_BYTES("14", "db", "1") RIG_END("20"),
	    "3 s after" },
	{ "recover_within = 3s", FAIL, STRUCK RIG_LIFTED RIG_BYTES("15", "db", "1") RIG_END("20"),
	    "4 s after" },
	{ "recover_within = 3s", ERROR, STRUCK RIG_LIFTED RIG_END("20"), "was not told" },
	{ "recover_within = 3s", ERROR,
	    STRUCK RIG_LIFTED "15 session.closed proxy=db session=1 upstream_bytes=99 "
			      "downstream_bytes=99 reason=closed\n" RIG_END("20"),
	    "was not told" },

	{ "full_recovery_within = 3s", PASS,
	    KNEW("5") RIG_SESSION("0.7", "db", "3", "10.0.0.3:1")
		RIG_STRUCK("1", "dead", "3", "10.0.0.3:1", "idle") RIG_LIFTED CLOSED(
		    "") "11 session.closed proxy=db session=3 reason=fault fault=dead\n" BACK("12")
		    RIG_SESSION("14", "db", "4", "10.0.0.3:2") RIG_END("20"),
	    "as many sessions with traffic as before 3 s after the fault's end, expected within 3 "
	    "s" },
	{ "full_recovery_within = 3s", FAIL,
	    KNEW("5") RIG_SESSION("0.7", "db", "3", "10.0.0.3:1")
		RIG_STRUCK("1", "dead", "3", "10.0.0.3:1", "idle") RIG_LIFTED CLOSED(
		    "") "11 session.closed proxy=db session=3 reason=fault fault=dead\n" BACK("12")
		    RIG_SESSION("14.000000001", "db", "4", "10.0.0.3:2") RIG_END("20"),
	    NULL },
	{ "full_recovery_within = 3s", FAIL,
	    KNEW("5") RIG_SESSION("0.7", "db", "3", "10.0.0.3:1") RIG_STRUCK(
		"1", "dead", "3", "10.0.0.3:1", "idle") RIG_LIFTED
		CLOSED("") "11 session.closed proxy=db session=3 reason=fault fault=dead\n" BACK(
		    "12") "12.5 session.closed proxy=db session=2 upstream_bytes=9 "
			  "downstream_bytes=9 reason=closed\n" RIG_SESSION(
			      "13", "db", "4", "10.0.0.3:2") RIG_END("20"),
	    NULL },
	{ "full_recovery_within = 3s", VOID, KNEW("5") RIG_END("20"), NULL },

	{ "exit_code = 3", FAIL, STRUCK "6 command.exited signal=SEGV\n" RIG_END("20"),
	    "killed by signal 11" },

	{ "no_zombies = yes", PASS, KNEW("5") RIG_END("20"),
	    "given up, expected no dead session still held" },
	{ "no_zombies = yes", FAIL, STRUCK RIG_END("20"),
	    "still held, expected no dead session still held" },
	{ "no_zombies = yes", FAIL, STRUCK RIG_LIFTED CLOSED("") RIG_END("20"),
	    "19 s after its death" },
	{ "no_zombies = yes", VOID, UNUSED RIG_END("20"), NULL },
	{ "no_zombies = yes", VOID, STRUCK RIG_LIFTED RIG_END("20"), "died" },

	{ "no_loss = yes", PASS, KNEW("5") RIG_LIFTED CLOSED("") RIG_END("20"),
	    "nothing lost, expected no byte lost" },
	{ "no_loss = yes", FAIL,
	    KNEW("5") RIG_LIFTED CLOSED(" upstream_lost_bytes=1") RIG_END("20"),
	    "1 bytes to the server and 0 to the client lost, expected no byte lost; 1 too many" },
	{ "no_loss = yes", FAIL,
	    KNEW("5") RIG_LIFTED CLOSED(" downstream_lost_bytes=1") RIG_END("20"), NULL },
	{ "no_loss = yes", ERROR, KNEW("5") RIG_END("20"), "had not ended" },
	{ "no_loss = yes", VOID, OPENED RIG_END("20"), NULL },

	{ "no_duplicates = yes", PASS, KNEW("5") RIG_LIFTED BACK("12") RIG_END("20"),
	    "nothing repeated" },
	{ "no_duplicates = yes", FAIL,
	    KNEW("5") RIG_LIFTED BACK(
		"12") "12 session.repeated proxy=db session=2 of=1 bytes=9\n" RIG_END("20"),
	    "a request of 9 bytes that had no answer was sent once more, expected no request sent "
	    "twice; 9 "
	    "too many" },
	{ "no_duplicates = yes", VOID, KNEW("5") RIG_LIFTED RIG_END("20"), "again" },

	{ "other_side_closed_within = 3s\nproxy = web", PASS,
	    RIG_SESSION("0.4", "web", "8", "10.0.0.9:1") STRUCK
	    "4 session.peer proxy=web session=8 leg=server what=fin seen_by=bytes\n" RIG_END("20"),
	    "closed after 3 s, expected within 3 s; 0 s to spare" },
	{ "other_side_closed_within = 3s\nproxy = web", FAIL,
	    RIG_SESSION("0.4", "web", "8", "10.0.0.9:1") STRUCK
	    "4.000000001 session.peer proxy=web session=8 leg=server what=fin "
	    "seen_by=bytes\n" RIG_END("20"),
	    NULL },
	{ "other_side_closed_within = 3s\nproxy = web", FAIL,
	    RIG_SESSION("0.4", "web", "8", "10.0.0.9:1") STRUCK RIG_END("20"),
	    "not closed, expected within 3 s; not in 19 s" },
	{ "other_side_closed_within = 3s\nproxy = web", VOID, STRUCK RIG_END("20"),
	    "another proxy's" },
	{ "other_side_closed_within = 3s\nproxy = db", VOID,
	    STRUCK RIG_SESSION("0.4", "db", "8", "10.0.0.9:1") RIG_END("20"), NULL },

	{ "exit_code = 3", PASS, STRUCK "6 command.exited code=3\n" RIG_END("20"),
	    "exit code 3, expected exit code 3 (" },
	{ "exit_code = 3", FAIL, STRUCK "6 command.exited code=2\n" RIG_END("20"),
	    "exit code 2, expected exit code 3 (" },
	{ "exit_code = 3", FAIL, STRUCK "6 command.exited signal=11\n" RIG_END("20"),
	    "killed by signal 11" },
	{ "exit_code = 3", VOID, STRUCK RIG_END("20"), "did not end by itself" },
	{ "exit_code = 3", VOID, STRUCK "19 command.exited code=3 ended=true\n" RIG_END("20"),
	    NULL },
	{ "exit_code = 3", VOID, STRUCK RIG_END("20") "21 command.exited code=3\n", NULL },

	{ "slower_than = 100%", PASS, KEEPALIVE KNEW("8") RIG_END("30"),
	    "detected after 7 s, its settings predict 7" },
	{ "slower_than = 100%", FAIL, KEEPALIVE KNEW("7.99") RIG_END("30"),
	    "10 ms before the least" },
	{ "slower_than = 100%", VOID, KNEW("8") RIG_END("30"), "settings predict" },
	{ "faster_than = 200%", PASS, KEEPALIVE KNEW("15.6") RIG_END("30"), NULL },
	{ "faster_than = 200%", FAIL, KEEPALIVE KNEW("15.7") RIG_END("30"), "beyond the limit" },
	{ "faster_than = 200%", FAIL, KEEPALIVE STRUCK RIG_END("30"), "not detected in 29 s" },
	{ "faster_than = 200%", VOID, KEEPALIVE STRUCK RIG_END("10"), NULL },
	{ "faster_than = 200%", VOID, KNEW("8") RIG_END("30"), NULL },
};

static struct rig judge(const char *expect, const char *script)
{
	const char *const scripts[] = { script, NULL };
	char text[1024];

	snprintf(text, sizeof(text), "%s%s[expect]\n%s\n", RIG_PROXIES, RIG_STEP, expect);
	return rig_judge(text, scripts);
}

static const int exits[] = { 0, 1, 3, 1 };
static const char *const words[] = { PASS, FAIL, VOID, ERROR };

START_TEST(each_kind)
{
	struct rig r = judge(cases[_i].expect, cases[_i].script);
	const char *message = rig_expect(&r, 0, "message"), *got = rig_expect(&r, 0, "result");

	ck_assert_msg(!strcmp(got, cases[_i].result), "case %d: %s, not %s: %s", _i, got,
	    cases[_i].result, message);
	ck_assert_msg(!cases[_i].message || strstr(message, cases[_i].message),
	    "case %d: no \"%s\" in: %s", _i, cases[_i].message, message);
	ck_assert_str_eq(rig_result(&r), got);
	for (size_t i = 0; i < 4; i++)
		if (!strcmp(words[i], got))
			ck_assert_int_eq(verdict_exit_code(r.verdict), exits[i]);
	rig_free(&r);
}
END_TEST

/* A kind without a case in which it passes, fails and is vacuous is not tested. */
START_TEST(no_kind_is_left_out)
{
	for (int kind = 0; kind < EXPECT_KINDS; kind++)
		for (int want = 0; want < 3; want++) {
			const size_t len = strlen(expect_rows[kind].key);
			bool found = false;

			for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
				found |= !strncmp(cases[i].expect, expect_rows[kind].key, len) &&
					 cases[i].expect[len] == ' ' &&
					 !strcmp(cases[i].result, words[want]);
			ck_assert_msg(
			    found, "%s: no case that is %s", expect_rows[kind].key, words[want]);
		}
}
END_TEST

/* ---- what comes of all ---- */

static const struct {
	const char *expect, *script, *result;
	int code;
} rules[] = {
	{ "detect_within = 9s\nno_zombies = yes", KNEW("5") RIG_END("20"), PASS, 0 },
	{ "detect_within = 9s\nexit_code = 0", KNEW("5") RIG_END("20"), VOID, 3 },
	{ "detect_within = 1s\nexit_code = 0", KNEW("5") RIG_END("20"), FAIL, 1 },
	{ "detect_within = 1s\nexit_code = 0\nno_loss = yes", KNEW("5") RIG_END("20"), ERROR, 1 },
	{ "detect_within = 9s\nno_zombies = no", KNEW("5") RIG_END("20"), PASS, 0 },
	{ "detect_within = 9s",
	    KNEW("5") "6 step.ended step=cut result=fail message=x\n" RIG_END("20"), FAIL, 1 },
	{ "detect_within = 9s",
	    KNEW("5") "6 step.ended step=cut result=error message=x\n" RIG_END("20"), ERROR, 1 },
	{ "detect_within = 9s",
	    RIG_RELAY "1 fault.refused fault=dead type=power_loss reason=none\n" RIG_END("20"),
	    ERROR, 4 },
	{ "detect_within = 9s", KNEW("5") "6 run.events_lost relay=local lost=3\n" RIG_END("20"),
	    ERROR, 1 },
	{ "detect_within = 1s", KNEW("5") "6 run.events_lost relay=local lost=3\n" RIG_END("20"),
	    FAIL, 1 },
	{ "detect_within = 9s", KNEW("5") "20 run.end reason=relay\n", ERROR, 4 },
	{ "detect_within = 1s", KNEW("5") "20 run.end reason=relay\n", ERROR, 4 },
};

START_TEST(the_whole)
{
	struct rig r = judge(rules[_i].expect, rules[_i].script);

	ck_assert_msg(!strcmp(rig_result(&r), rules[_i].result), "rule %d: %s", _i, rig_result(&r));
	ck_assert_int_eq(verdict_exit_code(r.verdict), rules[_i].code);
	rig_free(&r);
}
END_TEST

START_TEST(a_signal_is_the_exit_code_and_never_a_pass)
{
	const struct run_about about = { .signal = 2, .config_text = "" };
	const char *const script[] = { KNEW("5") RIG_END("20"), NULL };
	struct rig r =
	    rig_judge_as(RIG_PROXIES RIG_STEP "[expect]\ndetect_within = 9s\n", script, &about);

	ck_assert_str_eq(rig_expect(&r, 0, "result"), "pass");
	ck_assert_str_eq(rig_result(&r), "error");
	ck_assert_int_eq(verdict_exit_code(r.verdict), 130);
	rig_free(&r);
}
END_TEST

START_TEST(a_relay_that_tells_of_no_strikes_is_an_error)
{
	struct rig r = judge("detect_within = 9s",
	    "-1 run.relay relay=far admin=unix:/s\n" RIG_SESSION("0.5", "db", "1", A)
		RIG_BEGAN RIG_END("20"));

	ck_assert_str_eq(rig_result(&r), "error");
	ck_assert_ptr_nonnull(
	    strstr(rig_expect(&r, 0, "message"), "far does not tell which sessions"));
	rig_free(&r);
}
END_TEST

START_TEST(clients_that_cannot_be_seen_are_an_error)
{
	static const char *const expects[] = { "detect_within = 4s", "never_detect = yes",
		"no_zombies = yes", NULL };

	for (size_t i = 0; expects[i]; i++) {
		struct rig r = judge(expects[i],
		    RIG_BLIND RIG_SESSION("0.5", "db", "1", A)
			RIG_BEGAN RIG_STRUCK("1", "dead", "1", A, "idle") RIG_END("20"));

		ck_assert_str_eq(rig_result(&r), "error");
		ck_assert_ptr_nonnull(
		    strstr(rig_expect(&r, 0, "message"), "neither by its segments"));
		rig_free(&r);
	}
}
END_TEST

#define UNSEEN                                                                                     \
	RIG_BLIND RIG_SESSION("0.5", "db", "1", A)                                                 \
	RIG_BEGAN                                                                                  \
	RIG_STRUCK("1", "dead", "1", A, "idle")                                                    \
	RIG_PEER("2", "1", "fin")                                                                  \
	RIG_OPEN("3", "db", "2", "10.0.0.1:2")                                                     \
	"3.5 session.closed proxy=db session=2 reason=closed\n" RIG_OPEN("4", "db", "3",           \
	    "10.0.0.1:3") "4.5 session.closed proxy=db session=3 reason=closed\n" RIG_OPEN("5",    \
	    "db", "4",                                                                             \
	    "10.0.0.1:4") "5.5 session.closed proxy=db session=4 reason=closed\n" RIG_OPEN("6",    \
	    "db", "5", "10.0.0.1:5") RIG_END("2"                                                   \
					     "0")

static const struct {
	const char *expect, *result;
} unseen[] = { { "max_attempts = 9", ERROR }, { "max_attempts = 3", FAIL },
	{ "min_first_delay = 1s", ERROR }, { "min_first_delay = 2s", FAIL },
	{ "backoff = constant", ERROR }, { "max_storm = 9", ERROR },
	{ "jitter_at_least = 50%", ERROR } };

START_TEST(attempts_that_cannot_be_seen_pass_nothing)
{
	struct rig r = judge(unseen[_i].expect, UNSEEN);
	const char *message = rig_expect(&r, 0, "message");

	ck_assert_msg(
	    !strcmp(rig_result(&r), unseen[_i].result), "%s: %s", unseen[_i].expect, message);
	/* what cannot be told has nothing to spare, but a remedy */
	if (!strcmp(unseen[_i].result, ERROR)) {
		ck_assert_msg(
		    !strstr(message, "to spare") && !strstr(message, "too little"), "%s", message);
		ck_assert_msg(
		    strstr(message, "could not be seen; grant it: deadpeer doctor") != NULL, "%s",
		    message);
	}
	rig_free(&r);
}
END_TEST

/* Sockets are looked at now and then: one that is refused at once is gone by then. */
START_TEST(refused_attempts_are_not_seen_by_sockets)
{
	struct rig r = judge(unseen[_i].expect,
	    UNSEEN "0.6 peer.socket proxy=db client=" A " old=SYN-SENT new=ESTAB\n"
		   "1.5 proxy.gate proxy=db old=silent new=refuse\n");

	ck_assert_msg(!strcmp(rig_result(&r), unseen[_i].result), "%s: %s", unseen[_i].expect,
	    rig_expect(&r, 0, "message"));
	rig_free(&r);
	r = judge("max_attempts = 9",
	    UNSEEN "0.6 peer.socket proxy=db client=" A " old=SYN-SENT new=ESTAB\n");
	ck_assert_str_eq(rig_result(&r), PASS);
	rig_free(&r);
}
END_TEST

/* ---- bindings ---- */

static const struct {
	const char *scope, *result;
} scopes[] = { { "step = cut", FAIL }, { "step = later", "skipped" }, { "proxy = db", FAIL },
	{ "proxy = web", VOID }, { "client = 10.0.0.0/8", FAIL }, { "client = 10.0.0.2", VOID } };

START_TEST(an_expectation_is_bound)
{
	const char *const script[] = { KNEW("5") RIG_END("20"), NULL };
	char text[1024];
	struct rig r;

	snprintf(text, sizeof(text), "%s%s%s[expect mine]\ndetect_within = 1s\n%s\n", RIG_PROXIES,
	    RIG_STEP, "[at 30s]\nname = later\narm = reset proxy=db\n", scopes[_i].scope);
	r = rig_judge(text, script);
	ck_assert_msg(!strcmp(rig_expect(&r, 0, "result"), scopes[_i].result), "%s: %s",
	    scopes[_i].scope, rig_expect(&r, 0, "message"));
	ck_assert_str_eq(rig_expect(&r, 0, "name"), "mine");
	rig_free(&r);
}
END_TEST

/* ---- the sentence ---- */

START_TEST(the_sentence)
{
	struct rig r = judge("detect_within = 30s",
	    "0.6 peer.settings proxy=db client=" A " pid=7 process=app known=true keepalive=false "
	    "user_timeout_ns=0 retries2=15\n" OPENED "1 step.began step=cut iteration=1\n"
	    "1 fault.armed fault=dead type=power_loss side=server\n"
	    "1 fault.active fault=dead type=power_loss side=server grade=exact\n" RIG_STRUCK(
		"1", "dead", "1", A, "busy") "938 peer.socket proxy=db client=" A
					     " old=ESTAB new=gone\n" RIG_END("950"));
	const char *message = rig_expect(&r, 0, "message");

	ck_assert_msg(strstr(message, "detected after 937 s, its settings predict 925..") != NULL,
	    "%s", message);
	ck_assert_msg(
	    strstr(message, " s, expected within 30 s: no user timeout is set; 907 s too late; set "
			    "TCP_USER_TIMEOUT, or a deadline for the answer") != NULL,
	    "%s", message);
	ck_assert_str_eq(json_string_value(rig_at(&r, "deaths", 0, "against")), "within");
	rig_free(&r);
}
END_TEST

/* Of several, the one that is told is the worst: of failures and of passes. */
START_TEST(the_worst_case_is_told)
{
	static const char *const expects[] = { "detect_within = 9s", "detect_within = 1s", NULL };

	for (size_t i = 0; expects[i]; i++) {
		struct rig r = judge(expects[i],
		    STRUCK RIG_SESSION("0.6", "db", "2", "10.0.0.2:1") RIG_SESSION("0.6", "db", "3",
			"10.0.0.3:1") RIG_STRUCK("1", "dead", "2", "10.0.0.2:1", "idle")
			RIG_STRUCK("1", "dead", "3", "10.0.0.3:1", "idle") RIG_PEER("4", "1", "fin")
			    RIG_PEER("6", "2", "fin") RIG_PEER("5", "3", "fin") RIG_END("20"));

		ck_assert_int_eq(json_integer_value(rig_at(&r, "expectations", 0, "session")), 2);
		ck_assert_int_eq(
		    json_integer_value(rig_at(&r, "expectations", 0, "duration_ns")), 5000000000);
		ck_assert_int_eq(json_integer_value(rig_at(&r, "expectations", 0, "cases")), 3);
		rig_free(&r);
	}
}
END_TEST

/* ---- settled ---- */

#define SKIPPED "2 step.ended step=cut iteration=1 result=skipped\n"

static const struct {
	const char *expect, *script;
	bool settled;
} settlings[] = {
	{ "detect_within = 9s", STRUCK, false },
	{ "detect_within = 9s", KNEW("5"), true },
	{ "detect_within = 9s", OPENED, false },
	{ "detect_within = 9s", OPENED "1 step.ended step=cut iteration=1 result=pass\n", false },
	/* nothing was struck, and nothing can be any more */
	{ "detect_within = 9s", OPENED SKIPPED, true },
	{ "never_detect = yes", OPENED SKIPPED, true },
	{ "exit_code = 0", OPENED SKIPPED, false },
	{ "detect_within = 9s\nexit_code = 0", OPENED SKIPPED, false },
	{ "detect_within = 9s", OPENED RIG_BEGAN RIG_LIFTED, true },
	{ "detect_within = 9s", OPENED RIG_BEGAN, false },
	{ "detect_within = 9s", OPENED RIG_BEGAN SKIPPED, false },
	{ "detect_within = 9s", STRUCK SKIPPED, false },
	{ "never_detect = yes", KNEW("5") RIG_LIFTED, false },
	{ "reconnect_within = 9s", KNEW("5") RIG_LIFTED, false },
	{ "reconnect_within = 9s", KNEW("5") RIG_LIFTED BACK("12"), true },
	{ "recover_within = 9s", KNEW("5"), false },
	{ "recover_within = 9s", KNEW("5") RIG_LIFTED BACK("12"), true },
	{ "full_recovery_within = 9s", KNEW("5") RIG_LIFTED BACK("12"), false },
	{ "full_recovery_within = 9s", KNEW("5") RIG_LIFTED BACK("12") "13 run.zero\n", true },
	{ "never_detect = yes", STRUCK, false },
	{ "no_loss = yes", KNEW("5"), false },
	{ "no_loss = yes", KNEW("5") CLOSED(""), true },
	{ "exit_code = 0", KNEW("5"), false },
	{ "exit_code = 0", KNEW("5") "6 command.exited code=1\n", true },
	{ "exit_code = 0", OPENED "6 command.exited code=1\n", false },
	{ "other_side_closed_within = 1s\nproxy = web",
	    RIG_SESSION("0.4", "web", "8", "10.0.0.9:1") STRUCK, false },
	{ "other_side_closed_within = 1s\nproxy = web",
	    RIG_SESSION("0.4", "web", "8", "10.0.0.9:1") STRUCK
	    "2 session.closed proxy=web session=8 reason=closed\n",
	    true },
};

START_TEST(what_is_left_to_wait_for)
{
	char text[1024];
	struct scenario *s;
	struct journal j = { 0 };

	snprintf(
	    text, sizeof(text), "%s%s[expect]\n%s\n", RIG_PROXIES, RIG_STEP, settlings[_i].expect);
	s = rig_scenario(text);
	rig_tell(&j, settlings[_i].script);
	ck_assert_msg(verdict_settled(s, &j) == settlings[_i].settled, "settling %d: %s", _i,
	    settlings[_i].expect);
	journal_free(&j);
	scenario_free(s);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof(*(a)))

Suite *verdict_suite(void)
{
	Suite *s = suite_create("verdict");
	TCase *t = tcase_create("all");

	tcase_add_unchecked_fixture(t, scratch_make, scratch_remove);
	tcase_add_loop_test(t, each_kind, 0, COUNT(cases));
	tcase_add_test(t, no_kind_is_left_out);
	tcase_add_loop_test(t, the_whole, 0, COUNT(rules));
	tcase_add_test(t, a_signal_is_the_exit_code_and_never_a_pass);
	tcase_add_test(t, a_relay_that_tells_of_no_strikes_is_an_error);
	tcase_add_test(t, clients_that_cannot_be_seen_are_an_error);
	tcase_add_loop_test(t, attempts_that_cannot_be_seen_pass_nothing, 0, COUNT(unseen));
	tcase_add_loop_test(t, refused_attempts_are_not_seen_by_sockets, 0, COUNT(unseen));
	tcase_add_loop_test(t, an_expectation_is_bound, 0, COUNT(scopes));
	tcase_add_test(t, the_sentence);
	tcase_add_test(t, the_worst_case_is_told);
	tcase_add_loop_test(t, what_is_left_to_wait_for, 0, COUNT(settlings));
	suite_add_tcase(s, t);
	return s;
}
