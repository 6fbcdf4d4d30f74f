#include "base/addr.h"
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <string.h>

Suite *addr_suite(void);

#define COUNT(a) (int)(sizeof(a) / sizeof(*(a)))

#define LABEL63 "a23456789012345678901234567890123456789012345678901234567890123"
#define PATH107                                                                                    \
	"/2345678901234567890123456789012345678901234567890"                                       \
	"12345678901234567890123456789012345678901234567890123456"                                 \
	"78"

static const struct {
	const char *text;
	enum addr_kind kind;
	int family;
	uint16_t port;
	const char *back; /* NULL: as written */
} good[] = {
	{ "127.0.0.1:6379", ADDR_IP, AF_INET, 6379, NULL },
	{ "0.0.0.0:0", ADDR_IP, AF_INET, 0, NULL },
	{ "255.255.255.255:65535", ADDR_IP, AF_INET, 65535, NULL },
	{ "127.0.0.1:00080", ADDR_IP, AF_INET, 80, "127.0.0.1:80" },
	{ "[::1]:6379", ADDR_IP, AF_INET6, 6379, NULL },
	{ "[::]:0", ADDR_IP, AF_INET6, 0, NULL },
	{ "[2001:DB8::1]:80", ADDR_IP, AF_INET6, 80, "[2001:db8::1]:80" },
	{ "[::ffff:192.0.2.1]:80", ADDR_IP, AF_INET6, 80, "[::ffff:192.0.2.1]:80" },
	{ "[fe80::1]:80", ADDR_IP, AF_INET6, 80, NULL },
	{ "[fe80::1%lo]:80", ADDR_IP, AF_INET6, 80, NULL },
	{ "[fe80::1%60000]:80", ADDR_IP, AF_INET6, 80, NULL },
	{ ":6379", ADDR_IP, AF_INET6, 6379, "*:6379" },
	{ "*:6379", ADDR_IP, AF_INET6, 6379, NULL },
	{ "*:0", ADDR_IP, AF_INET6, 0, NULL },
	{ "localhost:6379", ADDR_NAME, 0, 6379, NULL },
	{ "db-1.example.com:5432", ADDR_NAME, 0, 5432, NULL },
	{ "example.com.:80", ADDR_NAME, 0, 80, NULL },
	{ "my_service:80", ADDR_NAME, 0, 80, NULL },
	{ "1a:80", ADDR_NAME, 0, 80, NULL },
	{ "3.example:80", ADDR_NAME, 0, 80, NULL },
	{ LABEL63 ":80", ADDR_NAME, 0, 80, NULL },
	{ "unix:/run/app.sock", ADDR_UNIX, AF_UNIX, 0, NULL },
	{ "unix:/run/with blank:and:colons", ADDR_UNIX, AF_UNIX, 0, NULL },
	{ "builtin:echo", ADDR_BUILTIN, 0, 0, NULL },
	{ "builtin:discard", ADDR_BUILTIN, 0, 0, NULL },
};

START_TEST(address_is_read_and_written_back)
{
	struct addr a = { 0 }, again;
	char buf[ADDR_TEXT_MAX];
	const char *want = addr_parse(good[_i].text, &a);

	ck_assert_msg(!want, "%s: %s", good[_i].text, want);
	ck_assert_int_eq(a.kind, good[_i].kind);
	ck_assert_uint_eq(a.port, good[_i].port);
	ck_assert_int_eq(a.sa.sa.sa_family, good[_i].family);
	ck_assert_str_eq(
	    addr_format(buf, sizeof(buf), &a), good[_i].back ? good[_i].back : good[_i].text);
	ck_assert_ptr_null(addr_parse(buf, &again));
	ck_assert_mem_eq(&a, &again, sizeof(a));
}
END_TEST

