/*
 * Silence by filter: classic BPF on the socket (socket(7), SO_ATTACH_FILTER), run by tcp_filter()
 * before TCP looks at the segment. "ret 0" drops it: no ACK, no window update, no RST.
 *
 * A connection's program is the one instruction, shared by all of them where that can be had. A
 * listening socket's is a row of blocks (wire_impl.h); the kernel keeps what was attached and
 * SO_GET_FILTER reads it back (sk_get_filter()), so blocks come and go without anything being
 * remembered here. Attaching replaces the old program in one step: there is never a moment without.
 *
 * A segment's data starts at its TCP header when the program runs; SKF_NET_OFF reaches back to the
 * IP header. An AF_INET6 socket gets IPv4 packets as they came, so a block looks at the version
 * first.
 */
#include "kernel/wire_impl.h"
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROGRAM_MAX 1024 /* instructions */
#define NET         ((uint32_t)SKF_NET_OFF)
#define IP4_SOURCE  (NET + 12)
#define IP6_SOURCE  (NET + 8)

struct program {
	unsigned len;
	struct sock_filter insn[PROGRAM_MAX];
};

static const struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
static const struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
static const struct wire_block all = { 1, { BPF_STMT(BPF_RET | BPF_K, 0) } };

static int program_attach(int fd, struct sock_filter *insn, unsigned len)
{
	struct sock_fprog fprog = { .len = len, .filter = insn };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof(fprog));
}

static int program_detach(int fd)
{
	const int unused = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused)) == 0)
		return 0;
	return errno == ENOENT ? 0 : -1;
}

/* Without the last "ret all". SO_GET_FILTER counts in instructions, not bytes. */
static int program_read(int fd, struct program *p)
{
	socklen_t len = PROGRAM_MAX;

	if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, p->insn, &len) < 0)
		return -1;
	p->len = len ? len - 1 : 0;
	return 0;
}

static int program_write(int fd, struct program *p)
{
	if (p->len == 0)
		return program_detach(fd);
	p->insn[p->len] = pass;
	return program_attach(fd, p->insn, p->len + 1);
}

static bool insn_equal(const struct sock_filter *a, const struct sock_filter *b)
{
	return a->code == b->code && a->jt == b->jt && a->jf == b->jf && a->k == b->k;
}

/* Index of a block in the program, or its length. */
static unsigned program_find(const struct program *p, const struct wire_block *b)
{
	unsigned start = 0, same = 0;

	for (unsigned i = 0; i < p->len; i++) {
		if (same == i - start && same < b->len && insn_equal(&p->insn[i], &b->insn[same]))
			same++;
		if (!insn_equal(&p->insn[i], &drop))
			continue;
		if (same == b->len && i - start + 1 == b->len)
			return start;
		start = i + 1;
		same = 0;
	}
	return p->len;
}

int wire_filter_add(int fd, const struct wire_block *b)
{
	struct program p;

	if (b->len == 0)
		return 0;
	if (program_read(fd, &p) < 0)
		return -1;
	if (program_find(&p, b) < p.len)
		return 0;
	if (p.len + b->len + 1 > PROGRAM_MAX) {
		errno = ENOMEM;
		return -1;
	}
	memmove(&p.insn[b->len], p.insn, p.len * sizeof(p.insn[0]));
	memcpy(p.insn, b->insn, b->len * sizeof(p.insn[0]));
	p.len += b->len;
	return program_write(fd, &p);
}

int wire_filter_remove(int fd, const struct wire_block *b)
{
	struct program p;
	unsigned at;

	if (program_read(fd, &p) < 0)
		return -1;
	at = program_find(&p, b);
	if (b->len == 0 || at == p.len)
		return 0;
	p.len -= b->len;
	memmove(&p.insn[at], &p.insn[at + b->len], (p.len - at) * sizeof(p.insn[0]));
	return program_write(fd, &p);
}

bool wire_filter_drops_all(int fd)
{
	struct program p;

	return program_read(fd, &p) == 0 && p.len > 0 && insn_equal(&p.insn[0], &drop);
}

