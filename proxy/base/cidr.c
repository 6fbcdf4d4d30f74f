/*
 * Address ranges. An IPv4 address inside IPv6 is IPv4 here, in ranges and in peers alike: which of
 * the two a dual-stack socket shows is an accident of how it was bound.
 */
#include "base/addr.h"
#include "base/units.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define V4MAPPED_BITS 96

static const char want_cidr[] =
    "an address or a range, such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32";

static const char want_bits_v4[] = "a prefix length from 0 to 32";
static const char want_bits_v6[] = "a prefix length from 0 to 128";

static unsigned family_bits(sa_family_t family)
{
	return family == AF_INET6 ? 128 : 32;
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	uint8_t mask = (uint8_t)(0xff00 >> bits % 8);

	return memcmp(a, b, bits / 8) == 0 && ((a[bits / 8] ^ b[bits / 8]) & mask) == 0;
}

static bool host_bits_set(const struct cidr *c)
{
	for (unsigned i = c->bits; i < family_bits(c->family); i++)
		if (c->bytes[i / 8] & (0x80 >> i % 8))
			return true;
	return false;
}

static void cidr_unmap(struct cidr *c)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (c->family != AF_INET6 || c->bits < V4MAPPED_BITS || memcmp(c->bytes, mapped, 12) != 0)
		return;
	c->family = AF_INET;
	c->bits -= V4MAPPED_BITS;
	memmove(c->bytes, c->bytes + 12, 4);
	memset(c->bytes + 4, 0, 12);
}

static bool bits_parse(const char *text, unsigned most, uint64_t *bits)
{
	return strlen(text) <= 3 && !units_parse_count(text, bits) && *bits <= most;
}

const char *cidr_parse(const char *text, struct cidr *out)
{
	struct cidr c = { 0 };
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	uint64_t bits;

	if (len >= sizeof(host))
		return want_cidr;
	memcpy(host, text, len);
	host[len] = '\0';
	c.family = strchr(host, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(c.family, host, c.bytes) != 1)
		return want_cidr;
	bits = family_bits(c.family);
	if (slash && !bits_parse(slash + 1, family_bits(c.family), &bits))
		return c.family == AF_INET ? want_bits_v4 : want_bits_v6;
	c.bits = (uint8_t)bits;
	if (host_bits_set(&c))
		return "a range with no bits set beyond its prefix, such as 10.0.0.0/8";
	cidr_unmap(&c);
	*out = c;
	return NULL;
}

char *cidr_format(char *buf, size_t size, const struct cidr *c)
{
	char host[INET6_ADDRSTRLEN];

	if (c->family == 0)
		snprintf(buf, size, "*");
	else if (c->bits == family_bits(c->family))
		snprintf(buf, size, "%s", inet_ntop(c->family, c->bytes, host, sizeof(host)));
	else
		snprintf(buf, size, "%s/%u", inet_ntop(c->family, c->bytes, host, sizeof(host)),
		    c->bits);
	return buf;
}

bool cidr_contains(const struct cidr *c, const struct sockaddr *peer)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)peer;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)peer;
	/* bits_equal() looks at one byte more than a full prefix has */
	struct cidr p = { .family = peer->sa_family,
		.bits = (uint8_t)family_bits(peer->sa_family) };
	uint8_t net[17] = { 0 }, addr[17] = { 0 };

	if (c->family == 0)
		return true;
	if (peer->sa_family == AF_INET)
		memcpy(p.bytes, &in->sin_addr, 4);
	else if (peer->sa_family == AF_INET6)
		memcpy(p.bytes, &in6->sin6_addr, 16);
	cidr_unmap(&p);
	if (p.family != c->family)
		return false;
	memcpy(net, c->bytes, 16);
	memcpy(addr, p.bytes, 16);
	return bits_equal(net, addr, c->bits);
}