static const char *const bad[] = {
	"",
	":",
	"*",
	"::",
	"127.0.0.1",
	"127.0.0.1:",
	"127.0.0.1:-1",
	"127.0.0.1:65536",
	"127.0.0.1:99999",
	"127.0.0.1:100000",
	"127.0.0.1: 80",
	"127.0.0.1:80 ",
	" 127.0.0.1:80",
	"127.0.0.1:0x50",
	"127.0.0.1:http",
	"127.0.0.1:+80",
	"256.0.0.1:80",
	"1.2.3:80",
	"1.2.3.4.5:80",
	"127.1:80",
	"0x7f.1:80",
	"1234:80",
	"127.0.0.1:80:80",
	"::1:80",
	"2001:db8::1:80",
	"[::1]",
	"[::1]80",
	"[::1]:",
	"[::1:80",
	"[::1]]:80",
	"::1]:80",
	"[]:80",
	"[127.0.0.1]:80",
	"[localhost]:80",
	"[::1%lo]:80",
	"[fe80::1%]:80",
	"[fe80::1%no-such-if]:80",
	"[fe80::1%0]:80",
	"[fe80::1%lo%lo]:80",
	"[::g]:80",
	"[1:2:3:4:5:6:7:8:9]:80",
	"localhost",
	"local host:80",
	"-a:80",
	"a-:80",
	"a..b:80",
	".a:80",
	"a/b:80",
	"a@b:80",
	"**:80",
	"a b",
	"\xc3\xa4.example:80",
	"x" LABEL63 ":80",
	LABEL63 "." LABEL63 "." LABEL63 "." LABEL63 ":80",
	"unix:",
	"unix:app.sock",
	"unix:@abstract",
	"unix:/",
	"unix:/run/",
	"UNIX:/run/x",
	"unix:/x" PATH107,
	"builtin:",
	"builtin:Echo",
	"builtin:http",
	"echo",
	"http://127.0.0.1:80",
	"127.0.0.1:80/path",
	"[::1]:80/path",
};

START_TEST(address_is_refused)
{
	struct addr a, before;

	memset(&a, 0x5a, sizeof(a));
	before = a;
	ck_assert_msg(addr_parse(bad[_i], &a) != NULL, "took \"%s\"", bad[_i]);
	ck_assert_mem_eq(&a, &before, sizeof(a));
}
END_TEST

START_TEST(the_longest_are_taken)
{
	static const char labels[] = LABEL63 "." LABEL63 "." LABEL63 ".";
	struct addr a;
	char text[ADDR_TEXT_MAX], back[ADDR_TEXT_MAX];

	snprintf(text, sizeof(text), "%s%.61s:65535", labels, LABEL63); /* 253 */
	ck_assert_ptr_null(addr_parse(text, &a));
	ck_assert_str_eq(addr_format(back, sizeof(back), &a), text);
	snprintf(text, sizeof(text), "%s%.62s:65535", labels, LABEL63);
	ck_assert_ptr_nonnull(addr_parse(text, &a));

	char path[120] = "unix:/";
	memset(path + 6, 'x', 106); /* 107 with the slash */
	ck_assert_ptr_null(addr_parse(path, &a));
	ck_assert_str_eq(addr_format(back, sizeof(back), &a), path);
	path[112] = 'x';
	ck_assert_ptr_nonnull(addr_parse(path, &a));
}
END_TEST

static const char *kernel_text(const void *sa)
{
	static char buf[ADDR_TEXT_MAX];

	return addr_format_sa(buf, sizeof(buf), sa);
}

