/* ICMP errors byte by byte, and what is read of the packets they are about. */
#include "kernel/icmp.h"
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

Suite *icmp_suite(void);

/* A SYN from 10.0.0.1:4660 to 10.0.0.2:80, and the same over IPv6, fd00::1 to fd00::2. */
#define TCP_SYN                                                                                    \
	0x12, 0x34, 0x00, 0x50, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0xab,  \
	    0xcd, 0, 0
static const uint8_t syn4[] = { 0x45, 0, 0, 40, 0x11, 0x22, 0x40, 0, 64, 6, 0x15, 0xac, 10, 0, 0, 1,
	10, 0, 0, 2, TCP_SYN };
static const uint8_t syn[] = { TCP_SYN };

static void segment4(struct icmp_segment *s, const uint8_t *bytes, size_t len)
{
	memset(s, 0xee, sizeof(*s));
	memcpy(s->quote, bytes, len);
	s->quoted = len;
	s->length = (uint32_t)len;
}

static void segment6(struct icmp_segment *s)
{
	memset(s, 0xee, sizeof(*s));
	s->from.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	s->to.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	inet_pton(AF_INET6, "fd00::1", &s->from.in6.sin6_addr);
	inet_pton(AF_INET6, "fd00::2", &s->to.in6.sin6_addr);
	memcpy(s->quote + 40, syn, sizeof(syn));
	s->quoted = 40 + sizeof(syn);
	s->length = sizeof(syn);
}

START_TEST(an_ipv4_segment_is_read)
{
	struct icmp_segment s;

	segment4(&s, syn4, sizeof(syn4));
	ck_assert(icmp_parse4(&s));
	ck_assert_int_eq(s.from.in.sin_family, AF_INET);
	ck_assert_uint_eq(ntohl(s.from.in.sin_addr.s_addr), 0x0a000001);
	ck_assert_uint_eq(ntohl(s.to.in.sin_addr.s_addr), 0x0a000002);
	ck_assert_uint_eq(ntohs(s.from.in.sin_port), 0x1234);
	ck_assert_uint_eq(ntohs(s.to.in.sin_port), 80);
	ck_assert(s.syn && !s.rst && !s.data);
	ck_assert_uint_eq(s.seq, 0xdeadbeef);
	s.length++;
	ck_assert(icmp_parse4(&s) && s.data);
}
END_TEST

START_TEST(ip_options_are_stepped_over)
{
	uint8_t bytes[60] = { 0x4a, 0, 0, 60, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0,
		2 };
	struct icmp_segment s;

	memset(bytes + 20, 1, 20);
	memcpy(bytes + 40, syn, 20);
	bytes[40 + 13] = 0x14; /* RST, ACK */
	segment4(&s, bytes, sizeof(bytes));
	ck_assert(icmp_parse4(&s));
	ck_assert_uint_eq(ntohs(s.from.in.sin_port), 0x1234);
	ck_assert(!s.syn && s.rst);
}
END_TEST

/* Whatever arrives: nothing is read beyond what there is. */
START_TEST(what_is_no_segment_is_not_answered)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = { { 0, 0x65 }, { 0, 0x44 }, { 0, 0x46 }, { 0, 0x4f }, { 9, 17 } };
	struct icmp_segment s;

	for (size_t len = 0; len < sizeof(syn4); len++) {
		segment4(&s, syn4, len);
		ck_assert(!icmp_parse4(&s));
		segment6(&s);
		s.quoted = 40 + (len < 20 ? len : 19);
		ck_assert(!icmp_parse6(&s, 0, 64));
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		segment4(&s, syn4, sizeof(syn4));
		s.quote[wrong[i].at] = wrong[i].value;
		ck_assert_msg(!icmp_parse4(&s), "byte %zu = %#x", wrong[i].at, wrong[i].value);
	}
}
END_TEST

