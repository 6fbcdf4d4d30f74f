/*
 * deadpeer demo, inside. Not for other subcommands.
 *
 *     demo.c           the play: proxies up, peers connect and talk, all machines die at once, 12 s
 * pass demo_cells.c     the truth table as data: what happens to which peer, and what it should see
 *     demo_peer.c      a peer: a real client socket, and what its kernel said, and when
 *     demo_sight.c     TCP_INFO
 *     demo_judge.c     saw against should
 *     demo_defaults.c  how long the same takes with this machine's own settings
 *     demo_words.c     all of that as short texts
 *     demo_board.c     the live board;  demo_table.c  the table at the end
 *
 * A row is a machine: a fault, and a host with a proxy for each of its four peers.
 */
#pragma once
#include "base/addr.h"
#include "cli/demo_cells.h"
#include "control/command.h"
#include <event2/event_struct.h>
#include <stdint.h>

/* What of TCP_INFO a cell's truth rests on. */
struct sight {
	int state; /* tcp_states.h */
	uint32_t unacked, unsent, probes, total_retrans, segs_in, last_ack_ms, snd_wnd;
};

enum verdict { VERDICT_PENDING, VERDICT_RIGHT, VERDICT_WRONG, VERDICT_REFUSED };

enum peer_stage { PEER_NEW, PEER_CONNECTING, PEER_CONNECTED, PEER_OVER };

struct seen {
	int what;
	double at_s; /* after the death */
};

struct demo;

struct peer {
	struct demo *demo;
	const struct cell *cell;
	int row, column;
	union sockaddr_any to;
	socklen_t to_len;
	int fd;
	enum peer_stage stage;
	struct event ev;
	bool greeted; /* its first bytes came back */
	bool sends, corrupt;
	uint64_t sent, echoed, poked_at; /* offsets in its stream; poked_at 0: not yet */
	double echoed_s, retry_s;        /* when; after the death */
	int callers[DEMO_CALLERS];
	struct sight before, now, blocked; /* at the death; last; when it was blocked */
	struct seen seen[DEMO_STEPS];
	int n_seen;
	enum verdict verdict;
	char why[96]; /* VERDICT_WRONG: the first thing that is not as it should be */
};

struct demo_row {
	char grade[16];    /* of the wire; "": the fault needs none */
	char refused[160]; /* why it cannot be played; "": it can */
	bool fired;
};

enum demo_phase { PHASE_CONNECT, PHASE_GREET, PHASE_DEATH, PHASE_OVER };

struct board;

struct demo {
	struct wire wire;
	struct timeline timeline;
	struct relay *relay;
	struct control control;
	struct event *tick;
	enum demo_phase phase;
	int64_t began_ns, death_ns; /* death 0: not yet */
	sa_family_t family;
	struct demo_row rows[DEMO_ROWS];
	struct peer peers[DEMO_CELLS];
	struct board *board;
	char error[256]; /* why the play stopped; "": it did not */
};

double demo_now_s(const struct demo *d); /* after the death; 0 before it */

/* --- demo_peer.c --- */

void peer_start(struct peer *p); /* sets its options and connects */
void peer_greet(struct peer *p); /* says hello; p->greeted when it came back */
void peer_death(struct peer *p); /* what the peer does when its machine has just died */
void peer_tick(struct peer *p);
void peer_finish(struct peer *p); /* what can only be told at the end */
void peer_close(struct peer *p);

/* --- demo_sight.c --- */

bool sight_read(int fd, struct sight *s);

/* --- demo_judge.c --- */

void judge_peer(struct peer *p);                 /* at the end */
enum verdict judge_so_far(const struct peer *p); /* of what was seen alone */
