/*
 * The raw sockets: for each family one that hears the TCP segments to a port, chosen by a filter in
 * the kernel, and one that sends ICMP and hears nothing. See icmp.h.
 */
#include "kernel/icmp.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef IPV6_FLOWINFO /* linux/in6.h, which does not go together with netinet/in.h */
#define IPV6_FLOWINFO 11
#endif

#define IP6_HEADER     40
#define RECEIVE_BUFFER (64 << 10) /* what is dropped beyond it is sent again: it is TCP */

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* --- opening --- */

/* Segments to the port, all of them: an IPv4 packet begins at its IP header, an IPv6 one behind its
 * headers (raw_rcv(), rawv6_rcv()). */
static int set_filter(int fd, enum wire_family family, uint16_t port)
{
	struct sock_filter v4[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter v6[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = sizeof(v4) / sizeof(*v4), .filter = v4 };

	if (family == WIRE_V6)
		program = (struct sock_fprog){ sizeof(v6) / sizeof(*v6), v6 };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* What it tells of each segment beside its bytes. */
static int set_tells(int fd, enum wire_family family)
{
	if (family == WIRE_V4)
		return set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
	if (set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0 ||
	    set_int(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) < 0)
		return -1;
	return set_int(fd, IPPROTO_IPV6, IPV6_FLOWINFO, 1);
}

static int open_raw(enum wire_family family, int protocol)
{
	return socket(family == WIRE_V6 ? AF_INET6 : AF_INET,
	    SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static int open_in(enum wire_family family, const union sockaddr_ip *address, uint16_t port)
{
	const socklen_t len =
	    family == WIRE_V6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	const int fd = open_raw(family, IPPROTO_TCP);
	int saved;

	if (fd < 0)
		return -1;
	(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	if (set_filter(fd, family, port) == 0 && set_tells(fd, family) == 0 &&
	    bind(fd, &address->sa, len) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* It hears no ICMP: raw(7), ICMP_FILTER; RFC 3542, 3.2. */
static int open_out(enum wire_family family)
{
	const struct icmp_filter none4 = { .data = UINT32_MAX };
	const int fd = open_raw(family, family == WIRE_V6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	struct icmp6_filter none6;

	if (fd < 0)
		return -1;
	ICMP6_FILTER_SETBLOCKALL(&none6);
	if (family == WIRE_V6)
		(void)setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &none6, sizeof(none6));
	else
		(void)setsockopt(fd, SOL_RAW, ICMP_FILTER, &none4, sizeof(none4));
	return fd;
}

static int open_pair(struct icmp *i, enum wire_family family, const union sockaddr_ip *address)
{
	struct icmp_pair *p = &i->of[family];

	p->in = open_in(family, address, i->port);
	if (p->in >= 0)
		p->out = open_out(family);
	return p->out < 0 ? -1 : 0;
}

static bool takes_v4(int listener)
{
	int only = 1;
	socklen_t len = sizeof(only);

	return getsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len) == 0 && !only;
}

static int open_all(struct icmp *i, int listener)
{
	union sockaddr_ip v4 = { .in = { .sin_family = AF_INET } }, own;
	socklen_t len = sizeof(own);

	if (getsockname(listener, &own.sa, &len) < 0)
		return -1;
	i->port = ntohs(own.sa.sa_family == AF_INET6 ? own.in6.sin6_port : own.in.sin_port);
	if (own.sa.sa_family == AF_INET)
		return open_pair(i, WIRE_V4, &own);
	if (own.sa.sa_family != AF_INET6) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	own.in6.sin6_port = 0;
	if (IN6_IS_ADDR_V4MAPPED(&own.in6.sin6_addr)) {
		memcpy(&v4.in.sin_addr, &own.in6.sin6_addr.s6_addr[12], 4);
		return open_pair(i, WIRE_V4, &v4);
	}
	if (open_pair(i, WIRE_V6, &own) < 0)
		return -1;
	if (IN6_IS_ADDR_UNSPECIFIED(&own.in6.sin6_addr) && takes_v4(listener))
		return open_pair(i, WIRE_V4, &v4);
	return 0;
}

int icmp_open(struct icmp *i, int listener)
{
	int saved;

	*i = (struct icmp){ .of = { { -1, -1 }, { -1, -1 } } };
	if (open_all(i, listener) == 0)
		return 0;
	saved = errno;
	icmp_close(i);
	errno = saved;
	return -1;
}

void icmp_close(struct icmp *i)
{
	for (int f = 0; f < WIRE_FAMILIES; f++) {
		if (i->of[f].in >= 0)
			close(i->of[f].in);
		if (i->of[f].out >= 0)
			close(i->of[f].out);
		i->of[f] = (struct icmp_pair){ -1, -1 };
	}
}

/* --- hearing --- */

union control {
	struct cmsghdr align;
	char bytes[256];
};

/* Never to what was not sent to one host (RFC 1122, 3.2.2): the kernel's choice of an address for
 * the answer is then another than the packet's destination. */
static bool sent_to_us(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct in_pktinfo info;

		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		return info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr;
	}
	return false;
}

static bool take4(struct icmp_segment *s, struct msghdr *m)
{
	return sent_to_us(m) && icmp_parse4(s);
}

static bool take6(struct icmp_segment *s, struct msghdr *m)
{
	struct in6_pktinfo info = { 0 };
	uint32_t flow = 0;
	int hops = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_PKTINFO)
			memcpy(&info, CMSG_DATA(c), sizeof(info));
		else if (c->cmsg_type == IPV6_HOPLIMIT)
			memcpy(&hops, CMSG_DATA(c), sizeof(hops));
		else if (c->cmsg_type == IPV6_FLOWINFO)
			memcpy(&flow, CMSG_DATA(c), sizeof(flow));
	}
	s->to.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = info.ipi6_addr };
	if (IN6_IS_ADDR_UNSPECIFIED(&info.ipi6_addr) || IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
		return false;
	return icmp_parse6(s, flow, (uint8_t)hops);
}

int icmp_hear(const struct icmp *i, enum wire_family family, struct icmp_segment *s)
{
	const size_t before = family == WIRE_V6 ? IP6_HEADER : 0;
	const size_t max = family == WIRE_V6 ? ICMP6_QUOTE_MAX : ICMP4_QUOTE_MAX;
	struct iovec iov = { s->quote + before, max - before };
	union control control;
	struct msghdr m = { .msg_name = &s->from,
		.msg_namelen = sizeof(s->from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	const ssize_t n = recvmsg(i->of[family].in, &m, MSG_TRUNC);
	in_port_t to;

	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	s->length = (uint32_t)n;
	s->quoted = before + (size_t)n < max ? before + (size_t)n : max;
	if (family == WIRE_V6 ? !take6(s, &m) : !take4(s, &m))
		return -1;
	to = family == WIRE_V6 ? s->to.in6.sin6_port : s->to.in.sin_port;
	return ntohs(to) == i->port ? 1 : -1; /* one from before the filter was attached */
}

/* --- answering --- */

static void name_source(struct msghdr *m, const struct icmp_segment *s)
{
	struct cmsghdr *c = m->msg_control;

	if (s->to.sa.sa_family == AF_INET6) {
		struct in6_pktinfo info = { .ipi6_addr = s->to.in6.sin6_addr };

		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		m->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in_pktinfo info = { .ipi_spec_dst = s->to.in.sin_addr };

		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		m->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

bool icmp_answer(const struct icmp *i, const struct icmp_segment *s, const struct icmp_error *e)
{
	const bool v6 = s->from.sa.sa_family == AF_INET6;
	uint8_t bytes[ICMP_BYTES_MAX];
	struct iovec iov = { bytes, icmp_write(bytes, s, e) };
	union sockaddr_ip there = s->from;
	union control control = { 0 };
	struct msghdr m = { .msg_name = &there,
		.msg_namelen = v6 ? sizeof(there.in6) : sizeof(there.in),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes };

	if (v6)
		there.in6.sin6_port = 0; /* rawv6_sendmsg() takes it for a protocol */
	name_source(&m, s);
	return sendmsg(i->of[v6 ? WIRE_V6 : WIRE_V4].out, &m, MSG_NOSIGNAL) >= 0;
}
