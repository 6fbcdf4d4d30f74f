/*
 * What decides how long a connection waits: its own options and its system's settings.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum predict_os { PREDICT_LINUX, PREDICT_MACOS, PREDICT_WINDOWS, PREDICT_FREEBSD };
extern const char *const predict_os_names[]; /* "linux" ..., NULL; the same with all names here */

/* Durations in nanoseconds; 0: none, unless told otherwise. */
struct predict_settings {
	int os;         /* enum predict_os */
	bool keepalive; /* SO_KEEPALIVE */
	int64_t keep_idle_ns, keep_interval_ns;
	uint64_t keep_count;
	int64_t user_timeout_ns; /* TCP_USER_TIMEOUT */
	uint64_t retries2;       /* Linux: a time by the model; others: a count */
	uint64_t syn_retries;    /* or TCP_SYNCNT */
	uint64_t syn_linear;     /* tcp_syn_linear_timeouts */
	int64_t rtt_ns;
	int64_t rto_ns;           /* the connection's own; 0: rtt + rto_min */
	int64_t rto_min_ns;       /* least variance term of the RTO (tcp_rto_min_us) */
	int64_t rto_max_ns;       /* tcp_rto_max_ms */
	int64_t rto_top_ns;       /* what a first RTO may be at most; 0: exactly as above */
	int64_t syn_rto_ns;       /* before anything was measured: 1 s */
	int64_t connect_limit_ns; /* 0: by syn_retries */
	int64_t tick_ns;          /* 1/HZ: how late timers are; 0: never */
	int64_t deadline_ns;      /* the application's own, for an answer or a connection */
};

/* The system's defaults. Everything but Linux is an estimate. */
void predict_preset(struct predict_settings *s, enum predict_os os);
