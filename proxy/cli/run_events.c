/*
 * A relay's timeline, record after record. Its own one's comes from a file (run_own.c); a running
 * one's is asked for: first what is known of sessions that are open already, then live, as
 * server-sent events. A stream that breaks off is taken up where it was, if it is the same relay
 * that answers; what it has forgotten by then is told as lost. One that was started anew is lost,
 * with its faults and all that it knew.
 */
#include "base/mono.h"
#include "cli/run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_NS (100 * NS_PER_MS)
#define LOST_NS  (5 * NS_PER_S) /* then nobody believes any more that it comes back */

static int64_t number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void pass_record(struct run_relay *r, json_t *o)
{
	static const char *const common[] = { "seq", "mono_ns", "wall", "event" };
	const int64_t at_ns = number_of(o, "mono_ns") + r->offset_ns;
	json_t *event = json_incref(json_object_get(o, "event"));

	for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++)
		json_object_del(o, common[i]);
	driver_saw(r->run, at_ns, r->index, json_string_value(event), json_incref(o));
	json_decref(event);
}

/* Each once, in their order. */
static void take_record(struct run_relay *r, json_t *o)
{
	const uint64_t seq = (uint64_t)number_of(o, "seq");

	if (seq <= r->seq)
		return;
	if (seq > r->seq + 1)
		driver_tell(r->run, "run.events_lost",
		    json_pack("{s:i, s:I}", "relay", (int)r->index, "lost",
			(json_int_t)(seq - r->seq - 1)));
	r->seq = seq;
	pass_record(r, o);
}

void events_line(struct run_relay *r, const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	if (json_is_string(json_object_get(o, "event")))
		take_record(r, o);
	json_decref(o);
}

static bool line_came(void *arg, const char *line)
{
	static const char data[] = "data: ";

	if (!strncmp(line, data, sizeof(data) - 1))
		line += sizeof(data) - 1;
	if (*line == '{')
		events_line(arg, line);
	return true;
}

/* --- live --- */

static void lose(struct run_relay *r, const char *why)
{
	if (!r->is_lost)
		driver_say(r->run, "%s", why);
	r->is_lost = true;
}

/* The answer of /v1/version; false: it was told that it is another one. */
static bool is_still_there(struct run_relay *r, const json_t *version, int64_t asked_ns)
{
	char why[RUN_WHY_MAX];

	if (!relay_is_another(r, version, asked_ns))
		return true;
	snprintf(why, sizeof(why), "%s was started anew during the run", r->server.text);
	lose(r, why);
	return false;
}

static void ask_anew(evutil_socket_t fd, short what, void *arg);

static void broke_off(void *arg, struct answer *a)
{
	static const struct timeval soon = { .tv_usec = RETRY_NS / NS_PER_US };
	struct run_relay *r = arg;
	const int64_t now_ns = mono_now_ns();
	char why[RUN_WHY_MAX];

	r->events = NULL;
	if (!r->broken_ns)
		r->broken_ns = now_ns;
	if (now_ns >= r->broken_ns + LOST_NS)
		lose(r, relay_why(r, a, why));
	answer_free(a);
	if (!r->retry)
		r->retry = event_new(r->run->base, -1, 0, ask_anew, r);
	if (r->retry)
		event_add(r->retry, &soon);
}

static void follow(struct run_relay *r)
{
	char path[64];
	const struct request q = {
		.method = "GET", .path = path, .limit_s = -1, .line = line_came, .arg = r
	};

	snprintf(
	    path, sizeof(path), "/v1/events?follow=yes&since=%llu", (unsigned long long)r->seq);
	r->events = client_start(r->run->base, &r->server, &q, broke_off, r);
}

static void answered_anew(void *arg, struct answer *a)
{
	struct run_relay *r = arg;
	json_t *version = a->status == 200 ? json_loads(a->body, 0, NULL) : NULL;

	if (!version) {
		broke_off(r, a);
		return;
	}
	r->events = NULL;
	r->broken_ns = 0;
	if (is_still_there(r, version, r->asked_ns))
		follow(r);
	json_decref(version);
	answer_free(a);
}

/* Who is there now? */
static void ask_anew(evutil_socket_t fd, short what, void *arg)
{
	static const struct request q = { .method = "GET", .path = "/v1/version" };
	struct run_relay *r = arg;

	(void)fd, (void)what;
	r->asked_ns = mono_now_ns();
	r->events = client_start(r->run->base, &r->server, &q, answered_anew, r);
}

