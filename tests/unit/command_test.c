/*
 * Applying one configuration after another to a relay that runs: what stays, what goes, what comes,
 * and that a failure changes nothing.
 */
#include "control/command.h"
#include "faults/catalogue.h"
#include "kernel/socket.h"
#include "relay/proxy.h"
#include "relay/session.h"
#include "scratch.h"
#include "stage.h"
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *command_suite(void);

static struct conf_errors errors;

static void setup(void)
{
	stage_open();
	errors = (struct conf_errors){ 0 };
}

static void teardown(void)
{
	stage_close();
	conf_errors_free(&errors);
}

static struct config *load(const char *text)
{
	struct config *c =
	    conf_load(scratch_write("c.ini", text, strlen(text)), catalogue_types, &errors);

	ck_assert_msg(c != NULL, "%s", errors.count ? errors.message[0] : "?");
	return c;
}

static void apply(const char *text)
{
	ck_assert_msg(control_apply(&stage.control, load(text), &errors), "%s",
	    errors.count ? errors.message[0] : "?");
	ck_assert_uint_eq(errors.count, 0);
}

/* Returns the first message. */
static const char *apply_fails(const char *text)
{
	struct config *wanted = load(text);

	ck_assert(!control_apply(&stage.control, wanted, &errors));
	ck_assert_uint_gt(errors.count, 0);
	config_free(wanted);
	return errors.message[0];
}

static int64_t reloaded(const char *key)
{
	return json_integer_value(json_object_get(stage.last[EVENT_CONFIG_RELOADED], key));
}

/* A port nobody has, for now. */
static unsigned free_port(int *keep)
{
	union sockaddr_any bound;
	struct addr a;
	int fd;

	addr_parse("127.0.0.1:0", &a);
	fd = socket_listen(&a, 1, &bound);
	ck_assert_int_ge(fd, 0);
	if (keep)
		*keep = fd;
	else
		close(fd);
	return ntohs(bound.in.sin_port);
}

/* Without SO_REUSEADDR, so that a socket that is bound and does not listen counts, too. */
static bool nobody_has(unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool free = !bind(fd, (struct sockaddr *)&a, sizeof(a));

	close(fd);
	return free;
}

#define ECHO "upstream=builtin:echo\n"
#define A    "[proxy a]\nlisten=127.0.0.1:0\n" ECHO
#define B    "[proxy b]\nlisten=127.0.0.1:0\n" ECHO
#define HANG "[fault f]\ntype=hang\nproxy=*\n"

START_TEST(the_first_configuration)
{
	int fd;

	apply(A B "[fault f]\ntype=hang\nproxy=b\n");
	ck_assert_uint_eq(stage.told[EVENT_PROXY_UP], 2);
	ck_assert_uint_eq(stage.told[EVENT_CONFIG_RELOADED], 0);
	fd = stage_client_of("a");
	close(fd);
	ck_assert_int_eq(proxy_door(stage_find("b"))->gate, GATE_HOLD);
	ck_assert_ptr_eq(
	    stage.control.config->proxies[0], config_find_proxy(stage.control.config, "a"));
}
END_TEST

START_TEST(what_is_untouched_keeps_its_sessions)
{
	struct proxy *a;
	int fd;

	apply(A B);
	a = stage_find("a");
	fd = stage_client_of("a");
	apply(A "[proxy c]\nlisten=127.0.0.1:0\n" ECHO);
	ck_assert_ptr_eq(stage_find("a"), a);
	ck_assert(stage_echoes(fd));
	ck_assert_ptr_null(stage_find("b"));
	ck_assert_ptr_nonnull(stage_find("c"));
	ck_assert_int_eq(reloaded("added"), 1);
	ck_assert_int_eq(reloaded("removed"), 1);
	ck_assert_int_eq(reloaded("kept"), 1);
	close(fd);
	fd = stage_client_of("c");
	close(fd);
}
END_TEST

