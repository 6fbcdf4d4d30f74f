#include "control/await.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *await_suite(void);

static struct await *a;

static void make(void)
{
	a = await_new();
	ck_assert_ptr_nonnull(a);
}

static void drop(void)
{
	await_free(a);
}

/* A record of relay 0; fields as JSON. */

static void saw(const char *event, const char *fields)
{
	json_t *o = json_loads(fields, 0, NULL);

	ck_assert_msg(o != NULL, "%s", fields);
	await_saw(a, &(struct record){ .event = (char *)event, .fields = o });
	json_decref(o);
}

static struct wait_spec waited;

static void waits_for(enum wait_kind kind, const char *proxy, const char *fault)
{

	waited = (struct wait_spec){
		.kind = kind, .proxy = (char *)proxy, .fault = (char *)fault, .count = 1
	};
	await_begin(a, &waited, await_mark(a));
}

/* Met by the second one: the first must count, and nothing must count twice. */
static void waits_for_two(enum wait_kind kind)
{
	waits_for(kind, NULL, NULL);
	waited.count = 2;
}

static void opened(int session, const char *client)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"proxy\":\"redis\",\"session\":%d,\"client\":\"%s\"}",
	    session, client);
	saw("session.opened", text);
}

static void struck(int session, const char *fault, const char *watcher)
{
	char text[256];

	snprintf(text, sizeof(text),
	    "{\"proxy\":\"redis\",\"session\":%d,\"fault\":\"%s\",\"watcher\":\"%s\"}", session,
	    fault, watcher);
	saw("session.struck", text);
}

static void bytes(int session)
{
	char text[256];

	for (int up = 0; up < 2; up++) {
		snprintf(text, sizeof(text),
		    "{\"proxy\":\"redis\",\"session\":%d,\"direction\":\"%s\",\"bytes\":1}",
		    session, up ? "upstream" : "downstream");
		saw("session.bytes", text);
	}
}

static void socket_went(const char *client, int pid, const char *old, const char *new)
{
	char text[256];

	snprintf(text, sizeof(text),
	    "{\"proxy\":\"redis\",\"client\":\"%s\",\"pid\":%d,\"old\":\"%s\",\"new\":\"%s\"}",
	    client, pid, old, new);
	saw("peer.socket", text);
}

START_TEST(what_came_before_does_not_count)
{
	opened(1, "10.0.0.1:1");
	waits_for(WAIT_OPENED, NULL, NULL);
	ck_assert(!await_met(a));
	opened(2, "10.0.0.2:1");
	ck_assert(await_met(a));
	ck_assert_uint_eq(await_count(a), 1);
}
END_TEST

START_TEST(it_counts_from_a_mark)
{
	struct wait_spec wait = { .kind = WAIT_OPENED, .count = 2 };
	size_t mark = await_mark(a);

	opened(1, "10.0.0.1:1");
	await_begin(a, &wait, mark);
	ck_assert_uint_eq(await_count(a), 1);
	opened(2, "10.0.0.2:1");
	ck_assert(await_met(a));
}
END_TEST

START_TEST(a_proxy_and_a_fault_narrow_it)
{
	waits_for(WAIT_OPENED, "pg", NULL);
	opened(1, "10.0.0.1:1");
	ck_assert(!await_met(a));
	waits_for(WAIT_LIFTED, NULL, "dead");
	saw("fault.lifted", "{\"fault\":\"deadly\"}");
	ck_assert(!await_met(a));
	saw("fault.lifted", "{\"fault\":\"dead#3\"}"); /* a repetition */
	ck_assert(await_met(a));
	waits_for(WAIT_LIFTED, "pg", NULL);
	saw("fault.active", "{\"fault\":\"f\",\"proxies\":\"redis,other\"}");
	saw("fault.lifted", "{\"fault\":\"f\"}");
	ck_assert(!await_met(a));
	saw("fault.active", "{\"fault\":\"g\",\"proxies\":\"redis,pg\"}");
	saw("fault.lifted", "{\"fault\":\"g\"}");
	ck_assert(await_met(a));
}
END_TEST

START_TEST(simple_events)
{
	waits_for(WAIT_CONNECTED, "redis", NULL);
	saw("session.connected", "{\"proxy\":\"redis\",\"session\":1}");
	ck_assert(await_met(a));
	waits_for(WAIT_CLOSED, "redis", NULL);
	saw("session.closed", "{\"proxy\":\"redis\",\"session\":1,\"reason\":\"eof\"}");
	ck_assert(await_met(a));
	waits_for(WAIT_EXITED, NULL, NULL);
	saw("command.exited", "{\"code\":0}");
	ck_assert(await_met(a));
	waits_for(WAIT_FIRED, NULL, NULL);
	saw("fault.fired", "{\"fault\":\"f\",\"sessions\":0}"); /* nobody was struck */
	ck_assert(!await_met(a));
	saw("fault.fired", "{\"fault\":\"f\",\"sessions\":3}");
	ck_assert_uint_eq(await_count(a), 3);
}
END_TEST

