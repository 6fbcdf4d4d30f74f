/*
 * The near end of what measures time. delay: stamps are sent at an even pace, each on the next
 * connection, and the far end tells how late each one came; the relay's delay is that, less what
 * the same path takes without a fault. timer: the same pace, and nothing sent. rate: a source that
 * copies nothing (sendfile(2) of a file in memory) sends for a time, a sink that copies nothing
 * reports how much came by when.
 */
#include "loadgen.h"
#include "probe.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S   UINT64_C(1000000000)
#define NS_PER_MS  UINT64_C(1000000)
#define FILE_BYTES (4 << 20)
#define READ_LATES 8192

static bool complain(const char *what)
{
	fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
	return false;
}

/* Connects and says hello; -1: it is told on stderr. */
static int stream_open(const struct load *load, enum stream_kind kind)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons(load->port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct timeval limit = { .tv_sec = load->seconds };
	struct hello hello = { HELLO_MAGIC, kind, 0, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
	    send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) == sizeof(hello))
		return fd;
	complain("connect");
	if (fd >= 0)
		close(fd);
	return -1;
}

/* --- delay --- */

static bool stamps_open(const struct load *load, int *fds)
{
	stamp greeting;

	for (uint64_t i = 0; i < load->connections; i++)
		if ((fds[i] = stream_open(load, STREAM_STAMPS)) < 0)
			return false;
	for (uint64_t i = 0; i < load->connections; i++)
		if (recv(fds[i], &greeting, sizeof(greeting), MSG_WAITALL) != sizeof(greeting))
			return complain("no greeting");
	return true;
}

static stamp pace_at(const struct load *load, stamp begin, uint64_t k)
{
	return begin + (k + 1) * NS_PER_S / load->rate;
}

