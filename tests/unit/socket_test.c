#include "base/mono.h"
#include "kernel/socket.h"
#include "scratch.h"
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *socket_suite(void);

#define SOON_MS 2000

static struct addr loopback(sa_family_t family)
{
	struct addr a = { .kind = ADDR_IP };

	if (family == AF_INET) {
		a.len = sizeof(a.sa.in);
		a.sa.in = (struct sockaddr_in){ .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	} else {
		a.len = sizeof(a.sa.in6);
		a.sa.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
			.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	}
	return a;
}

static struct addr unix_addr(const char *path)
{
	struct addr a = { .kind = ADDR_UNIX, .len = sizeof(a.sa.un) };

	a.sa.un.sun_family = AF_UNIX;
	strcpy(a.sa.un.sun_path, path);
	return a;
}

static socklen_t sa_len(const union sockaddr_any *sa)
{
	return sa->sa.sa_family == AF_INET6  ? sizeof(sa->in6)
	       : sa->sa.sa_family == AF_UNIX ? sizeof(sa->un)
					     : sizeof(sa->in);
}

static bool is_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, SOON_MS) == 1;
}

static int get_int(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, option, &value, &len), 0);
	return value;
}

/* Connected, or -1 with errno. */
static int dial(const union sockaddr_any *sa)
{
	bool in_progress;
	int fd, error;

	if (socket_connect(&sa->sa, sa_len(sa), &fd, &in_progress) < 0)
		return -1;
	if (in_progress)
		ck_assert(is_ready(fd, POLLOUT));
	error = socket_error(fd);
	if (error == 0)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

static int dialled_and_accepted(int listener, const union sockaddr_any *bound, int *client)
{
	union sockaddr_ip peer;
	int fd;

	*client = dial(bound);
	ck_assert_int_ge(*client, 0);
	ck_assert(is_ready(listener, POLLIN));
	fd = socket_accept(listener, &peer);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(peer.sa.sa_family, bound->sa.sa_family);
	return fd;
}

static const sa_family_t families[] = { AF_INET, AF_INET6 };

START_TEST(accepted_socket_is_ready_for_use)
{
	struct addr a = loopback(families[_i]);
	union sockaddr_any bound;
	union sockaddr_ip peer, local, other;
	int client, fd, listener = socket_listen(&a, 8, &bound);

	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(socket_accept(listener, &peer), -1);
	ck_assert_int_eq(errno, EAGAIN);
	fd = dialled_and_accepted(listener, &bound, &client);
	ck_assert_int_ne(get_int(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_ne(get_int(client, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ck_assert(socket_is_tcp(fd));
	ck_assert(socket_local(fd, &local));
	ck_assert(socket_local(client, &other));
	ck_assert_int_eq(
	    local.in.sin_port, families[_i] == AF_INET ? bound.in.sin_port : bound.in6.sin6_port);
	ck_assert_int_ne(local.in.sin_port, other.in.sin_port);
	close(fd);
	close(client);
	close(listener);
}
END_TEST

/* Refusing keeps the port, though the kernel chose it, and resets who waits. */
START_TEST(refusing_keeps_a_chosen_port)
{
	struct addr a = loopback(families[_i]);
	union sockaddr_any bound, again;
	socklen_t len = sizeof(again);
	int waiting, client, fd, listener = socket_listen(&a, 8, &bound);
	char c;

	ck_assert_int_ge(listener, 0);
	waiting = dial(&bound);
	ck_assert_int_ge(waiting, 0);
	ck_assert_int_eq(socket_refuse(listener), 0);
	ck_assert(is_ready(waiting, POLLIN));
	ck_assert_int_eq(read(waiting, &c, 1), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	ck_assert_int_eq(dial(&bound), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	ck_assert_int_eq(getsockname(listener, &again.sa, &len), 0);
	ck_assert_mem_eq(&again, &bound, families[_i] == AF_INET ? 4 : 8);
	/* Nobody else can have it. */
	ck_assert_int_eq(socket_relisten(listener, 8), 0);
	fd = dialled_and_accepted(listener, &bound, &client);
	close(fd);
	close(client);
	close(waiting);
	close(listener);
}
END_TEST

START_TEST(port_in_use_is_an_error)
{
	struct addr a = loopback(AF_INET);
	union sockaddr_any bound, other;
	int listener = socket_listen(&a, 8, &bound);

	a.sa.in.sin_port = bound.in.sin_port;
	ck_assert_int_eq(socket_listen(&a, 8, &other), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	close(listener);
	listener = socket_listen(&a, 8, &other);
	ck_assert_int_ge(listener, 0);
	close(listener);
}
END_TEST

/* "*:0": one socket for both families. */
START_TEST(any_address_takes_both_families)
{
	struct addr a = { .kind = ADDR_IP, .any = true };
	union sockaddr_any bound, four = loopback(AF_INET).sa, six = loopback(AF_INET6).sa;
	union sockaddr_ip peer;
	int c4, c6, f4, f6, listener = socket_listen(&a, 8, &bound);

	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(bound.sa.sa_family, AF_INET6);
	four.in.sin_port = six.in6.sin6_port = bound.in6.sin6_port;
	c4 = dial(&four);
	ck_assert_int_ge(c4, 0);
	ck_assert(is_ready(listener, POLLIN));
	f4 = socket_accept(listener, &peer);
	ck_assert_int_ge(f4, 0);
	ck_assert(IN6_IS_ADDR_V4MAPPED(&peer.in6.sin6_addr));
	c6 = dial(&six);
	ck_assert_int_ge(c6, 0);
	ck_assert(is_ready(listener, POLLIN));
	f6 = socket_accept(listener, &peer);
	ck_assert_int_ge(f6, 0);
	ck_assert(IN6_IS_ADDR_LOOPBACK(&peer.in6.sin6_addr));
	close(c4), close(c6), close(f4), close(f6), close(listener);
}
END_TEST

/* [::] as written is IPv6 alone: 0.0.0.0 beside it is another listener's. */
START_TEST(wildcards_stand_side_by_side)
{
	struct addr six = loopback(AF_INET6), four = loopback(AF_INET);
	union sockaddr_any bound, other;
	int a, b = -1;

	six.sa.in6.sin6_addr = in6addr_any;
	four.sa.in.sin_addr.s_addr = htonl(INADDR_ANY);
	/* Ports that the kernel gives to nobody by itself; somebody else may have one all the
	 * same. */
	for (uint16_t port = 12000; port < 30000 && b < 0; port += 97) {
		six.sa.in6.sin6_port = four.sa.in.sin_port = htons(port);
		a = socket_listen(&six, 8, &bound);
		if (a < 0)
			continue;
		b = socket_listen(&four, 8, &other);
		close(a);
	}
	ck_assert_int_ge(b, 0);
	close(b);
}
END_TEST

START_TEST(name_must_be_resolved_before)
{
	struct addr a = { .kind = ADDR_NAME, .name = "localhost" };
	union sockaddr_any bound;

	ck_assert_int_eq(socket_listen(&a, 8, &bound), -1);
	ck_assert_int_eq(errno, EAFNOSUPPORT);
}
END_TEST

START_TEST(abort_says_rst_and_close_says_fin)
{
	struct addr a = loopback(AF_INET);
	union sockaddr_any bound;
	int client, fd, listener = socket_listen(&a, 8, &bound);
	char c;

	fd = dialled_and_accepted(listener, &bound, &client);
	ck_assert_int_eq(socket_abort(fd), 0);
	ck_assert(is_ready(client, POLLIN));
	ck_assert_int_eq(socket_error(client), ECONNRESET);
	ck_assert_int_eq(socket_error(client), 0); /* taken */
	close(client);
	fd = dialled_and_accepted(listener, &bound, &client);
	close(fd);
	ck_assert(is_ready(client, POLLIN));
	ck_assert_int_eq(read(client, &c, 1), 0);
	close(client);
	close(listener);
}
END_TEST

START_TEST(half_close_leaves_the_other_half)
{
	struct addr a = loopback(AF_INET6);
	union sockaddr_any bound;
	struct tcp_info ti;
	int client, fd, listener = socket_listen(&a, 8, &bound);
	char c;

	fd = dialled_and_accepted(listener, &bound, &client);
	ck_assert_int_eq(socket_shut_write(fd), 0);
	ck_assert(is_ready(client, POLLIN));
	ck_assert_int_eq(read(client, &c, 1), 0);
	ck_assert(socket_tcp_info(client, &ti));
	ck_assert_str_eq(socket_state_name(ti.tcpi_state), "CLOSE_WAIT");
	ck_assert_int_eq(write(client, "x", 1), 1);
	ck_assert(is_ready(fd, POLLIN));
	ck_assert_int_eq(read(fd, &c, 1), 1);
	close(fd), close(client), close(listener);
}
END_TEST

START_TEST(refused_connect_says_so)
{
	struct addr a = loopback(AF_INET);
	union sockaddr_any bound;
	int listener = socket_listen(&a, 8, &bound);

	close(listener);
	ck_assert_int_eq(dial(&bound), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
}
END_TEST

START_TEST(stale_unix_socket_is_replaced)
{
	struct addr a = unix_addr(scratch_path("stale"));
	union sockaddr_any bound;
	union sockaddr_ip peer;
	int client, fd, listener = socket_listen(&a, 8, &bound);

	ck_assert_int_ge(listener, 0);
	ck_assert(!socket_is_tcp(listener));
	close(listener); /* the file stays */
	listener = socket_listen(&a, 8, &bound);
	ck_assert_int_ge(listener, 0);
	client = dial(&bound);
	ck_assert_int_ge(client, 0);
	fd = socket_accept(listener, &peer);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(peer.sa.sa_family, AF_UNIX);
	close(fd), close(client), close(listener);
}
END_TEST

START_TEST(living_unix_socket_is_in_use)
{
	struct addr a = unix_addr(scratch_path("living"));
	union sockaddr_any bound;
	int listener = socket_listen(&a, 8, &bound);

	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(socket_listen(&a, 8, &bound), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	close(listener);
}
END_TEST

/* Whatever else has that name is not removed. */
START_TEST(plain_file_is_not_removed)
{
	struct addr a = unix_addr(scratch_write("plain", "x", 1));
	union sockaddr_any bound;
	struct stat st;

	ck_assert_int_eq(socket_listen(&a, 8, &bound), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(stat(a.sa.un.sun_path, &st), 0);
	ck_assert_int_eq(st.st_size, 1);
}
END_TEST

START_TEST(state_names_cover_what_there_is)
{
	ck_assert_str_eq(socket_state_name(TCP_ESTABLISHED), "ESTABLISHED");
	ck_assert_str_eq(socket_state_name(TCP_CLOSING), "CLOSING");
	ck_assert_str_eq(socket_state_name(0), "UNKNOWN");
	ck_assert_str_eq(socket_state_name(TCP_CLOSING + 1), "UNKNOWN");
}
END_TEST

START_TEST(descriptor_limit_is_raised)
{
	struct rlimit limit, after;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max / 2;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(socket_raise_nofile(), limit.rlim_max);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &after), 0);
	ck_assert_uint_eq(after.rlim_cur, limit.rlim_max);
}
END_TEST

Suite *socket_suite(void)
{
	Suite *s = suite_create("socket");
	TCase *tcp = tcase_create("tcp"), *un = tcase_create("unix");

	tcase_add_loop_test(tcp, accepted_socket_is_ready_for_use, 0, 2);
	tcase_add_loop_test(tcp, refusing_keeps_a_chosen_port, 0, 2);
	tcase_add_test(tcp, port_in_use_is_an_error);
	tcase_add_test(tcp, any_address_takes_both_families);
	tcase_add_test(tcp, wildcards_stand_side_by_side);
	tcase_add_test(tcp, name_must_be_resolved_before);
	tcase_add_test(tcp, abort_says_rst_and_close_says_fin);
	tcase_add_test(tcp, half_close_leaves_the_other_half);
	tcase_add_test(tcp, refused_connect_says_so);
	tcase_add_test(tcp, state_names_cover_what_there_is);
	tcase_add_test(tcp, descriptor_limit_is_raised);
	suite_add_tcase(s, tcp);
	tcase_add_unchecked_fixture(un, scratch_make, scratch_remove);
	tcase_add_test(un, stale_unix_socket_is_replaced);
	tcase_add_test(un, living_unix_socket_is_in_use);
	tcase_add_test(un, plain_file_is_not_removed);
	suite_add_tcase(s, un);
	return s;
}
