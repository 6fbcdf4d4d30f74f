/* One row for each file: what it is called, where it goes, and what kernels without it do. */
#include "kernel/tcp_sysctl.h"
#include <stddef.h>
#include <stdio.h>
#include <time.h>

static const struct {
	const char *name;
	size_t offset;
	int64_t otherwise;
} rows[] = {
	{ "tcp_keepalive_time", offsetof(struct tcp_sysctl, keepalive_time_s), 7200 },
	{ "tcp_keepalive_intvl", offsetof(struct tcp_sysctl, keepalive_intvl_s), 75 },
	{ "tcp_keepalive_probes", offsetof(struct tcp_sysctl, keepalive_probes), 9 },
	{ "tcp_retries2", offsetof(struct tcp_sysctl, retries2), 15 },
	{ "tcp_syn_retries", offsetof(struct tcp_sysctl, syn_retries), 6 },
	{ "tcp_syn_linear_timeouts", offsetof(struct tcp_sysctl, syn_linear_timeouts), 0 },
	{ "tcp_rto_min_us", offsetof(struct tcp_sysctl, rto_min_us), 200000 },
	{ "tcp_rto_max_ms", offsetof(struct tcp_sysctl, rto_max_ms), 120000 },
};

static int64_t read_number(const char *name, int64_t otherwise)
{
	char path[96];
	long long value;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	f = fopen(path, "re");
	if (!f)
		return otherwise;
	if (fscanf(f, "%lld", &value) != 1)
		value = otherwise;
	fclose(f);
	return value;
}

void tcp_sysctl_read(struct tcp_sysctl *t)
{
	struct timespec tick;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		*(int64_t *)((char *)t + rows[i].offset) =
		    read_number(rows[i].name, rows[i].otherwise);
	t->tick_ns = 4000000;
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == 0 && tick.tv_sec == 0)
		t->tick_ns = tick.tv_nsec;
}
