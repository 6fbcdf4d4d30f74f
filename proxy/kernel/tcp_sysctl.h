/*
 * TCP as the running kernel is set: /proc/sys/net/ipv4 of the calling thread's network namespace
 * (network_namespaces(7)), and the length of a tick.
 */
#pragma once
#include <stdint.h>

struct tcp_sysctl {
	int64_t keepalive_time_s, keepalive_intvl_s, keepalive_probes;
	int64_t retries2, syn_retries, syn_linear_timeouts;
	int64_t rto_min_us, rto_max_ms;
	int64_t tick_ns; /* 1/HZ: the resolution of CLOCK_MONOTONIC_COARSE (clock_getres(2)) */
};

/* What cannot be read is as in kernels that do not have it. */
void tcp_sysctl_read(struct tcp_sysctl *t);
