/*
 * Names: /etc/hosts at once, DNS through a server of our own. The server's address gets into
 * /etc/resolv.conf in a mount namespace of the test's own; where none can be made those tests say
 * so and pass.
 */
#include "relay/resolve.h"
#include "scratch.h"
#include <arpa/inet.h>
#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>
#include <unistd.h>

Suite *resolve_suite(void);

static struct event_base *base;
static struct resolver *resolver;

static void setup(void)
{
	base = event_base_new();
	resolver = resolver_new(base);
}

static void teardown(void)
{
	resolver_free(resolver);
	event_base_free(base);
}

/* --- /etc/hosts --- */

START_TEST(localhost_is_known)
{
	union sockaddr_any found[8];
	socklen_t lens[8];
	unsigned n = resolve_hosts("localhost", 6379, found, lens, 8);
	bool v4 = false;

	ck_assert_uint_ge(n, 1);
	for (unsigned i = 0; i < n; i++) {
		if (found[i].sa.sa_family != AF_INET)
			continue;
		v4 = true;
		ck_assert_uint_eq(lens[i], sizeof(struct sockaddr_in));
		ck_assert_uint_eq(found[i].in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
		ck_assert_uint_eq(found[i].in.sin_port, htons(6379));
	}
	ck_assert(v4);
}
END_TEST

START_TEST(no_more_than_there_is_room_for)
{
	union sockaddr_any found[2] = { 0 };
	socklen_t lens[2] = { 0 };

	ck_assert_uint_eq(resolve_hosts("localhost", 1, found, lens, 1), 1);
	ck_assert_uint_eq(lens[1], 0);
	ck_assert_uint_eq(found[1].sa.sa_family, 0);
}
END_TEST

START_TEST(what_hosts_does_not_know)
{
	union sockaddr_any found[1];
	socklen_t lens[1];

	ck_assert_uint_eq(resolve_hosts("no-such-name.invalid", 1, found, lens, 1), 0);
	ck_assert_uint_eq(resolve_hosts("localhostx", 1, found, lens, 1), 0);
}
END_TEST

/* --- DNS --- */

static int server = -1;
static struct event *asked;
static unsigned questions;
static bool mute; /* the server does not answer */

struct answer {
	unsigned calls, n;
	int ttl_s;
	bool failed;
	union sockaddr_any addrs[8];
	socklen_t lens[8];
};

static void take_answer(void *arg, const union sockaddr_any *addrs, const socklen_t *lens,
    unsigned n, int ttl_s, const char *err)
{
	struct answer *a = arg;

	a->calls++;
	a->n = n;
	a->ttl_s = ttl_s;
	a->failed = err != NULL;
	memcpy(a->addrs, addrs, n * sizeof(*addrs));
	memcpy(a->lens, lens, n * sizeof(*lens));
}

/* One resource record (RFC 1035, 4.1.3) whose name points to the question's. */
static size_t put_record(
    unsigned char *p, uint16_t type, uint32_t ttl, const void *data, uint16_t len)
{
	const uint16_t head[] = { htons(0xc00c), htons(type), htons(1),
		htons((uint16_t)(ttl >> 16)), htons((uint16_t)ttl), htons(len) };

	memcpy(p, head, sizeof(head));
	memcpy(p + sizeof(head), data, len);
	return sizeof(head) + len;
}

/* evdns mixes capitals into its questions, against forgers. */
static bool is_name(const unsigned char *question, const char *name)
{
	return !strcasecmp((const char *)question, name);
}

/* both.test: A (ttl 30) twice and AAAA (ttl 60); four.test: A alone; all others: no such name. */
static size_t make_reply(unsigned char *q, size_t len)
{
	const unsigned char *name = q + 12;
	uint16_t type = (uint16_t)(q[len - 4] << 8 | q[len - 3]), records = 0;
	bool both = is_name(name, "\4both\4test"), four = is_name(name, "\4four\4test");
	unsigned char v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 7 };
	size_t at = len;

	if ((both || four) && type == 1) {
		for (unsigned char i = 1; i <= 2; i++, records++)
			at += put_record(q + at, 1, 30, (unsigned char[]){ 192, 0, 2, i }, 4);
	} else if (both && type == 28) {
		at += put_record(q + at, 28, 60, v6, 16);
		records = 1;
	}
	q[2] = 0x84;
	q[3] = both || four ? 0 : 3;
	q[6] = 0;
	q[7] = (unsigned char)records;
	memset(q + 8, 0, 4);
	return at;
}

