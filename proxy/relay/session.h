/*
 * One client's connection and its upstream connection. Inside relay/ only.
 *
 *      accepted            connected     both flows done        all acknowledged
 *   DIALING ------------> OPEN -----------------------> CLOSING -------------> OVER -> freed
 *      |                    |  a fault or a silent upstream ended one leg       ^
 *      +------------------> DEAD ---- the other leg ends, the fault ends ------+
 *
 * (an error or a fault that ends both legs goes to OVER from everywhere)
 *
 * session_set_state() is the only place that changes the state, session_close() the only one that
 * ends the whole; nothing is freed inside its own callback: what is OVER waits for the reaper.
 */
#pragma once
#include "relay/relay.h"
#include <event2/event_struct.h>

enum session_state { SESSION_DIALING, SESSION_OPEN, SESSION_CLOSING, SESSION_DEAD, SESSION_OVER };
extern const char *const session_state_names[];

struct dial;
struct seen;

/* One direction. Bytes wait either in a pipe (splice) or in a buffer (copy), never in both: when
 * they change places the waiting ones are drained first. */
struct flow_state {
	uint64_t bytes;    /* delivered to the other leg's socket */
	uint64_t mark;     /* tell the engine at this many; UINT64_MAX: never */
	struct pipe *pipe; /* held only while bytes are in it */
	char *buf;         /* allocated only while bytes wait in it */
	uint32_t off, len; /* of what waits: in buf, or (len alone) in pipe */
	bool splice : 1;   /* the last read filled the scratch buffer */
	bool held : 1;
	bool eof : 1;                /* the source has said FIN, or a fault says so */
	bool fin : 1;                /* FIN was passed on */
	bool discard : 1;            /* nobody is there to take it: read and thrown away */
	bool running : 1, again : 1; /* flow_run() is at it; and was called meanwhile */
};

struct leg_state {
	int fd; /* -1: not connected, or over */
	struct wire_state wire;
	/* what faults want dropped on arrival; NULL: nothing */
	struct wire_sieve *sieve;
	uint8_t which;   /* enum leg */
	uint8_t watched; /* EV_READ, EV_WRITE */
	uint8_t later;   /* 1 + enum ending: told once the wire speaks again; 0: none */
	bool ready : 1;  /* connected */
	bool failed : 1; /* its reset is on its way to the other leg, behind the bytes */
	bool over : 1;   /* ended; the descriptor is closed, or waits for `later` */
	bool lost : 1;   /* silent because its real peer is: no fault's end makes it speak */
	struct event ev;
};

struct session {
	struct target target; /* first */
	struct relay *relay;
	struct proxy *proxy;
	struct seen *seen; /* NULL: nobody wants to know (witness.h) */
	int64_t opened_ns, active_ns;
	struct leg_state legs[LEGS];
	struct flow_state flows[FLOWS];
	struct dial *dial;   /* DIALING only */
	struct event *limit; /* CLOSING, or DEAD without a fault: how long it is kept; NULL: none */
	const char *reason;  /* static; why it ends, first reason wins */
	char *fault;         /* the fault that ended it; NULL: none */
	STAILQ_ENTRY(session) in_reap;
	union sockaddr_ip client;
	uint8_t state;
	bool undialled; /* a fault keeps it from dialling */
};

static inline enum leg flow_source(enum flow f)
{
	return f == FLOW_UPSTREAM ? LEG_CLIENT : LEG_SERVER;
}

static inline enum leg flow_sink(enum flow f)
{
	return f == FLOW_UPSTREAM ? LEG_SERVER : LEG_CLIENT;
}

/* --- session.c --- */

/* Takes over fd. NULL: no memory; fd was closed. The faults have struck it and it is dialling when
 * this returns. */
struct session *session_open(
    struct proxy *p, int fd, const union sockaddr_ip *client, int64_t now_ns);

/* The dial is over: the server leg is connected (takes over fd). */
void session_connected(struct session *s, int fd, int64_t now_ns);

/* The dial is over: err is why (ECONNREFUSED, ETIMEDOUT ...). RST for an answer, silence for
 * silence. */
void session_unreachable(struct session *s, int err);

/* A leg's socket failed: the other leg is told the same. */
void session_leg_failed(struct session *s, enum leg leg, int err);

/* One leg ends. Told to the peer now, or when its wire speaks again. */
void session_end_leg(struct session *s, enum leg leg, enum ending how);

/* The leg's connection vanishes: not a word to the peer; its next segment is answered with RST. */
void session_vanish_leg(struct session *s, enum leg which);

/* Everything ends: each leg as `how` says. The first reason stays. */
void session_close(struct session *s, enum ending how, const char *reason);

void session_set_state(struct session *s, enum session_state state);

/* Sets the events that the flows now need. */
void session_watch(struct session *s);

/* The reaper's part. */
void session_free(struct session *s);

void session_dump(struct session *s);

/* --- farewell.c --- */

/* Both flows are done: closes, once the peers' kernels have everything. */
void session_finish(struct session *s);

/* --- target.c --- */

extern const struct target_ops session_target_ops;

/* The upstream went silent, so does this leg: for as long as a peer could still be trying. False:
 * no rung. */
bool session_fall_silent(struct session *s, enum leg leg);

/* --- flow.c --- */

/* Moves bytes until one side blocks or a fair share was moved; passes FIN on. May end the session.
 */
void flow_run(struct session *s, enum flow flow);
bool flow_wants_read(const struct session *s, enum flow flow);
bool flow_wants_write(const struct session *s, enum flow flow);
/* Drops what waits. */
void flow_clear(struct session *s, enum flow flow);

/* --- dial.c --- */

/* Starts connecting to the proxy's upstream; may call session_unreachable() before it returns. */
void dial_start(struct session *s);
void dial_cancel(struct session *s);
