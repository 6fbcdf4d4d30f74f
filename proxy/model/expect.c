/* The table of expectations. Its rows are in the order of enum expect_kind. */
#include "model/expect.h"
#include "base/mono.h"

#define DAY (86400 * NS_PER_S)

const char *const backoff_names[] = { "any", "constant", "exponential", NULL };

#define WITHIN(name)                                                                               \
	.key = name, .kind = FIELD_DURATION, .offset = offsetof(union expect_value, ns), .max = DAY
#define COUNT(name) .key = name, .kind = FIELD_COUNT, .offset = offsetof(union expect_value, count)
#define SHARE(name) .key = name, .kind = FIELD_SHARE, .offset = offsetof(union expect_value, share)
#define YES(name)   .key = name, .kind = FIELD_BOOL, .offset = offsetof(union expect_value, yes)

const struct field expect_rows[] = {
	[EXPECT_DETECT_WITHIN] = { WITHIN("detect_within"),
	    .help = "every death is noticed by its watcher so soon" },
	[EXPECT_NEVER_DETECT] = { YES("never_detect"), .help = "no death is noticed at all" },
	[EXPECT_RECONNECT_WITHIN] = { WITHIN("reconnect_within"),
	    .help = "every client is accepted again so soon after the death's end" },
	[EXPECT_MAX_ATTEMPTS] = { COUNT("max_attempts"), .max = 1000000,
	    .help = "most attempts of one client until it has traffic again" },
	[EXPECT_MIN_FIRST_DELAY] = { WITHIN("min_first_delay"),
	    .help = "least time between the detection and a client's first attempt" },
	[EXPECT_BACKOFF] = { .key = "backoff",
	    .kind = FIELD_CHOICE,
	    .offset = offsetof(union expect_value, backoff),
	    .choices = backoff_names,
	    .help = "how the gaps between a client's attempts grow" },
	[EXPECT_MAX_STORM] = { COUNT("max_storm"), .max = 1000000,
	    .help = "most attempts of all clients together in any second" },
	[EXPECT_JITTER_AT_LEAST] = { SHARE("jitter_at_least"), .max = 100,
	    .help = "least spread of the attempts' gaps: standard deviation by mean" },
	[EXPECT_RECOVER_WITHIN] = { WITHIN("recover_within"),
	    .help = "first bytes both ways so soon after the death's end" },
	[EXPECT_FULL_RECOVERY_WITHIN] = { WITHIN("full_recovery_within"),
	    .help = "as many sessions with traffic as before the death, so soon after its end" },
	[EXPECT_NO_ZOMBIES] = { YES("no_zombies"),
	    .help = "at the end nobody holds a session whose other end is dead" },
	[EXPECT_NO_LOSS] = { YES("no_loss"),
	    .help = "no byte was taken from one end and never delivered to the other" },
	[EXPECT_NO_DUPLICATES] = { YES("no_duplicates"),
	    .help = "no request that had no answer is sent once more" },
	[EXPECT_OTHER_SIDE_CLOSED_WITHIN] = { WITHIN("other_side_closed_within"),
	    .help = "sessions of proxy= are ended so soon after one of another proxy died" },
	[EXPECT_EXIT_CODE] = { COUNT("exit_code"), .max = 255,
	    .help = "what the command exits with" },
	[EXPECT_SLOWER_THAN] = { SHARE("slower_than"), .max = 100000,
	    .help = "every death is noticed no sooner than this part of the predicted time" },
	[EXPECT_FASTER_THAN] = { SHARE("faster_than"), .max = 100000,
	    .help = "every death is noticed no later than this part of the predicted time" },
	[EXPECT_KINDS] = { .key = NULL },
};

const struct field expect_scope_fields[] = {
	{ .key = "step",
	    .kind = FIELD_TEXT,
	    .offset = offsetof(struct expectation, step),
	    .help = "only deaths of the faults of this step" },
	{ .key = "proxy",
	    .kind = FIELD_TEXT,
	    .offset = offsetof(struct expectation, proxy),
	    .help = "only sessions of this proxy" },
	{ .key = "client",
	    .kind = FIELD_CIDR,
	    .offset = offsetof(struct expectation, client),
	    .help = "only clients with this address or in this range; * for all" },
	{ .key = NULL },
};
