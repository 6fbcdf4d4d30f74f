/*
 * What a journal says, without judging it: relays, faults, sessions, deaths, attempts, and how each
 * client came back. Pure; everything is in the order of time and points to the rest by index.
 *
 * A client is its process where that is known, else its address without the port; a connection
 * whose process was not seen belongs to the only process known there, or to all of them. Attempts
 * belong to the client, deaths to sessions. A client that lost eight sessions comes back on eight
 * lanes, one for each death that it knows of: an attempt is of the lane that has waited longest and
 * has none under way, and a lane is left when its attempt was accepted and carries on. An attempt
 * that no lane explains, made when no other session of the client lives, is the first sign that it
 * knows of its earliest death. What comes after the client's next strike (another fault, or a
 * session that is newer than the death) belongs to that one.
 */
#pragma once
#include "control/journal.h"
#include "model/scenario.h"

#define NOT_YET INT64_MAX
#define NOBODY  SIZE_MAX

enum fact_leg { FACT_CLIENT, FACT_SERVER, FACT_LEGS }; /* and ways: upstream, downstream */
enum fact_how { HOW_NONE, HOW_FIN, HOW_RST, HOW_GONE, HOW_RECONNECT };
enum fact_sight { SIGHT_NONE, SIGHT_BYTES, SIGHT_SEGMENT, SIGHT_SOCKET, SIGHT_SESSION };
enum fact_shape { SHAPE_IDLE, SHAPE_WAITING, SHAPE_BUSY, SHAPE_BLOCKED, SHAPE_UNKNOWN };
enum fact_outcome { OUTCOME_ACCEPTED, OUTCOME_REFUSED, OUTCOME_UNANSWERED, OUTCOME_UNKNOWN };
extern const char *const fact_how_names[], *const fact_sight_names[], *const fact_shape_names[];
extern const char *const fact_outcome_names[], *const fact_leg_names[];

struct fact_relay {
	const struct record *told;  /* run.relay; NULL: none */
	const char *name, *witness; /* "segments", "sessions"; NULL: it tells of no strikes */
	int64_t events_lost;
	bool acted; /* a fault did */
};

struct fact_fault {
	unsigned relay;
	const char *name, *type, *side, *grade, *refused; /* refused NULL: it was not */
	const struct fault_spec *spec;                    /* NULL: not the scenario's */
	const struct step *step;                          /* NULL: none armed it */
	int64_t iteration, active_ns, lifted_ns, settled_ns, sessions, segments;
};

struct fact_client {
	const char *ip; /* interned: the same text is the same pointer */
	int64_t pid;    /* 0: not known */
	const char *process;
};

struct fact_session {
	unsigned relay;
	int64_t id;
	const char *proxy, *client; /* proxy is interned */
	struct fact_client who;
	int64_t opened_ns, connected_ns, traffic_ns, closed_ns;
	int64_t bytes_ns[FACT_LEGS];          /* the first, each way */
	int64_t ended_ns, ended_tolerance_ns; /* an application ended its connection itself */
	enum fact_how ended_how;
	enum fact_sight ended_by;
	bool client_ended, watched; /* whose end; the client's socket was seen */
	bool loss_told;             /* what it lost is known, though it may be open */
	int64_t bytes[FACT_LEGS], lost[FACT_LEGS];
	const char *reason, *fault;                /* that ended it; NULL: open; none did */
	size_t death, first_death, attempt, group; /* death: the last one */
};

struct fact_death {
	size_t session, fault, again;     /* again: the session's next death; NOBODY: none */
	int64_t at_ns, until_ns, next_ns; /* next: the client's next strike */
	bool by_client, traffic_before;   /* by_client: it watches; else the server does */
	enum fact_shape shape;
	int64_t idle_ns[FACT_LEGS], bytes[FACT_LEGS]; /* at that moment, each way; idle -1: never */
	int64_t sign_ns, detected_ns; /* its own word (FIN, RST, gone); that, or a reconnect */
	int64_t tolerance_ns;         /* it may have been so much sooner: it was sampled */
	enum fact_how how;
	enum fact_sight seen_by;
	int64_t *drops; /* when each segment was dropped that came from the watcher */
	size_t n_drops, room;
	bool sends;                   /* those are retransmissions; else probes */
	bool farewell, farewell_seen; /* its FIN or RST was heard; and is among what was dropped */
	bool lived, zombie;           /* lived: the fault ended, and the session went on */
	int64_t again_ns[FACT_LEGS];  /* first bytes after the fault's end on this session */
	bool again_by_then;           /* that is only when totals proved them: no later than it */
	int64_t connected_ns, recovered_ns; /* a new session; bytes both ways: moments */
	size_t came_back;                   /* attempt; NOBODY: none */
	size_t comeback;                    /* NOBODY: it never tried */
	int64_t repeated_bytes;
	const json_t *settings; /* of the client's socket, peer.settings; NULL: not known */
	bool settings_late;     /* they were told after the death, so its RTO is another one */
};

struct fact_attempt {
	int64_t at_ns, until_ns;
	const char *proxy, *client;
	struct fact_client who;
	enum fact_outcome outcome;
	enum fact_sight seen_by;
	bool by_syn;
	size_t session; /* NOBODY: none */
	size_t comeback, group;
};

/* A lane: from when a client knew of a death until it had traffic again, or its next strike. */
struct fact_comeback {
	const char *proxy;
	struct fact_client who;
	size_t death;
	int64_t from_ns, end_ns;
	bool from_known;                  /* it was seen to know, before it tried */
	bool invisible;                   /* attempts that nobody answered could not be seen */
	size_t first, attempts, parallel; /* first: attempt */
	int64_t *gaps_ns;
	size_t n_gaps;
	size_t lanes, common_gaps; /* of the client and that strike; gaps that most of them have */
	double growth, jitter;     /* below 0: too few */
};

struct fact_recovery {
	size_t fault;
	const char *proxy;
	int64_t at_ns, lifted_ns, first_ns, full_ns; /* moments */
	size_t before, storm; /* sessions that were open; attempts in the busiest second */
	bool traffic_before, invisible;
	bool unsure; /* sessions lived, and when they carried bytes again was not told */
};

struct facts {
	const struct scenario *scenario;
	const struct journal *journal;
	struct fact_relay *relays;
	struct fact_fault *faults;
	struct fact_session *sessions;
	struct fact_death *deaths;
	struct fact_attempt *attempts;
	struct fact_comeback *comebacks;
	struct fact_recovery *recoveries; /* lifted_ns NOT_YET: the fault acts to the end */
	size_t n_relays, n_faults, n_sessions, n_deaths, n_attempts, n_comebacks, n_recoveries;
	int64_t end_ns;              /* so long was watched */
	const struct record *exited; /* the command, by itself; NULL: no */
	bool command_ran, sockets_seen;
	json_t *index; /* private, as the rest is: names to numbers */
	const struct record **gates;
	struct fact_group *groups;
	size_t n_gates, n_groups;
};

/* NULL: no memory. scenario and journal outlive it. */
struct facts *facts_new(const struct scenario *scenario, const struct journal *journal);
void facts_free(struct facts *f);

/* Did this proxy's address not just accept, at any moment of [from, to]? */
bool facts_closed(const struct facts *f, const char *proxy, int64_t from_ns, int64_t to_ns);

/* Have both been the same client? One whose process was not seen may be any at its address. */
bool fact_client_same(const struct fact_client *a, const struct fact_client *b);

/* Of command.exited: its number, told as such or by name ("TERM"). 0: none. */
int fact_signal(const struct record *r);

double facts_spread(const double *values, size_t n); /* standard deviation by mean */
