/*
 * Repair mode (tcp(7); made for moving containers): a socket in it connects and closes without a
 * packet. Two uses:
 *
 * Vanishing: tcp_close() of a socket in repair mode is tcp_disconnect() without FIN or RST.
 *
 * Burial: a silent connection with unacknowledged data would go on retransmitting it, and no option
 * empties a send queue. So the connection vanishes and an empty socket with the same 4-tuple and a
 * "ret 0" filter takes its place: it swallows what the peer sends and has nothing to say. It stays
 * in repair mode for good, so that its end is silent, too, also when the process is killed.
 *
 *     tomb: socket, repair on, filter on, bind to the same local address and port
 *           (tcp_repair_set sets SK_FORCE_REUSE: bind(2) asks nobody)
 *     shield raised: for the microseconds in which the 4-tuple belongs to nobody, a segment of the
 * peer must not find the open port, or the kernel would answer it with RST old:  repair on,
 * replaced by dup3(2): gone; close(2) has ended when dup3 returns tomb: connect(2): in repair mode
 * ESTABLISHED at once (tcp_connect()) shield lowered
 */
#include "kernel/wire_impl.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static const int on = 1;

/* Who answers for the local port while the 4-tuple belongs to nobody. */
struct shield {
	int listener; /* a block of its program, or -1 */
	struct wire_block block;
	int stand_in; /* a deaf listening socket of our own, or -1 */
};

int wire_repair_enter(int fd)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on));
}

static socklen_t sa_len(const union sockaddr_ip *sa)
{
	return sa->sa.sa_family == AF_INET6 ? sizeof(sa->in6) : sizeof(sa->in);
}

/* In repair mode, deaf, and bound. */
static int tomb_open(const union sockaddr_ip *local, int shared_drop)
{
	int fd =
	    socket(local->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	struct wire_sock s = { .fd = fd, .shared_drop = shared_drop };
	int saved;

	if (fd < 0)
		return -1;
	if (wire_repair_enter(fd) == 0 && wire_filter_set(&s, true) == 0 &&
	    bind(fd, &local->sa, sa_len(local)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* A connection of ours out to somewhere has a port with no listener; one that hears nobody stands
 * in: tcp_v4_rcv() finds it for want of the connection, and its filter drops what comes. */
static int shield_raise(
    struct shield *sh, const union sockaddr_ip *local, const union sockaddr_ip *peer, int listener)
{
	sh->listener = sh->stand_in = -1;
	if (listener >= 0 && wire_filter_drops_all(listener))
		return 0;
	if (listener >= 0) {
		wire_block_peer(&sh->block, peer);
		if (wire_filter_add(listener, &sh->block) < 0)
			return -1;
		sh->listener = listener;
		return 0;
	}
	sh->stand_in = tomb_open(local, 0);
	if (sh->stand_in < 0)
		return -1;
	if (listen(sh->stand_in, 1) == 0)
		return 0;
	close(sh->stand_in);
	return -1;
}

static void shield_lower(const struct shield *sh)
{
	if (sh->listener >= 0)
		(void)wire_filter_remove(sh->listener, &sh->block);
	if (sh->stand_in >= 0)
		close(sh->stand_in);
}

int wire_repair_bury(int fd, int listener, int shared_drop)
{
	union sockaddr_ip local, peer;
	socklen_t local_len = sizeof(local), peer_len = sizeof(peer);
	struct shield shield;
	int tomb, rc = -1;

	if (getsockname(fd, &local.sa, &local_len) < 0 || getpeername(fd, &peer.sa, &peer_len) < 0)
		return -1;
	tomb = tomb_open(&local, shared_drop);
	if (tomb < 0)
		return -1;
	if (shield_raise(&shield, &local, &peer, listener) == 0) {
		if (wire_repair_enter(fd) == 0 && dup3(tomb, fd, O_CLOEXEC) == fd)
			rc = connect(fd, &peer.sa, sa_len(&peer)) == 0 ? 0 : 1;
		shield_lower(&shield);
	}
	close(tomb);
	return rc;
}
