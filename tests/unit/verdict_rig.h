/*
 * Scripted runs for the verdict's tests: a scenario as INI text and a journal as lines,
 *
 *     SECONDS EVENT key=value ...     numbers and true or false are told from text
 *
 * Events of the driver are known by their names; the others are relay 0's, or relay=N's.
 */
#pragma once
#include "control/facts.h"
#include "control/verdict.h"

#define RIG_PROXIES                                                                                \
	"[proxy db]\nlisten = 127.0.0.1:0\nupstream = builtin:echo\n"                              \
	"[proxy web]\nlisten = 127.0.0.1:0\nupstream = builtin:echo\n" /* 6 lines */
#define RIG_STEP                                                                                   \
	"[at 1s]\nname = cut\narm = power_loss name=dead proxy=db duration=10s\n" /* 3 lines */

#define RIG_RELAY                                                                                  \
	"-1 run.relay relay=local admin=unix:/s version=0.1.0 wire=exact skew_ns=0 rtt_ns=9\n"     \
	"-1 deadpeer.start version=0.1.0 witness=segments\n"
#define RIG_BLIND                                                                                  \
	"-1 run.relay relay=local admin=unix:/s version=0.1.0 wire=exact skew_ns=0 rtt_ns=9\n"     \
	"-1 deadpeer.start version=0.1.0 witness=sessions\n"
#define RIG_BEGAN                                                                                  \
	"1 step.began step=cut index=0 iteration=1\n"                                              \
	"1 fault.armed fault=dead type=power_loss side=server delay_ns=0 duration_ns=0\n"          \
	"1 fault.active fault=dead type=power_loss side=server grade=exact\n"                      \
	"1 proxy.gate proxy=db old=open new=silent\n"                                              \
	"1 fault.fired fault=dead type=power_loss sessions=1 grade=exact\n"                        \
	"1 step.ended step=cut index=0 iteration=1 result=pass\n"
#define RIG_LIFTED                                                                                 \
	"11 fault.lifted fault=dead type=power_loss side=server reason=duration sessions=1 "       \
	"segments=4 touched=true active_ns=10000000000 grade=exact\n"                              \
	"11 proxy.gate proxy=db old=silent new=open\n"

/* A session opened at AT, with traffic at once. */
#define RIG_OPEN(at, proxy, id, client)                                                            \
	at " session.opened proxy=" proxy " session=" id " client=" client "\n" at                 \
	   " session.connected proxy=" proxy " session=" id " upstream=builtin:echo\n"
#define RIG_BYTES(at, proxy, id)                                                                   \
	at " session.bytes proxy=" proxy " session=" id " direction=upstream bytes=9\n" at         \
	   " session.bytes proxy=" proxy " session=" id " direction=downstream bytes=9\n"
#define RIG_SESSION(at, proxy, id, client) RIG_OPEN(at, proxy, id, client) RIG_BYTES(at, proxy, id)
#define RIG_STRUCK(at, fault, id, client, shape)                                                   \
	at " session.struck fault=" fault " proxy=db session=" id " client=" client                \
	   " watcher=client shape=" shape " upstream_bytes=9 downstream_bytes=9"                   \
	   " upstream_idle_ns=0 downstream_idle_ns=0\n"
#define RIG_PEER(at, id, what)                                                                     \
	at " session.peer proxy=db session=" id " leg=client what=" what " seen_by=segment\n"
#define RIG_END(at) at " run.end reason=over\n"

struct rig {
	struct scenario *scenario;
	struct journal journal;
	struct facts *facts;
	json_t *verdict;
};

/* Judges with Linux's defaults; checks what holds of every verdict, and writes it into the
 * directory DEADPEER_VERDICTS, if there is one, for others to look at. */
struct rig rig_judge(const char *scenario, const char *const *script);
struct rig rig_judge_as(
    const char *scenario, const char *const *script, const struct run_about *about);
void rig_free(struct rig *r);

/* "pass" ...; of the whole, or of one expectation. */
const char *rig_result(const struct rig *r);
const char *rig_expect(const struct rig *r, size_t i, const char *key);
/* deaths[i].key and the like. */
const json_t *rig_at(const struct rig *r, const char *list, size_t i, const char *key);

/* Lines into a journal, which holds what it held. */
void rig_tell(struct journal *j, const char *lines);
struct scenario *rig_scenario(const char *text);
