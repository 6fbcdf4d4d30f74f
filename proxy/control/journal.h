/*
 * Everything that is known of a run, in the order of time: what the relays told (their timelines'
 * events) and what the driver saw itself. The verdict is made of this alone.
 *
 * The driver's own records:
 *
 *     run.relay         relay,admin,version,wire,witness,skew_ns,rtt_ns   a relay that takes part
 *     run.zero          started,seed                the scenario's time begins: at_ns is 0
 *     run.events_lost   relay,lost                  so many events of it are not here
 *     step.began        step,index,iteration,planned_ns?
 *     step.ended        step,index,iteration,result,message?     result: pass, fail, error, skipped
 *     action.done       step,iteration,action,text,fault?        after the relay has answered
 *     command.started   pid,argv
 *     command.exited    code? signal?
 *     peer.attempt      proxy,client,pid?,process?  a socket in SYN_SENT to a proxy's address
 *     peer.socket       proxy,client,old,new,since_ns,retransmits,pid?,process?    states as ss(8)
 *                       has them; new "gone": there is no such socket any more; since_ns: it was
 *                       looked at that long before, and was still old
 *     peer.settings     proxy,client,pid?,process?,known,keepalive,keep_idle_ns,keep_interval_ns,
 *                       keep_count,user_timeout_ns,retries2,rtt_ns,rto_ns    known: its options
 *                       could be read; else they are what the timer that runs gives away
 *     run.end           reason,signal?              nothing is watched any more
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record {
	int64_t at_ns;  /* since the scenario's time began; by the driver's clock */
	unsigned relay; /* whose event, from 0; JOURNAL_DRIVER: the driver's own */
	char *event;
	json_t *fields; /* without seq, mono_ns, wall, event */
};

#define JOURNAL_DRIVER UINT32_MAX

struct journal {
	struct record *records;
	size_t count, room;
};

/* Takes over fields (NULL: none). In its place by at_ns, behind those of the same time. False: no
 * memory; fields is freed. */
bool journal_add(
    struct journal *j, int64_t at_ns, unsigned relay, const char *event, json_t *fields);

/* All times so much earlier: once it is known when time began. */
void journal_shift(struct journal *j, int64_t by_ns);

/* As NDJSON: {"at_ns":..,"relay":0,"event":..,...fields}; relay null for the driver's own. False:
 * errno. */
bool journal_write(const struct journal *j, const char *path);
void journal_free(struct journal *j);

/* A field's value; NULL, or other: it has none. */
const char *record_text(const struct record *r, const char *key);
int64_t record_int(const struct record *r, const char *key, int64_t other);