START_TEST(a_removed_proxy_ends_its_sessions)
{
	union sockaddr_any bound;
	int fd;
	char c;

	apply(A B);
	bound = *proxy_bound(stage_find("b"));
	fd = stage_client_of("b");
	apply(A);
	ck_assert_int_eq(recv(fd, &c, 1, MSG_DONTWAIT), 0);
	close(fd);
	ck_assert_uint_eq(stage.relay->sessions, 0);
	ck_assert_str_eq(
	    json_string_value(json_object_get(stage.last[EVENT_PROXY_DOWN], "reason")), "removed");
	fd = stage_dial(&bound);
	ck_assert(fd < 0 || socket_error(fd) == ECONNREFUSED);
	if (fd >= 0)
		close(fd);
}
END_TEST

START_TEST(a_changed_upstream_is_for_new_sessions)
{
	struct proxy *a;
	int old, new;

	apply(A);
	a = stage_find("a");
	old = stage_client_of("a");
	apply("[proxy a]\nlisten=127.0.0.1:0\nupstream=builtin:discard\nmax_sessions=7\n");
	ck_assert_ptr_eq(stage_find("a"), a);
	ck_assert_uint_eq(proxy_spec_of(a)->max_sessions, 7);
	ck_assert(stage_echoes(old));
	new = stage_dial(proxy_bound(a));
	stage_turns(20);
	ck_assert(!stage_echoes(new));
	close(old);
	close(new);
}
END_TEST

START_TEST(a_moved_proxy_listens_at_its_new_address)
{
	unsigned one = free_port(NULL), two = free_port(NULL);
	char text[256];
	union sockaddr_any bound;
	int fd;

	snprintf(text, sizeof(text), "[proxy a]\nlisten=127.0.0.1:%u\n" ECHO, one);
	apply(text);
	bound = *proxy_bound(stage_find("a"));
	snprintf(text, sizeof(text), "[proxy a]\nlisten=127.0.0.1:%u\n" ECHO HANG, two);
	apply(text);
	ck_assert_uint_eq(ntohs(proxy_bound(stage_find("a"))->in.sin_port), two);
	ck_assert_int_eq(proxy_door(stage_find("a"))->gate, GATE_HOLD);
	fd = stage_dial(&bound);
	ck_assert(fd < 0 || socket_error(fd) == ECONNREFUSED);
	if (fd >= 0)
		close(fd);
}
END_TEST

START_TEST(a_failure_changes_nothing)
{
	unsigned free = free_port(NULL), taken;
	struct proxy *a, *b;
	struct fault *f;
	char text[512], expected[320];
	const char *err;
	int fd, blocker;

	taken = free_port(&blocker);
	apply(A B HANG "delay=1h\n");
	a = stage_find("a");
	b = stage_find("b");
	f = engine_find(&stage.relay->engine, "f");
	fd = stage_client_of("a");
	snprintf(text, sizeof(text),
	    "[proxy a]\nlisten=127.0.0.1:%u\n" ECHO "[proxy c]\nlisten=127.0.0.1:%u\n" ECHO
	    "[fault g]\ntype=refuse\nproxy=*\n",
	    free, taken);
	err = apply_fails(text);
	snprintf(expected, sizeof(expected), "proxy c: cannot listen on 127.0.0.1:%u: %s%s", taken,
	    strerror(EADDRINUSE), socket_listen_hint(EADDRINUSE));
	ck_assert_ptr_nonnull(strstr(expected, "another process"));
	ck_assert_str_eq(err, expected);
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_ptr_eq(stage_find("a"), a);
	ck_assert_ptr_eq(stage_find("b"), b);
	ck_assert_ptr_null(stage_find("c"));
	ck_assert_ptr_eq(engine_find(&stage.relay->engine, "f"), f);
	ck_assert_ptr_null(engine_find(&stage.relay->engine, "g"));
	ck_assert(stage_echoes(fd));
	ck_assert_uint_eq(stage.control.config->n_proxies, 2);
	ck_assert_uint_eq(stage.told[EVENT_CONFIG_RELOADED], 0);
	close(fd);
	close(blocker);
	conf_errors_free(&errors);
	errors = (struct conf_errors){ 0 };
	ck_assert(nobody_has(free)); /* and the free one was let go */
}
END_TEST

/* How many connections wait in the accept queue, and how many may: tcp_get_info(). */
static struct tcp_info queue_of(const char *proxy)
{
	struct tcp_info info;

	ck_assert(socket_tcp_info(stage_find(proxy)->fd, &info));
	return info;
}

