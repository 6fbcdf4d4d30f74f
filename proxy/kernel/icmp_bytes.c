/* ICMP errors (RFC 792, RFC 1191, RFC 4443) and the packets they quote, byte by byte. */
#include "kernel/icmp.h"
#include <string.h>

#define IP4_HEADER 20
#define IP6_HEADER 40
#define TCP_HEADER 20
#define TCP_SEQ    4
#define TCP_DOFF   12 /* in words, in the upper half */
#define TCP_FLAGS  13
#define FLAG_SYN   0x02
#define FLAG_RST   0x04

const char *const icmp_code_names[] = { "host", "net", "port", "admin", "frag_needed", NULL };

struct words {
	uint8_t type, code;
};

/* "Administratively prohibited" is code 13 of RFC 1812, 5.2.7.1. */
static const struct words words4[] = {
	[ICMP_SAYS_NET] = { 3, 0 },
	[ICMP_SAYS_HOST] = { 3, 1 },
	[ICMP_SAYS_PORT] = { 3, 3 },
	[ICMP_SAYS_FRAG] = { 3, 4 },
	[ICMP_SAYS_ADMIN] = { 3, 13 },
};

static const struct words words6[] = {
	[ICMP_SAYS_NET] = { 1, 0 }, /* no route to destination */
	[ICMP_SAYS_ADMIN] = { 1, 1 },
	[ICMP_SAYS_HOST] = { 1, 3 }, /* address unreachable */
	[ICMP_SAYS_PORT] = { 1, 4 },
	[ICMP_SAYS_FRAG] = { 2, 0 }, /* packet too big */
};

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* RFC 1071. */
static uint16_t checksum(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(bytes + i);
	if (len % 2)
		sum += (uint32_t)bytes[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

size_t icmp_write(uint8_t *out, const struct icmp_segment *s, const struct icmp_error *e)
{
	const bool v6 = s->from.sa.sa_family == AF_INET6;
	const struct words w = v6 ? words6[e->code] : words4[e->code];
	const size_t len = 8 + s->quoted;

	memset(out, 0, 8);
	out[0] = w.type;
	out[1] = w.code;
	if (e->code == ICMP_SAYS_FRAG) { /* IPv6 has all four bytes for it, IPv4 the last two */
		put16(out + 4, v6 ? e->mtu >> 16 : 0);
		put16(out + 6, e->mtu);
	}
	memcpy(out + 8, s->quote, s->quoted);
	if (!v6)
		put16(out + 2, checksum(out, len));
	return len;
}

/* header: of what is before the segment. */
static void parse_tcp(struct icmp_segment *s, size_t header, in_port_t *from, in_port_t *to)
{
	const uint8_t *tcp = s->quote + header;

	memcpy(from, tcp, sizeof(*from));
	memcpy(to, tcp + 2, sizeof(*to));
	s->seq = (uint32_t)get16(tcp + TCP_SEQ) << 16 | get16(tcp + TCP_SEQ + 2);
	s->data = s->length > header + (size_t)(tcp[TCP_DOFF] >> 4) * 4;
	s->syn = tcp[TCP_FLAGS] & FLAG_SYN;
	s->rst = tcp[TCP_FLAGS] & FLAG_RST;
}

bool icmp_parse4(struct icmp_segment *s)
{
	const uint8_t *ip = s->quote;
	size_t header;

	if (s->quoted < IP4_HEADER || ip[0] >> 4 != 4 || ip[9] != IPPROTO_TCP)
		return false;
	header = (size_t)(ip[0] & 15) * 4;
	if (header < IP4_HEADER || s->quoted < header + TCP_HEADER)
		return false;
	s->from.in = (struct sockaddr_in){ .sin_family = AF_INET };
	s->to.in = (struct sockaddr_in){ .sin_family = AF_INET };
	memcpy(&s->from.in.sin_addr, ip + 12, 4);
	memcpy(&s->to.in.sin_addr, ip + 16, 4);
	parse_tcp(s, header, &s->from.in.sin_port, &s->to.in.sin_port);
	return true;
}

bool icmp_parse6(struct icmp_segment *s, uint32_t flow, uint8_t hops)
{
	uint8_t *ip = s->quote;

	if (s->quoted < IP6_HEADER + TCP_HEADER)
		return false;
	memcpy(ip, &flow, 4);
	ip[0] = (uint8_t)(6 << 4 | (ip[0] & 15));
	put16(ip + 4, s->length < UINT16_MAX ? s->length : UINT16_MAX);
	ip[6] = IPPROTO_TCP;
	ip[7] = hops;
	memcpy(ip + 8, &s->from.in6.sin6_addr, 16);
	memcpy(ip + 24, &s->to.in6.sin6_addr, 16);
	s->length += IP6_HEADER;
	parse_tcp(s, IP6_HEADER, &s->from.in6.sin6_port, &s->to.in6.sin6_port);
	return true;
}
