/* The parts of facts_new(), in their order. Private to facts. */
#pragma once
#include "control/facts.h"

/* What may be of one client at one proxy, each in the order of time. */
struct fact_group {
	size_t *deaths, *attempts, *sessions;
	size_t n_deaths, n_attempts, n_sessions;
};

bool facts_read(struct facts *f); /* records to faults, sessions, deaths, attempts */
bool facts_make_groups(struct facts *f);
void facts_free_groups(struct facts *f);
void facts_settle_deaths(struct facts *f);
bool facts_find_comebacks(struct facts *f);
bool facts_find_recoveries(struct facts *f);

/* The text, kept once: the same text is the same pointer. Never NULL; "" where there is no memory
 * or no text. */
const char *facts_intern(struct facts *f, const char *text);

/* A number under a name, in a namespace of one letter. NOBODY: none. */
size_t facts_lookup(const struct facts *f, char space, const char *name);
bool facts_name(struct facts *f, char space, const char *name, size_t number);

/* Who is behind a client's address. */
struct fact_client facts_who(struct facts *f, const char *client);
bool facts_read_clients(struct facts *f); /* before all others */

/* An attempt seen in one of the three ways, and what became of it. */
bool facts_attempt(struct facts *f, const struct record *r, enum fact_sight sight, size_t session);

/* How gaps grow from one to the next, up to their longest (the cap), and how far they are off that.
 * Below 0: too few. */
double facts_growth(const int64_t *gaps_ns, size_t n);
double facts_jitter(const int64_t *gaps_ns, size_t n);

/* Both over several lanes' gaps of the same ordinal, as many as half of the lanes have: *n. */
void facts_pool(
    struct fact_comeback *const *lanes, size_t n_lanes, double *growth, double *jitter, size_t *n);

/* A name of one relay: "0/dead". Returns key. */
const char *facts_scoped(char *key, size_t size, unsigned relay, const char *name);

/* The fault that a record is of; made if it was not known. NULL: no memory. */
struct fact_fault *facts_get_fault(struct facts *f, const struct record *r);

/* Readers of one event each. False: no memory. */
bool facts_read_relay(struct facts *f, const struct record *r);
bool facts_read_start(struct facts *f, const struct record *r);
bool facts_read_lost(struct facts *f, const struct record *r);
bool facts_read_armed(struct facts *f, const struct record *r);
bool facts_read_active(struct facts *f, const struct record *r);
bool facts_read_fired(struct facts *f, const struct record *r);
bool facts_read_refused(struct facts *f, const struct record *r);
bool facts_read_lifted(struct facts *f, const struct record *r);
bool facts_read_phase(struct facts *f, const struct record *r);
bool facts_read_action(struct facts *f, const struct record *r);
bool facts_read_gate(struct facts *f, const struct record *r);

/* May attempts be missing? Segments tell all of them; sockets those that wait for an answer, but
 * none that is refused at once; sessions those that were accepted. */
bool facts_unseen(
    const struct facts *f, unsigned relay, const char *proxy, int64_t from_ns, int64_t to_ns);