/* Its port is lent to another address for a moment, which empties its queue. */
START_TEST(a_failure_leaves_a_full_queue_full)
{
	int blocker;
	unsigned taken = free_port(&blocker);
	struct tcp_info before;
	char text[512];

	apply(A "[fault f]\ntype=accept_queue_full\nproxy=a\n");
	before = queue_of("a");
	ck_assert_uint_gt(before.tcpi_unacked, before.tcpi_sacked);
	snprintf(text, sizeof(text),
	    "[proxy a]\nlisten=0.0.0.0:%u\n" ECHO "[proxy c]\nlisten=127.0.0.1:%u\n" ECHO
	    "[fault f]\ntype=accept_queue_full\nproxy=a\n",
	    proxy_bound_port(stage_find("a")), taken);
	ck_assert_ptr_nonnull(strstr(apply_fails(text), "proxy c"));
	ck_assert_uint_eq(queue_of("a").tcpi_unacked, before.tcpi_unacked);
	ck_assert_uint_eq(queue_of("a").tcpi_sacked, before.tcpi_sacked);
	close(blocker);
	conf_errors_free(&errors);
	errors = (struct conf_errors){ 0 };
}
END_TEST

START_TEST(every_address_that_fails_is_told)
{
	char text[512];
	int one, two;
	unsigned first = free_port(&one), second = free_port(&two);

	snprintf(text, sizeof(text),
	    "[proxy a]\nlisten=127.0.0.1:%u\n" ECHO "[proxy b]\nlisten=127.0.0.1:%u\n" ECHO
	    "[proxy c]\nlisten=no-such-name.invalid:0\n" ECHO,
	    first, second);
	apply_fails(text);
	ck_assert_uint_eq(errors.count, 3);
	ck_assert_str_eq(errors.message[2], "proxy c: cannot listen on no-such-name.invalid: not "
					    "in /etc/hosts (write the address)");
	ck_assert(TAILQ_EMPTY(&stage.relay->proxies));
	close(one);
	close(two);
}
END_TEST

/* No rung: refused before anything is changed, and on the timeline. */
START_TEST(an_impossible_fault_changes_nothing)
{
	struct proxy *a;
	const char *why;
	char place[512];

	apply(A);
	a = stage_find("a");
	why = apply_fails("# first\n[fault f]\ntype=power_loss\nproxy=*\n" A B);
	snprintf(place, sizeof(place), "%s:2: [fault f] ", scratch_path("c.ini"));
	ck_assert_str_eq(strncmp(why, place, strlen(place)) ? why : why + strlen(place),
	    "power_loss: no way to silence an IPv4 socket works here (see deadpeer doctor)");
	ck_assert_uint_eq(stage.told[EVENT_FAULT_REFUSED], 1);
	ck_assert_ptr_eq(stage_find("a"), a);
	ck_assert_ptr_null(stage_find("b"));
	ck_assert(TAILQ_EMPTY(&stage.relay->engine.faults));
}
END_TEST

START_TEST(faults_come_change_and_go)
{
	struct fault *f, *g;

	apply(A HANG "delay=1h\n");
	f = engine_find(&stage.relay->engine, "f");
	apply(A HANG "delay=1h\n[fault g]\ntype=refuse\nproxy=a\n");
	ck_assert_ptr_eq(engine_find(&stage.relay->engine, "f"), f);
	g = engine_find(&stage.relay->engine, "g");
	ck_assert_int_eq(proxy_door(stage_find("a"))->gate, GATE_REFUSE);
	ck_assert_int_eq(reloaded("faults_armed"), 1);
	ck_assert_int_eq(reloaded("faults_lifted"), 0);
	apply(A HANG "[fault g]\ntype=refuse\nproxy=a\n");
	ck_assert_ptr_eq(engine_find(&stage.relay->engine, "g"), g);
	ck_assert_int_eq(engine_find(&stage.relay->engine, "f")->state, FAULT_ACTIVE);
	ck_assert_str_eq(
	    json_string_value(json_object_get(stage.last[EVENT_FAULT_LIFTED], "reason")),
	    "changed");
	ck_assert_int_eq(reloaded("faults_armed"), 1);
	ck_assert_int_eq(reloaded("faults_lifted"), 1);
	apply(A);
	ck_assert(TAILQ_EMPTY(&stage.relay->engine.faults));
	ck_assert_int_eq(proxy_door(stage_find("a"))->gate, GATE_OPEN);
	ck_assert_str_eq(
	    json_string_value(json_object_get(stage.last[EVENT_FAULT_LIFTED], "reason")),
	    "removed");
	ck_assert_int_eq(reloaded("faults_lifted"), 2);
	ck_assert_int_eq(reloaded("kept"), 1);
}
END_TEST

