/*
 * The truth table as data: a row is a way to die, its cells are four peers that watch. What a peer
 * does, what it should see and how long that takes on a machine with its defaults is one entry
 * each.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define DEMO_ROWS    8
#define DEMO_COLUMNS 4
#define DEMO_CELLS   (DEMO_ROWS * DEMO_COLUMNS)
#define DEMO_STEPS   4 /* what a peer can see one after the other */
#define DEMO_CALLERS 3 /* connections that fill an accept queue */

/* Seconds after the death. */
#define DEMO_LASTS_S 12.0
#define DEMO_POKE_S  9.0 /* when an idle peer says one byte */
#define DEMO_QUIET_S 8.0 /* when senders stop, so that all their bytes can have come back */

/* What a peer saw: an errno, or one of these. */
enum saw {
	SAW_EOF = -1,
	SAW_CONNECTED = -2,
	SAW_ECHO = -3,       /* the byte it said came back */
	SAW_ACK = -4,        /* it was acknowledged, and did not come back */
	SAW_SILENCE = -5,    /* nobody acknowledged it */
	SAW_CARRIED_ON = -6, /* after a gap bytes flow again */
	SAW_BLOCKED = -7,    /* zero window */
};

struct step {
	int saw;         /* 0: no more steps */
	int or ;         /* as well; 0: nothing else */
	bool perhaps;    /* also right when it is missing */
	double from, to; /* seconds after the death */
};

/* What else must be so at the end. */
enum proof {
	PROOF_NONE,
	PROOF_ANSWERED,   /* ACKs went on coming: a kernel lives there */
	PROOF_UNANSWERED, /* not one segment came since the death, to retransmissions either */
	PROOF_INTACT,     /* every byte sent came back, once and in order */
	PROOF_FULL,       /* the callers before it were all connected */
};

/* How long the same takes with the machine's own settings. */
enum usual {
	USUAL_AT_ONCE,
	USUAL_NEVER,
	USUAL_ALIVE,
	USUAL_KEEPALIVE,
	USUAL_RETRIES,
	USUAL_SYN,
	USUAL_PROBE,
	USUAL_RETRANSMISSION,
	USUAL_BOOT,
	USUAL_RESTART,
	USUAL_HEALS_ALWAYS,
	USUAL_HEALS_KEEPALIVE,
	USUAL_HEALS_RETRIES,
	USUAL_HEALS_SYN,
	USUAL_COUNT
};

enum column { COLUMN_IDLE, COLUMN_KEEPALIVE, COLUMN_SENDING, COLUMN_CONNECTING };

struct cell {
	int keepalive_count; /* TCP_KEEPCNT, with 1 s idle and 1 s between; 0: keepalive is off */
	int user_timeout_ms; /* TCP_USER_TIMEOUT; 0: not set */
	int syn_count;       /* TCP_SYNCNT; 0: not set */
	bool poke;           /* says one byte at DEMO_POKE_S */
	bool flood;          /* sends all that goes in, from the death on */
	double pause_s;      /* after the death a sender says nothing for so long */
	bool again;          /* refused, it tries again */
	bool callers;        /* the accept queue is filled before it connects */
	struct step should[DEMO_STEPS];
	int state; /* in the end */
	enum proof proof;
	const char *text; /* should, in words; 19 characters at most */
	enum usual usual;
};

struct row {
	const char *name, *head, *note; /* the whole; in the table, on two lines of 13 characters */
	const char *fault;              /* the fault's text, without its host */
	uint64_t backlog;               /* 0: as always */
	struct cell cells[DEMO_COLUMNS];
};

extern const struct row demo_rows[DEMO_ROWS];
extern const char *const demo_columns[DEMO_COLUMNS];
