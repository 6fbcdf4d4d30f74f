/*
 * What `witness = yes` tells of the sessions, for a verdict on the applications. Inside relay/
 * only.
 *
 *     flow.c, flow_shape.c   bytes come and pass --> witness_bytes.c  session.bytes,
 * session.repeated session.c, target.c    legs end, strikes   --> witness.c        what was lost,
 * session.struck a timer                states of held legs --> witness_peer.c   session.peer
 *     kernel/sniff.h         SYN, FIN, RST       --> witness_heard.c  session.peer, client.syn
 *
 * A session that is seen has s->seen; NULL (witness=no, or no memory for it): none of these may be
 * called with it, and that test is all that it costs.
 */
#pragma once
#include "kernel/sniff.h"
#include "relay/session.h"

#define WITNESS_RECENT     4096 /* of what a client sent, for session.repeated */
#define WITNESS_UNANSWERED 64   /* requests that one proxy remembers */

enum peer_end { PEER_FIN, PEER_RST };
enum peer_sight { BY_BYTES, BY_SEGMENT, BY_STATE };

/* Both ends of a connection as its segments name them, IPv4 as v4-mapped. No padding: memcmp(). */
struct ends {
	uint8_t from[16], to[16];
	in_port_t from_port, to_port;
};

void ends_set(struct ends *e, const union sockaddr_ip *from, const union sockaddr_ip *to);

/* As a strike found it. */
struct sight {
	uint8_t state;
	int64_t struck_ns;
	int64_t idle_ns[FLOWS]; /* -1: nothing ever passed */
	bool came[FLOWS];       /* within the last moment */
	bool waits[FLOWS];      /* the sink has taken nothing of it for a moment */
	bool own_last[LEGS];    /* what came last came from there */
};

struct seen {
	struct session *session;
	int64_t came_ns[FLOWS], passed_ns[FLOWS]; /* 0: never */
	uint64_t taken[FLOWS];
	/* Of each leg's socket: when it was looked at last, or for good when it ended. */
	uint64_t unread[LEGS], unacked[LEGS], unsent[LEGS];
	bool lost_unread[LEGS], lost_unsent[LEGS]; /* it ended so that these bytes are lost */
	uint8_t told[LEGS];                        /* 1 << enum peer_end */
	struct sight sight;
	bool struck; /* a death has: its end tells first bytes again */
	bool bytes_told[FLOWS];
	uint64_t since; /* upstream bytes since the last downstream one */
	char *recent;   /* the last upstream bytes that passed; NULL: none yet */
	uint32_t n_recent, room;
	struct heard_leg {
		struct ends ends; /* first */
		struct session *session;
		uint8_t leg;
		bool known; /* in the tree */
	} heard[LEGS];
};

/* NULL: no memory. Segments are heard if that is possible. */
struct witness *witness_new(struct relay *r);
void witness_free(struct witness *w);
/* What it remembers of a proxy's sessions. */
void witness_forget(struct proxy *p);

/* --- a session (s->seen is theirs) --- */

void witness_opened(struct session *s);
void witness_closed(struct session *s);
/* A leg is connected. */
void witness_leg(struct session *s, enum leg leg);
/* Its socket is about to be closed, or to be replaced by an empty one (wire_bury()). */
void witness_leg_looks(struct session *s, enum leg leg);
void witness_leg_ends(struct session *s, enum leg leg, enum ending how);
/* Its application has ended it. Told once. */
void witness_peer(struct session *s, enum leg leg, enum peer_end what, enum peer_sight by);
/* Adds what was lost to session.closed. */
void witness_add_lost(const struct session *s, struct json_t *o);

/* recv(2) or splice(2) has returned n for this flow's source. */
void witness_came(struct session *s, enum flow flow, ssize_t n);
/* n bytes were delivered; data NULL: nobody saw them. Before flow_delivered(). */
void witness_passed(struct session *s, enum flow flow, const char *data, size_t n);
/* It was struck: what it had no answer to is remembered. */
void witness_unanswered(struct session *s);

/* What held its flows lets go of them: the first bytes after that are told again. */
void witness_released(struct session *s);

/* target_ops. */
void witness_look(struct target *t, int64_t struck_ns);
void witness_struck(struct target *t, const char *fault, enum side side);

/* Looks at every leg that nobody reads. */
void witness_states(struct relay *r);

/* --- witness_heard.c --- */

/* NULL: not possible here. */
struct hearing *hearing_new(struct relay *r);
void hearing_free(struct hearing *h);
void hearing_leg(struct hearing *h, struct heard_leg *leg);
void hearing_leg_gone(struct hearing *h, struct heard_leg *leg);
