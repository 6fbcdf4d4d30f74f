/*
 * Doors and sessions that are not there: they write down what faults ask of them, and hold faults
 * to the contract of target.h (a session that is over is left alone). Time stands still until
 * fake_until().
 */
#pragma once
#include "faults/engine.h"
#include "model/conf.h"
#include <jansson.h>

#define FAKE_EVENTS 4096
#define FAKE_DOORS  4
#define FAKE_GOT    65536
#define FAKE_START  (1000 * NS_PER_S)

struct fake_door {
	struct door door; /* first */
	struct fake_world *world;
	enum grade grade; /* what gate and range answer */
	uint32_t drops;
	uint64_t sessions;
	bool cannot_reject;
	unsigned queued; /* connections in the accept queue: GATE_SILENT drains them */
};

struct fake_target {
	struct target target; /* first */
	struct fake_world *world;
	union sockaddr_any client;
	bool connected;       /* the server leg is; an unconnected leg cannot be silenced */
	uint8_t silent[LEGS]; /* what holds now */
	uint8_t held;
	bool undialled;
	uint8_t ended[LEGS]; /* 1 + enum ending */
	bool buried[LEGS];
	struct wire_sieve sieve[LEGS];
	enum grade grade[LEGS], bury_grade[LEGS]; /* what the calls answer */
	uint32_t drops[LEGS], segments[LEGS];
	uint64_t bytes[FLOWS], mark[FLOWS];
	int64_t active_ns;
	bool blocked; /* the sinks take nothing of what is shaped */
	char got[FLOWS][FAKE_GOT], taken[FAKE_GOT];
};

struct fake_world {
	struct wire wire;
	struct timeline timeline;
	struct engine engine;
	struct config *config;
	int64_t now_ns;
	struct fake_door doors[FAKE_DOORS];
	unsigned n_doors, n_faults;
	uint64_t n_sessions;
	bool quiet; /* no calls are written down */
	char calls[1 << 16], taken[1 << 16];
	struct {
		enum event_id id;
		json_t *fields;
	} events[FAKE_EVENTS];
	unsigned n_events;
};

/* Every rung works. Sessions must be closed before it is freed. */
struct fake_world *fake_world_new(void);
void fake_world_free(struct fake_world *w);

/* A proxy with that name; host NULL: one of its own. Not known to the engine before
 * fake_door_add(). */
struct fake_door *fake_door(struct fake_world *w, const char *name, const char *host);
void fake_door_add(struct fake_door *d);

/* A session with both legs connected; client "10.0.0.1". */
struct fake_target *fake_open(struct fake_door *d, const char *client);
/* One that still dials; fake_connected() ends that. */
struct fake_target *fake_dialing(struct fake_door *d, const char *client);
void fake_connected(struct fake_target *t);
void fake_close(struct fake_target *t);

/* Arms a fault, named f1, f2, ..., from its text ("power_loss delay=5s"); fails the test if it is
 * wrong. */
struct fault *fake_arm(struct fake_world *w, const char *text);
const struct fault_spec *fake_spec(struct fake_world *w, const char *text);
bool fake_update(struct fake_world *w, struct fault *f, const char *text);
void fake_lift(struct fake_world *w, struct fault *f);

/* Carries bytes, stopping at the mark as a flow does. */
void fake_carry(struct fake_target *t, enum flow flow, uint64_t bytes);

/* The flow's source says something (NULL: its FIN); through its stream if it has one. False: the
 * source is not read now. */
bool fake_send(struct fake_target *t, enum flow flow, const char *text);
/* What its sink got since the last call, a piece a word with its time: "0.250:abc 0.300:FIN". */
const char *fake_got(struct fake_target *t, enum flow flow);

/* Runs the engine's timers up to so many seconds after the start. */
void fake_until(struct fake_world *w, double seconds);

/* What was asked for since the last call: "a gate=silent; 1.client silence=both; 1 hold=both". */
const char *fake_calls(struct fake_world *w);

unsigned fake_event_count(const struct fake_world *w, enum event_id id);
/* The last one of its kind; NULL: none. */
const json_t *fake_event(const struct fake_world *w, enum event_id id);
int64_t fake_event_int(const struct fake_world *w, enum event_id id, const char *key);
const char *fake_event_text(const struct fake_world *w, enum event_id id, const char *key);
