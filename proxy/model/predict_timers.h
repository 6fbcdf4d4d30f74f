/*
 * One timer of a connection, from its first firing to the one that gives up. What is known of each
 * firing is three times: the textbook's, the earliest and the latest possible. Private to predict.
 */
#pragma once
#include "model/predict.h"

struct moment {
	int64_t model, low, high;
};

/* Firing n comes one wait after firing n - 1; the wait before firing n is
 * base << min(n + skip - linear, doublings), at most max. */
struct plan {
	enum predict_sent sent;
	struct moment first; /* firing 0 */
	struct moment start; /* what `limit` is counted from */
	struct moment base;  /* of the waits */
	uint64_t skip;       /* so many firings came before */
	bool lag;            /* ... or one fewer, if the timers were late */
	uint64_t linear;     /* so many waits are not doubled */
	uint64_t doublings;  /* the most */
	int64_t max_ns;      /* of a wait */
	int64_t limit_ns;    /* the first firing but firing 0 at or after it gives up; 0: none */
	bool exact;          /* the last wait is cut down to the limit */
	uint64_t count;      /* firing `count` gives up */
	uint64_t spare;      /* ... or perhaps so many firings sooner */
	int64_t tick_ns;
};

/* How late a timer of the wheel may be (calc_index(): LVL_GRAN, kernel/time/timer.c). */
int64_t timers_late(int64_t wait_ns, int64_t tick_ns);

/* What is sent, into out's rows; and when it is given up. True: by count, not by time. */
bool timers_give_up(const struct plan *p, struct prediction *out, struct moment *end);

/* The first firing at or after at_ns, looked for until until_ns. rows: as above, until that one. */
void timers_next(const struct plan *p, int64_t at_ns, int64_t until_ns, struct prediction *out,
    struct moment *next);
