/*
 * What a scenario expects of the application. Each key of an [expect] section is one expectation.
 */
#pragma once
#include "model/spec.h"

/* What is judged: one key of an [expect]. The order of expect_rows. */
enum expect_kind {
	EXPECT_DETECT_WITHIN,
	EXPECT_NEVER_DETECT,
	EXPECT_RECONNECT_WITHIN,
	EXPECT_MAX_ATTEMPTS,
	EXPECT_MIN_FIRST_DELAY,
	EXPECT_BACKOFF,
	EXPECT_MAX_STORM,
	EXPECT_JITTER_AT_LEAST,
	EXPECT_RECOVER_WITHIN,
	EXPECT_FULL_RECOVERY_WITHIN,
	EXPECT_NO_ZOMBIES,
	EXPECT_NO_LOSS,
	EXPECT_NO_DUPLICATES,
	EXPECT_OTHER_SIDE_CLOSED_WITHIN,
	EXPECT_EXIT_CODE,
	EXPECT_SLOWER_THAN,
	EXPECT_FASTER_THAN,
	EXPECT_KINDS
};
enum backoff { BACKOFF_ANY, BACKOFF_CONSTANT, BACKOFF_EXPONENTIAL };
extern const char *const backoff_names[];

union expect_value {
	int64_t ns;     /* ..._within, min_first_delay */
	uint64_t count; /* max_attempts, exit_code; max_storm: attempts a second */
	double share;   /* jitter_at_least: 0..1; slower_than, faster_than: 1.1 is "110%" */
	int backoff;    /* enum backoff */
	bool yes;       /* never_detect, no_zombies, no_loss, no_duplicates; "no": not judged */
};

/* Rows of a table of field.h over union expect_value (offset 0), so that values, help and the
 * manual come from one place; by key NULL. */
extern const struct field expect_rows[];
extern const struct field expect_scope_fields[]; /* step, proxy, client; struct expectation */

struct expectation {
	enum expect_kind kind;
	union expect_value value;
	char *text; /* its value as written */
	struct where where;
	/* What it is about; NULL, family 0: all. */
	char *name; /* of its [expect NAME]; NULL: none; owned, as the next two */
	char *step, *proxy;
	struct cidr client;
};
