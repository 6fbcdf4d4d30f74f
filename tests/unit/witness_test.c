/*
 * What is told of sessions, from numbers and bytes alone: no socket, no loop. The last test holds
 * the search for a request that comes once more against a search in all that was sent.
 */
#include "base/mono.h"
#include "base/rng.h"
#include "relay/proxy.h"
#include "relay/witness.h"
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *witness_suite(void);

#define NOW  (1000 * NS_PER_S)
#define MS   NS_PER_MS
#define MANY 100

static struct timeline timeline;
static struct relay *relay;
static struct proxy proxy;
static struct proxy_spec spec;
static struct session *sessions[MANY];
static unsigned told[EVENT_COUNT];
static json_t *last[EVENT_COUNT];

static void watch(void *arg, enum event_id id, int64_t mono_ns, const json_t *fields)
{
	(void)arg, (void)mono_ns;
	told[id]++;
	json_decref(last[id]);
	last[id] = json_deep_copy(fields);
}

static void setup(void)
{
	timeline = (struct timeline){ .watch = watch };
	relay = calloc(1, sizeof(*relay));
	relay->timeline = &timeline;
	memset(&proxy, 0, sizeof(proxy));
	spec.name = (char *)(uintptr_t) "p";
	proxy.spec = &spec;
	proxy.relay = relay;
	TAILQ_INIT(&proxy.unanswered);
	memset(told, 0, sizeof(told));
}

static struct session *open_session(void)
{
	struct session *s = calloc(1, sizeof(*s));

	s->relay = relay;
	s->proxy = &proxy;
	s->state = SESSION_OPEN;
	s->seen = calloc(1, sizeof(*s->seen));
	s->legs[LEG_CLIENT].fd = s->legs[LEG_SERVER].fd = -1;
	s->target.id = ++relay->sessions_opened;
	return sessions[s->target.id - 1] = s;
}

static void teardown(void)
{
	for (int i = 0; i < MANY; i++) {
		if (sessions[i]) {
			free(sessions[i]->seen->recent);
			free(sessions[i]->seen);
		}
		free(sessions[i]);
		sessions[i] = NULL;
	}
	for (int i = 0; i < EVENT_COUNT; i++) {
		json_decref(last[i]);
		last[i] = NULL;
	}
	witness_forget(&proxy);
	free(relay);
}

static json_int_t number(enum event_id id, const char *key)
{
	return json_integer_value(json_object_get(last[id], key));
}

static const char *text(enum event_id id, const char *key)
{
	return json_string_value(json_object_get(last[id], key));
}

static void pass(struct session *s, enum flow flow, const void *data, size_t n)
{
	witness_came(s, flow, (ssize_t)n);
	witness_passed(s, flow, data, n);
	s->flows[flow].bytes += n;
}

static void strike(struct session *s)
{
	witness_look(&s->target, mono_now_ns());
	witness_struck(&s->target, "f", SIDE_SERVER);
}

/* --- the shape --- */

/* When bytes came and passed, in ms before the strike; -1: never. */
static const struct {
	int own_came, own_passed, other_passed;
	bool waits, unread;
	const char *shape;
} shapes[] = {
	{ -1, -1, -1, false, false, "idle" }, { 900, 900, 800, false, false, "idle" },
	{ -1, -1, 800, false, false, "idle" }, /* a banner */
	{ 900, 900, 51, false, false, "idle" }, { 900, 900, 50, false, false, "waiting" },
	{ 800, 800, 900, false, false, "waiting" }, { 51, 51, -1, false, false, "waiting" },
	{ 100, -1, 900, false, false, "waiting" }, /* on a slow way */
	{ 50, 50, 900, false, false, "busy" }, { 50, 50, 0, false, false, "busy" },
	{ 0, -1, -1, false, false, "busy" }, { 900, 900, 800, false, true, "busy" },
	{ 900, 900, 800, true, false, "blocked" }, { 10, 900, 800, true, true, "blocked" },
	{ 10, -1, -1, true, false, "blocked" },
	{ 10, 50, 800, true, false, "busy" }, /* it is taken, if slowly */
};

static int64_t ago(int ms)
{
	return ms < 0 ? 0 : NOW - ms * MS;
}