START_TEST(kernel_addresses_are_written)
{
	union sockaddr_any u = { 0 };
	union sockaddr_ip ip = { 0 };
	struct addr a;

	ck_assert_str_eq(kernel_text(&u.sa), "-");
	u.un.sun_family = AF_UNIX;
	ck_assert_str_eq(kernel_text(&u.sa), "unix:");
	ip.sa.sa_family = AF_UNIX;
	ck_assert_str_eq(kernel_text(&ip.sa), "unix:");
	memset(u.un.sun_path, 'x', sizeof(u.un.sun_path)); /* no NUL at all is allowed: unix(7) */
	ck_assert_uint_eq(strlen(kernel_text(&u.sa)), 5 + sizeof(u.un.sun_path));
	addr_parse("[::ffff:192.0.2.1]:80", &a);
	ck_assert_str_eq(kernel_text(&a.sa.sa), "192.0.2.1:80");
	addr_parse("192.0.2.1:80", &a);
	ck_assert_str_eq(kernel_text(&a.sa.sa), "192.0.2.1:80");
	addr_parse("[fe80::1%lo]:80", &a);
	ck_assert_str_eq(kernel_text(&a.sa.sa), "[fe80::1%lo]:80");
}
END_TEST

static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	{ "127.0.0.1:80", "127.0.0.1:80", true },
	{ "127.0.0.1:80", "127.0.0.1:81", false },
	{ "127.0.0.1:80", "127.0.0.2:80", false },
	{ "127.0.0.1:0", "127.0.0.1:0", false },
	{ "*:0", "*:0", false },
	{ "127.0.0.1:80", "*:80", true },
	{ "127.0.0.1:80", "*:81", false },
	{ "[::1]:80", ":80", true },
	{ "0.0.0.0:80", "127.0.0.1:80", true },
	{ "0.0.0.0:80", "[::1]:80", false },
	{ "[::]:80", "[::1]:80", true },
	{ "[::1]:80", "127.0.0.1:80", false },
	{ "[::1]:80", "[::1]:80", true },
	{ "[::1]:80", "[::2]:80", false },
	{ "[::ffff:127.0.0.1]:80", "127.0.0.1:80", true },
	{ "[fe80::1%lo]:80", "[fe80::1%60000]:80", false },
	{ "localhost:80", "LOCALHOST:80", true },
	{ "localhost:80", "otherhost:80", false },
	{ "localhost:80", "*:80", true },
	{ "localhost:80", "127.0.0.1:80", false },
	{ "unix:/a", "unix:/a", true },
	{ "unix:/a", "unix:/b", false },
	{ "unix:/a", "*:80", false },
	{ "builtin:echo", "builtin:echo", false },
};

START_TEST(listening_twice_is_seen)
{
	struct addr a, b;

	ck_assert_ptr_null(addr_parse(pairs[_i].a, &a));
	ck_assert_ptr_null(addr_parse(pairs[_i].b, &b));
	ck_assert_msg(
	    addr_same_listen(&a, &b) == pairs[_i].same, "%s and %s", pairs[_i].a, pairs[_i].b);
	ck_assert_msg(
	    addr_same_listen(&b, &a) == pairs[_i].same, "%s and %s", pairs[_i].b, pairs[_i].a);
}
END_TEST

static const struct {
	const char *range, *back;
	const char *in, *out; /* addresses with a port; NULL: none */
} ranges[] = {
	{ "10.0.0.0/8", "10.0.0.0/8", "10.255.0.1:1", "11.0.0.0:1" },
	{ "192.0.2.1", "192.0.2.1", "192.0.2.1:1", "192.0.2.2:1" },
	{ "192.0.2.1/32", "192.0.2.1", "192.0.2.1:1", "192.0.2.0:1" },
	{ "192.0.2.128/25", "192.0.2.128/25", "192.0.2.200:1", "192.0.2.127:1" },
	{ "0.0.0.0/0", "0.0.0.0/0", "8.8.8.8:1", "[2001:db8::1]:1" },
	{ "10.0.0.0/8", "10.0.0.0/8", "[::ffff:10.1.2.3]:1", "[2001:db8::1]:1" },
	{ "2001:db8::/32", "2001:db8::/32", "[2001:db8:ffff::1]:1", "[2001:db9::]:1" },
	{ "::1", "::1", "[::1]:1", "[::2]:1" },
	{ "::1/128", "::1", "[::1]:1", "127.0.0.1:1" },
	{ "::/0", "::/0", "[2001:db8::1]:1", "127.0.0.1:1" },
	{ "2001:db8:8000::/33", "2001:db8:8000::/33", "[2001:db8:8001::]:1",
	    "[2001:db8:7fff::]:1" },
	{ "::ffff:10.0.0.0/104", "10.0.0.0/8", "10.9.9.9:1", "11.0.0.0:1" },
};

