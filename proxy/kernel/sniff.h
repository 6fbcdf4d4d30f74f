/*
 * The segments that begin and end TCP connections (SYN, FIN, RST), as they arrive at this machine.
 *
 *     segment -> IP -+-> a copy: sniff_hear()
 *                    +-> TCP, where the socket may be silent (wire.h)
 *
 * As in icmp.h the copy comes whichever way the TCP socket drops the segment; a filter in the
 * kernel passes nothing else on, so established connections' data wakes nobody. Raw sockets need
 * CAP_NET_RAW (raw(7)). What is not heard in time is lost: sniff_open() asks for a large buffer.
 */
#pragma once
#include "base/addr.h"
#include "kernel/wire.h"

struct sniff {
	int fd[WIRE_FAMILIES]; /* non-blocking; -1: not open */
};

struct sniff_segment {
	union sockaddr_ip from, to; /* with their ports */
	uint32_t seq;
	bool syn, fin, rst; /* syn: an attempt, not the answer to one */
};

/* Both families, or IPv4 alone where there is no IPv6. 0, or -1 with errno and nothing open. */
int sniff_open(struct sniff *s);
void sniff_close(struct sniff *s);

/* Could it be opened? */
bool sniff_works(void);

/* Takes one. 1: *out has it; 0: nothing waits; -1: one was taken that says nothing. */
int sniff_hear(const struct sniff *s, enum wire_family family, struct sniff_segment *out);

/* --- their bytes --- */

/* An IPv4 packet of which len bytes are there. False: cut short, or nothing of the kind. */
bool sniff_parse4(struct sniff_segment *out, const uint8_t *packet, size_t len);
/* An IPv6 packet's TCP header; the addresses, without ports, are in *out already. */
bool sniff_parse6(struct sniff_segment *out, const uint8_t *tcp, size_t len);
