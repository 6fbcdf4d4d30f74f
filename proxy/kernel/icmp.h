/*
 * ICMP errors in answer to TCP segments, as a router or a firewall on the path says them.
 *
 *     segment -> IP -+-> a copy: icmp_hear() ... icmp_answer() -> the segment's sender
 *                    +-> TCP, where the socket may be silent (wire.h)
 *
 * IP hands the copy to a raw socket before TCP sees the segment (ip_protocol_deliver_rcu(),
 * raw_local_deliver()), so it comes whichever way the TCP socket drops it. Raw sockets need
 * CAP_NET_RAW (raw(7)): WIRE_ICMP of wire_probe().
 *
 * What the sender's kernel makes of it (Linux, tcp_v4_err(), tcp_v6_err()): connect(2) fails at
 * once; an established connection goes on, and if its timers give up it reports this error instead
 * of ETIMEDOUT. What quotes a sequence number that is not in flight is ignored: keepalive probes.
 */
#pragma once
#include "base/addr.h"
#include "kernel/wire.h"

enum icmp_code { ICMP_SAYS_HOST, ICMP_SAYS_NET, ICMP_SAYS_PORT, ICMP_SAYS_ADMIN, ICMP_SAYS_FRAG };
extern const char *const icmp_code_names[]; /* "host", "net", "port", "admin", "frag_needed" */

struct icmp_error {
	enum icmp_code code;
	uint32_t mtu; /* ICMP_SAYS_FRAG: of the next hop */
};

/* The most that an error says of a packet: with it, it has 576 bytes (RFC 1812, 4.3.2.3), or 1280
 * (RFC 4443, 2.4). */
#define ICMP4_QUOTE_MAX (576 - 20 - 8)
#define ICMP6_QUOTE_MAX (1280 - 40 - 8)
#define ICMP_BYTES_MAX  (8 + ICMP6_QUOTE_MAX)

/* A packet that has arrived, as far as it is quoted. */
struct icmp_segment {
	union sockaddr_ip from, to; /* with their ports */
	bool syn, rst;
	uint32_t seq;
	uint32_t length; /* of the whole packet with its IP header; of several that GRO made one */
	bool data;       /* it carries any */
	size_t quoted;
	uint8_t quote[ICMP6_QUOTE_MAX];
};

/* What listens for, and answers, the segments of one listening address; -1: not open. */
struct icmp {
	uint16_t port;
	struct icmp_pair {
		int in, out;
	} of[WIRE_FAMILIES];
};

/* For the address of a listening TCP socket, both families where it takes both. 0, or -1 with
 * errno and everything closed. Descriptors are non-blocking. */
int icmp_open(struct icmp *i, int listener);
void icmp_close(struct icmp *i);

/* Takes one. 1: *s has it; 0: nothing waits; -1: one was taken that cannot be answered. */
int icmp_hear(const struct icmp *i, enum wire_family family, struct icmp_segment *s);

/* From the address that the segment was sent to. False: not sent (errno); nothing is kept. */
bool icmp_answer(const struct icmp *i, const struct icmp_segment *s, const struct icmp_error *e);

/* --- their bytes (icmp_bytes.c) --- */

/* The ICMP message, of at most ICMP_BYTES_MAX bytes; returns its length. Without a checksum for
 * IPv6, where the kernel sets it (RFC 3542, 3.1). */
size_t icmp_write(uint8_t *out, const struct icmp_segment *s, const struct icmp_error *e);

/* s->quote begins with an IPv4 packet of s->quoted bytes. False: no TCP segment, or cut short. */
bool icmp_parse4(struct icmp_segment *s);

/* An IPv6 raw socket gives the segment without its header (RFC 3542, 3): this puts one before it,
 * of what it tells beside. s->quote has the segment from byte 40 on, s->length without the header;
 * flow: the header's first word (IPV6_FLOWINFO). */
bool icmp_parse6(struct icmp_segment *s, uint32_t flow, uint8_t hops);
