/* Between the files of the engine: who is chosen, what one run does, what is told. */
#pragma once
#include "faults/catalogue.h"
#include "faults/engine.h"

/* after_bytes, after_idle, nth, first or every is set: each session has its own window. */
bool fault_has_triggers(const struct fault_spec *s);
/* nth, first or every is set: only sessions accepted since it was armed. */
bool fault_counts(const struct fault_spec *s);
/* toxicity and clients; the same answer each time for the same session. */
bool fault_chooses(const struct fault *f, const struct target *t);
/* Such a toxicity alone. */
bool fault_draws(const struct fault *f, double toxicity, const struct target *t);
/* nth, first and every: it is this session's turn. */
bool fault_turn(const struct fault *f, const struct target *t);
/* The idle time that triggers it; 0: none does. */
int64_t fault_idle_ns(const struct fault_spec *s);
int64_t fault_lasts_ns(const struct fault *f);
void fault_lower(struct fault *f, enum grade grade); /* it acts no better than this */

/* What it does to connection attempts now; with clients only to theirs. */
enum gate fault_gate(const struct fault *f);
/* It does something to sessions. */
bool fault_strikes(const struct fault *f);
/* A pending run for every open session that toxicity and clients choose. */
void fault_enlist(struct fault *f);

enum gate fault_gate_at(const struct fault *f, const struct door *d); /* ... at this door */
/* The best grade that the wire has for it there. */
enum grade door_promise(const struct engine *e, const struct fault_spec *s, const struct door *d);
void gate_count(struct engine *e, struct target *t); /* until engine_session_done() */
void gate_crowds(struct engine *e); /* all doors anew: sessions have come or gone */
/* It keeps its clients' range silent at this door. */
bool fault_ranges(const struct fault *f, const struct door *d);

/* Its doors answer with ICMP while it is active (reject.c). */
void fault_rejects(struct fault *f);
/* It is silent to nobody: only packets that are too large are dropped. */
bool reject_passes(const struct fault_spec *s);
/* As engine_refuses(), for types that send ICMP. */
const char *reject_refuses(const struct engine *e, const struct fault_spec *s, const struct door *d,
    char *buf, size_t size);
void door_rejects(struct engine *e, struct door *d);

void fault_forget(struct fault *f, const struct door *d);

/* As engine_refuses(), for types that drop some segments. */
const char *sieve_refuses(const struct engine *e, const struct fault_spec *s, const struct door *d,
    char *buf, size_t size);

struct run *run_find(const struct fault *f, const struct target *t);
struct run *run_new(struct fault *f, struct target *t); /* RUN_PENDING; NULL: no memory */
void run_free(struct run *r);                  /* as if it had never been: wishes stay as applied */
void run_watch(struct run *r, int64_t now_ns); /* a pending run waits for its trigger, or strikes */
void run_arm(struct run *r, int64_t now_ns);
void run_settle(struct run *r);
void run_tell(struct run *r, int64_t now_ns);
void run_done(struct run *r, int64_t now_ns);   /* frees it when there is nothing to undo */
void run_retune(struct run *r, int64_t now_ns); /* its fault's parameters are others */
void run_strike(struct run *r);                 /* what a stage asked for */
void run_lift(struct run *r);                   /* disarm, withdraw its wishes, free */

/* Its window begins: gates, then all its sessions. */
void fault_begin(struct fault *f, int64_t now_ns);
/* Its window ends, or one outage of a flap: every run undone; the gates are the caller's. */
void fault_undo(struct fault *f, int64_t now_ns);
void fault_gates(struct fault *f);
/* The window is over: undone, gates, perhaps the tail; told. */
void fault_end(struct fault *f, int64_t now_ns);

/* Reads the drop counters of what is silent and tells what is new. */
void engine_observe(struct engine *e, int64_t now_ns);
/* The same of one door; true if it, or a range of it, is silent. */
bool door_observe(struct engine *e, struct door *d);

void fault_tell(struct fault *f, enum event_id id, const char *reason, int64_t now_ns);
void fault_tell_fired(
    struct fault *f, uint64_t sessions, const struct target *only, int64_t arm_ns, int64_t all_ns);
