/* Connections of our own in our own accept queue. See filling.h. */
#include "relay/filling.h"
#include "kernel/socket.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where the listening socket is reached from here. */
static socklen_t own_address(union sockaddr_any *to, const union sockaddr_any *bound)
{
	*to = *bound;
	switch (bound->sa.sa_family) {
	case AF_INET:
		if (to->in.sin_addr.s_addr == htonl(INADDR_ANY))
			to->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(to->in);
	case AF_INET6:
		/* Every address: ::ffff:127.0.0.1 is there without IPv6 on the loopback, too. */
		if (IN6_IS_ADDR_UNSPECIFIED(&to->in6.sin6_addr))
			inet_pton(AF_INET6, "::ffff:127.0.0.1", &to->in6.sin6_addr);
		return sizeof(to->in6);
	default:
		return sizeof(to->un);
	}
}

/* A Unix socket has no address of its own unless it asks for one: unix(7), autobind. */
static bool bind_unix(int fd)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };

	return bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) == 0;
}

static int filler_connect(const union sockaddr_any *bound)
{
	union sockaddr_any to;
	socklen_t len = own_address(&to, bound);
	int fd = socket(to.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if ((to.sa.sa_family != AF_UNIX || bind_unix(fd)) &&
	    (connect(fd, &to.sa, len) == 0 || errno == EINPROGRESS))
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static bool name_of(int fd, union sockaddr_any *sa, int (*get)(int, struct sockaddr *, socklen_t *))
{
	socklen_t len = sizeof(*sa);

	memset(sa, 0, sizeof(*sa));
	return get(fd, &sa->sa, &len) == 0;
}

/* True also when the queue is full without it. */
static bool filler_add(struct filling *f, const union sockaddr_any *bound)
{
	struct filler *one = &f->fillers[f->n];

	one->fd = filler_connect(bound);
	if (one->fd < 0)
		return bound->sa.sa_family == AF_UNIX && errno == EAGAIN;
	f->n++;
	return name_of(one->fd, &one->local, getsockname);
}

/* Connections in the queue, ours included; of a Unix socket only ours are known. */
static unsigned waiting(const struct filling *f, int fd)
{
	struct tcp_info info;

	/* Of a listening socket: tcp_get_info(), sk_ack_backlog. */
	return socket_is_tcp(fd) && socket_tcp_info(fd, &info) ? info.tcpi_unacked : f->n;
}

bool filling_make(struct filling *f, int fd, const union sockaddr_any *bound, unsigned room)
{
	unsigned places = waiting(f, fd) + room;
	bool whole;

	whole = !socket_relisten(fd, places > FILLERS_MAX ? (int)places - 1 : 1);
	for (; places < FILLERS_MAX && f->n < FILLERS_MAX; places++)
		whole = filler_add(f, bound) && whole;
	return whole;
}

bool filling_takes(struct filling *f, int accepted)
{
	union sockaddr_any peer;

	if (!f->n)
		return false;
	if (!name_of(accepted, &peer, getpeername))
		return false;
	for (unsigned i = 0; i < f->n; i++) {
		/* Both were zeroed before the kernel wrote them. */
		if (memcmp(&f->fillers[i].local, &peer, sizeof(peer)))
			continue;
		socket_abort(accepted);
		close(f->fillers[i].fd);
		f->fillers[i] = f->fillers[--f->n];
		return true;
	}
	return false;
}

void filling_drop(struct filling *f)
{
	while (f->n)
		close(f->fillers[--f->n].fd);
}
