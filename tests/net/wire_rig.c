/* One variant's world; wire_rig.h says what for. */
#include "wire_rig.h"
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct rig rig;

static const char *const kind_names[] = { "IPv4", "IPv6", "v4-mapped" };
static const struct {
	enum grade grade;
	bool shared;
} limits[N_LIMITS] = { { GRADE_EXACT, false }, { GRADE_EXACT, true }, { GRADE_EQUIVALENT, false },
	{ GRADE_PARTIAL, false } };

socklen_t rig_address_len(void)
{
	return rig.address.sa.sa_family == AF_INET6 ? sizeof(rig.address.in6)
						    : sizeof(rig.address.in);
}

sa_family_t rig_family(void)
{
	return rig.kind == KIND_V6 ? AF_INET6 : AF_INET;
}

unsigned rig_powers(void)
{
	return rig.wire.powers[rig.kind == KIND_V6 ? WIRE_V6 : WIRE_V4];
}

const char *rig_name(void)
{
	static char name[64];

	(void)snprintf(name, sizeof(name), "%s at %s%s", kind_names[rig.kind],
	    grade_names[rig.limit], rig.shared ? ", shared" : "");
	return name;
}

/* True: the test ends here, and says so. */
bool skip(const char *test, const char *why)
{
	printf("SKIP %s, %s: %s\n", test, rig_name(), why);
	(void)fflush(stdout);
	return true;
}

/* Silent about what wire_limit() took away: another variant has it. */
bool lacks(const char *test, unsigned needed)
{
	static const char *const why[] = { "no CAP_NET_ADMIN", "no CAP_NET_ADMIN", "no TCP_MD5SIG",
		"no min-TTL", "no CAP_NET_RAW" };
	const enum wire_family family = rig.kind == KIND_V6 ? WIRE_V6 : WIRE_V4;

	for (unsigned bit = 0; bit < sizeof(why) / sizeof(why[0]); bit++) {
		if ((needed & ~rig_powers() & (1u << bit)) && rig.wire.result[family][bit].error)
			return skip(test, why[bit]);
	}
	return needed & ~rig_powers();
}

int rig_stream(sa_family_t family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)), 0);
	return fd;
}

static void listener_open(void)
{
	union sockaddr_any sa = { 0 };
	socklen_t len = sizeof(sa);

	sa.sa.sa_family = rig.kind == KIND_V4 ? AF_INET : AF_INET6;
	if (rig.kind == KIND_V4)
		sa.in.sin_addr.s_addr = htonl(INADDR_ANY);
	rig.listener = rig_stream(sa.sa.sa_family);
	/* As socket_listen() does; accepted connections have it from there. */
	ck_assert_int_eq(
	    setsockopt(rig.listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)), 0);
	ck_assert_int_eq(
	    bind(rig.listener, &sa.sa, rig.kind == KIND_V4 ? sizeof(sa.in) : sizeof(sa.in6)), 0);
	ck_assert_int_eq(listen(rig.listener, 64), 0);
	ck_assert_int_eq(getsockname(rig.listener, &sa.sa, &len), 0);
	memset(&rig.address, 0, sizeof(rig.address));
	if (rig.kind == KIND_V6)
		rig.address.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
			.sin6_port = sa.in6.sin6_port,
			.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	else
		rig.address.in = (struct sockaddr_in){ .sin_family = AF_INET,
			.sin_port = rig.kind == KIND_V4 ? sa.in.sin_port : sa.in6.sin6_port,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

void rig_pair(void)
{
	memset(&rig.state, 0, sizeof(rig.state));
	rig.theirs = rig_stream(rig.address.sa.sa_family);
	ck_assert_int_eq(connect(rig.theirs, &rig.address.sa, rig_address_len()), 0);
	rig.ours = accept4(rig.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	ck_assert_int_ge(rig.ours, 0);
	ck_assert_int_eq(fcntl(rig.theirs, F_SETFL, O_NONBLOCK), 0);
}

void rig_describe(int variant)
{
	rig.kind = (enum kind)(variant / N_LIMITS);
	rig.limit = limits[variant % N_LIMITS].grade;
	rig.shared = limits[variant % N_LIMITS].shared;
}

/* Variant i; leaves a listener and a connection. */
void rig_open(int variant)
{
	rig_describe(variant);
	wire_probe(&rig.wire);
	wire_limit(&rig.wire, rig.limit);
	if (rig.shared)
		wire_share(&rig.wire);
	listener_open();
	rig_pair();
}

struct tcp_info info(int fd)
{
	struct tcp_info ti = { 0 };
	socklen_t len = sizeof(ti);

	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len), 0);
	return ti;
}

uint32_t raw_drops(int fd)
{
	uint32_t mem[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(mem);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, mem, &len), 0);
	return mem[SK_MEMINFO_DROPS];
}

int readable(int fd)
{
	int n = 0;

	ck_assert_int_eq(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

void put(int fd, int n)
{
	static const char bytes[4096];

	ck_assert_int_eq(send(fd, bytes, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT), n);
}

struct heard heard(void)
{
	return (struct heard){ info(rig.theirs).tcpi_segs_in, raw_drops(rig.theirs) };
}

/* Since `before`, theirs' TCP took nothing; at grade exact nothing came at all. */
void ck_unheard(struct heard before, enum grade grade)
{
	const struct heard now = heard();

	if (grade < GRADE_EQUIVALENT)
		return;
	ck_assert_msg(now.taken == before.taken, "%s: the peer took %u segments", rig_name(),
	    now.taken - before.taken);
	if (grade == GRADE_EXACT)
		ck_assert_msg(now.dropped == before.dropped,
		    "%s: the peer's wire carried %u segments", rig_name(),
		    now.dropped - before.dropped);
}

void theirs_deaf(bool on)
{
	const int ttl = on ? 255 : 0;

	if (rig.kind == KIND_V6)
		ck_assert_int_eq(setsockopt(rig.theirs, IPPROTO_IPV6, 73 /* IPV6_MINHOPCOUNT */,
				     &ttl, sizeof(ttl)),
		    0);
	else
		ck_assert_int_eq(
		    setsockopt(rig.theirs, IPPROTO_IP, IP_MINTTL, &ttl, sizeof(ttl)), 0);
}

/* n bytes of ours are on their way and unacknowledged: lost before theirs heard them. */
void in_flight(int n)
{
	theirs_deaf(true);
	put(rig.ours, n);
	ck_assert_int_eq(wire_unacked(rig.ours), n);
}

/* Theirs sends, and its kernel repeats it at least twice: an answer would have come by now. */
void theirs_sends_in_vain(void)
{
	const uint32_t before = info(rig.theirs).tcpi_total_retrans;

	put(rig.theirs, 3);
	ck_soon(info(rig.theirs).tcpi_total_retrans >= before + 2);
	ck_that(info(rig.theirs).tcpi_state == STATE_ESTABLISHED);
	ck_that(wire_unacked(rig.theirs) == 3);
}

void drain(int fd)
{
	char scratch[4096];

	while (recv(fd, scratch, sizeof(scratch), MSG_DONTWAIT) > 0)
		;
}

int theirs_errno(void)
{
	return recv(rig.theirs, &(char){ 0 }, 1, MSG_DONTWAIT) < 0 ? errno : 0;
}

void rig_swap(void)
{
	const int t = rig.ours;

	rig.ours = rig.theirs;
	rig.theirs = t;
}
