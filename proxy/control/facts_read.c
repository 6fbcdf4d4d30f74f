/* The table of events that say something for the verdict, and a reader for each. */
#include "base/mono.h"
#include "control/facts_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DROPS_MAX     2048 /* of one death; a record of more than DROPS_AT_ONCE counts as so many */
#define DROPS_AT_ONCE 64

static int word_of(const char *const *names, const char *word, int other)
{
	for (int i = 0; word && names[i]; i++)
		if (!strcmp(names[i], word))
			return i;
	return other;
}

/* ---- sessions ---- */

static struct fact_session *find_session(
    const struct facts *f, const struct record *r, const char *id)
{
	char key[400], text[32];
	size_t n;

	snprintf(text, sizeof(text), "%lld", (long long)record_int(r, id, -1));
	n = facts_lookup(f, 's', facts_scoped(key, sizeof(key), r->relay, text));
	return n == NOBODY ? NULL : &f->sessions[n];
}

static bool read_opened(struct facts *f, const struct record *r)
{
	const size_t n = f->n_sessions++;
	struct fact_session *s = &f->sessions[n];
	char key[400], text[32];

	*s = (struct fact_session){ .relay = r->relay,
		.id = record_int(r, "session", -1),
		.proxy = facts_intern(f, record_text(r, "proxy")),
		.client = record_text(r, "client"),
		.opened_ns = r->at_ns,
		.connected_ns = NOT_YET,
		.traffic_ns = NOT_YET,
		.closed_ns = NOT_YET,
		.bytes_ns = { NOT_YET, NOT_YET },
		.ended_ns = NOT_YET,
		.death = NOBODY,
		.first_death = NOBODY,
		.attempt = NOBODY };
	s->client = s->client ? s->client : "-";
	s->who = facts_who(f, s->client);
	s->watched = facts_lookup(f, 'w', s->client) != NOBODY;
	snprintf(text, sizeof(text), "%lld", (long long)s->id);
	return facts_name(f, 's', facts_scoped(key, sizeof(key), r->relay, text), n) &&
	       facts_name(f, 'c', s->client, n) && facts_attempt(f, r, SIGHT_SESSION, n);
}

static bool read_connected(struct facts *f, const struct record *r)
{
	struct fact_session *s = find_session(f, r, "session");

	if (s)
		s->connected_ns = r->at_ns;
	return true;
}

static void add_bytes(struct facts *f, struct fact_session *s, enum fact_leg way, int64_t at_ns)
{
	struct fact_death *d = s->death == NOBODY ? NULL : &f->deaths[s->death];

	if (s->bytes_ns[way] == NOT_YET)
		s->bytes_ns[way] = at_ns;
	if (s->traffic_ns == NOT_YET && s->bytes_ns[!way] != NOT_YET)
		s->traffic_ns = at_ns;
	if (d && d->until_ns != NOT_YET && d->again_ns[way] == NOT_YET)
		d->again_ns[way] = at_ns;
}

static bool read_bytes(struct facts *f, const struct record *r)
{
	struct fact_session *s = find_session(f, r, "session");
	const char *direction = record_text(r, "direction");

	if (s && direction)
		add_bytes(
		    f, s, strcmp(direction, "upstream") ? FACT_SERVER : FACT_CLIENT, r->at_ns);
	return true;
}

/* More had passed by then than when it was struck: no later than now. */
static void count_bytes(struct facts *f, struct fact_session *s, const struct record *r)
{
	static const char *const keys[] = { "upstream_bytes", "downstream_bytes" };

	for (int way = 0; way < FACT_LEGS; way++) {
		const int64_t total = record_int(r, keys[way], s->bytes[way]);
		struct fact_death *d = s->death == NOBODY ? NULL : &f->deaths[s->death];
		const bool told = d && d->again_ns[way] != NOT_YET;

		if (total > (d ? d->bytes[way] : 0))
			add_bytes(f, s, (enum fact_leg)way, r->at_ns);
		if (d && !told && d->again_ns[way] != NOT_YET)
			d->again_by_then = true;
		s->bytes[way] = total;
	}
}

static void read_lost(struct fact_session *s, const struct record *r)
{
	s->lost[0] = record_int(r, "upstream_lost_bytes", 0);
	s->lost[1] = record_int(r, "downstream_lost_bytes", 0);
	s->loss_told = json_object_get(r->fields, "upstream_lost_bytes") != NULL;
}

static bool read_closed(struct facts *f, const struct record *r)
{
	struct fact_session *s = find_session(f, r, "session");

	if (!s || s->closed_ns != NOT_YET)
		return true;
	count_bytes(f, s, r);
	s->closed_ns = r->at_ns;
	read_lost(s, r);
	s->loss_told = true;
	s->reason = record_text(r, "reason");
	s->reason = s->reason ? s->reason : "?";
	s->fault = record_text(r, "fault");
	return true;
}

/* ---- deaths ---- */

