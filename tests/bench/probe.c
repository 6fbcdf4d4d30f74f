/*
 * CPU: the first figure of /proc/PID/task/TID/schedstat is the thread's time on a CPU in
 * nanoseconds (Documentation/scheduler/sched-stats.rst); utime and stime of /proc/PID/stat count
 * ticks of 10 ms, too coarse for runs of half a second. Memory: smaps_rollup's proportional
 * set without its file pages, which do not grow with sessions.
 */
#include "probe.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define REST_POLL_NS UINT64_C(30000000)
#define REST_CPU_NS  UINT64_C(300000) /* 1 %: timers that tick for ever, no traffic */

uint64_t probe_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

static bool thread_cpu(pid_t pid, const char *tid, uint64_t *sum)
{
	char path[300];
	uint64_t ns;
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, tid);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fscanf(f, "%" SCNu64, &ns) == 1;
	fclose(f);
	if (ok)
		*sum += ns;
	return ok;
}

static bool read_cpu(pid_t pid, uint64_t *cpu_ns)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;
	bool any = false;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return false;
	*cpu_ns = 0;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			any |= thread_cpu(pid, entry->d_name, cpu_ns);
	closedir(dir);
	return any;
}

static bool read_memory(pid_t pid, uint64_t *memory_bytes)
{
	char line[256];
	uint64_t kib;
	bool any = false;
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(line, "re");
	if (!f)
		return false;
	*memory_bytes = 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Pss_Anon: %" SCNu64, &kib) != 1 &&
		    sscanf(line, "Pss_Shmem: %" SCNu64, &kib) != 1)
			continue;
		*memory_bytes += kib * 1024;
		any = true;
	}
	fclose(f);
	return any;
}

bool probe_read(pid_t pid, struct probe *out)
{
	memset(out, 0, sizeof(*out));
	out->wall_ns = probe_now_ns();
	return !pid || (read_cpu(pid, &out->cpu_ns) && read_memory(pid, &out->memory_bytes));
}

bool probe_read_at_rest(pid_t pid, uint64_t limit_ns, struct probe *out)
{
	const struct timespec pause = { .tv_nsec = REST_POLL_NS };
	uint64_t until_ns = probe_now_ns() + limit_ns;
	uint64_t before = UINT64_MAX, cpu_ns = 0;

	while (pid && probe_now_ns() < until_ns) {
		if (!read_cpu(pid, &cpu_ns))
			return false;
		if (before != UINT64_MAX && cpu_ns - before < REST_CPU_NS)
			break;
		before = cpu_ns;
		nanosleep(&pause, NULL);
	}
	return probe_read(pid, out);
}
