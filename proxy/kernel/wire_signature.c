/*
 * Silence by signature (RFC 2385): give a socket a key that the peer does not have, and its
 * kernel and ours drop each other's segments (tcp_inbound_hash()): ours because they are unsigned,
 * the peer because it expects none. No answer is sent in either case, no RST either. Needs
 * no privilege. Deleting the key heals the connection.
 *
 * A key belongs to an address range; a prefix length of 0 is everybody
 * (TCP_MD5SIG_FLAG_PREFIX). An AF_INET6 socket keeps the keys of IPv4 peers apart: they are given
 * as a v4-mapped address with a prefix length that counts within the 32 bits
 * (tcp_v6_parse_md5_keys()). A deletion has to name the range as it was given.
 */
#include "kernel/wire_impl.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

static const char secret[] =
    "deadpeer"; /* known to nobody is all it must be; content is no matter */

static const struct cidr everybody[WIRE_FAMILIES] = {
	[WIRE_V4] = { .family = AF_INET },
	[WIRE_V6] = { .family = AF_INET6 },
};

static void signature_address(
    struct tcp_md5sig *sig, const struct wire_sock *s, const struct cidr *range)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	sig->tcpm_prefixlen = range->bits;
	if (s->domain == AF_INET) {
		memcpy(&in.sin_addr, range->bytes, 4);
		memcpy(&sig->tcpm_addr, &in, sizeof(in));
		return;
	}
	if (range->family == AF_INET) {
		in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
		memcpy(&in6.sin6_addr.s6_addr[12], range->bytes, 4);
	} else {
		memcpy(&in6.sin6_addr, range->bytes, 16);
	}
	memcpy(&sig->tcpm_addr, &in6, sizeof(in6));
}

int wire_signature_range(const struct wire_sock *s, const struct cidr *range, bool on)
{
	struct tcp_md5sig sig = { .tcpm_flags = TCP_MD5SIG_FLAG_PREFIX };

	if (!wire_serves(s, range->family == AF_INET ? WIRE_V4 : WIRE_V6))
		return 0;
	signature_address(&sig, s, range);
	if (on) {
		sig.tcpm_keylen = sizeof(secret) - 1;
		memcpy(sig.tcpm_key, secret, sizeof(secret) - 1);
	}
	if (setsockopt(s->fd, IPPROTO_TCP, TCP_MD5SIG_EXT, &sig, sizeof(sig)) == 0)
		return 0;
	return !on && errno == ENOENT ? 0 : -1; /* it was not there */
}

int wire_signature_set(const struct wire_sock *s, bool on)
{
	if (wire_signature_range(s, &everybody[WIRE_V4], on) < 0)
		return -1;
	if (wire_signature_range(s, &everybody[WIRE_V6], on) == 0)
		return 0;
	if (on) {
		const int saved = errno;

		(void)wire_signature_range(s, &everybody[WIRE_V4], false);
		errno = saved;
	}
	return -1;
}