/* Its socket's options, as they were told last. */
static void read_options(const struct facts *f, struct fact_death *d)
{
	const size_t n = facts_lookup(f, 'o', f->sessions[d->session].client);

	if (n != NOBODY)
		d->settings = f->journal->records[n].fields;
}

static void sign_death(struct fact_death *d, int64_t at_ns, enum fact_how how,
    enum fact_sight sight, int64_t tolerance_ns)
{
	d->sign_ns = d->detected_ns = at_ns;
	d->how = how;
	d->seen_by = sight;
	d->tolerance_ns = tolerance_ns;
}

/* A strike on many sessions is told late: some have said their word by then. */
static void sign_early(const struct fact_session *s, struct fact_death *d)
{
	if (s->ended_ns != NOT_YET && s->ended_ns >= d->at_ns && s->client_ended == d->by_client)
		sign_death(d, s->ended_ns, s->ended_how, s->ended_by, s->ended_tolerance_ns);
}

static void sign(struct facts *f, struct fact_session *s, bool by_client, int64_t at_ns,
    enum fact_how how, enum fact_sight sight, int64_t tolerance_ns)
{
	struct fact_death *d = s->death == NOBODY ? NULL : &f->deaths[s->death];

	if (at_ns < s->ended_ns) {
		s->ended_ns = at_ns;
		s->ended_tolerance_ns = tolerance_ns;
		s->ended_how = how;
		s->ended_by = sight;
		s->client_ended = by_client;
	}
	if (d && d->by_client == by_client && d->sign_ns == NOT_YET)
		sign_death(d, at_ns, how, sight, tolerance_ns);
}

static bool read_struck(struct facts *f, const struct record *r)
{
	struct fact_session *s = find_session(f, r, "session");
	struct fact_fault *fault = facts_get_fault(f, r);
	const char *watcher = record_text(r, "watcher");
	struct fact_death *d = &f->deaths[f->n_deaths];

	if (!s || !fault)
		return fault != NULL;
	count_bytes(f, s, r);
	read_lost(s, r);
	*d = (struct fact_death){ .session = (size_t)(s - f->sessions),
		.fault = (size_t)(fault - f->faults),
		.at_ns = r->at_ns - record_int(r, "ago_ns", 0),
		.until_ns = NOT_YET,
		.next_ns = NOT_YET,
		.by_client = !watcher || strcmp(watcher, "server") != 0,
		.shape = (enum fact_shape)word_of(
		    fact_shape_names, record_text(r, "shape"), SHAPE_UNKNOWN),
		.idle_ns = { record_int(r, "upstream_idle_ns", -1),
		    record_int(r, "downstream_idle_ns", -1) },
		.bytes = { s->bytes[0], s->bytes[1] },
		.traffic_before = s->traffic_ns != NOT_YET,
		.sign_ns = NOT_YET,
		.detected_ns = NOT_YET,
		.again_ns = { NOT_YET, NOT_YET },
		.connected_ns = NOT_YET,
		.recovered_ns = NOT_YET,
		.again = NOBODY,
		.came_back = NOBODY,
		.comeback = NOBODY };
	*(s->death == NOBODY ? &s->first_death : &f->deaths[s->death].again) = f->n_deaths;
	s->death = f->n_deaths++;
	sign_early(s, d);
	read_options(f, d);
	if (r->relay < f->n_relays && !f->relays[r->relay].witness)
		f->relays[r->relay].witness = "sessions";
	return true;
}

static bool read_peer(struct facts *f, const struct record *r)
{
	static const char *const sights[] = { "bytes", "segment", "state", NULL };
	struct fact_session *s = find_session(f, r, "session");
	const char *leg = record_text(r, "leg"), *what = record_text(r, "what");

	if (!s || !leg || !what)
		return true;
	enum fact_sight by =
	    SIGHT_BYTES + (enum fact_sight)word_of(sights, record_text(r, "seen_by"), 0);

	sign(
	    f, s, !strcmp(leg, "client"), r->at_ns, strcmp(what, "rst") ? HOW_FIN : HOW_RST, by, 0);
	if (s->death != NOBODY && by == SIGHT_SEGMENT &&
	    f->deaths[s->death].by_client == !strcmp(leg, "client"))
		f->deaths[s->death].farewell = true;
	return true;
}

/* States that a socket is in only after its application closed it, as ss(8) has them. */
static enum fact_how how_of(const char *state)
{
	static const char *const closing[] = { "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK",
		"TIME-WAIT", NULL };
	static const char *const gone[] = { "gone", "UNCONN", "CLOSE", NULL };

	if (word_of(closing, state, -1) >= 0)
		return HOW_FIN;
	return word_of(gone, state, -1) >= 0 ? HOW_GONE : HOW_NONE;
}

