/*
 * What the files of the wire share; nobody else includes this. Each mechanism is a pair of
 * on/off that touches one socket and keeps no memory of it: what is set can be read back from the
 * kernel or unset without knowing. Functions return 0, or -1 with errno and nothing changed.
 */
#pragma once
#include "kernel/wire.h"
#include <linux/filter.h>

/* One look at a socket, so that no mechanism asks the kernel again. */
struct wire_sock {
	int fd;
	sa_family_t domain; /* AF_INET or AF_INET6: the socket's own */
	unsigned families;  /* bit 1 << enum wire_family for each whose packets reach it */
	bool listening;     /* no connection: it listens, or did, or it is connecting */
	bool connecting;
	int shared_drop;        /* struct wire's */
	union sockaddr_ip peer; /* of a connection */
};

/* False: not TCP over IP, or closed. */
bool wire_look(struct wire_sock *s, int fd);

/* The IPv4 address in a v4-mapped one, or NULL. */
const struct in_addr *wire_mapped(const struct in6_addr *a);

static inline bool wire_serves(const struct wire_sock *s, enum wire_family family)
{
	return s->families & (1u << family);
}

/* wire_filter.c. The program of a listening socket is a row of blocks, each of which ends in "ret
 * 0", and a last "ret all": so the silence of several ranges, and the shield, add up. */
#define WIRE_BLOCK_MAX 20

struct wire_block {
	unsigned len; /* 0: matches nothing */
	struct sock_filter insn[WIRE_BLOCK_MAX];
};

int wire_filter_set(const struct wire_sock *s, bool on);
int wire_filter_add(int fd, const struct wire_block *b);    /* nothing when already there */
int wire_filter_remove(int fd, const struct wire_block *b); /* nothing when not there */
bool wire_filter_drops_all(int fd);
void wire_block_range(struct wire_block *b, const struct cidr *range);
void wire_block_peer(struct wire_block *b, const union sockaddr_ip *peer);

/* wire_signature.c */
int wire_signature_set(const struct wire_sock *s, bool on);
int wire_signature_range(const struct wire_sock *s, const struct cidr *range, bool on);

/* wire_ttl.c */
int wire_minttl_set(const struct wire_sock *s, bool on);

/* wire_mute.c */
int wire_mute_set(const struct wire_sock *s, bool on);

/* wire_repair.c */
int wire_repair_enter(int fd);
/* 1: the old socket is gone and no new one is there */
int wire_repair_bury(int fd, int listener, int shared_drop);

/* wire_renew.c: a socket like the listening one, bound and not listening yet; then, silent, it
 * takes its place. The second closes fd in any case. */
int wire_renew_open(const struct wire_sock *s);
bool wire_renew_swap(const struct wire_sock *s, int fd);

/* The socket's own SK_MEMINFO_DROPS, 0 when it cannot be read. */
uint32_t wire_raw_drops(int fd);
