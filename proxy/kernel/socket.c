/*
 * Making, ending and asking sockets. Whatever can be set once on a listening socket is set there:
 * sk_clone_lock() hands it on to every accepted one, which saves a system call each.
 */
#include "kernel/socket.h"
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORT_TRIES 16

static const int one = 1;

/* close(2) that leaves errno as it was. */
static void close_quietly(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

/* Bound, not yet listening. */
static int tcp_bind(const struct sockaddr *sa, socklen_t len, bool v6only)
{
	const int only = v6only;
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    (sa->sa_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0) ||
	    bind(fd, sa, len) < 0) {
		close_quietly(fd);
		return -1;
	}
	return fd;
}

static in_port_t *sa_port(union sockaddr_any *sa)
{
	return sa->sa.sa_family == AF_INET6 ? &sa->in6.sin6_port : &sa->in.sin_port;
}

/*
 * A port that the kernel chose is given up when the socket stops listening: only bind(2) with a
 * port sets SOCK_BINDPORT_LOCK. So a first socket finds a free port and a second one asks for it by
 * number; both have SO_REUSEADDR and neither listens, so they may share it.
 */
static int tcp_bind_chosen(const union sockaddr_any *want, socklen_t len, bool v6only)
{
	for (int i = 0; i < PORT_TRIES; i++) {
		union sockaddr_any sa = *want;
		socklen_t sa_len = sizeof(sa);
		int first = tcp_bind(&sa.sa, len, v6only), fd = -1;

		if (first < 0)
			return -1;
		if (getsockname(first, &sa.sa, &sa_len) == 0)
			fd = tcp_bind(&sa.sa, sa_len, v6only);
		close_quietly(first);
		if (fd >= 0 || errno != EADDRINUSE)
			return fd;
	}
	return -1;
}

static int tcp_listen_on(const union sockaddr_any *want, socklen_t len, bool v6only, int backlog,
    union sockaddr_any *bound)
{
	union sockaddr_any sa = *want;
	socklen_t bound_len = sizeof(*bound);
	int fd = *sa_port(&sa) ? tcp_bind(&sa.sa, len, v6only) : tcp_bind_chosen(&sa, len, v6only);

	if (fd < 0)
		return -1;
	if ((backlog >= 0 && listen(fd, backlog) < 0) ||
	    getsockname(fd, &bound->sa, &bound_len) < 0) {
		close_quietly(fd);
		return -1;
	}
	return fd;
}

/* Every address of the machine. Without IPv6 socket(2) says EAFNOSUPPORT, with disable_ipv6 bind(2)
 * may say EADDRNOTAVAIL. */
static int tcp_listen_any(uint16_t port, int backlog, union sockaddr_any *bound)
{
	union sockaddr_any sa = { .in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) } };
	int fd = tcp_listen_on(&sa, sizeof(sa.in6), false, backlog, bound);

	if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
		return fd;
	sa = (union sockaddr_any){ .in = { .sin_family = AF_INET, .sin_port = htons(port) } };
	return tcp_listen_on(&sa, sizeof(sa.in), false, backlog, bound);
}