static bool read_socket(struct facts *f, const struct record *r)
{
	const char *client = record_text(r, "client");
	const enum fact_how how = how_of(record_text(r, "new"));
	char key[640];
	size_t n;

	if (!client || how == HOW_NONE)
		return true;
	snprintf(key, sizeof(key), "%.300s %.300s",
	    record_text(r, "proxy") ? record_text(r, "proxy") : "", client);
	n = facts_lookup(f, 'a', key);
	if (n != NOBODY && f->attempts[n].until_ns == NOT_YET)
		f->attempts[n].until_ns = r->at_ns;
	n = facts_lookup(f, 'c', client);
	if (n != NOBODY)
		sign(f, &f->sessions[n], true, r->at_ns, how, SIGHT_SOCKET,
		    record_int(r, "since_ns", 0));
	return true;
}

static bool read_settings(struct facts *f, const struct record *r)
{
	const char *client = record_text(r, "client");

	return !client || facts_name(f, 'o', client, (size_t)(r - f->journal->records));
}

static bool read_repeated(struct facts *f, const struct record *r)
{
	const struct fact_session *of = find_session(f, r, "of");

	if (of && of->death != NOBODY)
		f->deaths[of->death].repeated_bytes += record_int(r, "bytes", 0);
	return true;
}

static bool add_drop(struct fact_death *d, int64_t at_ns)
{
	const size_t room = d->room ? 2 * d->room : 16;
	int64_t *drops;

	if (d->n_drops == d->room) {
		drops = realloc(d->drops, room * sizeof(*drops));
		if (!drops)
			return false;
		d->drops = drops;
		d->room = room;
	}
	d->drops[d->n_drops++] = at_ns;
	return true;
}

static bool read_dropped(struct facts *f, const struct record *r)
{
	const struct fact_session *s = find_session(f, r, "session");
	const char *leg = record_text(r, "leg");
	int64_t n = record_int(r, "segments", 0);
	struct fact_death *d;

	if (!s || !leg || s->death == NOBODY)
		return true;
	d = &f->deaths[s->death];
	if (d->by_client != !strcmp(leg, "client") || d->until_ns != NOT_YET)
		return true;
	if (d->farewell_seen)
		return true; /* FIN once more */
	n -= d->farewell_seen = d->farewell;
	n = n < DROPS_AT_ONCE ? n : DROPS_AT_ONCE;
	for (; n > 0 && d->n_drops < DROPS_MAX; n--)
		if (!add_drop(d, r->at_ns))
			return false;
	return true;
}

/* ---- attempts, the command, the end ---- */

/* Only a raw socket tells it, also where the relay was not asked what it sees. */
static bool read_syn(struct facts *f, const struct record *r)
{
	if (r->relay < f->n_relays)
		f->relays[r->relay].witness = "segments";
	return facts_attempt(f, r, SIGHT_SEGMENT, NOBODY);
}

static bool read_attempt(struct facts *f, const struct record *r)
{
	return facts_attempt(f, r, SIGHT_SOCKET, NOBODY);
}

static bool read_started(struct facts *f, const struct record *r)
{
	(void)r;
	f->command_ran = true;
	return true;
}

/* One that comes after run.end was ended by deadpeer, as is one that says "ended". */
static bool read_exited(struct facts *f, const struct record *r)
{
	if (!json_is_true(json_object_get(r->fields, "ended")))
		f->exited = r;
	return true;
}

static const struct {
	const char *event;
	bool (*read)(struct facts *, const struct record *);
} readers[] = {
	{ "session.bytes", read_bytes },
	{ "session.opened", read_opened },
	{ "session.connected", read_connected },
	{ "session.closed", read_closed },
	{ "session.struck", read_struck },
	{ "session.peer", read_peer },
	{ "session.repeated", read_repeated },
	{ "segments.dropped", read_dropped },
	{ "client.syn", read_syn },
	{ "peer.attempt", read_attempt },
	{ "peer.socket", read_socket },
	{ "peer.settings", read_settings },
	{ "fault.armed", facts_read_armed },
	{ "fault.active", facts_read_active },
	{ "fault.fired", facts_read_fired },
	{ "fault.phase", facts_read_phase },
	{ "fault.lifted", facts_read_lifted },
	{ "fault.refused", facts_read_refused },
	{ "proxy.gate", facts_read_gate },
	{ "action.done", facts_read_action },
	{ "run.relay", facts_read_relay },
	{ "run.events_lost", facts_read_lost },
	{ "deadpeer.start", facts_read_start },
	{ "command.started", read_started },
	{ "command.exited", read_exited },
};

static bool read_record(struct facts *f, const struct record *r)
{
	for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++)
		if (!strcmp(readers[i].event, r->event))
			return readers[i].read(f, r);
	return true;
}

/* What comes after run.end was not watched for. */
bool facts_read(struct facts *f)
{
	const struct journal *j = f->journal;

	for (size_t i = 0; i < j->count; i++) {
		const struct record *r = &j->records[i];

		f->end_ns = r->at_ns > f->end_ns ? r->at_ns : f->end_ns;
		if (!strcmp(r->event, "run.end"))
			break;
		if (!read_record(f, r))
			return false;
	}
	return true;
}