START_TEST(traffic_goes_both_ways)
{
	opened(1, "10.0.0.1:1");
	waits_for(WAIT_TRAFFIC, "redis", NULL);
	saw("session.bytes", "{\"proxy\":\"redis\",\"session\":1,\"direction\":\"upstream\"}");
	ck_assert(!await_met(a));
	bytes(1);
	ck_assert(await_met(a));
	ck_assert_uint_eq(await_count(a), 1);
}
END_TEST

START_TEST(detected_by_ending_it)
{
	opened(1, "10.0.0.1:1");
	opened(2, "10.0.0.2:1");
	waits_for(WAIT_DETECTED, "redis", "dead");
	saw("session.peer", "{\"proxy\":\"redis\",\"session\":1,\"leg\":\"client\"}");
	ck_assert(!await_met(a)); /* no fault had struck it */
	struck(2, "dead#2", "client");
	saw("session.peer", "{\"proxy\":\"redis\",\"session\":2,\"leg\":\"server\"}");
	ck_assert(!await_met(a)); /* that is the dead end */
	saw("session.peer", "{\"proxy\":\"redis\",\"session\":2,\"leg\":\"client\"}");
	ck_assert(await_met(a));
}
END_TEST

START_TEST(a_death_is_detected_once)
{
	opened(1, "10.0.0.1:1");
	struck(1, "dead", "client");
	waits_for_two(WAIT_DETECTED);
	saw("session.peer", "{\"proxy\":\"redis\",\"session\":1,\"leg\":\"client\"}");
	saw("session.closed", "{\"proxy\":\"redis\",\"session\":1,\"reason\":\"client_reset\"}");
	socket_went("10.0.0.1:1", 7, "ESTABLISHED", "gone");
	opened(2, "10.0.0.1:2");
	ck_assert_uint_eq(await_count(a), 1);
	struck(2, "dead", "client"); /* another one */
	socket_went("10.0.0.1:2", 7, "ESTABLISHED", "gone");
	ck_assert(await_met(a));
}
END_TEST

START_TEST(detected_by_closing_it)
{
	opened(1, "10.0.0.1:1");
	struck(1, "dead", "client");
	waits_for(WAIT_DETECTED, NULL, NULL);
	saw("session.closed", "{\"proxy\":\"redis\",\"session\":1,\"reason\":\"fault\"}");
	ck_assert(!await_met(a));
	opened(2, "10.0.0.9:1");
	struck(2, "dead", "server");
	saw("session.closed", "{\"proxy\":\"redis\",\"session\":2,\"reason\":\"server_reset\"}");
	ck_assert(await_met(a));
}
END_TEST

START_TEST(detected_by_its_socket)
{
	opened(1, "10.0.0.1:1");
	struck(1, "dead", "client");
	waits_for(WAIT_DETECTED, NULL, NULL);
	socket_went("10.0.0.1:1", 7, "ESTABLISHED", "CLOSE_WAIT");
	ck_assert(!await_met(a)); /* only its kernel knows */
	socket_went("10.0.0.7:1", 7, "ESTABLISHED", "gone");
	ck_assert(!await_met(a));
	socket_went("10.0.0.1:1", 7, "CLOSE_WAIT", "gone");
	ck_assert(await_met(a));
}
END_TEST

START_TEST(detected_by_another_session)
{
	opened(1, "10.0.0.1:1");
	opened(2, "10.0.0.1:2");
	opened(3, "10.0.0.2:1");
	struck(1, "dead", "client");
	struck(2, "dead", "client");
	waits_for_two(WAIT_DETECTED);
	opened(4, "10.0.0.3:1");
	ck_assert_uint_eq(await_count(a), 0);
	opened(5, "10.0.0.1:3");
	ck_assert_uint_eq(await_count(a), 1); /* one for one */
}
END_TEST

START_TEST(processes_tell_clients_apart)
{
	socket_went("127.0.0.1:1", 7, "SYN_SENT", "ESTABLISHED");
	opened(1, "127.0.0.1:1");
	struck(1, "dead", "client");
	waits_for(WAIT_DETECTED, NULL, NULL);
	socket_went("127.0.0.1:2", 8, "SYN_SENT", "ESTABLISHED");
	opened(2, "127.0.0.1:2");
	ck_assert(!await_met(a));
	socket_went("127.0.0.1:3", 7, "SYN_SENT", "ESTABLISHED");
	opened(3, "127.0.0.1:3");
	ck_assert(await_met(a));
}
END_TEST