/* Is the file a socket that nobody listens on any more? */
static bool unix_is_stale(const union sockaddr_any *sa, socklen_t len)
{
	struct stat st;
	bool stale = false;
	int fd;

	if (lstat(sa->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (connect(fd, &sa->sa, len) < 0)
		stale = errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int unix_listen(const struct addr *a, int backlog, union sockaddr_any *bound)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -1;
	rc = bind(fd, &a->sa.sa, a->len);
	if (rc < 0 && errno == EADDRINUSE) {
		if (unix_is_stale(&a->sa, a->len) && unlink(a->sa.un.sun_path) == 0)
			rc = bind(fd, &a->sa.sa, a->len);
		else
			errno = EADDRINUSE;
	}
	if (rc < 0 || listen(fd, backlog) < 0) {
		close_quietly(fd);
		return -1;
	}
	*bound = a->sa;
	return fd;
}

int socket_listen(const struct addr *a, int backlog, union sockaddr_any *bound)
{
	memset(bound, 0, sizeof(*bound));
	if (a->kind == ADDR_UNIX)
		return unix_listen(a, backlog, bound);
	if (a->any)
		return tcp_listen_any(a->port, backlog, bound);
	if (a->kind != ADDR_IP) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return tcp_listen_on(&a->sa, a->len, true, backlog, bound);
}

const char *socket_listen_hint(int error)
{
	static const struct {
		int error;
		const char *hint;
	} hints[] = {
		{ EADDRINUSE,
		    " (another process listens there: ss -ltnp tells which; port 0 is any "
		    "free one)" },
		{ EACCES, " (ports below 1024 want CAP_NET_BIND_SERVICE, a Unix socket a directory "
			  "that may be written)" },
		{ EADDRNOTAVAIL,
		    " (no interface of this machine has that address: ip address tells "
		    "which it has)" },
	};

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (hints[i].error == error)
			return hints[i].hint;
	return "";
}

int socket_refuse(int fd)
{
	return shutdown(fd, SHUT_RD);
}

int socket_relisten(int fd, int backlog)
{
	return listen(fd, backlog);
}

int socket_accept(int fd, union sockaddr_ip *peer)
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);
	int conn = accept4(fd, &sa.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (conn < 0)
		return -1;
	memset(peer, 0, sizeof(*peer));
	if (sa.sa.sa_family == AF_INET)
		peer->in = sa.in;
	else if (sa.sa.sa_family == AF_INET6)
		peer->in6 = sa.in6;
	else
		peer->sa.sa_family = sa.sa.sa_family;
	return conn;
}

int socket_connect(const struct sockaddr *sa, socklen_t len, int *fd, bool *in_progress)
{
	int s = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (s < 0)
		return -1;
	if (sa->sa_family != AF_UNIX)
		(void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*in_progress = false;
	if (connect(s, sa, len) < 0) {
		if (errno != EINPROGRESS) {
			close_quietly(s);
			return -1;
		}
		*in_progress = true;
	}
	*fd = s;
	return 0;
}

int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	return error;
}

int socket_abort(int fd)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	return close(fd);
}

int socket_shut_write(int fd)
{
	return shutdown(fd, SHUT_WR);
}

bool socket_is_tcp(int fd)
{
	int protocol = 0;
	socklen_t len = sizeof(protocol);

	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 &&
	       protocol == IPPROTO_TCP;
}

bool socket_local(int fd, union sockaddr_ip *out)
{
	union sockaddr_any sa;
	socklen_t len = sizeof(sa);

	if (getsockname(fd, &sa.sa, &len) < 0)
		return false;
	memset(out, 0, sizeof(*out));
	if (sa.sa.sa_family == AF_INET)
		out->in = sa.in;
	else if (sa.sa.sa_family == AF_INET6)
		out->in6 = sa.in6;
	else
		out->sa.sa_family = sa.sa.sa_family;
	return true;
}

bool socket_tcp_info(int fd, struct tcp_info *out)
{
	socklen_t len = sizeof(*out);

	memset(out, 0, sizeof(*out));
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, out, &len) == 0;
}

const char *socket_state_name(int tcp_state)
{
	static const char *const names[] = {
		[TCP_ESTABLISHED] = "ESTABLISHED",
		[TCP_SYN_SENT] = "SYN_SENT",
		[TCP_SYN_RECV] = "SYN_RECV",
		[TCP_FIN_WAIT1] = "FIN_WAIT1",
		[TCP_FIN_WAIT2] = "FIN_WAIT2",
		[TCP_TIME_WAIT] = "TIME_WAIT",
		[TCP_CLOSE] = "CLOSE",
		[TCP_CLOSE_WAIT] = "CLOSE_WAIT",
		[TCP_LAST_ACK] = "LAST_ACK",
		[TCP_LISTEN] = "LISTEN",
		[TCP_CLOSING] = "CLOSING",
	};

	if (tcp_state < TCP_ESTABLISHED || tcp_state > TCP_CLOSING)
		return "UNKNOWN";
	return names[tcp_state];
}

uint64_t socket_raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		const rlim_t before = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			limit.rlim_cur = before;
	}
	return limit.rlim_cur;
}
