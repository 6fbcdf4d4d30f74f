/*
 * A wire that loses some segments: those that arrive at an established TCP socket of ours are
 * dropped by what they look like, or by chance; the rest pass, and TCP never knows. Our own kernel
 * then acknowledges less than the peer has sent, so the peer retransmits as it would behind a bad
 * path.
 *
 * What is seen is what the kernel hands to TCP. Where segments travel in one piece (GRO on arrival,
 * TSO from the same machine: loopback, veth) such an aggregate is one segment here: it is lost as a
 * whole, and it is as large as the whole.
 *
 * Classic BPF keeps no state from one segment to the next: no bursts, no "every third". The program
 * takes the place of whatever filter the socket has, so a silence by filter (kernel/wire.h) ends a
 * sieve, and its end leaves the socket without one: the caller sets it again.
 */
#pragma once
#include "kernel/wire.h"

/* Zeroed memory lets everything pass. */
struct wire_sieve {
	double loss;          /* share of all segments, RST and FIN too */
	double ack_loss;      /* share of those without data that have ACK and no SYN, FIN or RST */
	uint32_t larger_than; /* segments in IP packets of more bytes than this; 0: none */
	bool probes;          /* keepalive probes: as for ack_loss, with this sequence number: */
	uint32_t probe_seq;   /* RCV.NXT - 1 (RFC 9293, 3.8.4; tcp_xmit_probe_skb()) */
};

/* Replaces the connection's filter; NULL: takes it off. 0, or -1 with errno and nothing changed. */
int wire_sieve_set(int fd, const struct wire_sieve *s);

/* It works for packets of this family (AF_INET or AF_INET6): the power filter. */
bool wire_can_sieve(const struct wire *w, sa_family_t family);

/* ... and probes can be told apart: filter and repair. */
bool wire_can_sieve_probes(const struct wire *w, sa_family_t family);

/* RCV.NXT of a connection: the next sequence number that the peer has not sent yet, or that has not
 * arrived. A moment in repair mode, without a packet. 0, or -1 with errno. */
int wire_receive_next(int fd, uint32_t *seq);