static stamp wait_until(stamp at)
{
	struct timespec ts = { (time_t)(at / NS_PER_S), (long)(at % NS_PER_S) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	return probe_now_ns();
}

static bool stamps_send(const struct load *load, const int *fds)
{
	uint64_t begin = probe_now_ns();

	for (uint64_t k = 0; k < load->count; k++) {
		stamp now = wait_until(pace_at(load, begin, k));

		if (send(fds[k % load->connections], &now, sizeof(now), MSG_NOSIGNAL) !=
		    sizeof(now))
			return complain("send");
		if (now > begin + load->seconds * NS_PER_S) {
			fprintf(stderr, "client: time is up: %" PRIu64 " stamps were sent\n", k);
			return false;
		}
	}
	return true;
}

/* Prints what the far end says of one connection; false: not all of them came. */
static bool lates_print(int fd, uint64_t wanted)
{
	int64_t late_ns[READ_LATES];
	uint64_t got = 0;
	ssize_t n;

	printf("[");
	while ((n = recv(fd, late_ns, sizeof(late_ns), MSG_WAITALL)) > 0)
		for (size_t i = 0; i < (size_t)n / sizeof(*late_ns); i++, got++)
			printf("%s%" PRId64, got ? ", " : "", late_ns[i]);
	printf("]");
	if (got == wanted && !n)
		return true;
	fprintf(stderr, "client: %" PRIu64 " of %" PRIu64 " stamps came\n", got, wanted);
	return false;
}

static bool stamps_collect(const struct load *load, const int *fds)
{
	uint64_t n = load->connections;
	bool ok = true;

	for (uint64_t i = 0; i < n; i++)
		shutdown(fds[i], SHUT_WR);
	printf("{\"late_ns\": [");
	for (uint64_t i = 0; i < n && ok; i++) {
		printf("%s", i ? ",\n" : "");
		ok = lates_print(fds[i], load->count / n + (i < load->count % n));
	}
	printf("]}\n");
	return ok;
}

int delay_run(const struct load *load)
{
	int *fds = calloc(load->connections, sizeof(*fds));
	bool ok;

	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	ok = fds && stamps_open(load, fds) && stamps_send(load, fds) && stamps_collect(load, fds);
	free(fds);
	return ok ? EXIT_OK : EXIT_BAD;
}

/* --- timer --- */

int timer_run(const struct load *load)
{
	int64_t *late_ns = calloc(load->count, sizeof(*late_ns));
	uint64_t begin;

	if (!late_ns)
		return EXIT_BAD;
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	begin = probe_now_ns();
	for (uint64_t k = 0; k < load->count; k++) {
		stamp at = pace_at(load, begin, k);

		late_ns[k] = (int64_t)(wait_until(at) - at);
	}
	printf("{\"late_ns\": [[");
	for (uint64_t k = 0; k < load->count; k++)
		printf("%s%" PRId64, k ? ", " : "", late_ns[k]);
	printf("]]}\n");
	free(late_ns);
	return EXIT_OK;
}

/* --- rate --- */

struct meter {
	const struct load *load;
	int fd, file;
	struct report report;      /* the one that is coming, of which part_len bytes came */
	struct report first, last; /* of those after the warm-up */
	uint64_t begin_ns;
	struct probe begin, end;
	size_t part_len;
	bool warm;
};

static bool meter_open(struct meter *m)
{
	void *bytes;

	m->file = memfd_create("source", MFD_CLOEXEC);
	if (m->file < 0 || ftruncate(m->file, FILE_BYTES) < 0)
		return complain("memfd");
	bytes = mmap(NULL, FILE_BYTES, PROT_WRITE, MAP_SHARED, m->file, 0);
	if (bytes == MAP_FAILED)
		return complain("mmap");
	memset(bytes, 'x', FILE_BYTES);
	munmap(bytes, FILE_BYTES);
	m->fd = stream_open(m->load, STREAM_DRAIN);
	return m->fd >= 0 && (fcntl(m->fd, F_SETFL, O_NONBLOCK) == 0 || complain("fcntl"));
}

static bool meter_take(struct meter *m, struct report r)
{
	if (!m->begin_ns)
		m->begin_ns = r.at;
	if (r.at < m->begin_ns + m->load->warm_count * NS_PER_MS)
		return true;
	if (m->warm) {
		m->last = r;
		return true;
	}
	m->warm = true;
	m->first = r;
	return probe_read(m->load->pid, &m->begin) || complain("probe");
}

static bool meter_receive(struct meter *m)
{
	ssize_t n =
	    recv(m->fd, (char *)&m->report + m->part_len, sizeof(m->report) - m->part_len, 0);

	if (n <= 0)
		return (n < 0 && errno == EAGAIN) || complain("no report");
	m->part_len = (m->part_len + (size_t)n) % sizeof(m->report);
	return m->part_len || meter_take(m, m->report);
}

static bool meter_send(struct meter *m)
{
	off_t at = 0;

	if (sendfile(m->fd, m->file, &at, FILE_BYTES) >= 0 || errno == EAGAIN)
		return true;
	return complain("sendfile");
}

static bool meter_over(const struct meter *m)
{
	return m->last.at && m->last.at >= m->begin_ns + m->load->count * NS_PER_MS;
}

static bool meter_measure(struct meter *m)
{
	uint64_t until_ns = probe_now_ns() + m->load->seconds * NS_PER_S;
	struct pollfd p = { .fd = m->fd, .events = POLLIN | POLLOUT };

	while (!meter_over(m)) {
		poll(&p, 1, 100);
		if (p.revents & (POLLIN | POLLHUP | POLLERR) && !meter_receive(m))
			return false;
		if (p.revents & POLLOUT && !meter_send(m))
			return false;
		if (probe_now_ns() > until_ns) {
			fprintf(stderr, "client: time is up: the sink does not report\n");
			return false;
		}
	}
	return probe_read(m->load->pid, &m->end) || complain("probe");
}

int rate_run(const struct load *load)
{
	struct meter m = { .load = load };
	struct linger reset = { 1, 0 };

	if (!meter_open(&m) || !meter_measure(&m))
		return EXIT_BAD;
	printf("{\"bytes\": %" PRIu64 ", \"wall_ns\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 "}\n",
	    m.last.bytes - m.first.bytes, m.last.at - m.first.at, m.end.cpu_ns - m.begin.cpu_ns);
	/* What is still on its way would take a slow line minutes. */
	setsockopt(m.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(m.fd);
	close(m.file);
	return EXIT_OK;
}