START_TEST(a_session_that_carries_on_was_not_given_up)
{
	opened(1, "10.0.0.1:1");
	struck(1, "cut", "client");
	saw("fault.lifted", "{\"fault\":\"cut\",\"type\":\"partition\"}");
	waits_for(WAIT_DETECTED, NULL, NULL);
	saw("session.peer", "{\"proxy\":\"redis\",\"session\":1,\"leg\":\"client\"}");
	ck_assert(!await_met(a));
	opened(2, "10.0.0.1:2");
	struck(2, "dead", "client");
	saw("fault.lifted", "{\"fault\":\"dead\",\"type\":\"power_loss\"}");
	saw("session.peer", "{\"proxy\":\"redis\",\"session\":2,\"leg\":\"client\"}");
	ck_assert(await_met(a));
}
END_TEST

START_TEST(reconnected_is_somebody_who_had_a_session)
{
	waits_for_two(WAIT_RECONNECTED);
	opened(1, "10.0.0.1:1");
	opened(2, "10.0.0.1:2"); /* one more, as a pool does */
	ck_assert(await_count(a) == 0);
	saw("session.closed", "{\"proxy\":\"redis\",\"session\":1,\"reason\":\"eof\"}");
	opened(3, "10.0.0.2:1");
	ck_assert(await_count(a) == 0);
	opened(4, "10.0.0.1:3");
	ck_assert_uint_eq(await_count(a), 1);
	opened(5, "10.0.0.1:4");
	ck_assert_uint_eq(await_count(a), 1);
}
END_TEST

START_TEST(one_record_may_be_two_things)
{
	struct wait_spec detected = { .kind = WAIT_DETECTED, .count = 1 };
	struct wait_spec reconnected = { .kind = WAIT_RECONNECTED, .count = 1 };

	opened(1, "10.0.0.1:1");
	struck(1, "dead", "client");
	await_begin(a, &detected, await_mark(a));
	opened(2, "10.0.0.1:2");
	ck_assert(await_met(a));
	await_begin(a, &reconnected, await_met_mark(a));
	ck_assert(await_met(a));
	await_begin(a, &reconnected, await_met_mark(a)); /* another one */
	ck_assert(!await_met(a));
}
END_TEST

START_TEST(recovered_is_traffic_on_a_session_from_after_the_end)
{
	opened(1, "10.0.0.1:1");
	saw("fault.lifted", "{\"fault\":\"dead#1\",\"type\":\"reboot\"}");
	waits_for(WAIT_RECOVERED, NULL, NULL);
	bytes(1);
	ck_assert(!await_met(a)); /* older */
	opened(2, "10.0.0.1:2");
	ck_assert(!await_met(a));
	bytes(2);
	ck_assert(await_met(a));
	waits_for(WAIT_RECOVERED, NULL, "other");
	opened(3, "10.0.0.1:3");
	bytes(3);
	ck_assert(!await_met(a));
	saw("fault.lifted", "{\"fault\":\"other\",\"type\":\"reboot\"}");
	opened(4, "10.0.0.1:4");
	bytes(4);
	ck_assert(await_met(a));
}
END_TEST

START_TEST(strange_records_do_no_harm)
{
	static const char *const events[] = { "session.opened", "session.connected",
		"session.bytes", "session.struck", "session.peer", "session.closed", "peer.attempt",
		"peer.settings", "peer.socket", "fault.active", "fault.fired", "fault.lifted",
		"command.exited", "what" };

	waits_for(WAIT_DETECTED, "p", "f");
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		saw(events[i], "{}");
		saw(events[i], "{\"session\":\"x\",\"proxy\":1,\"client\":[],\"fault\":{}}");
		saw(events[i], "{\"session\":1,\"proxy\":\"\",\"client\":\"\",\"fault\":\"\"}");
	}
	ck_assert(!await_met(a));
}
END_TEST

Suite *await_suite(void)
{
	Suite *s = suite_create("await");
	TCase *t = tcase_create("records");

	tcase_add_checked_fixture(t, make, drop);
	tcase_add_test(t, what_came_before_does_not_count);
	tcase_add_test(t, it_counts_from_a_mark);
	tcase_add_test(t, a_proxy_and_a_fault_narrow_it);
	tcase_add_test(t, simple_events);
	tcase_add_test(t, traffic_goes_both_ways);
	tcase_add_test(t, detected_by_ending_it);
	tcase_add_test(t, a_death_is_detected_once);
	tcase_add_test(t, detected_by_closing_it);
	tcase_add_test(t, detected_by_its_socket);
	tcase_add_test(t, detected_by_another_session);
	tcase_add_test(t, processes_tell_clients_apart);
	tcase_add_test(t, a_session_that_carries_on_was_not_given_up);
	tcase_add_test(t, reconnected_is_somebody_who_had_a_session);
	tcase_add_test(t, one_record_may_be_two_things);
	tcase_add_test(t, recovered_is_traffic_on_a_session_from_after_the_end);
	tcase_add_test(t, strange_records_do_no_harm);
	suite_add_tcase(s, t);
	return s;
}
