/*
 * What works here, found out by doing it. Each power is tried on a fresh loopback connection
 * between `ours` and `theirs`:
 *
 *     cut            a byte of theirs (of ours) must not arrive; where the kernel counts drops,
 * wait for the count undo           the byte must arrive after all vanish         ours closes
 * without a word, and only the next segment of theirs is answered, with RST
 *
 * So that undoing is seen at once and not after a retransmission timeout (200 ms), a second byte is
 * sent after it: the selective acknowledgement for that one makes the sender repeat the lost one
 * (tcp_rack_mark_lost()). Waits end when the event is there; only what does not work takes its
 * time.
 */
#include "base/mono.h"
#include "kernel/icmp.h"
#include "kernel/wire.h"
#include "kernel/wire_impl.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_NS  (400 * NS_PER_MS) /* for what must happen; twice the shortest retransmission */
#define QUIET_MS 4                 /* for what must not happen and leaves no trace */
#define AGAIN_NS (50 * NS_PER_MS)  /* an error that came too late for its segment: another try */

struct bench {
	struct wire *w;
	enum wire_family family;
	int listener;
	union sockaddr_ip address;
	socklen_t len;
	/* the connection of the experiment in hand */
	int ours, theirs;
	struct wire_sock s;
	const char *step; /* what failed, for people */
};

static const int one = 1;

