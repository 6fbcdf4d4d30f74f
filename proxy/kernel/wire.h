/*
 * Making our own kernel go silent, one socket at a time, and speak again.
 *
 * Nothing is inferred from the uid or the kernel's version: wire_probe() tries each mechanism on a
 * loopback connection and keeps what really worked. Only our own sockets are touched: no firewall
 * rule, no sysctl; if the process dies, nothing stays behind.
 *
 *   filter     SO_ATTACH_FILTER "ret 0" (socket(7)): inbound segments vanish before TCP sees them.
 *   repair     TCP_REPAIR (tcp(7)): a connection vanishes without FIN or RST; a socket with the
 * same 4-tuple and empty queues takes its place. signature  TCP_MD5SIG_EXT, RFC 2385, prefix length
 * 0: unsigned segments are dropped on arrival and what we send is dropped by the peer's kernel.
 *   minttl     IP_MINTTL / IPV6_MINHOPCOUNT 255 (RFC 5082): inbound segments vanish.
 *   mute       outbound only: what leaves carries a source route (IP_OPTIONS SSRR; IPv6 a segment
 *              routing header, RFC 8754), which a Linux host that is not a router drops. IPv4 wants
 * CAP_NET_RAW.
 *
 * Grades: exact, not one packet leaves or is answered; equivalent, silent to the peer's kernel (a
 * capture can tell); partial, inbound silence only; refused, not possible here.
 */
#pragma once
#include "base/addr.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum grade { GRADE_REFUSED, GRADE_PARTIAL, GRADE_EQUIVALENT, GRADE_EXACT };
extern const char *const grade_names[]; /* "refused", "partial", "equivalent", "exact", NULL */

enum wire_power {
	WIRE_FILTER = 1 << 0,
	WIRE_REPAIR = 1 << 1,
	WIRE_SIGNATURE = 1 << 2,
	WIRE_MINTTL = 1 << 3,
	WIRE_MUTE = 1 << 4,
	WIRE_ICMP = 1 << 5, /* cuts nothing: ICMP errors can be sent (icmp.h) */
};

enum wire_family { WIRE_V4, WIRE_V6, WIRE_FAMILIES };

/* Which way is cut, as this host sees it. */
enum wire_dirs { WIRE_IN = 1, WIRE_OUT = 2, WIRE_BOTH = 3 };

struct wire {
	unsigned powers[WIRE_FAMILIES]; /* enum wire_power bits that worked */
	struct {
		int error;          /* errno of what failed, 0 where it worked */
		char why[96];       /* "" where it worked: what was tried and what came back */
	} result[WIRE_FAMILIES][6]; /* by bit number of enum wire_power */
	bool has[WIRE_FAMILIES];    /* a loopback connection of that family was possible at all */
	int shared_drop;            /* descriptor of wire_share()'s program, 0: there is none */
};

/* Tries everything; at most about 200 ms. Always fills w. */
void wire_probe(struct wire *w);

/* For tests: takes powers away so that no better grade than `best` is left (GRADE_EXACT: nothing
 * taken). */
void wire_limit(struct wire *w, enum grade best);

/* Where bpf(2) can be had (CAP_BPF, beside WIRE_FILTER), all deaf connections share one program and
 * fall silent in a third of the time that it takes when the kernel makes each its own; elsewhere
 * nothing happens. The second gives back what the first took; those that are deaf stay so. */
void wire_share(struct wire *w);
void wire_unshare(struct wire *w);

/* Best grade for cutting dirs on sockets of this family (AF_INET or AF_INET6). */
enum grade wire_grade(const struct wire *w, sa_family_t family, unsigned dirs);

/* What to grant for better ("CAP_NET_ADMIN"), or NULL when nothing is missing. */
const char *wire_advice(const struct wire *w);

/*
 * One socket's silence. Zeroed memory is a socket that speaks. The caller keeps it beside the
 * descriptor for as long as the descriptor lives. (8 bytes.)
 */
struct wire_state {
	uint8_t dirs;   /* enum wire_dirs now cut */
	uint8_t powers; /* enum wire_power now in use */
	uint8_t grade;  /* enum grade */
	bool buried;    /* wire_bury put another socket there */
	uint32_t drops; /* segments counted before the current socket's own counter */
};

/*
 * Cuts exactly `dirs` (0: speaks again) on an established or listening TCP socket. Established:
 * keepalive is turned off and TCP_USER_TIMEOUT raised, so that our own kernel does not give up
 * while silent (a connection lives on when it is healed). An ACK that is owed for data already read
 * is sent before the silence begins. Changing from one set to another never opens a gap: the new
 * cut is in place before the old is undone. WIRE_IN alone and WIRE_OUT alone are one-way cuts;
 * WIRE_OUT is partial where no mute works: what the caller does not write does not leave, but ACKs
 * do. Where our own unacknowledged data would go on leaving (filter, WIRE_BOTH, data in the send
 * queue), or a delayed ACK (data received and not read), the signature is added, too. A socket that
 * listens or is still connecting has one cut, whatever the direction: neither SYN nor SYN-ACK gets
 * anywhere. While silent, neither read from nor write to fd: reading sends window updates. Returns
 * the grade (also in st), or GRADE_REFUSED: nothing changed. dirs 0 on a buried socket is refused.
 */
enum grade wire_silence(const struct wire *w, int fd, struct wire_state *st, unsigned dirs);

/* As wire_silence with WIRE_IN on a listening socket, for SYNs (and strays) of one range only;
 * clients->family 0 or NULL: all. `silent` false undoes it for the same range. */
enum grade wire_silence_listener(
    const struct wire *w, int fd, struct wire_state *st, const struct cidr *clients, bool silent);

/*
 * For a host that is dead for good: makes sure that the silent socket fd (wire_silence, WIRE_BOTH)
 * never sends again. Does nothing when its send queue is empty and nothing is unread; else, with
 * filter and repair, puts an empty socket with the same 4-tuple under the same descriptor number
 * (dup3). listener: the listening socket that shares fd's local port, -1 if none: it is shielded
 * against this peer for the moment of the swap, so that no stray segment is answered with RST.
 * A silent listening socket whose accept queue is empty is replaced by an equal one: handshakes
 * half done are forgotten, else their SYN-ACKs would be repeated (signed). Needs no power. Returns
 * the grade that holds now. fd must be the only descriptor of its connection (no duplicate, also in
 * no other process); epoll(7) forgets fd with the old socket: take events off before.
 */
enum grade wire_bury(const struct wire *w, int fd, struct wire_state *st, int listener);

/*
 * Ends a TCP connection without a word and closes fd: the peer's next segment is answered with
 * RST by the kernel (or not at all while a silent listening socket has the port). Repair, or a
 * signed RST that the peer's kernel drops. Falls back to plain close with the socket silent
 * only when neither works; returns the grade.
 */
enum grade wire_vanish(const struct wire *w, int fd, struct wire_state *st);

/* Segments that the kernel dropped on this socket since it went silent (SO_MEMINFO,
 * SK_MEMINFO_DROPS), those before a burial included. 0.9 us. */
uint32_t wire_drops(int fd, const struct wire_state *st);

/* Segments that have arrived on a connection so far, keepalive probes and bare ACKs included
 * (TCP_INFO, tcpi_segs_in); 0 on error. */
uint32_t wire_segments_in(int fd);

/* Bytes the peer has not acknowledged (SIOCOUTQ, tcp(7)); -1 on error. */
int wire_unacked(int fd);
