/* Who is a client, and which of the three ways to see an attempt have seen the same one. */
#include "base/mono.h"
#include "control/facts_parts.h"
#include <stdio.h>
#include <string.h>

/* A record later than this after an attempt was accepted is of another one, from the same port. */
#define SAME_ATTEMPT_NS NS_PER_S

bool fact_client_same(const struct fact_client *a, const struct fact_client *b)
{
	if (a->pid && b->pid)
		return a->pid == b->pid;
	return a->ip == b->ip;
}

/* "127.0.0.1:4242", "[::1]:4242", "unix:/path": all but the port. */
static const char *ip_of(struct facts *f, const char *client)
{
	char ip[128];
	const char *colon = strrchr(client, ':');
	size_t len = colon ? (size_t)(colon - client) : strlen(client);

	if (!strncmp(client, "unix:", 5))
		return facts_intern(f, "unix");
	if (len >= sizeof(ip))
		len = sizeof(ip) - 1;
	memcpy(ip, client, len);
	ip[len] = '\0';
	return facts_intern(f, ip);
}

#define SEVERAL ((size_t)0)

static bool remember(struct facts *f, const char *client, const struct record *r)
{
	const char *ip = ip_of(f, client), *process = record_text(r, "process");
	const size_t pid = (size_t)record_int(r, "pid", 0), known = facts_lookup(f, 'n', ip);

	if (!pid)
		return true;
	if (known != pid && !facts_name(f, 'n', ip, known == NOBODY ? pid : SEVERAL))
		return false;
	if (process && facts_lookup(f, 'm', client) == NOBODY &&
	    !facts_name(f, 'm', client, (size_t)(r - f->journal->records)))
		return false;
	return facts_name(f, 'p', client, pid) &&
	       facts_name(f, 'r', ip, (size_t)(r - f->journal->records));
}

/* 'w': its socket was seen; 'p': its process; 'm', 'r': a record that names that process; 'n': the
 * only process of an address. */
bool facts_read_clients(struct facts *f)
{
	for (size_t i = 0; i < f->journal->count; i++) {
		const struct record *r = &f->journal->records[i];
		const char *client = record_text(r, "client");

		if (strncmp(r->event, "peer.", 5) != 0 || !client)
			continue;
		f->sockets_seen = true;
		if (!facts_name(f, 'w', client, 1) || !remember(f, client, r))
			return false;
	}
	return true;
}

struct fact_client facts_who(struct facts *f, const char *client)
{
	struct fact_client who = { .ip = ip_of(f, client) };
	size_t pid = facts_lookup(f, 'p', client), named = facts_lookup(f, 'm', client);

	if (pid == NOBODY) {
		pid = facts_lookup(f, 'n', who.ip);
		named = facts_lookup(f, 'r', who.ip);
	}
	if (pid == NOBODY || pid == SEVERAL)
		return who;
	who.pid = (int64_t)pid;
	if (named != NOBODY)
		who.process = record_text(&f->journal->records[named], "process");
	return who;
}

/* ---- attempts ---- */

static bool same_attempt(const struct facts *f, const struct fact_attempt *a,
    const struct record *r, enum fact_sight sight)
{
	const struct fact_session *s;

	if (sight == SIGHT_SEGMENT && a->by_syn) /* a relay tells a port's first SYN once */
		return a->session == NOBODY &&
		       json_is_true(json_object_get(r->fields, "retransmission"));
	if (a->session == NOBODY)
		return a->until_ns == NOT_YET;
	s = &f->sessions[a->session];
	return sight != SIGHT_SESSION && r->at_ns <= s->opened_ns + SAME_ATTEMPT_NS;
}

/* What its address answers just now, where nobody accepted it. */
static enum fact_outcome outcome_now(const struct facts *f, const char *proxy)
{
	static const struct {
		const char *gate;
		enum fact_outcome outcome;
	} rows[] = { { "refuse", OUTCOME_REFUSED }, { "silent", OUTCOME_UNANSWERED },
		{ "hold", OUTCOME_UNANSWERED }, { "full", OUTCOME_UNANSWERED } };
	const char *gate = NULL;

	for (size_t i = f->n_gates; i && !gate; i--)
		if (!strcmp(record_text(f->gates[i - 1], "proxy"), proxy))
			gate = record_text(f->gates[i - 1], "new");
	for (size_t i = 0; gate && i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcmp(rows[i].gate, gate))
			return rows[i].outcome;
	return OUTCOME_UNKNOWN;
}

static const char *attempt_key(char *key, size_t size, const char *proxy, const char *client)
{
	snprintf(key, size, "%.300s %.300s", proxy, client);
	return key;
}

bool facts_attempt(struct facts *f, const struct record *r, enum fact_sight sight, size_t session)
{
	const char *proxy = facts_intern(f, record_text(r, "proxy")),
		   *client = record_text(r, "client");
	struct fact_attempt *a;
	char key[640];
	size_t n;

	if (!client)
		return true;
	n = facts_lookup(f, 'a', attempt_key(key, sizeof(key), proxy, client));
	if (n == NOBODY || !same_attempt(f, &f->attempts[n], r, sight)) {
		n = f->n_attempts++;
		f->attempts[n] =
		    (struct fact_attempt){ r->at_ns, NOT_YET, proxy, client, facts_who(f, client),
			    outcome_now(f, proxy), sight, false, NOBODY, NOBODY, NOBODY };
	}
	a = &f->attempts[n];
	a->by_syn |= sight == SIGHT_SEGMENT;
	if (session != NOBODY) {
		a->session = session;
		f->sessions[session].attempt = n;
		a->outcome = OUTCOME_ACCEPTED;
		a->until_ns = r->at_ns;
	}
	return facts_name(f, 'a', key, n);
}