void events_stop(struct run_relay *r)
{
	if (r->events)
		client_cancel(r->events);
	if (r->retry)
		event_free(r->retry);
	r->events = NULL;
	r->retry = NULL;
}

/* --- what there is --- */

struct kept {
	bool done;
	struct run_relay *relay;
	json_t *records; /* NULL: they are passed on */
	char why[RUN_WHY_MAX];
};

static void kept_answered(void *arg, struct answer *a)
{
	struct kept *k = arg;

	k->done = true;
	if (a->status != 200)
		relay_why(k->relay, a, k->why);
	answer_free(a);
}

static bool kept_line(void *arg, const char *line)
{
	struct kept *k = arg;

	if (!k->records)
		events_line(k->relay, line);
	else
		json_array_append_new(k->records, json_loads(line, 0, NULL));
	return true;
}

/* All that it keeps behind r->seq, to k's lines. */
static void read_kept(struct kept *k)
{
	struct driver *run = k->relay->run;
	char path[64];
	const struct request q = { .method = "GET", .path = path, .line = kept_line, .arg = k };
	struct client *call;

	snprintf(path, sizeof(path), "/v1/events?since=%llu", (unsigned long long)k->relay->seq);
	call = client_start(run->base, &k->relay->server, &q, kept_answered, k);
	while (call && !k->done && (run->ended || !run->signal))
		driver_turn(run);
	if (call && !k->done)
		client_cancel(call);
	if (!k->done)
		snprintf(k->why, sizeof(k->why), "interrupted");
}

/* What another one has kept is none of this run's. */
static void catch_up_foreign(struct run_relay *r)
{
	struct kept k = { .relay = r };
	const int64_t asked_ns = mono_now_ns();
	json_t *version = relay_ask(r, "GET", "/v1/version", NULL, NULL, k.why);

	if (version && is_still_there(r, version, asked_ns))
		read_kept(&k);
	json_decref(version);
	if (*k.why && !r->run->signal)
		lose(r, k.why);
}

void events_catch_up(struct run_relay *r)
{
	if (r->is_own)
		own_read(r->run);
	else
		catch_up_foreign(r);
}

static char *key_of(char key[24], int64_t id)
{
	snprintf(key, 24, "%lld", (long long)id);
	return key;
}

/* The ids of /v1/sessions, as the keys of an object. */
static json_t *ids_of(const json_t *rows)
{
	json_t *ids = json_object();
	const json_t *row;
	char key[24];
	size_t i;

	json_array_foreach(rows, i, row)
	    json_object_set_new(ids, key_of(key, number_of(row, "id")), json_true());
	return ids;
}

/* Does it tell of what is there now? */
static bool is_of_now(const struct run_relay *r, const json_t *open, const json_t *o)
{
	const char *event = json_string_value(json_object_get(o, "event"));
	const char *proxy = json_string_value(json_object_get(o, "proxy"));
	const int64_t session = number_of(o, "session");
	char key[24];

	if (!event)
		return false;
	if (session)
		return json_object_get(open, key_of(key, session));
	return !strcmp(event, "deadpeer.start") ||
	       (!strcmp(event, "proxy.up") && proxy && relay_proxy(r, proxy));
}

static void pass_of_now(struct run_relay *r, const json_t *records, const json_t *open)
{
	json_t *o;
	size_t i;

	json_array_foreach(records, i, o)
	{
		const uint64_t seq = (uint64_t)number_of(o, "seq");

		r->seq = seq > r->seq ? seq : r->seq;
		if (is_of_now(r, open, o))
			pass_record(r, o);
	}
}

/* Sessions that open between the two questions are told live. */
bool events_begin(struct run_relay *r, char why[RUN_WHY_MAX])
{
	struct kept k = { .relay = r, .records = json_array() };
	json_t *answer, *open;

	read_kept(&k);
	answer = *k.why ? NULL : relay_ask(r, "GET", "/v1/sessions?limit=10000", NULL, NULL, k.why);
	open = ids_of(json_object_get(answer, "sessions"));
	if (answer) {
		pass_of_now(r, k.records, open);
		follow(r);
	}
	json_decref(open);
	snprintf(why, RUN_WHY_MAX, "%s", k.why);
	json_decref(k.records);
	json_decref(answer);
	return answer;
}
