/* A proxy's inside, for relay/ only. */
#pragma once
#include "relay/filling.h"
#include "relay/relay.h"
#include <event2/event_struct.h>

#define PROXY_ADDRS_MAX 8

struct proxy {
	struct door door; /* first */
	struct relay *relay;
	struct proxy_spec *spec; /* owned; door.spec is the same */
	int fd;                  /* -1: closed (a refused Unix socket, a drained proxy) */
	struct wire_state wire;
	struct event ev;
	struct event *retry; /* after EMFILE */
	bool started, listening, closing;
	bool full; /* its queue is: GATE_FULL */
	struct filling filling;
	struct rejecter *rejecter; /* NULL: it answers nothing with ICMP */
	int64_t starved_ns;        /* no descriptors: when that was last seen; 0: there are */
	struct addr address;       /* what is bound: resolved and with the port once it was */
	union sockaddr_any bound;
	uint64_t sessions, accepted;
	uint64_t bytes[FLOWS]; /* of the sessions that are over */
	/* The upstream's addresses, in the order to try; until expires_ns for a name. */
	union sockaddr_any addrs[PROXY_ADDRS_MAX];
	socklen_t addr_lens[PROXY_ADDRS_MAX];
	unsigned n_addrs;
	int64_t expires_ns;
	/* With witness: what struck sessions had no answer to (witness_bytes.c). */
	TAILQ_HEAD(, unanswered) unanswered;
	unsigned n_unanswered;
	TAILQ_ENTRY(proxy) in_relay;
};

/* A session has gone: there may be room for one that waits. */
void proxy_session_gone(struct proxy *p);

/* Its spec says so; the address has been bound. */
void proxy_enable(struct proxy *p);
/* Its spec says so: its sessions end, the address is free. */
void proxy_disable(struct proxy *p);

/* From now on the loop knows its descriptor. */
void proxy_assign(struct proxy *p);
void proxy_tell_up(const struct proxy *p);

/* Accepts or not, as gate, limits and descriptors say. */
void proxy_watch(struct proxy *p);

/* Answers with ICMP, or no longer (reject.c; struct door_ops). */
bool proxy_reject(struct door *d, bool on);
/* From now on nobody accepts, and no more than door.room connections fit. */
enum grade proxy_fill(struct proxy *p);

extern const struct door_ops proxy_door_ops;

/* Accepts everything that waits; limit 0: all. Returns how many. */
unsigned proxy_accept(struct proxy *p, unsigned limit);