static void reply(evutil_socket_t fd, short what, void *arg)
{
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	unsigned char q[512];
	ssize_t n = recvfrom(fd, q, sizeof(q) - 200, 0, (struct sockaddr *)&from, &from_len);

	(void)what, (void)arg;
	if (n < 17)
		return;
	questions++;
	if (!mute)
		sendto(fd, q, make_reply(q, (size_t)n), 0, (struct sockaddr *)&from, from_len);
}

/* In a child of check's: what is mounted goes with it. */
static bool mount_over(const char *file, const char *over)
{
	static bool own;

	if (!own && unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return false;
	if (!own)
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	own = true;
	return !mount(file, over, NULL, MS_BIND, NULL);
}

static bool may_mount(void)
{
	const char *fork = getenv("CK_FORK");

	return !fork || strcmp(fork, "no");
}

static bool own_resolv_conf(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	char line[128];

	server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(server, (struct sockaddr *)&a, sizeof(a)), 0);
	getsockname(server, (struct sockaddr *)&a, &len);
	snprintf(line, sizeof(line), "nameserver 127.0.0.1:%u\noptions timeout:1 attempts:1\n",
	    ntohs(a.sin_port));
	scratch_write("resolv.conf", line, strlen(line));
	return mount_over(scratch_path("resolv.conf"), "/etc/resolv.conf");
}

static bool dns_possible(void)
{
	if (!may_mount() || !own_resolv_conf()) {
		fprintf(stderr, "resolve: no mount namespace here: DNS is not tested\n");
		return false;
	}
	asked = event_new(base, server, EV_READ | EV_PERSIST, reply, NULL);
	event_add(asked, NULL);
	return true;
}

static void dns_end(void)
{
	if (asked)
		event_free(asked);
	close(server);
}

static void ask(const char *name, struct answer *a)
{
	*a = (struct answer){ 0 };
	ck_assert_ptr_nonnull(resolve_dns(resolver, name, 6379, take_answer, a));
	ck_assert_uint_eq(a->calls, 0); /* later, not now */
	while (!a->calls)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(a->calls, 1);
}

static char *hosts_say(const char *name)
{
	static char text[512];
	union sockaddr_any found[8];
	socklen_t lens[8];
	unsigned n = resolve_hosts(name, 7, found, lens, 8);
	char one[ADDR_TEXT_MAX];

	*text = '\0';
	for (unsigned i = 0; i < n; i++) {
		strcat(text, addr_format_sa(one, sizeof(one), &found[i].sa));
		strcat(text, " ");
	}
	return text;
}

START_TEST(a_hosts_file_of_every_kind)
{
	static const char hosts[] = "# a comment localhost\n\n"
				    "192.0.2.1\tDB1 alias.example # 192.0.2.9 db1\n"
				    "  2001:db8::7   db1\r\n"
				    "db1 db1\n"
				    "192.0.2.2 #db1\n"
				    "fe80::1%lo db1\n"
				    "192.0.2.3 last";
	union sockaddr_any found[8];
	socklen_t lens[8];

	scratch_write("hosts", hosts, sizeof(hosts) - 1);
	if (!may_mount() || !mount_over(scratch_path("hosts"), "/etc/hosts"))
		return;
	ck_assert_str_eq(hosts_say("db1"), "192.0.2.1:7 [2001:db8::7]:7 ");
	ck_assert_uint_eq(resolve_hosts("db1", 7, found, lens, 1), 1);
	ck_assert_str_eq(hosts_say("ALIAS.example"), "192.0.2.1:7 ");
	ck_assert_str_eq(hosts_say("last"), "192.0.2.3:7 ");
	ck_assert_str_eq(hosts_say("localhost"), "127.0.0.1:7 "); /* not in it, but what else */
	ck_assert_str_eq(hosts_say("comment"), "");
	ck_assert_str_eq(hosts_say("192.0.2.1"), "");
	ck_assert_str_eq(hosts_say("db"), "");
}
END_TEST

