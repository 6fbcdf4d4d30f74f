/*
 * From records to facts: counts what there will be at most, makes room for it once, and reads each
 * record in the order of time. The rest of the work is in facts_*.c.
 */
#include "control/facts.h"
#include "control/facts_parts.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fact_how_names[] = { "none", "fin", "rst", "gone", "reconnect", NULL };
const char *const fact_sight_names[] = { "none", "bytes", "segment", "socket", "session", NULL };
const char *const fact_shape_names[] = { "idle", "waiting", "busy", "blocked", "unknown", NULL };
const char *const fact_outcome_names[] = { "accepted", "refused", "unanswered", "unknown", NULL };
const char *const fact_leg_names[] = { "client", "server", NULL };

/* ---- names ---- */

static void key_of(char *key, size_t size, char space, const char *name)
{
	snprintf(key, size, "%c:%s", space, name);
}

size_t facts_lookup(const struct facts *f, char space, const char *name)
{
	char key[1100];
	const json_t *number;

	key_of(key, sizeof(key), space, name);
	number = json_object_get(f->index, key);
	return number ? (size_t)json_integer_value(number) : NOBODY;
}

bool facts_name(struct facts *f, char space, const char *name, size_t number)
{
	char key[1100];

	key_of(key, sizeof(key), space, name);
	return json_object_set_new(f->index, key, json_integer((json_int_t)number)) == 0;
}

const char *facts_intern(struct facts *f, const char *text)
{
	char key[1100];
	const char *kept;

	key_of(key, sizeof(key), 't', text ? text : "");
	if (!json_object_get(f->index, key))
		json_object_set_new(f->index, key, json_string(key + 2));
	kept = json_string_value(json_object_get(f->index, key));
	return kept ? kept : "";
}

/* ---- room ---- */

static size_t count_of(const struct journal *j, const char *event)
{
	size_t n = 0;

	for (size_t i = 0; i < j->count; i++)
		n += !strcmp(j->records[i].event, event);
	return n;
}

static size_t relays_of(const struct journal *j)
{
	size_t n = count_of(j, "run.relay");

	for (size_t i = 0; i < j->count; i++)
		if (j->records[i].relay != JOURNAL_DRIVER && j->records[i].relay >= n)
			n = j->records[i].relay + 1;
	return n;
}

/* Always something: calloc(3) may return NULL for nothing. */
static void *room_for(size_t n, size_t size)
{
	return calloc(n + 1, size);
}

#define RELAYS_MAX 4096

static bool make_room(struct facts *f)
{
	const struct journal *j = f->journal;
	const size_t opened = count_of(j, "session.opened"),
		     faults = count_of(j, "fault.armed") + count_of(j, "fault.active") +
			      count_of(j, "fault.fired") + count_of(j, "fault.refused"),
		     struck = count_of(j, "session.struck");

	f->n_relays = relays_of(j);
	if (f->n_relays > RELAYS_MAX)
		return false;
	f->index = json_object();
	f->relays = room_for(f->n_relays, sizeof(*f->relays));
	f->faults = room_for(faults + struck, sizeof(*f->faults));
	f->sessions = room_for(opened, sizeof(*f->sessions));
	f->deaths = room_for(struck, sizeof(*f->deaths));
	f->attempts = room_for(
	    opened + count_of(j, "client.syn") + count_of(j, "peer.attempt"), sizeof(*f->attempts));
	f->comebacks = room_for(struck, sizeof(*f->comebacks));
	f->recoveries = room_for(struck, sizeof(*f->recoveries));
	f->gates = room_for(count_of(j, "proxy.gate"), sizeof(struct record *));
	return f->index && f->relays && f->faults && f->sessions && f->deaths && f->attempts &&
	       f->comebacks && f->recoveries && f->gates;
}

/* ---- whole ---- */

struct facts *facts_new(const struct scenario *scenario, const struct journal *journal)
{
	struct facts *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->scenario = scenario;
	f->journal = journal;
	if (!make_room(f) || !facts_read_clients(f) || !facts_read(f) || !facts_make_groups(f)) {
		facts_free(f);
		return NULL;
	}
	facts_settle_deaths(f);
	if (!facts_find_comebacks(f) || !facts_find_recoveries(f)) {
		facts_free(f);
		return NULL;
	}
	return f;
}

void facts_free(struct facts *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_deaths; i++)
		free(f->deaths[i].drops);
	for (size_t i = 0; i < f->n_comebacks; i++)
		free(f->comebacks[i].gaps_ns);
	free(f->relays);
	free(f->faults);
	free(f->sessions);
	free(f->deaths);
	free(f->attempts);
	free(f->comebacks);
	free(f->recoveries);
	free(f->gates);
	facts_free_groups(f);
	json_decref(f->index);
	free(f);
}

int fact_signal(const struct record *r)
{
	const char *name = record_text(r, "signal");

	for (int n = 1; name && n < NSIG; n++)
		if (sigabbrev_np(n) && !strcmp(sigabbrev_np(n), name))
			return n;
	return (int)record_int(r, "signal", 0);
}

/* What it answered before the first of these is what that one says was old. */
/* gate: of this kind; NULL: of any that does not just accept. */
static bool gate_was(
    const struct facts *f, const char *gate, const char *proxy, int64_t from_ns, int64_t to_ns)
{
	bool closed = false;

	for (size_t i = 0; i < f->n_gates; i++) {
		const struct record *r = f->gates[i];
		const char *name = record_text(r, "proxy"), *now = record_text(r, "new");

		if (!name || strcmp(name, proxy) != 0 || !now)
			continue;
		if (r->at_ns > to_ns)
			break;
		if (r->at_ns > from_ns && closed)
			return true;
		closed = gate ? !strcmp(now, gate) : strcmp(now, "open") != 0;
		if (closed && r->at_ns >= from_ns)
			return true;
	}
	return closed;
}

bool facts_closed(const struct facts *f, const char *proxy, int64_t from_ns, int64_t to_ns)
{
	return gate_was(f, NULL, proxy, from_ns, to_ns);
}

bool facts_unseen(
    const struct facts *f, unsigned relay, const char *proxy, int64_t from_ns, int64_t to_ns)
{
	const char *witness = f->relays[relay].witness;

	if (witness && !strcmp(witness, "segments"))
		return false;
	return gate_was(f, f->sockets_seen ? "refuse" : NULL, proxy, from_ns, to_ns);
}
