/*
 * A listening socket remembers handshakes that are half done: reqsk_timer_handler() repeats their
 * SYN-ACKs, and no option makes it stop. Only when the listening socket is gone does the timer drop
 * them without a word. So an equal one takes its place under the same descriptor, silent before it
 * listens; for a moment both listen (SO_REUSEPORT), so that the port never answers with RST. Needs
 * no privilege.
 *
 * The accept queue must be empty: its connections would be reset (inet_csk_listen_stop()).
 */
#include "kernel/wire_impl.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static int get_int(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, option, &value, &len) == 0 ? value : 0;
}

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* What socket_listen() sets, as it is on the old one. */
static bool options_copy(int fd, int old, sa_family_t domain)
{
	if (domain == AF_INET6 &&
	    set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, get_int(old, IPPROTO_IPV6, IPV6_V6ONLY)) < 0)
		return false;
	return set_int(fd, SOL_SOCKET, SO_REUSEADDR, get_int(old, SOL_SOCKET, SO_REUSEADDR)) == 0 &&
	       set_int(fd, IPPROTO_TCP, TCP_NODELAY, get_int(old, IPPROTO_TCP, TCP_NODELAY)) == 0;
}

int wire_renew_open(const struct wire_sock *s)
{
	union sockaddr_ip local;
	socklen_t len = sizeof(local);
	int fd, saved;

	if (getsockname(s->fd, &local.sa, &len) < 0)
		return -1;
	fd = socket(s->domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -1;
	if (options_copy(fd, s->fd, s->domain) && set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1) == 0 &&
	    set_int(s->fd, SOL_SOCKET, SO_REUSEPORT, 1) == 0 && bind(fd, &local.sa, len) == 0)
		return fd;
	saved = errno;
	(void)set_int(s->fd, SOL_SOCKET, SO_REUSEPORT, 0);
	close(fd);
	errno = saved;
	return -1;
}

bool wire_renew_swap(const struct wire_sock *s, int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	bool swapped = false;

	/* tcp_get_info(): of a listening socket the length of its accept queue, and its backlog. */
	if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	    info.tcpi_state == TCP_LISTEN && info.tcpi_unacked == 0 &&
	    listen(fd, (int)info.tcpi_sacked) == 0)
		swapped = dup3(fd, s->fd, O_CLOEXEC) == s->fd;
	(void)set_int(s->fd, SOL_SOCKET, SO_REUSEPORT, 0);
	close(fd);
	return swapped;
}