START_TEST(range_contains)
{
	struct cidr c;
	struct addr a;
	union sockaddr_ip unix_peer = { .sa.sa_family = AF_UNIX }, none = { 0 };
	char buf[64];
	const char *want = cidr_parse(ranges[_i].range, &c);

	ck_assert_msg(!want, "%s: %s", ranges[_i].range, want);
	ck_assert_str_eq(cidr_format(buf, sizeof(buf), &c), ranges[_i].back);
	ck_assert_ptr_null(addr_parse(ranges[_i].in, &a));
	ck_assert_msg(cidr_contains(&c, &a.sa.sa), "%s is in %s", ranges[_i].in, ranges[_i].range);
	ck_assert_ptr_null(addr_parse(ranges[_i].out, &a));
	ck_assert_msg(
	    !cidr_contains(&c, &a.sa.sa), "%s is not in %s", ranges[_i].out, ranges[_i].range);
	ck_assert(!cidr_contains(&c, &unix_peer.sa));
	ck_assert(!cidr_contains(&c, &none.sa));
}
END_TEST

START_TEST(no_range_contains_everybody)
{
	struct cidr c = { 0 };
	struct addr a;
	union sockaddr_ip unix_peer = { .sa.sa_family = AF_UNIX }, none = { 0 };
	char buf[64];

	addr_parse("[::1]:1", &a);
	ck_assert(cidr_contains(&c, &a.sa.sa));
	ck_assert(cidr_contains(&c, &unix_peer.sa));
	ck_assert(cidr_contains(&c, &none.sa));
	ck_assert_str_eq(cidr_format(buf, sizeof(buf), &c), "*");
}
END_TEST

static const char *const bad_ranges[] = {
	"",
	"/",
	"/8",
	"10.0.0.0/",
	"10.0.0.0/33",
	"10.0.0.0/-1",
	"10.0.0.0/8/8",
	"10.0.0.0/08x",
	"10.0.0.1/8",
	"10/8",
	"10.0.0/8",
	"::/129",
	"::1/127",
	"2001:db8::1/32",
	"localhost",
	"10.0.0.0:80",
	"[::1]",
	"fe80::1%lo",
	"10.0.0.0 /8",
	"10.0.0.0/ 8",
	"*",
	"10.0.0.0/256",
	"10.0.0.0/4294967304",
	"0000000000000000000000000000000000000000000000000000::/8",
};

START_TEST(range_is_refused)
{
	struct cidr c = { .bits = 99 };

	ck_assert_msg(cidr_parse(bad_ranges[_i], &c) != NULL, "took \"%s\"", bad_ranges[_i]);
	ck_assert_uint_eq(c.bits, 99);
}
END_TEST

Suite *addr_suite(void)
{
	Suite *s = suite_create("addr");
	TCase *t = tcase_create("addresses");

	tcase_add_loop_test(t, address_is_read_and_written_back, 0, COUNT(good));
	tcase_add_loop_test(t, address_is_refused, 0, COUNT(bad));
	tcase_add_test(t, the_longest_are_taken);
	tcase_add_test(t, kernel_addresses_are_written);
	tcase_add_loop_test(t, listening_twice_is_seen, 0, COUNT(pairs));
	suite_add_tcase(s, t);
	t = tcase_create("ranges");
	tcase_add_loop_test(t, range_contains, 0, COUNT(ranges));
	tcase_add_test(t, no_range_contains_everybody);
	tcase_add_loop_test(t, range_is_refused, 0, COUNT(bad_ranges));
	suite_add_tcase(s, t);
	return s;
}