static void check_shape(enum leg watcher, enum side side, size_t row)
{
	const enum flow own = watcher == LEG_CLIENT ? FLOW_UPSTREAM : FLOW_DOWNSTREAM;
	struct session *s = open_session();

	s->seen->came_ns[own] = ago(shapes[row].own_came);
	s->seen->passed_ns[own] = ago(shapes[row].own_passed);
	s->seen->came_ns[!own] = s->seen->passed_ns[!own] = ago(shapes[row].other_passed);
	s->seen->unread[watcher] = shapes[row].unread ? 7 : 0;
	s->flows[own].len = shapes[row].waits ? 9 : 0;
	witness_look(&s->target, NOW);
	witness_struck(&s->target, "f", side);
	ck_assert_msg(!strcmp(text(EVENT_SESSION_STRUCK, "shape"), shapes[row].shape),
	    "row %zu, side %d: %s", row, side, text(EVENT_SESSION_STRUCK, "shape"));
	ck_assert_int_eq(number(EVENT_SESSION_STRUCK, "unread_bytes"), shapes[row].unread ? 7 : 0);
	ck_assert_int_eq(number(EVENT_SESSION_STRUCK,
			     own == FLOW_UPSTREAM ? "upstream_idle_ns" : "downstream_idle_ns"),
	    shapes[row].own_passed < 0 ? -1 : shapes[row].own_passed * MS);
}

START_TEST(the_shape_is_the_watchers)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		check_shape(LEG_CLIENT, SIDE_SERVER, i);
		ck_assert_str_eq(text(EVENT_SESSION_STRUCK, "watcher"), "client");
		check_shape(LEG_SERVER, SIDE_CLIENT, i);
		ck_assert_str_eq(text(EVENT_SESSION_STRUCK, "watcher"), "server");
		check_shape(LEG_CLIENT, SIDE_BOTH, i);
		ck_assert_str_eq(text(EVENT_SESSION_STRUCK, "watcher"), "both");
	}
}
END_TEST

START_TEST(only_what_lived_is_struck)
{
	static const bool lives[] = { true, true, false, false, false };

	for (enum session_state state = SESSION_DIALING; state <= SESSION_OVER; state++) {
		struct session *s = open_session();
		unsigned before = told[EVENT_SESSION_STRUCK];

		s->state = (uint8_t)state;
		strike(s);
		ck_assert_int_eq(told[EVENT_SESSION_STRUCK] - before, lives[state]);
	}
}
END_TEST

START_TEST(an_end_is_told_once)
{
	struct session *s = open_session();

	witness_came(s, FLOW_UPSTREAM, 0);
	witness_peer(s, LEG_CLIENT, PEER_FIN, BY_STATE);
	ck_assert_uint_eq(told[EVENT_SESSION_PEER], 1);
	ck_assert_str_eq(text(EVENT_SESSION_PEER, "seen_by"), "bytes");
	witness_peer(s, LEG_CLIENT, PEER_RST, BY_SEGMENT);
	witness_peer(s, LEG_SERVER, PEER_FIN, BY_STATE);
	ck_assert_uint_eq(told[EVENT_SESSION_PEER], 3);
}
END_TEST

START_TEST(what_was_taken_and_not_delivered_is_lost)
{
	struct session *s = open_session();
	json_t *o = json_object();

	pass(s, FLOW_UPSTREAM, "abc", 3);
	pass(s, FLOW_DOWNSTREAM, NULL, 5);
	witness_add_lost(s, o);
	ck_assert_uint_eq(json_object_size(o), 0);
	witness_came(s, FLOW_UPSTREAM, 10);
	s->seen->unread[LEG_CLIENT] = 100;
	s->seen->unsent[LEG_SERVER] = 1000;
	witness_leg_ends(s, LEG_SERVER, ENDING_CLOSE); /* its kernel goes on sending */
	witness_add_lost(s, o);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "upstream_lost_bytes")), 10);
	witness_leg_ends(s, LEG_CLIENT, ENDING_CLOSE);
	witness_leg_ends(s, LEG_SERVER, ENDING_ABORT);
	witness_add_lost(s, o);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "upstream_lost_bytes")), 1110);
	ck_assert_uint_eq(json_object_size(o), 1);
	json_decref(o);
}
END_TEST

/* --- once more --- */

static struct session *ask(const void *request, size_t n)
{
	struct session *s = open_session();

	pass(s, FLOW_UPSTREAM, "asked before", 12);
	pass(s, FLOW_DOWNSTREAM, NULL, 1);
	pass(s, FLOW_UPSTREAM, request, n);
	strike(s);
	return s;
}

START_TEST(wherever_it_is_split)
{
	for (size_t cut = 0; cut <= 7; cut++) {
		struct session *of = ask("request", 7), *s = open_session();

		pass(s, FLOW_UPSTREAM, "behind ", 7);
		pass(s, FLOW_UPSTREAM, "request", cut);
		ck_assert_uint_eq(told[EVENT_SESSION_REPEATED], cut + (cut == 7));
		pass(s, FLOW_UPSTREAM, &"request"[cut], 7 - cut);
		ck_assert_uint_eq(told[EVENT_SESSION_REPEATED], cut + 1);
		ck_assert_int_eq(number(EVENT_SESSION_REPEATED, "of"), (json_int_t)of->target.id);
		ck_assert_int_eq(
		    number(EVENT_SESSION_REPEATED, "session"), (json_int_t)s->target.id);
		ck_assert_int_eq(number(EVENT_SESSION_REPEATED, "bytes"), 7);
		pass(s, FLOW_UPSTREAM, "request", 7);
		ck_assert_uint_eq(told[EVENT_SESSION_REPEATED], cut + 1);
	}
}
END_TEST

