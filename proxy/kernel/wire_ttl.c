/*
 * Deaf by distance: a socket that wants a TTL of 255 (RFC 5082, GTSM) hears nobody, for nobody
 * sends with 255 by default: Linux, the BSDs and macOS send 64, Windows 128. tcp_v4_rcv() and
 * tcp_v6_rcv() drop such segments before they look at them. What we send ourselves still leaves.
 */
#include "kernel/wire_impl.h"
#include <sys/socket.h>

/* linux/in6.h, which netinet/in.h cannot stand beside. */
#ifndef IPV6_MINHOPCOUNT
#define IPV6_MINHOPCOUNT 73
#endif

int wire_minttl_set(const struct wire_sock *s, bool on)
{
	const int ttl = on ? 255 : 0, off = 0;

	/* On an AF_INET6 socket the IPv4 option counts, too: a v4-mapped connection's segments come
	 * through tcp_v4_rcv(), which looks at inet_sk(sk)->min_ttl. */
	if (wire_serves(s, WIRE_V4) &&
	    setsockopt(s->fd, IPPROTO_IP, IP_MINTTL, &ttl, sizeof(ttl)) < 0)
		return -1;
	if (!wire_serves(s, WIRE_V6) ||
	    setsockopt(s->fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, &ttl, sizeof(ttl)) == 0)
		return 0;
	if (on && wire_serves(s, WIRE_V4))
		(void)setsockopt(s->fd, IPPROTO_IP, IP_MINTTL, &off, sizeof(off));
	return -1;
}
