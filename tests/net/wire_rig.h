/*
 * What the tests of the wire share: one connection on loopback between `ours`, which goes silent,
 * and `theirs`, an ordinary socket that tells what its kernel got (TCP_INFO, SK_MEMINFO_DROPS,
 * errno).
 *
 * A variant is a kind of connection (IPv4, IPv6, IPv4 on an AF_INET6 socket) at a grade that
 * wire_limit() leaves; at exact, without and with wire_share(). Each test runs for each variant.
 * What a user may not do is named in a SKIP line.
 */
#pragma once
#include "base/mono.h"
#include "kernel/wire.h"
#include <check.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/* netinet/tcp.h, which linux/tcp.h cannot stand beside; and only the latter knows tcpi_segs_in. */
#define STATE_ESTABLISHED 1
#define STATE_SYN_SENT    2

#define SOON_NS (3 * NS_PER_S)

enum kind { KIND_V4, KIND_V6, KIND_MAPPED, KINDS };

#define N_LIMITS   4
#define N_VARIANTS (KINDS * N_LIMITS)

/* The variant's world: one in each process. */
struct rig {
	struct wire wire;
	struct wire_state state; /* of ours */
	enum kind kind;
	enum grade limit;
	bool shared;
	int listener, ours, theirs;
	union sockaddr_ip address; /* where theirs connects to */
};

extern struct rig rig;

void rig_describe(int variant); /* kind, limit and shared, no more */
void rig_open(int variant);     /* leaves a listener and a connection */
void rig_pair(void);            /* a fresh connection */
void rig_swap(void);            /* ours is the connecting end from now on */
const char *rig_name(void);
sa_family_t rig_family(void); /* of the packets */
unsigned rig_powers(void);
socklen_t rig_address_len(void);
int rig_stream(sa_family_t family);

/* These say why and return true when the test is to end here. */
bool skip(const char *test, const char *why);
bool lacks(const char *test, unsigned powers);

/* Waits for a condition, looking every millisecond; its last value. */
#define WITHIN(limit_ns, condition)                                                                \
	({                                                                                         \
		const int64_t until_ = mono_now_ns() + (limit_ns);                                 \
		bool is_;                                                                          \
		while (!(is_ = (condition)) && mono_now_ns() < until_)                             \
			poll(NULL, 0, 1);                                                          \
		is_;                                                                               \
	})

#define ck_soon(condition)                                                                         \
	ck_assert_msg(WITHIN(SOON_NS, condition), "%s: not in time: %s", rig_name(), #condition)
#define ck_that(condition) ck_assert_msg((condition), "%s: not so: %s", rig_name(), #condition)

struct tcp_info info(int fd);
uint32_t raw_drops(int fd);
int readable(int fd); /* bytes */
void put(int fd, int n);
void drain(int fd);
int theirs_errno(void); /* of a read; 0: none */

/* What reached theirs: segments that TCP took, and those it dropped (a signed one is). */
struct heard {
	uint32_t taken, dropped;
};

struct heard heard(void);
/* Since `before`, theirs' TCP took nothing; at grade exact nothing came at all. */
void ck_unheard(struct heard before, enum grade grade);

void theirs_deaf(bool on);
void in_flight(int n); /* n bytes of ours are unacknowledged: lost before theirs heard them */
void theirs_sends_in_vain(void); /* three bytes, repeated twice: an answer would have come by now */

TCase *wire_cut_tests(int variant);
TCase *wire_death_tests(int variant);
TCase *wire_listener_tests(int variant);
TCase *wire_sieve_tests(int variant);
