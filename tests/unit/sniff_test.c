/* What is read of the segments that are heard, byte by byte. */
#include "kernel/sniff.h"
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

Suite *sniff_suite(void);

#define FIN 1
#define SYN 2
#define RST 4
#define ACK 16

/* From port 4660 to port 80. */
static const uint8_t tcp[20] = { 0x12, 0x34, 0x00, 0x50, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0, 0x50,
	SYN, 0xff, 0xff };

static size_t packet4(uint8_t *out, size_t options, uint8_t flags)
{
	const uint8_t ip[] = { (uint8_t)(0x45 + options / 4), 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0,
		10, 0, 0, 1, 10, 0, 0, 2 };

	memset(out, 0, 120);
	memcpy(out, ip, sizeof(ip));
	memcpy(out + sizeof(ip) + options, tcp, sizeof(tcp));
	out[sizeof(ip) + options + 13] = flags;
	return sizeof(ip) + options + sizeof(tcp);
}

START_TEST(an_attempt_over_ipv4)
{
	struct sniff_segment s;
	uint8_t bytes[120];

	for (size_t options = 0; options <= 40; options += 4) {
		size_t len = packet4(bytes, options, SYN);

		ck_assert(sniff_parse4(&s, bytes, len));
		ck_assert(s.syn && !s.fin && !s.rst);
		ck_assert_uint_eq(s.seq, 0xdeadbeef);
		ck_assert_uint_eq(ntohl(s.from.in.sin_addr.s_addr), 0x0a000001);
		ck_assert_uint_eq(ntohl(s.to.in.sin_addr.s_addr), 0x0a000002);
		ck_assert_uint_eq(ntohs(s.from.in.sin_port), 0x1234);
		ck_assert_uint_eq(ntohs(s.to.in.sin_port), 80);
		for (size_t cut = 0; cut < len; cut++)
			ck_assert(!sniff_parse4(&s, bytes, cut));
	}
}
END_TEST

START_TEST(what_its_flags_say)
{
	static const struct {
		uint8_t flags;
		bool syn, fin, rst;
	} rows[] = {
		{ SYN, true, false, false },
		{ SYN | 0xc0, true, false, false }, /* ECN, RFC 3168 */
		{ FIN | ACK, false, true, false },
		{ RST, false, false, true },
		{ RST | ACK, false, false, true },
		{ SYN | RST, false, false, true },
	};
	uint8_t bytes[120];
	struct sniff_segment s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		ck_assert(sniff_parse4(&s, bytes, packet4(bytes, 0, rows[i].flags)));
		ck_assert_msg(s.syn == rows[i].syn && s.fin == rows[i].fin && s.rst == rows[i].rst,
		    "flags %#x", rows[i].flags);
	}
	ck_assert(!sniff_parse4(&s, bytes, packet4(bytes, 0, SYN | ACK)));
	ck_assert(!sniff_parse4(&s, bytes, packet4(bytes, 0, ACK)));
}
END_TEST

START_TEST(what_is_no_tcp_over_ipv4_says_nothing)
{
	uint8_t bytes[120];
	struct sniff_segment s;
	size_t len = packet4(bytes, 0, SYN);

	bytes[9] = IPPROTO_UDP;
	ck_assert(!sniff_parse4(&s, bytes, len));
	packet4(bytes, 0, SYN);
	bytes[0] = 0x65;
	ck_assert(!sniff_parse4(&s, bytes, len));
	bytes[0] = 0x44; /* a header shorter than one */
	ck_assert(!sniff_parse4(&s, bytes, len));
	bytes[0] = 0x4f; /* longer than what is there */
	ck_assert(!sniff_parse4(&s, bytes, len));
}
END_TEST

START_TEST(an_attempt_over_ipv6)
{
	struct sniff_segment s = { 0 };

	inet_pton(AF_INET6, "fd00::1", &s.from.in6.sin6_addr);
	inet_pton(AF_INET6, "fd00::2", &s.to.in6.sin6_addr);
	ck_assert(sniff_parse6(&s, tcp, sizeof(tcp)));
	ck_assert(s.syn && s.seq == 0xdeadbeef);
	ck_assert_uint_eq(ntohs(s.from.in6.sin6_port), 0x1234);
	ck_assert_uint_eq(ntohs(s.to.in6.sin6_port), 80);
	ck_assert_int_eq(s.from.sa.sa_family, AF_INET6);
	ck_assert_int_eq(s.from.in6.sin6_addr.s6_addr[15], 1);
	for (size_t cut = 0; cut < sizeof(tcp); cut++)
		ck_assert(!sniff_parse6(&s, tcp, cut));
}
END_TEST

Suite *sniff_suite(void)
{
	Suite *s = suite_create("sniff");
	TCase *t = tcase_create("sniff");

	tcase_add_test(t, an_attempt_over_ipv4);
	tcase_add_test(t, what_its_flags_say);
	tcase_add_test(t, what_is_no_tcp_over_ipv4_says_nothing);
	tcase_add_test(t, an_attempt_over_ipv6);
	suite_add_tcase(s, t);
	return s;
}
