/* Our own connections over loopback, found as those of any other process are. */
#include "base/mono.h"
#include "kernel/sockdiag.h"
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

Suite *sockdiag_suite(void);

static int listener, client, server;
static struct sockaddr_in address;

static void set(int fd, int level, int name, int value)
{
	ck_assert_int_eq(setsockopt(fd, level, name, &value, sizeof(value)), 0);
}

static void connect_pair(void)
{
	socklen_t len = sizeof(address);

	address = (struct sockaddr_in){ .sin_family = AF_INET };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&address, len), 0);
	server = accept(listener, NULL, NULL);
	ck_assert_int_ge(server, 0);
}

static void close_pair(void)
{
	close(server);
	close(client);
	close(listener);
}

static bool is_ours(const struct sockdiag_socket *s, const void *arg)
{
	struct sockaddr_in local;
	socklen_t len = sizeof(local);

	(void)arg; /* both ports: others' connections may have one of them */
	ck_assert_int_eq(getsockname(client, (struct sockaddr *)&local, &len), 0);
	return s->peer.sa.sa_family == AF_INET && s->peer.in.sin_port == address.sin_port &&
	       s->local.in.sin_port == local.sin_port;
}

/* The client's end. */
static struct sockdiag_socket found(void)
{
	struct sockdiag_socket s;
	struct sockdiag_list list;

	ck_assert_int_eq(sockdiag_list(&list, NULL), 0);
	sockdiag_keep(&list, is_ours, NULL);
	ck_assert_uint_eq(list.count, 1);
	ck_assert_int_eq(list.sockets[0].error, ESRCH);
	ck_assert_int_eq(sockdiag_claim(&list, getpid()), 1);
	s = list.sockets[0];
	sockdiag_free(&list);
	return s;
}

START_TEST(options_and_the_timer_are_told)
{
	struct sockdiag_socket s;

	set(client, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(client, IPPROTO_TCP, TCP_KEEPIDLE, 41);
	set(client, IPPROTO_TCP, TCP_KEEPINTVL, 12);
	set(client, IPPROTO_TCP, TCP_KEEPCNT, 5);
	set(client, IPPROTO_TCP, TCP_USER_TIMEOUT, 30500);
	set(client, IPPROTO_TCP, TCP_SYNCNT, 3);
	s = found();
	ck_assert_int_eq(s.error, 0);
	ck_assert_int_eq(s.pid, getpid());
	ck_assert_int_eq(s.fd, client);
	ck_assert_int_eq(s.state, TCP_ESTABLISHED);
	ck_assert_int_eq(s.timer, SOCKDIAG_KEEPALIVE);
	ck_assert_int_gt(s.timer_ns, 30 * NS_PER_S);
	ck_assert_int_lt(s.timer_ns, 47 * NS_PER_S); /* and an eighth */
	ck_assert(s.options.keepalive);
	ck_assert_int_eq(s.options.keep_idle_s, 41);
	ck_assert_int_eq(s.options.keep_interval_s, 12);
	ck_assert_int_eq(s.options.keep_count, 5);
	ck_assert_int_eq(s.options.user_timeout_ms, 30500);
	ck_assert_int_eq(s.options.syn_count, 3);
	ck_assert_uint_gt(s.info.tcpi_rto, 0);
}
END_TEST

START_TEST(nothing_set_is_told_so)
{
	struct sockdiag_socket s = found();

	ck_assert_int_eq(s.timer, SOCKDIAG_NONE);
	ck_assert(!s.options.keepalive);
	ck_assert_int_eq(s.options.user_timeout_ms, 0);
}
END_TEST

START_TEST(what_was_not_read_is_counted_and_nothing_is_disturbed)
{
	char c;

	ck_assert_int_eq(write(server, "abc", 3), 3);
	ck_assert_uint_eq(found().unread, 3);
	ck_assert_int_eq(write(client, "x", 1), 1);
	ck_assert_int_eq(read(server, &c, 1), 1);
}
END_TEST

START_TEST(a_process_that_is_not_there)
{
	struct sockdiag_list list = { 0 };

	errno = 0;
	ck_assert_int_eq(sockdiag_claim(&list, 4194304), -1); /* PID_MAX_LIMIT is no pid */
	ck_assert_int_eq(errno, ENOENT);
	errno = 0;
	ck_assert_int_eq(sockdiag_enter(4194304), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(our_own_namespace_needs_no_privilege)
{
	const int home = sockdiag_enter(getpid());

	ck_assert_int_ge(home, 0);
	sockdiag_leave(home);
}
END_TEST

Suite *sockdiag_suite(void)
{
	Suite *s = suite_create("sockdiag");
	TCase *t = tcase_create("sockdiag");

	tcase_add_checked_fixture(t, connect_pair, close_pair);
	tcase_add_test(t, options_and_the_timer_are_told);
	tcase_add_test(t, nothing_set_is_told_so);
	tcase_add_test(t, what_was_not_read_is_counted_and_nothing_is_disturbed);
	tcase_add_test(t, a_process_that_is_not_there);
	tcase_add_test(t, our_own_namespace_needs_no_privilege);
	suite_add_tcase(s, t);
	return s;
}