/* A fault that has had its time is not armed again by a reload that leaves it as it is. */
START_TEST(other_parameters_are_taken_as_it_runs)
{
	static const char *const proxy =
	    "[proxy a]\nlisten = 127.0.0.1:0\nupstream = builtin:echo\n"
	    "[fault f]\nproxy = a\ntype = latency\nlatency = ";
	char text[256];

	for (int i = 1; i <= 2; i++) {
		snprintf(text, sizeof(text), "%s%dms\n", proxy, i);
		apply(text);
	}
	ck_assert_uint_eq(stage.told[EVENT_FAULT_ARMED], 1);
	ck_assert_uint_eq(stage.told[EVENT_FAULT_UPDATED], 1);
	ck_assert_uint_eq(stage.told[EVENT_FAULT_LIFTED], 0);
	snprintf(text, sizeof(text), "%s2ms\ndelay = 1h\n", proxy);
	apply(text);
	ck_assert_uint_eq(stage.told[EVENT_FAULT_UPDATED], 1);
	ck_assert_uint_eq(stage.told[EVENT_FAULT_LIFTED], 1);
	ck_assert_uint_eq(stage.told[EVENT_FAULT_ARMED], 2);
}
END_TEST

START_TEST(a_fault_that_is_over_stays_over)
{
	struct fault *f;

	apply(A "[fault f]\ntype=reset\nproxy=*\n");
	f = engine_find(&stage.relay->engine, "f");
	ck_assert_int_eq(f->state, FAULT_OVER);
	apply(A B "[fault f]\ntype=reset\nproxy=*\n");
	ck_assert_ptr_eq(engine_find(&stage.relay->engine, "f"), f);
	ck_assert_int_eq(f->state, FAULT_OVER);
}
END_TEST

START_TEST(faults_strike_before_the_first_accept)
{
	struct fault *f;
	int fd;

	apply(A "[fault f]\ntype=reset\nproxy=*\nfirst=1\n");
	f = engine_find(&stage.relay->engine, "f");
	fd = stage_dial(proxy_bound(stage_find("a")));
	stage_turns(20);
	ck_assert_uint_eq(f->sessions, 1);
	ck_assert_int_eq(socket_error(fd), ECONNRESET);
	close(fd);
}
END_TEST

/* A proxy that leaves a dead host speaks again; one that joins it falls silent. */
START_TEST(a_proxy_changes_its_host)
{
	const char *hosts = "[host one]\n[host two]\n[fault f]\ntype=hang\nhost=one\n";
	char text[512];

	snprintf(text, sizeof(text), "%s" A "host=one\n" B "host=two\n", hosts);
	apply(text);
	ck_assert_int_eq(proxy_door(stage_find("a"))->gate, GATE_HOLD);
	ck_assert_int_eq(proxy_door(stage_find("b"))->gate, GATE_OPEN);
	snprintf(text, sizeof(text), "%s" A "host=two\n" B "host=one\n", hosts);
	apply(text);
	ck_assert_int_eq(proxy_door(stage_find("a"))->gate, GATE_OPEN);
	ck_assert_int_eq(proxy_door(stage_find("b"))->gate, GATE_HOLD);
	apply(A B);
	ck_assert_int_eq(proxy_door(stage_find("b"))->gate, GATE_OPEN);
}
END_TEST

/* --- addresses that pass from one proxy to another --- */

START_TEST(an_address_gets_another_name)
{
	unsigned port = free_port(NULL);
	char text[256];
	int fd;

	snprintf(text, sizeof(text), "[proxy a]\nlisten=127.0.0.1:%u\n" ECHO, port);
	apply(text);
	snprintf(text, sizeof(text), "[proxy b]\nlisten=127.0.0.1:%u\n" ECHO, port);
	apply(text);
	ck_assert_ptr_null(stage_find("a"));
	fd = stage_client_of("b");
	close(fd);
}
END_TEST

