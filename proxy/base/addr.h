/*
 * Addresses as users write them and as the kernel takes them.
 *
 *     127.0.0.1:6379   [::1]:6379   [fe80::1%eth0]:80   localhost:6379   :6379   *:6379
 *     unix:/run/app.sock            builtin:echo   builtin:discard   (upstream only)
 *
 * ":port" and "*:port" mean every address of the machine: [::] with IPV6_V6ONLY off (socket.h).
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

/* The IP part alone: what a session remembers of its peers (28 bytes). family AF_UNSPEC: none;
 * AF_UNIX: a Unix peer, no more is known. */
union sockaddr_ip {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

enum addr_kind { ADDR_NONE, ADDR_IP, ADDR_NAME, ADDR_UNIX, ADDR_BUILTIN };

struct addr {
	enum addr_kind kind;
	uint16_t port;         /* ADDR_IP, ADDR_NAME; 0: the kernel picks */
	bool any;              /* ":port" or "*:port" */
	socklen_t len;         /* of sa: ADDR_IP, ADDR_UNIX */
	union sockaddr_any sa; /* ADDR_IP, ADDR_UNIX */
	char name[256];        /* ADDR_NAME: host name; ADDR_BUILTIN: "echo", "discard" */
};

#define ADDR_TEXT_MAX 300

/* NULL, or what was expected (static). Stores only on success. Paths must fit sun_path. */
const char *addr_parse(const char *text, struct addr *out);

/* As written, parseable again; returns buf (ADDR_TEXT_MAX bytes are always enough). */
char *addr_format(char *buf, size_t size, const struct addr *a);

/* A kernel address ("127.0.0.1:80", "[::1]:80", "unix:/x", "unix:" for an unnamed one, "-" for
 * AF_UNSPEC). A v4-mapped IPv6 address is written as IPv4. Returns buf. */
char *addr_format_sa(char *buf, size_t size, const struct sockaddr *sa);

/* Same endpoint for the purpose of listening: equal, or one of them "any" on the same port. */
bool addr_same_listen(const struct addr *a, const struct addr *b);

/* An address range. bits counts within the family; family 0 matches everything. */
struct cidr {
	sa_family_t family;
	uint8_t bits;
	uint8_t bytes[16];
};

/* "10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1". Host bits set beyond the prefix are an error.
 */
const char *cidr_parse(const char *text, struct cidr *out);
char *cidr_format(char *buf, size_t size, const struct cidr *c);

/* v4-mapped IPv6 peers match IPv4 ranges. AF_UNIX and AF_UNSPEC peers match only family 0. */
bool cidr_contains(const struct cidr *c, const struct sockaddr *peer);
