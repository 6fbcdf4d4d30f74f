/* A raw socket for each family, with a filter for what begins and ends connections. See sniff.h. */
#include "kernel/sniff.h"
#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define IP4_HEADER 20
#define TCP_HEADER 20
#define TCP_SEQ    4
#define TCP_FLAGS  13
#define FLAG_FIN   1
#define FLAG_SYN   2
#define FLAG_RST   4
#define FLAG_ACK   16

#define KEPT           120       /* of a packet: its IP header and its TCP header without options */
#define RECEIVE_BUFFER (8 << 20) /* 10,000 sessions that end at once (skb->truesize: 768 each) */

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* What has FIN or RST, and SYN without ACK. An IPv4 packet begins at its IP header, an IPv6 one
 * behind its headers (raw_rcv(), rawv6_rcv()). */
#define CHOOSE                                                                                     \
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FLAG_FIN | FLAG_RST, 2, 0),                           \
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FLAG_SYN | FLAG_ACK),                              \
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FLAG_SYN, 0, 1), BPF_STMT(BPF_RET | BPF_K, KEPT),  \
	    BPF_STMT(BPF_RET | BPF_K, 0)

static int set_filter(int fd, enum wire_family family)
{
	struct sock_filter v4[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, TCP_FLAGS),
		CHOOSE,
	};
	struct sock_filter v6[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS),
		CHOOSE,
	};
	struct sock_fprog program = { .len = sizeof(v4) / sizeof(*v4), .filter = v4 };

	if (family == WIRE_V6)
		program = (struct sock_fprog){ sizeof(v6) / sizeof(*v6), v6 };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int open_one(enum wire_family family)
{
	int saved, fd = socket(family == WIRE_V6 ? AF_INET6 : AF_INET,
		       SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

	if (fd < 0)
		return -1;
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) < 0)
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	if (set_filter(fd, family) == 0 &&
	    (family == WIRE_V4 || set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) == 0))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int sniff_open(struct sniff *s)
{
	int saved;

	s->fd[WIRE_V6] = -1;
	s->fd[WIRE_V4] = open_one(WIRE_V4);
	if (s->fd[WIRE_V4] < 0)
		return -1;
	s->fd[WIRE_V6] = open_one(WIRE_V6);
	if (s->fd[WIRE_V6] >= 0 || errno == EAFNOSUPPORT)
		return 0;
	saved = errno;
	sniff_close(s);
	errno = saved;
	return -1;
}

void sniff_close(struct sniff *s)
{
	for (int f = 0; f < WIRE_FAMILIES; f++) {
		if (s->fd[f] >= 0)
			close(s->fd[f]);
		s->fd[f] = -1;
	}
}

bool sniff_works(void)
{
	struct sniff s;

	if (sniff_open(&s) < 0)
		return false;
	sniff_close(&s);
	return true;
}

/* --- hearing --- */

static bool parse_tcp(
    struct sniff_segment *out, const uint8_t *tcp, size_t len, in_port_t *from, in_port_t *to)
{
	uint8_t flags;

	if (len < TCP_HEADER)
		return false;
	flags = tcp[TCP_FLAGS];
	memcpy(from, tcp, sizeof(*from));
	memcpy(to, tcp + 2, sizeof(*to));
	memcpy(&out->seq, tcp + TCP_SEQ, sizeof(out->seq));
	out->seq = ntohl(out->seq);
	out->rst = flags & FLAG_RST;
	out->fin = flags & FLAG_FIN;
	out->syn = (flags & (FLAG_SYN | FLAG_ACK | FLAG_RST)) == FLAG_SYN;
	return out->rst || out->fin || out->syn;
}

bool sniff_parse4(struct sniff_segment *out, const uint8_t *packet, size_t len)
{
	size_t header;

	if (len < IP4_HEADER || packet[0] >> 4 != 4 || packet[9] != IPPROTO_TCP)
		return false;
	header = (size_t)(packet[0] & 15) * 4;
	if (header < IP4_HEADER || header > len)
		return false;
	memset(out, 0, sizeof(*out));
	out->from.sa.sa_family = out->to.sa.sa_family = AF_INET;
	memcpy(&out->from.in.sin_addr, packet + 12, 4);
	memcpy(&out->to.in.sin_addr, packet + 16, 4);
	return parse_tcp(
	    out, packet + header, len - header, &out->from.in.sin_port, &out->to.in.sin_port);
}

bool sniff_parse6(struct sniff_segment *out, const uint8_t *tcp, size_t len)
{
	out->from.sa.sa_family = out->to.sa.sa_family = AF_INET6;
	return parse_tcp(out, tcp, len, &out->from.in6.sin6_port, &out->to.in6.sin6_port);
}

static bool take6(struct sniff_segment *out, struct msghdr *m, const uint8_t *tcp, size_t len)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct in6_pktinfo info;

		if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		out->to.in6.sin6_addr = info.ipi6_addr;
		return sniff_parse6(out, tcp, len);
	}
	return false;
}

int sniff_hear(const struct sniff *s, enum wire_family family, struct sniff_segment *out)
{
	union {
		struct cmsghdr align;
		char bytes[128];
	} control;
	uint8_t packet[KEPT];
	struct iovec iov = { packet, sizeof(packet) };
	struct msghdr m = { .msg_name = &out->from,
		.msg_namelen = sizeof(out->from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	memset(out, 0, sizeof(*out));
	n = recvmsg(s->fd[family], &m, 0);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (family == WIRE_V6)
		return take6(out, &m, packet, (size_t)n) ? 1 : -1;
	return sniff_parse4(out, packet, (size_t)n) ? 1 : -1;
}