START_TEST(an_ipv6_header_is_rebuilt)
{
	static const uint8_t wanted[40] = { 0x60, 0xab, 0xcd, 0xef, 0, 20, 6, 63,
		0xfd, [23] = 1, [24] = 0xfd, [39] = 2 };
	struct icmp_segment s;

	segment6(&s);
	ck_assert(icmp_parse6(&s, htonl(0x00abcdef), 63));
	ck_assert_mem_eq(s.quote, wanted, 40);
	ck_assert_mem_eq(s.quote + 40, syn, sizeof(syn));
	ck_assert_uint_eq(s.length, 60);
	ck_assert_uint_eq(ntohs(s.from.in6.sin6_port), 0x1234);
	ck_assert_uint_eq(ntohs(s.to.in6.sin6_port), 80);
	ck_assert(s.syn && !s.rst && !s.data);
	ck_assert_uint_eq(s.seq, 0xdeadbeef);
	segment6(&s); /* the kernel may hand over several segments as one (GRO) */
	s.length = 70000;
	ck_assert(icmp_parse6(&s, 0, 64) && s.data);
	ck_assert_mem_eq(s.quote + 4, "\xff\xff", 2);
}
END_TEST

static const struct {
	enum icmp_code code;
	uint32_t mtu;
	uint8_t head4[8], head6[8];
} heads[] = {
	{ ICMP_SAYS_HOST, 9, { 3, 1, 0x51, 0x0d }, { 1, 3 } },
	{ ICMP_SAYS_NET, 9, { 3, 0, 0x51, 0x0e }, { 1, 0 } },
	{ ICMP_SAYS_PORT, 9, { 3, 3, 0x51, 0x0b }, { 1, 4 } },
	{ ICMP_SAYS_ADMIN, 9, { 3, 13, 0x51, 0x01 }, { 1, 1 } },
	{ ICMP_SAYS_FRAG, 1280, { 3, 4, 0x4c, 0x0a, 0, 0, 5, 0 }, { 2, 0, 0, 0, 0, 0, 5, 0 } },
};

START_TEST(errors_byte_by_byte)
{
	const struct icmp_error e = { heads[_i].code, heads[_i].mtu };
	uint8_t out[ICMP_BYTES_MAX];
	struct icmp_segment s;

	segment4(&s, syn4, sizeof(syn4));
	ck_assert(icmp_parse4(&s));
	ck_assert_uint_eq(icmp_write(out, &s, &e), 8 + sizeof(syn4));
	ck_assert_mem_eq(out, heads[_i].head4, 8);
	ck_assert_mem_eq(out + 8, syn4, sizeof(syn4));

	segment6(&s);
	ck_assert(icmp_parse6(&s, 0, 64));
	ck_assert_uint_eq(icmp_write(out, &s, &e), 8 + 60);
	ck_assert_mem_eq(out, heads[_i].head6, 8); /* the kernel sets the checksum */
	ck_assert_mem_eq(out + 8, s.quote, 60);
}
END_TEST

/* RFC 1071: with its checksum in place the sum of a message is all ones; odd lengths, too. */
START_TEST(checksums_are_right_for_every_length)
{
	const struct icmp_error e = { .code = ICMP_SAYS_HOST };
	uint8_t out[ICMP_BYTES_MAX + 1];
	struct icmp_segment s;

	for (size_t len = sizeof(syn4); len <= ICMP4_QUOTE_MAX; len++) {
		uint32_t sum = 0;

		segment4(&s, syn4, sizeof(syn4));
		ck_assert(icmp_parse4(&s));
		s.quoted = len;
		memset(out, 0, sizeof(out));
		ck_assert_uint_eq(icmp_write(out, &s, &e), 8 + len);
		for (size_t i = 0; i < 8 + len; i += 2)
			sum += (uint32_t)(out[i] << 8 | out[i + 1]);
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		ck_assert_uint_eq(sum, 0xffff);
	}
}
END_TEST

Suite *icmp_suite(void)
{
	Suite *s = suite_create("icmp");
	TCase *c = tcase_create("bytes");

	tcase_add_test(c, an_ipv4_segment_is_read);
	tcase_add_test(c, ip_options_are_stepped_over);
	tcase_add_test(c, what_is_no_segment_is_not_answered);
	tcase_add_test(c, an_ipv6_header_is_rebuilt);
	tcase_add_loop_test(c, errors_byte_by_byte, 0, sizeof(heads) / sizeof(*heads));
	tcase_add_test(c, checksums_are_right_for_every_length);
	suite_add_tcase(s, c);
	return s;
}
