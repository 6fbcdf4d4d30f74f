/*
 * When does an application learn that its peer has died? Pure functions from a connection's
 * settings, a death and what the connection is doing to a range of time, by the rules of RFC 6298,
 * RFC 9293 (3.8.6.1, 3.8.4), RFC 1122 (4.2.3.6) and Linux's net/ipv4/tcp_timer.c:
 *
 *   connecting  tcp_write_timeout(): tcp_syn_retries + tcp_syn_linear_timeouts firings, or the
 *               first at or after tcp_model_timeout(tcp_syn_retries, 1 s)
 *   sending     retransmits_timed_out(): the first firing at or after tcp_model_timeout(
 *               tcp_retries2, 200 ms), or TCP_USER_TIMEOUT, counted from the first retransmission
 *   idle        tcp_keepalive_timer(): idle + count x interval; with a user timeout the first
 *               unanswered probe at or after it instead. Silent while data is in flight
 *   blocked     tcp_probe_timer(): tcp_retries2 unanswered window probes, or the user timeout,
 *               answered or not
 *
 * low is what the rules ask for, high what the kernel's timers may add: a timer of the wheel
 * (kernel/time/timer.c) is late by up to an eighth of its wait, a first retransmission may come
 * after a tail loss probe (RFC 8985), and a timeout is found by the first timer at or after it. A
 * machine too busy to run its timers is later still. Other systems' rules are estimates.
 */
#pragma once
#include "model/predict_settings.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum predict_death {
	PREDICT_POWER_LOSS,
	PREDICT_REBOOT,
	PREDICT_PROCESS_CRASH,
	PREDICT_HANG,
	PREDICT_PARTITION,
	PREDICT_RESET,
	PREDICT_IDLE_TIMEOUT,
	PREDICT_DEATHS
};
extern const char *const predict_death_names[];

enum predict_when {
	PREDICT_IDLE,       /* nothing in flight, nothing asked */
	PREDICT_WAITING,    /* the question was acknowledged, the answer has not come */
	PREDICT_SENDING,    /* from the first byte that is not acknowledged */
	PREDICT_CONNECTING, /* from the first SYN */
	PREDICT_BLOCKED,    /* the peer does not read: zero window */
	PREDICT_WHENS
};
extern const char *const predict_when_names[];

enum predict_forget { PREDICT_DROP, PREDICT_RST_NEXT, PREDICT_RST_BOTH, PREDICT_FIN };
extern const char *const predict_forget_names[];

/* How it dies. Durations in nanoseconds. */
struct predict_fate {
	int64_t back_after_ns;    /* reboot: its kernel answers again */
	int64_t service_delay_ns; /* ... and somebody listens so long after that */
	int64_t heal_after_ns;    /* partition; 0: never */
	int64_t forget_after_ns;  /* idle_timeout */
	int forget;               /* enum predict_forget */
	int64_t idle_for_ns;      /* idle, waiting: the peer's last segment, so long before */
	int64_t blocked_for_ns;   /* blocked: the window closed so long before */
};

enum predict_outcome {
	PREDICT_NOTICED,    /* an error or EOF, in [low, high] */
	PREDICT_NEVER,      /* nothing will tell it */
	PREDICT_ALIVE,      /* never: the peer's kernel answers */
	PREDICT_CARRIES_ON, /* never: it is over, and bytes get through again in [low, high] */
	PREDICT_CONNECTED,  /* a connection, in [low, high] */
	PREDICT_UNKNOWN,    /* this system is not modelled so far */
};
extern const char *const predict_outcome_names[];

enum predict_by {
	PREDICT_BY_NOTHING,
	PREDICT_BY_FIN,
	PREDICT_BY_RST,
	PREDICT_BY_KEEPALIVE,       /* its count of probes */
	PREDICT_BY_KEEPALIVE_LIMIT, /* the user timeout, found at a keepalive probe */
	PREDICT_BY_USER_TIMEOUT,
	PREDICT_BY_RETRIES, /* tcp_retries2 */
	PREDICT_BY_SYN_RETRIES,
	PREDICT_BY_WINDOW_PROBES,
	PREDICT_BY_DEADLINE,
	PREDICT_BY_RETRANSMISSION, /* it, or a probe, is answered at last */
	PREDICT_BY_PROBE,
	PREDICT_BY_SYN,
};
extern const char *const predict_by_names[];

enum predict_from {
	PREDICT_FROM_DEATH,  /* sending: the first byte not acknowledged; connecting: the SYN */
	PREDICT_FROM_CLOSED, /* the moment the window closed */
	PREDICT_FROM_LAST,   /* the last segment that got through */
};
extern const char *const predict_from_names[];

enum predict_sent {
	PREDICT_SENT_NOTHING,
	PREDICT_SENT_DATA,
	PREDICT_SENT_PROBES,
	PREDICT_SENT_SYNS,
	PREDICT_SENT_WINDOW_PROBES
};
extern const char *const predict_sent_names[];

/* A timer's firing: what is sent then, and when, after the death. */
struct predict_row {
	int64_t wait_ns, model_ns, low_ns, high_ns;
};

#define PREDICT_ROWS_MAX 130 /* the rest is not stored; 127 keepalive probes are */

struct prediction {
	enum predict_outcome outcome;
	enum predict_by by;
	int error;        /* errno; 0: EOF, or the application's own */
	int64_t model_ns; /* the textbook's figure */
	int64_t low_ns, high_ns;
	enum predict_from from;   /* what all times are counted from */
	bool either;              /* two things race; the other may come first */
	bool estimate;            /* not Linux */
	enum predict_sent sent;   /* what the rows are */
	size_t n_rows, more_rows; /* stored, and not stored */
	char advice[240];         /* one sentence; "" where there is nothing to say */
	struct predict_row rows[PREDICT_ROWS_MAX];
};

void predict(const struct predict_settings *s, const struct predict_fate *f,
    enum predict_death death, enum predict_when when, struct prediction *out);

/* tcp_model_timeout(): how long n doublings of base take that stop at max. */
int64_t predict_model_timeout(uint64_t n, int64_t base_ns, int64_t max_ns);