START_TEST(two_proxies_swap_their_addresses)
{
	unsigned one = free_port(NULL), two = free_port(NULL);
	char text[512];

	snprintf(text, sizeof(text),
	    "[proxy a]\nlisten=127.0.0.1:%u\n" ECHO
	    "[proxy b]\nlisten=127.0.0.1:%u\nupstream=builtin:discard\n" HANG,
	    one, two);
	apply(text);
	snprintf(text, sizeof(text),
	    "[proxy a]\nlisten=127.0.0.1:%u\n" ECHO
	    "[proxy b]\nlisten=127.0.0.1:%u\nupstream=builtin:discard\n"
	    "[fault g]\ntype=hang\nproxy=b\n",
	    two, one);
	apply(text);
	ck_assert_uint_eq(ntohs(proxy_bound(stage_find("a"))->in.sin_port), two);
	ck_assert_uint_eq(ntohs(proxy_bound(stage_find("b"))->in.sin_port), one);
	ck_assert_int_eq(proxy_door(stage_find("a"))->gate, GATE_OPEN);
	ck_assert_int_eq(proxy_door(stage_find("b"))->gate, GATE_HOLD);
	int fd = stage_client_of("a");

	close(fd);
}
END_TEST

/* --- settings --- */

static void check_restart(const char *now, const char *wanted, const char *expected)
{
	struct config *a = load(now), *b = load(wanted);
	char buf[128];

	ck_assert_str_eq(control_restart_needed(a, b, buf, sizeof(buf)), expected);
	config_free(a);
	config_free(b);
}

START_TEST(what_needs_a_restart)
{
	check_restart(A, A, "");
	check_restart("[deadpeer]\nseed=1\n" A, "[deadpeer]\nseed=2\n" A, "seed");
	check_restart("[deadpeer]\nevents=x\nports_file=y\nrung=partial\n" A, A, "events,rung");
	check_restart(A, "[deadpeer]\nlog_level=debug\ndrain_timeout=1s\nsplice=off\n" A, "");
}
END_TEST

/* The seed that was made at the start is no change of the file. */
START_TEST(a_made_up_seed_stays)
{
	struct config *first = load(A);

	first->settings.seed = 4711;
	ck_assert(control_apply(&stage.control, first, &errors));
	apply(A B);
	ck_assert_uint_eq(stage.control.config->settings.seed, 4711);
	ck_assert_ptr_null(json_object_get(stage.last[EVENT_CONFIG_RELOADED], "needs_restart"));
	apply("[deadpeer]\nseed=5\n" A);
	ck_assert_str_eq(
	    json_string_value(json_object_get(stage.last[EVENT_CONFIG_RELOADED], "needs_restart")),
	    "seed");
}
END_TEST

Suite *command_suite(void)
{
	Suite *s = suite_create("command");
	TCase *c = tcase_create("command");

	tcase_add_unchecked_fixture(c, scratch_make, scratch_remove);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, the_first_configuration);
	tcase_add_test(c, what_is_untouched_keeps_its_sessions);
	tcase_add_test(c, a_removed_proxy_ends_its_sessions);
	tcase_add_test(c, a_changed_upstream_is_for_new_sessions);
	tcase_add_test(c, a_moved_proxy_listens_at_its_new_address);
	tcase_add_test(c, a_failure_changes_nothing);
	tcase_add_test(c, a_failure_leaves_a_full_queue_full);
	tcase_add_test(c, every_address_that_fails_is_told);
	tcase_add_test(c, an_impossible_fault_changes_nothing);
	tcase_add_test(c, faults_come_change_and_go);
	tcase_add_test(c, other_parameters_are_taken_as_it_runs);
	tcase_add_test(c, a_fault_that_is_over_stays_over);
	tcase_add_test(c, faults_strike_before_the_first_accept);
	tcase_add_test(c, a_proxy_changes_its_host);
	tcase_add_test(c, an_address_gets_another_name);
	tcase_add_test(c, two_proxies_swap_their_addresses);
	tcase_add_test(c, what_needs_a_restart);
	tcase_add_test(c, a_made_up_seed_stays);
	suite_add_tcase(s, c);
	return s;
}