START_TEST(both_families_and_the_shorter_life)
{
	unsigned v4 = 0, v6 = 0;
	struct answer a;

	if (!dns_possible())
		return;
	ask("both.test", &a);
	ck_assert_uint_eq(a.n, 3);
	ck_assert_int_eq(a.ttl_s, 30);
	ck_assert(!a.failed);
	for (unsigned i = 0; i < a.n; i++) {
		if (a.addrs[i].sa.sa_family == AF_INET) {
			v4++;
			ck_assert_uint_eq(a.lens[i], sizeof(struct sockaddr_in));
			ck_assert_uint_eq(a.addrs[i].in.sin_port, htons(6379));
			ck_assert_uint_eq(ntohl(a.addrs[i].in.sin_addr.s_addr) >> 8, 0xc00002);
		} else {
			v6++;
			ck_assert_uint_eq(a.lens[i], sizeof(struct sockaddr_in6));
			ck_assert_uint_eq(a.addrs[i].in6.sin6_port, htons(6379));
			ck_assert_uint_eq(a.addrs[i].in6.sin6_addr.s6_addr[15], 7);
		}
	}
	ck_assert_uint_eq(v4, 2);
	ck_assert_uint_eq(v6, 1);
	dns_end();
}
END_TEST

START_TEST(one_family_is_enough)
{
	struct answer a;

	if (!dns_possible())
		return;
	ask("four.test", &a);
	ck_assert_uint_eq(a.n, 2);
	ck_assert_int_eq(a.ttl_s, 30);
	ck_assert(!a.failed);
	dns_end();
}
END_TEST

START_TEST(no_such_name)
{
	struct answer a;

	if (!dns_possible())
		return;
	ask("none.test", &a);
	ck_assert_uint_eq(a.n, 0);
	ck_assert(a.failed);
	dns_end();
}
END_TEST

/* Nobody is called back, and nothing is left (with the address sanitizer that is seen). */
START_TEST(a_question_may_be_cancelled)
{
	struct answer a = { 0 };
	struct resolution *q;

	if (!dns_possible())
		return;
	mute = true;
	q = resolve_dns(resolver, "both.test", 1, take_answer, &a);
	ck_assert_ptr_nonnull(q);
	while (questions < 2)
		event_base_loop(base, EVLOOP_ONCE);
	resolve_cancel(q);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(a.calls, 0);
	mute = false;
	ask("both.test", &a); /* and the next one is answered */
	ck_assert_uint_eq(a.n, 3);
	dns_end();
}
END_TEST

START_TEST(cancelled_at_the_very_end)
{
	struct answer a = { 0 };
	struct resolution *q;

	if (!dns_possible())
		return;
	q = resolve_dns(resolver, "both.test", 1, take_answer, &a);
	ck_assert_ptr_nonnull(q);
	resolve_cancel(q);
	dns_end();
	asked = NULL;
}
END_TEST

Suite *resolve_suite(void)
{
	Suite *s = suite_create("resolve");
	TCase *c = tcase_create("hosts"), *d = tcase_create("dns");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, localhost_is_known);
	tcase_add_test(c, no_more_than_there_is_room_for);
	tcase_add_test(c, what_hosts_does_not_know);
	suite_add_tcase(s, c);
	tcase_add_unchecked_fixture(d, scratch_make, scratch_remove);
	tcase_add_checked_fixture(d, setup, teardown);
	tcase_add_test(d, a_hosts_file_of_every_kind);
	tcase_add_test(d, both_families_and_the_shorter_life);
	tcase_add_test(d, one_family_is_enough);
	tcase_add_test(d, no_such_name);
	tcase_add_test(d, a_question_may_be_cancelled);
	tcase_add_test(d, cancelled_at_the_very_end);
	suite_add_tcase(s, d);
	return s;
}
