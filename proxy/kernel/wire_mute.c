/*
 * Mute, not deaf: what we send asks to be routed on by the peer, and a Linux host that is not a
 * router for such packets throws them away before TCP sees them, while we go on hearing everything.
 *
 * IPv4: a strict source route (RFC 791) whose only hop is the peer. ip_rcv_options() drops it
 * unless net.ipv4.conf.*.accept_source_route says otherwise; behind a gateway it does not even
 * leave (ip_queue_xmit(): a strict route over a gateway is "no route"). Wants CAP_NET_RAW
 * (ip_options_get(): "source routes are privileged").
 *
 * IPv6: a segment routing header (RFC 8754) with no segment left. ipv6_srh_rcv() drops it unless
 * seg6_enabled, which is off by default. Wants nothing: only hop-by-hop and destination options and
 * type 2 headers do (do_ipv6_setsockopt()).
 *
 * Empty options undo it and the connection carries on.
 */
#include "kernel/wire_impl.h"
#include <string.h>
#include <sys/socket.h>

#define SSRR           0x89 /* IPOPT_SSRR */
#define SSRR_FIRST_HOP 4    /* the pointer counts from 1 */
#define RTHDR_SEGMENTS 4    /* IPV6_SRCRT_TYPE_4 */

static int mute_v4(const struct wire_sock *s, bool on)
{
	unsigned char route[8] = { SSRR, 7,
		SSRR_FIRST_HOP }; /* address, then one byte of padding */

	if (s->peer.sa.sa_family == AF_INET6)
		memcpy(&route[3], wire_mapped(&s->peer.in6.sin6_addr), 4);
	else
		memcpy(&route[3], &s->peer.in.sin_addr, 4);
	return setsockopt(s->fd, IPPROTO_IP, IP_OPTIONS, route, on ? sizeof(route) : 0);
}

static int mute_v6(const struct wire_sock *s, bool on)
{
	struct {
		uint8_t next, len, type, segments_left, last_entry, flags;
		uint16_t tag;
		struct in6_addr hop;
	} route = { .len = 2, .type = RTHDR_SEGMENTS, .hop = s->peer.in6.sin6_addr };

	return setsockopt(s->fd, IPPROTO_IPV6, IPV6_RTHDR, &route, on ? sizeof(route) : 0);
}

int wire_mute_set(const struct wire_sock *s, bool on)
{
	return wire_serves(s, WIRE_V4) ? mute_v4(s, on) : mute_v6(s, on);
}