START_TEST(what_is_no_request_is_not_remembered)
{
	struct session *s;

	ask("abc", 3); /* short */
	s = ask("answered", 8);
	witness_forget(&proxy);
	pass(s, FLOW_DOWNSTREAM, NULL, 1);
	strike(s);
	s = open_session(); /* the server has not got all of it */
	s->seen->unsent[LEG_SERVER] = 1;
	pass(s, FLOW_UPSTREAM, "request", 7);
	strike(s);
	s = open_session();
	strike(s);
	ck_assert_uint_eq(proxy.n_unanswered, 0);
}
END_TEST

START_TEST(one_that_was_open_is_no_later_session)
{
	struct session *open = open_session();

	ask("request", 7);
	pass(open, FLOW_UPSTREAM, "request", 7);
	ck_assert_uint_eq(told[EVENT_SESSION_REPEATED], 0);
}
END_TEST

START_TEST(a_proxy_remembers_a_few)
{
	char request[16];
	struct session *s;

	for (unsigned i = 0; i <= WITNESS_UNANSWERED; i++) {
		snprintf(request, sizeof(request), "request %02u", i);
		ask(request, 10);
	}
	ck_assert_uint_eq(proxy.n_unanswered, WITNESS_UNANSWERED);
	s = open_session();
	pass(s, FLOW_UPSTREAM, "request 00", 10);
	ck_assert_uint_eq(told[EVENT_SESSION_REPEATED], 0);
	pass(s, FLOW_UPSTREAM, "request 01request 64", 20);
	ck_assert_uint_eq(told[EVENT_SESSION_REPEATED], 2);
	ck_assert_uint_eq(proxy.n_unanswered, WITNESS_UNANSWERED - 2);
}
END_TEST

#define STREAM (40 << 10)

/* Bytes of two letters, so that what is nearly right is everywhere. */
START_TEST(as_a_search_in_everything)
{
	const uint64_t seed = (uint64_t)_i;
	static char request[STREAM], stream[STREAM];
	static const size_t lengths[] = { 4, 5, 17, 300, 4095, 4096, 4097, 9000 };
	size_t n = lengths[seed % 8], kept = n < 4096 ? n : 4096, at = 0;
	size_t place = rng_bits(seed, "place", 0) % (STREAM - kept);
	struct session *of, *s;
	bool found;

	for (size_t i = 0; i < STREAM; i++) {
		request[i] = (char)('a' + rng_bits(seed, "request", i) % 2);
		stream[i] = (char)('a' + rng_bits(seed, "stream", i) % 2);
	}
	of = open_session();
	for (size_t i = 0; i < n; i += 1000)
		pass(of, FLOW_UPSTREAM, request + i, n - i < 1000 ? n - i : 1000);
	strike(of);
	if (kept > 17 && seed % 3)
		memcpy(stream + place, request + n - kept, kept);
	if (kept > 17 && seed % 3 == 2)
		stream[place + kept / 2] ^= 1;
	found = memmem(stream, STREAM, request + n - kept, kept);
	s = open_session();
	for (uint64_t i = 0; at < STREAM; i++) {
		size_t piece = 1 + rng_bits(seed, "piece", i) % (i % 5 ? 200 : 16384);

		if (piece > STREAM - at)
			piece = STREAM - at;
		pass(s, FLOW_UPSTREAM, stream + at, piece);
		at += piece;
		if (i % 7 == 0)
			pass(s, FLOW_DOWNSTREAM, NULL, 1);
	}
	ck_assert_uint_eq(told[EVENT_SESSION_REPEATED], found);
	if (found)
		ck_assert_int_eq(number(EVENT_SESSION_REPEATED, "bytes"), (json_int_t)kept);
}
END_TEST

Suite *witness_suite(void)
{
	Suite *s = suite_create("witness");
	TCase *t = tcase_create("witness");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_shape_is_the_watchers);
	tcase_add_test(t, only_what_lived_is_struck);
	tcase_add_test(t, an_end_is_told_once);
	tcase_add_test(t, what_was_taken_and_not_delivered_is_lost);
	tcase_add_test(t, wherever_it_is_split);
	tcase_add_test(t, what_is_no_request_is_not_remembered);
	tcase_add_test(t, one_that_was_open_is_no_later_session);
	tcase_add_test(t, a_proxy_remembers_a_few);
	tcase_add_loop_test(t, as_a_search_in_everything, 0, 96);
	suite_add_tcase(s, t);
	return s;
}
