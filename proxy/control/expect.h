/*
 * The table of expectations: for each kind what it is held against (deaths, sessions, comebacks,
 * recoveries, the command), the function that judges one case, and how that is said.
 */
#pragma once
#include "control/facts.h"
#include "control/forecast.h"
#include "control/verdict.h"

#define EXPECT_WORDS 240

/* What one case shows. */
struct finding {
	enum found { FOUND_NO_CASE, FOUND_PASS, FOUND_FAIL, FOUND_UNTOLD } found;
	double badness;      /* how near to failing, or how far beyond; the worst is told */
	int64_t measured_ns; /* NOT_YET: no time */
	size_t session;      /* NOBODY: none */
	char actual[EXPECT_WORDS], margin[EXPECT_WORDS];
	char why[EXPECT_WORDS]; /* what explains it, and what would help; "" nothing */
	char advice[EXPECT_WORDS];
};

struct judging {
	const struct facts *facts;
	const struct expectation *e;
	const struct predict_settings *system;
};

enum expect_over { OVER_DEATHS, OVER_SESSIONS, OVER_COMEBACKS, OVER_RECOVERIES, OVER_COMMAND };

/* What a verdict_settled() waits for. */
enum expect_wait {
	WAITS_DETECTED = 1,  /* every death known, or over */
	WAITS_RETURNED = 2,  /* every client back with traffic */
	WAITS_RECOVERED = 4, /* first traffic after each end */
	WAITS_FULL = 8,      /* all traffic, and a second more */
	WAITS_CLOSED = 16,   /* every struck session over, or alive */
	WAITS_EXITED = 32,
	WAITS_END = 64,     /* only the end tells */
	WAITS_OTHERS = 128, /* the other side's sessions are over */
};

struct expect_judge {
	enum expect_over over;
	/* NULL finding fields are "" or none when it is called. */
	void (*judge)(const struct judging *j, size_t i, struct finding *out);
	void (*expected)(const struct expectation *e, char buf[static EXPECT_WORDS]);
	const char *nothing; /* why there was no case */
	unsigned waits;
};

extern const struct expect_judge expect_judges[EXPECT_KINDS];

struct judged {
	enum result result;
	bool counts; /* no: it was not asked ("no") */
	size_t cases;
	struct finding worst;
	char expected[EXPECT_WORDS], message[8 * EXPECT_WORDS];
};

void expect_judge(const struct judging *j, struct judged *out);

/* ---- for the judges ---- */

/* Is it bound to this one? */
bool expect_takes_death(const struct judging *j, const struct fact_death *d);
bool expect_takes_session(const struct judging *j, const struct fact_session *s);

/* Held against the expectation's time. never: it had not happened when watching ended, so long
 * (measured) after it should have begun. */
void expect_time(const struct judging *j, int64_t measured_ns, bool never, struct finding *out);
void expect_say(char buf[static EXPECT_WORDS], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Could a sign of the watcher have been seen? */
bool expect_visible(const struct facts *f, const struct fact_death *d);

#define JUDGE(name) void name(const struct judging *j, size_t i, struct finding *out)
JUDGE(judge_detect_within);
JUDGE(judge_never_detect);
JUDGE(judge_reconnect_within);
JUDGE(judge_max_attempts);
JUDGE(judge_min_first_delay);
JUDGE(judge_backoff);
JUDGE(judge_max_storm);
JUDGE(judge_jitter);
JUDGE(judge_recover_within);
JUDGE(judge_full_recovery);
JUDGE(judge_no_zombies);
JUDGE(judge_no_loss);
JUDGE(judge_no_duplicates);
JUDGE(judge_other_side);
JUDGE(judge_exit_code);
JUDGE(judge_slower_than);
JUDGE(judge_faster_than);
