/*
 * loadgen serve
 * loadgen bulk|exchange|connect|idle|delay|rate --port N [--connections N] [--count N]
 *         [--size BYTES] [--warm N] [--rate N] [--seconds N] [--pid PID]
 * loadgen timer [--count N] [--rate N]
 *
 * Exit status: 0 all bytes arrived as they were sent, 1 they did not, 2 usage.
 */
#include "loadgen.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const struct {
	const char *name;
	int (*run)(const struct load *load);
} works[] = {
	[WORK_BULK] = { "bulk", client_run },
	[WORK_EXCHANGE] = { "exchange", client_run },
	[WORK_CONNECT] = { "connect", client_run },
	[WORK_IDLE] = { "idle", client_run },
	[WORK_DELAY] = { "delay", delay_run },
	[WORK_RATE] = { "rate", rate_run },
	[WORK_TIMER] = { "timer", timer_run },
};

enum option_index {
	OPT_PORT,
	OPT_CONNECTIONS,
	OPT_COUNT,
	OPT_SIZE,
	OPT_WARM,
	OPT_RATE,
	OPT_SECONDS,
	OPT_PID
};

static const struct {
	uint64_t preset, least, most;
} limits[] = {
	[OPT_PORT] = { 0, 1, UINT16_MAX },
	[OPT_CONNECTIONS] = { 1, 1, 100000 },
	[OPT_COUNT] = { 1, 1, UINT64_C(1) << 40 },
	[OPT_SIZE] = { 64, 1, UINT64_C(1) << 30 },
	[OPT_WARM] = { 0, 0, UINT64_C(1) << 40 },
	[OPT_RATE] = { 1000, 1, 1000000 },
	[OPT_SECONDS] = { 60, 1, 3600 },
	[OPT_PID] = { 0, 1, INT32_MAX },
};

#define OPTIONS (sizeof(limits) / sizeof(*limits))

static const struct option options[] = {
	[OPT_PORT] = { "port", required_argument, NULL, 0 },
	[OPT_CONNECTIONS] = { "connections", required_argument, NULL, 0 },
	[OPT_COUNT] = { "count", required_argument, NULL, 0 },
	[OPT_SIZE] = { "size", required_argument, NULL, 0 },
	[OPT_WARM] = { "warm", required_argument, NULL, 0 },
	[OPT_RATE] = { "rate", required_argument, NULL, 0 },
	[OPT_SECONDS] = { "seconds", required_argument, NULL, 0 },
	[OPT_PID] = { "pid", required_argument, NULL, 0 },
	[OPTIONS] = { NULL, 0, NULL, 0 },
};

static bool read_number(int i, const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (!errno && end != text && !*end && *out >= limits[i].least && *out <= limits[i].most)
		return true;
	fprintf(stderr, "loadgen: --%s %s: expected %" PRIu64 " to %" PRIu64 "\n", options[i].name,
	    text, limits[i].least, limits[i].most);
	return false;
}

static bool read_options(int argc, char **argv, struct load *load)
{
	uint64_t values[OPTIONS];
	int i = 0, c;

	for (size_t k = 0; k < OPTIONS; k++)
		values[k] = limits[k].preset;
	while ((c = getopt_long(argc, argv, "", options, &i)) != -1)
		if (c != 0 || !read_number(i, optarg, &values[i]))
			return false;
	*load = (struct load){ load->work, (uint16_t)values[OPT_PORT], values[OPT_CONNECTIONS],
		values[OPT_COUNT], values[OPT_SIZE], values[OPT_WARM], values[OPT_RATE],
		(unsigned)values[OPT_SECONDS], (pid_t)values[OPT_PID] };
	return (load->port || load->work == WORK_TIMER) && optind == argc &&
	       load->warm_count <= load->count;
}

static bool read_work(const char *name, struct load *load)
{
	for (size_t i = 0; i < sizeof(works) / sizeof(*works); i++) {
		if (strcmp(name, works[i].name) != 0)
			continue;
		load->work = (enum work)i;
		return true;
	}
	return false;
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct load load = { 0 };

	raise_descriptors();
	if (argc == 2 && !strcmp(argv[1], "serve"))
		return server_run();
	if (argc >= 2 && read_work(argv[1], &load) && read_options(argc - 1, argv + 1, &load))
		return works[load.work].run(&load);
	fprintf(stderr, "usage: loadgen serve | bulk|exchange|connect|idle|delay|rate --port N "
			"[--connections N] [--count N] [--size BYTES] [--warm N] [--rate N] "
			"[--seconds N] [--pid PID]\n"
			"       loadgen timer [--count N] [--rate N]\n");
	return EXIT_USAGE;
}
