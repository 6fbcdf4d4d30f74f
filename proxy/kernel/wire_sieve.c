/*
 * The program is a row of tests; the first that matches drops:
 *
 *     loss         a random number below the threshold
 *     larger_than  length of the IP header + of what follows it (the version says where to look)
 *     ack_loss     ACK and none of SYN, FIN, RST; as long as its own TCP header; random as above
 *     probes       the same, and the sequence number
 *     ret all
 *
 * When it runs (tcp_filter() in tcp_v4_rcv() and tcp_v6_rcv()) a segment's data begins at its TCP
 * header and BPF's "len" counts from there. SKF_NET_OFF reaches back to the IP header; an AF_INET6
 * socket gets IPv4 packets as they came.
 */
#include "kernel/wire_sieve.h"
#include "kernel/wire_impl.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define PROGRAM_MAX 48 /* instructions; all tests together need 37 */

#define NET       ((uint32_t)SKF_NET_OFF)
#define RANDOM    ((uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM))
#define TCP_SEQ   4
#define TCP_DOFF  12
#define TCP_FLAGS 13
#define IP6_BYTES 40

struct program {
	unsigned len;
	struct sock_filter insn[PROGRAM_MAX];
};

static void emit(struct program *p, uint16_t code, uint32_t k)
{
	p->insn[p->len++] = (struct sock_filter){ .code = code, .k = k };
}

/* Jumps to the end of the test unless the comparison holds; test_end() fills in how far. */
static void want(struct program *p, uint16_t comparison, uint32_t k)
{
	emit(p, BPF_JMP | comparison | BPF_K, k);
	p->insn[p->len - 1].jf = UINT8_MAX;
}

static void want_not(struct program *p, uint16_t comparison, uint32_t k)
{
	emit(p, BPF_JMP | comparison | BPF_K, k);
	p->insn[p->len - 1].jt = UINT8_MAX;
}

/* What got here is dropped; what did not goes on behind. */
static void test_end(struct program *p, unsigned start)
{
	emit(p, BPF_RET | BPF_K, 0);
	for (unsigned i = start; i < p->len; i++) {
		struct sock_filter *insn = &p->insn[i];

		if (insn->jt == UINT8_MAX)
			insn->jt = (uint8_t)(p->len - i - 1);
		if (insn->jf == UINT8_MAX)
			insn->jf = (uint8_t)(p->len - i - 1);
	}
}

/* Random 32 bits are below the share of 2^32. */
static void want_chance(struct program *p, double share)
{
	if (share >= 1)
		return;
	emit(p, BPF_LD | BPF_W | BPF_ABS, RANDOM);
	want_not(p, BPF_JGE, (uint32_t)(share * 0x1p32));
}

static void add_loss(struct program *p, double share)
{
	const unsigned start = p->len;

	want_chance(p, share);
	test_end(p, start);
}

/* X = bytes of the IP header; A = of the packet. IPv6's extension headers are not counted. */
static void add_larger_than(struct program *p, uint32_t bytes)
{
	const unsigned start = p->len;

	emit(p, BPF_LD | BPF_B | BPF_ABS, NET);
	emit(p, BPF_ALU | BPF_RSH | BPF_K, 4);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, 4);
	p->insn[p->len - 1].jf = 2; /* past IPv4's two */
	emit(p, BPF_LDX | BPF_B | BPF_MSH, NET);
	emit(p, BPF_JMP | BPF_JA, 1);
	emit(p, BPF_LDX | BPF_W | BPF_IMM, IP6_BYTES);
	emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	emit(p, BPF_ALU | BPF_ADD | BPF_X, 0);
	want(p, BPF_JGT, bytes);
	test_end(p, start);
}

/* The data offset counts words of four bytes: its nibble is moved down by two bits, not four. */
static void want_bare_ack(struct program *p)
{
	emit(p, BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS);
	emit(p, BPF_ALU | BPF_AND | BPF_K, TH_FIN | TH_SYN | TH_RST | TH_ACK);
	want(p, BPF_JEQ, TH_ACK);
	emit(p, BPF_LD | BPF_B | BPF_ABS, TCP_DOFF);
	emit(p, BPF_ALU | BPF_AND | BPF_K, 0xf0);
	emit(p, BPF_ALU | BPF_RSH | BPF_K, 2);
	emit(p, BPF_MISC | BPF_TAX, 0);
	emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
	emit(p, BPF_ALU | BPF_SUB | BPF_X, 0);
	want(p, BPF_JEQ, 0);
}

static void add_ack_loss(struct program *p, double share)
{
	const unsigned start = p->len;

	want_bare_ack(p);
	want_chance(p, share);
	test_end(p, start);
}

static void add_probes(struct program *p, uint32_t seq)
{
	const unsigned start = p->len;

	want_bare_ack(p);
	emit(p, BPF_LD | BPF_W | BPF_ABS, TCP_SEQ);
	want(p, BPF_JEQ, seq);
	test_end(p, start);
}

static int detach(int fd)
{
	const int unused = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused)) == 0)
		return 0;
	return errno == ENOENT ? 0 : -1;
}

int wire_sieve_set(int fd, const struct wire_sieve *s)
{
	struct program p = { 0 };
	struct sock_fprog fprog = { .filter = p.insn };

	if (s && s->loss > 0)
		add_loss(&p, s->loss);
	if (s && s->larger_than)
		add_larger_than(&p, s->larger_than);
	if (s && s->ack_loss > 0)
		add_ack_loss(&p, s->ack_loss);
	if (s && s->probes)
		add_probes(&p, s->probe_seq);
	if (p.len == 0)
		return detach(fd);
	emit(&p, BPF_RET | BPF_K, UINT32_MAX);
	fprog.len = (unsigned short)p.len;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof(fprog));
}

static bool has_powers(const struct wire *w, sa_family_t family, unsigned powers)
{
	return !(powers & ~w->powers[family == AF_INET6 ? WIRE_V6 : WIRE_V4]);
}

bool wire_can_sieve(const struct wire *w, sa_family_t family)
{
	return has_powers(w, family, WIRE_FILTER);
}

bool wire_can_sieve_probes(const struct wire *w, sa_family_t family)
{
	return has_powers(w, family, WIRE_FILTER | WIRE_REPAIR);
}

static int set_tcp(int fd, int option, int value)
{
	return setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value));
}

/* "No window probe": leaving repair mode would send one (do_tcp_setsockopt()); before Linux 4.19
 * there is no other way. */
static int leave_repair(int fd)
{
	return set_tcp(fd, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP) == 0
		   ? 0
		   : set_tcp(fd, TCP_REPAIR, TCP_REPAIR_OFF);
}

/* Repair mode forces SO_REUSEADDR and takes it away in the end (SK_FORCE_REUSE, SK_NO_REUSE): then
 * nobody could listen on this port anew while the connection lives. */
int wire_receive_next(int fd, uint32_t *seq)
{
	socklen_t len = sizeof(*seq), int_len = sizeof(int);
	int reuse = 0, rc = -1, saved;

	if (getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, &int_len) < 0 ||
	    wire_repair_enter(fd) < 0)
		return -1;
	if (set_tcp(fd, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE) == 0)
		rc = getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, seq, &len);
	saved = errno;
	if (leave_repair(fd) < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
	errno = saved;
	return rc;
}