/* One program that everybody refers to, where SO_ATTACH_FILTER copies, checks and compiles one for
 * each socket. */
void wire_share(struct wire *w)
{
	static const struct bpf_insn return_0[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (uintptr_t)return_0,
		.insn_cnt = sizeof(return_0) / sizeof(return_0[0]),
		.license = (uintptr_t) "",
	};
	long fd = -1;

	if ((w->powers[WIRE_V4] | w->powers[WIRE_V6]) & WIRE_FILTER)
		fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)); /* it is O_CLOEXEC */
	w->shared_drop = fd > 0 ? (int)fd : 0;
}

void wire_unshare(struct wire *w)
{
	if (w->shared_drop)
		close(w->shared_drop);
	w->shared_drop = 0;
}

static int connection_drop(const struct wire_sock *s)
{
	struct sock_filter insn = drop;

	if (s->shared_drop && setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_BPF, &s->shared_drop,
				  sizeof(s->shared_drop)) == 0)
		return 0;
	return program_attach(s->fd, &insn, 1);
}

/* An accepted connection inherits its listener's program (sk_clone_lock()), so a connection's is
 * replaced and taken off whole. */
int wire_filter_set(const struct wire_sock *s, bool on)
{
	if (s->listening)
		return on ? wire_filter_add(s->fd, &all) : wire_filter_remove(s->fd, &all);
	return on ? connection_drop(s) : program_detach(s->fd);
}

static void block_emit(struct wire_block *b, struct sock_filter insn)
{
	b->insn[b->len++] = insn;
}

/* Goes on when the accumulator equals k, else past the block's end (block_end sets how far). */
static void block_want(struct wire_block *b, uint32_t k)
{
	block_emit(b, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, 0));
}

static void block_end(struct wire_block *b)
{
	block_emit(b, drop);
	for (unsigned i = 0; i < b->len; i++) {
		if (BPF_CLASS(b->insn[i].code) == BPF_JMP)
			b->insn[i].jf = (uint8_t)(b->len - i - 1);
	}
}

static void block_want_version(struct wire_block *b, unsigned version)
{
	block_emit(b, (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NET));
	block_emit(b, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4));
	block_want(b, version);
}

/* The first `bits` bits at `offset` are those of `bytes`. */
static void block_want_prefix(
    struct wire_block *b, uint32_t offset, const uint8_t *bytes, unsigned bits)
{
	for (unsigned at = 0; at < bits; at += 32) {
		const unsigned here = bits - at < 32 ? bits - at : 32;
		const uint32_t mask = UINT32_MAX << (32 - here);
		uint32_t word;

		memcpy(&word, bytes + at / 8, sizeof(word));
		block_emit(
		    b, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset + at / 8));
		if (here < 32)
			block_emit(
			    b, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
		block_want(b, ntohl(word) & mask);
	}
}

static void block_want_source(
    struct wire_block *b, sa_family_t family, const void *bytes, unsigned bits)
{
	const bool v4 = family == AF_INET;

	block_want_version(b, v4 ? 4 : 6);
	block_want_prefix(b, v4 ? IP4_SOURCE : IP6_SOURCE, bytes, bits);
}

void wire_block_range(struct wire_block *b, const struct cidr *range)
{
	b->len = 0;
	block_want_source(b, range->family, range->bytes, range->bits);
	block_end(b);
}

void wire_block_peer(struct wire_block *b, const union sockaddr_ip *peer)
{
	const bool v6 = peer->sa.sa_family == AF_INET6;
	const struct in_addr *v4 = v6 ? wire_mapped(&peer->in6.sin6_addr) : &peer->in.sin_addr;

	b->len = 0;
	if (v4)
		block_want_source(b, AF_INET, v4, 32);
	else
		block_want_source(b, AF_INET6, &peer->in6.sin6_addr, 128);
	block_emit(b, (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0)); /* source port */
	block_want(b, ntohs(v6 ? peer->in6.sin6_port : peer->in.sin_port));
	block_end(b);
}
