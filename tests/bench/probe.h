/* What a process of this machine has cost so far, read from /proc. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct probe {
	uint64_t wall_ns; /* CLOCK_MONOTONIC, when it was read */
	uint64_t cpu_ns;  /* user and kernel, all threads that still live */
	uint64_t
	    memory_bytes; /* anonymous and shared memory of its own: heap and stacks, no files */
};

/* pid 0: only the time. False: the process is gone or /proc lacks the figures (errno). */
bool probe_read(pid_t pid, struct probe *out);

/*
 * Waits until the process has used no CPU worth naming for 30 ms (what was under way is through),
 * but at most limit_ns, then reads. A relay that never rests is measured all the same.
 */
bool probe_read_at_rest(pid_t pid, uint64_t limit_ns, struct probe *out);

uint64_t probe_now_ns(void);