static int stream_socket(const struct bench *b)
{
	int fd = socket(b->address.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	if (fd >= 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static bool failed(struct bench *b, const char *step)
{
	b->step = step;
	return false;
}

static bool bench_open(struct bench *b)
{
	b->len = b->family == WIRE_V4 ? sizeof(b->address.in) : sizeof(b->address.in6);
	if (b->family == WIRE_V4)
		b->address.in = (struct sockaddr_in){ .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	else
		b->address.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
			.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	b->listener = stream_socket(b);
	if (b->listener < 0)
		return failed(b, "socket");
	if (bind(b->listener, &b->address.sa, b->len) < 0)
		return failed(b, "bind on loopback");
	if (listen(b->listener, 8) < 0 || getsockname(b->listener, &b->address.sa, &b->len) < 0)
		return failed(b, "listen on loopback");
	return true;
}

static bool pair_open(struct bench *b)
{
	b->ours = -1;
	b->theirs = stream_socket(b);
	if (b->theirs < 0)
		return failed(b, "socket");
	if (connect(b->theirs, &b->address.sa, b->len) < 0)
		return failed(b, "connect on loopback");
	b->ours = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);
	if (b->ours < 0)
		return failed(b, "accept on loopback");
	if (!wire_look(&b->s, b->ours))
		return failed(b, "getpeername");
	return true;
}

/* errno survives: it says what failed. */
static void pair_close(struct bench *b)
{
	const int saved = errno;

	if (b->ours >= 0)
		close(b->ours);
	if (b->theirs >= 0)
		close(b->theirs);
	b->ours = b->theirs = -1;
	errno = saved;
}

static bool send_byte(int fd)
{
	return send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

static int readable_bytes(int fd)
{
	int n = 0;

	return ioctl(fd, FIONREAD, &n) == 0 ? n : -1;
}

/* Waits for the drop counter: it has no event to wait for, and on loopback it moves within the
 * sender's send(2). */
static bool drops_grow(int fd, uint32_t before)
{
	const int64_t deadline = mono_now_ns() + WAIT_NS;

	while (wire_raw_drops(fd) == before) {
		if (mono_now_ns() > deadline)
			return false;
		poll(NULL, 0, 1);
	}
	return true;
}

static bool bytes_arrive(int fd, int n)
{
	const int64_t deadline = mono_now_ns() + WAIT_NS;

	while (readable_bytes(fd) < n) {
		if (mono_now_ns() > deadline)
			return false;
		poll(NULL, 0, 1);
	}
	return true;
}

static bool stays_quiet(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, QUIET_MS) == 0;
}

/* A byte from one to the other is dropped on arrival. */
static bool byte_is_dropped(int from, int to)
{
	const uint32_t before = wire_raw_drops(to);

	return send_byte(from) && drops_grow(to, before) && readable_bytes(to) == 0;
}

/* After the undoing: the byte that was lost and a fresh one arrive. */
static bool bytes_come_through(int from, int to)
{
	return send_byte(from) && bytes_arrive(to, 2);
}

static bool refused_because(struct bench *b, const char *step)
{
	if (errno == 0)
		errno = EPROTO;
	return failed(b, step);
}

/* The kernel took the order; did it follow it? No errno says so. */
static bool without_effect(struct bench *b, const char *step)
{
	errno = 0;
	return failed(b, step);
}

static bool vanishes(struct bench *b)
{
	struct pollfd p = { .fd = b->theirs, .events = POLLIN };
	int64_t deadline = mono_now_ns() + WAIT_NS;

	close(b->ours);
	b->ours = -1;
	if (poll(&p, 1, QUIET_MS) != 0)
		return without_effect(b, "the peer heard of the close");
	if (!send_byte(b->theirs))
		return without_effect(b, "send after the close");
	while (poll(&p, 1, 10) == 0 && mono_now_ns() < deadline)
		;
	if (recv(b->theirs, &(char){ 0 }, 1, MSG_DONTWAIT) == 0 || errno != ECONNRESET)
		return without_effect(b, "no RST after the close");
	errno = 0;
	return true;
}

static bool try_inbound(
    struct bench *b, int (*set)(const struct wire_sock *, bool), const char *option)
{
	if (set(&b->s, true) < 0)
		return refused_because(b, option);
	if (!byte_is_dropped(b->theirs, b->ours))
		return without_effect(b, "set, but segments still arrive");
	if (set(&b->s, false) < 0)
		return refused_because(b, option);
	if (!bytes_come_through(b->theirs, b->ours))
		return without_effect(b, "undone, but segments do not arrive");
	return true;
}

static bool try_filter(struct bench *b)
{
	return try_inbound(b, wire_filter_set, "SO_ATTACH_FILTER");
}

static bool try_minttl(struct bench *b)
{
	return try_inbound(
	    b, wire_minttl_set, b->family == WIRE_V4 ? "IP_MINTTL" : "IPV6_MINHOPCOUNT");
}

/* Both ways, and the signed RST. */
static bool try_signature(struct bench *b)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (!try_inbound(b, wire_signature_set, "TCP_MD5SIG_EXT"))
		return false;
	if (wire_signature_set(&b->s, true) < 0)
		return refused_because(b, "TCP_MD5SIG_EXT");
	if (!byte_is_dropped(b->ours, b->theirs))
		return without_effect(b, "set, but the peer hears us");
	(void)setsockopt(b->ours, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	return vanishes(b);
}

/* The peer's IP layer drops it: no socket counts that. But what theirs sends afterwards has
 * arrived, and loopback keeps the order (one backlog queue for each CPU). */
static bool try_mute(struct bench *b)
{
	if (wire_mute_set(&b->s, true) < 0)
		return refused_because(b, b->family == WIRE_V4 ? "IP_OPTIONS" : "IPV6_RTHDR");
	if (!send_byte(b->ours) || !send_byte(b->theirs) || !bytes_arrive(b->ours, 1))
		return without_effect(b, "set, but now deaf, too");
	if (!stays_quiet(b->theirs) || wire_unacked(b->ours) != 1)
		return without_effect(b, "set, but the peer hears us");
	if (wire_mute_set(&b->s, false) < 0)
		return refused_because(b, b->family == WIRE_V4 ? "IP_OPTIONS" : "IPV6_RTHDR");
	if (!bytes_come_through(b->ours, b->theirs))
		return without_effect(b, "undone, but the peer does not hear us");
	return true;
}

/* A burial where there is a filter, then the vanishing of what lies there. */
static bool try_repair(struct bench *b)
{
	const bool can_bury = b->w->powers[b->family] & WIRE_FILTER;

	if (wire_repair_enter(b->ours) < 0)
		return refused_because(b, "TCP_REPAIR");
	if (!can_bury)
		return vanishes(b);
	if (wire_repair_bury(b->ours, b->listener, 0) != 0)
		return refused_because(b, "TCP_REPAIR connect");
	if (!byte_is_dropped(b->theirs, b->ours))
		return without_effect(b, "buried, but not deaf");
	return vanishes(b);
}

static bool hears_error(struct bench *b, const struct icmp *i)
{
	const struct icmp_error host = { .code = ICMP_SAYS_HOST };
	const int64_t deadline = mono_now_ns() + 2 * WAIT_NS;
	int64_t again = 0;
	struct pollfd p = { .fd = b->theirs }; /* errors alone */
	struct icmp_segment s;
	int error = 0;
	socklen_t len = sizeof(error);

	do {
		if (mono_now_ns() >= again) {
			if (!send_byte(b->ours))
				return false;
			again = mono_now_ns() + AGAIN_NS;
		}
		while (icmp_hear(i, b->family, &s) > 0)
			(void)icmp_answer(i, &s, &host);
	} while (poll(&p, 1, 1) == 0 && mono_now_ns() < deadline);
	return getsockopt(b->theirs, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	       error == EHOSTUNREACH;
}

/* A connection that asks for it (IP_RECVERR, ip(7)) hears at once of an error that quotes what it
 * sent last: here, the acknowledgement of our byte. */
static bool try_icmp(struct bench *b)
{
	struct icmp i;
	bool heard;

	if (setsockopt(b->theirs, b->family == WIRE_V4 ? IPPROTO_IP : IPPROTO_IPV6,
		b->family == WIRE_V4 ? IP_RECVERR : IPV6_RECVERR, &one, sizeof(one)) < 0)
		return refused_because(b, "IP_RECVERR");
	if (icmp_open(&i, b->listener) < 0)
		return refused_because(b, "SOCK_RAW");
	heard = hears_error(b, &i);
	icmp_close(&i);
	return heard || without_effect(b, "sent, but the peer does not hear of it");
}

struct experiment {
	unsigned bit; /* of enum wire_power */
	bool (*try)(struct bench *b);
};

/* Repair after the filter, which it uses. */
static const struct experiment experiments[] = {
	{ 0, try_filter },
	{ 1, try_repair },
	{ 2, try_signature },
	{ 3, try_minttl },
	{ 4, try_mute },
	{ 5, try_icmp },
};

#define N_EXPERIMENTS (sizeof(experiments) / sizeof(experiments[0]))

static void record(struct bench *b, unsigned bit, bool works, int error)
{
	const size_t size = sizeof(b->w->result[0][0].why);
	char *why = b->w->result[b->family][bit].why;

	b->w->result[b->family][bit].error = works ? 0 : error ? error : EPROTO;
	if (works) {
		b->w->powers[b->family] |= 1u << bit;
		why[0] = '\0';
	} else if (error) {
		(void)snprintf(why, size, "%s: %s", b->step, strerror(error));
	} else {
		(void)snprintf(why, size, "%s", b->step);
	}
}

static void probe_family(struct wire *w, enum wire_family family)
{
	struct bench b = { .w = w, .family = family, .listener = -1, .ours = -1, .theirs = -1 };

	int error;

	w->has[family] = bench_open(&b) && pair_open(&b);
	error = errno;
	for (size_t i = 0; i < N_EXPERIMENTS; i++) {
		bool works = w->has[family];

		if (works) {
			works = (b.ours >= 0 || pair_open(&b)) && experiments[i].try(&b);
			error = errno;
			pair_close(&b);
		}
		record(&b, experiments[i].bit, works, error);
	}
	if (b.listener >= 0)
		close(b.listener);
}

void wire_probe(struct wire *w)
{
	memset(w, 0, sizeof(*w));
	for (int f = 0; f < WIRE_FAMILIES; f++)
		probe_family(w, (enum wire_family)f);
}

/* Only what was refused for want of a right: a kernel without the feature gives other errors. */
const char *wire_advice(const struct wire *w)
{
	unsigned missing = 0;

	for (int f = 0; f < WIRE_FAMILIES; f++) {
		for (unsigned bit = 0; w->has[f] && bit < N_EXPERIMENTS; bit++) {
			if (w->result[f][bit].error == EPERM)
				missing |= 1u << bit;
		}
	}
	if ((missing & (WIRE_FILTER | WIRE_REPAIR)) && (missing & (WIRE_MUTE | WIRE_ICMP)))
		return "CAP_NET_ADMIN,CAP_NET_RAW";
	if (missing & (WIRE_FILTER | WIRE_REPAIR))
		return "CAP_NET_ADMIN";
	return missing & (WIRE_MUTE | WIRE_ICMP) ? "CAP_NET_RAW" : NULL;
}
