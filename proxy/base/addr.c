/*
 * Text to address and back. What inet_pton(3) takes is an IP address; what looks like a host name
 * is kept as a name and resolved later, by whoever owns an event loop.
 */
#include "base/addr.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 253 /* RFC 1035, 2.3.4, as text */

static const char want_addr[] = "an address such as 127.0.0.1:6379, [::1]:6379, localhost:6379, "
				":6379 or unix:/path";
static const char want_brackets[] = "an IPv6 address in brackets, such as [::1]:6379";
static const char want_port[] = "a port from 0 to 65535 after the address";
static const char want_name[] = "an IP address or a host name before the port";

static bool port_parse(const char *text, uint16_t *port)
{
	unsigned v = 0;
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 5 || text[len])
		return false;
	for (; *text; text++)
		v = v * 10 + (unsigned)(*text - '0');
	*port = (uint16_t)v;
	return v <= UINT16_MAX;
}

/* Letters, digits, '-' and '_' in labels of 1 to 63; a last label of digits alone would be a
 * mistyped IPv4 address (RFC 3696, 2). */
static bool name_check(const char *host)
{
	size_t len = 0, digits = 0;
	const char *p = host;

	for (;; p++) {
		if (isalnum((unsigned char)*p) || *p == '_' || (*p == '-' && len > 0)) {
			len++;
			digits += isdigit((unsigned char)*p) != 0;
		} else if ((*p == '.' || *p == '\0') && len > 0 && len <= 63 && p[-1] != '-') {
			if (p[0] == '\0' || p[1] == '\0')
				break;
			len = digits = 0;
		} else {
			return false;
		}
	}
	return digits < len && p - host <= HOST_MAX;
}

static bool is_link_local(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_MC_LINKLOCAL(a);
}

/* "fe80::1%eth0": the address, then the interface's name or number. */
static const char *in6_parse(char *host, struct sockaddr_in6 *in6)
{
	char *scope = strchr(host, '%');

	if (scope)
		*scope++ = '\0';
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return want_brackets;
	in6->sin6_family = AF_INET6;
	if (!scope)
		return NULL;
	if (!is_link_local(&in6->sin6_addr))
		return "a scope (%eth0) only with a link-local address (fe80::)";
	in6->sin6_scope_id = if_nametoindex(scope);
	uint16_t number;
	if (in6->sin6_scope_id == 0 && port_parse(scope, &number))
		in6->sin6_scope_id = number;
	return in6->sin6_scope_id ? NULL
				  : "the name of a network interface of this machine after %";
}

static const char *host_parse(char *host, bool bracketed, struct addr *a)
{
	a->kind = ADDR_IP;
	if (bracketed) {
		a->len = sizeof(a->sa.in6);
		a->sa.in6.sin6_port = htons(a->port);
		return in6_parse(host, &a->sa.in6);
	}
	if (strchr(host, ':'))
		return want_brackets;
	if (*host == '\0' || strcmp(host, "*") == 0) {
		a->any = true;
		a->len = sizeof(a->sa.in6);
		a->sa.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
			.sin6_port = htons(a->port),
			.sin6_addr = in6addr_any };
	} else if (inet_pton(AF_INET, host, &a->sa.in.sin_addr) == 1) {
		a->len = sizeof(a->sa.in);
		a->sa.in.sin_family = AF_INET;
		a->sa.in.sin_port = htons(a->port);
	} else if (name_check(host)) {
		a->kind = ADDR_NAME;
		snprintf(a->name, sizeof(a->name), "%s", host);
	} else {
		return want_name;
	}
	return NULL;
}

static const char *ip_parse(const char *text, struct addr *a)
{
	char host[HOST_MAX +
		  2]; /* one more than a name may have: name_check() sees it is too long */
	bool bracketed = *text == '[';
	const char *colon = strrchr(text, ':');

	text += bracketed;
	const char *end = bracketed ? strchr(text, ']') : colon;
	if (!colon)
		return bracketed || !name_check(text) ? want_addr : want_port;
	if (!end || (size_t)(end - text) >= sizeof(host))
		return bracketed ? want_brackets : want_name;
	if (bracketed && end + 1 != colon)
		return end[1] ? want_brackets : want_port;
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	if (!bracketed && strchr(host, ':'))
		return want_brackets;
	if (!port_parse(colon + 1, &a->port))
		return want_port;
	return host_parse(host, bracketed, a);
}

static const char *unix_parse(const char *path, struct addr *a)
{
	size_t len = strlen(path);

	if (*path != '/' || path[len - 1] == '/')
		return "an absolute path after unix:, such as unix:/run/app.sock";
	if (len >= sizeof(a->sa.un.sun_path))
		return "a path of at most 107 bytes after unix: (unix(7))";
	a->kind = ADDR_UNIX;
	a->sa.un.sun_family = AF_UNIX;
	memcpy(a->sa.un.sun_path, path, len + 1);
	a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return NULL;
}

static const char *builtin_parse(const char *name, struct addr *a)
{
	if (strcmp(name, "echo") != 0 && strcmp(name, "discard") != 0)
		return "builtin:echo or builtin:discard";
	a->kind = ADDR_BUILTIN;
	snprintf(a->name, sizeof(a->name), "%s", name);
	return NULL;
}

const char *addr_parse(const char *text, struct addr *out)
{
	struct addr a = { 0 };
	const char *want;

	if (strncmp(text, "unix:", 5) == 0)
		want = unix_parse(text + 5, &a);
	else if (strncmp(text, "builtin:", 8) == 0)
		want = builtin_parse(text + 8, &a);
	else
		want = ip_parse(text, &a);
	if (!want)
		*out = a;
	return want;
}

/* An IPv6 address that carries an IPv4 one (RFC 4291, 2.5.5.2) is that IPv4 address; port kept. */
static union sockaddr_ip unmap(const struct sockaddr *sa)
{
	union sockaddr_ip ip = { 0 };
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;

	if (sa->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		ip.in.sin_family = AF_INET;
		ip.in.sin_port = in6->sin6_port;
		memcpy(&ip.in.sin_addr, &in6->sin6_addr.s6_addr[12], 4);
	} else if (sa->sa_family == AF_INET6) {
		ip.in6 = *in6;
	} else {
		memcpy(&ip.in, sa, sizeof(ip.in));
	}
	return ip;
}

static void in6_format(char *buf, size_t size, const struct sockaddr_in6 *in6)
{
	char host[INET6_ADDRSTRLEN], name[IF_NAMESIZE], scope[IF_NAMESIZE + 1] = "";

	inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
	if (in6->sin6_scope_id && is_link_local(&in6->sin6_addr)) {
		if (if_indextoname(in6->sin6_scope_id, name))
			snprintf(scope, sizeof(scope), "%%%s", name);
		else
			snprintf(scope, sizeof(scope), "%%%u", in6->sin6_scope_id);
	}
	snprintf(buf, size, "[%s%s]:%u", host, scope, ntohs(in6->sin6_port));
}

char *addr_format_sa(char *buf, size_t size, const struct sockaddr *sa)
{
	char host[INET_ADDRSTRLEN];
	union sockaddr_ip ip;

	switch (sa->sa_family) {
	case AF_INET:
	case AF_INET6:
		ip = unmap(sa);
		if (ip.sa.sa_family == AF_INET6) {
			in6_format(buf, size, &ip.in6);
			break;
		}
		inet_ntop(AF_INET, &ip.in.sin_addr, host, sizeof(host));
		snprintf(buf, size, "%s:%u", host, ntohs(ip.in.sin_port));
		break;
	case AF_UNIX:
		snprintf(buf, size, "unix:%.*s", (int)sizeof(((struct sockaddr_un *)0)->sun_path),
		    ((const struct sockaddr_un *)(const void *)sa)->sun_path);
		break;
	default:
		snprintf(buf, size, "-");
	}
	return buf;
}

char *addr_format(char *buf, size_t size, const struct addr *a)
{
	switch (a->kind) {
	case ADDR_NONE:
		snprintf(buf, size, "-");
		break;
	case ADDR_NAME:
		snprintf(buf, size, "%s:%u", a->name, a->port);
		break;
	case ADDR_BUILTIN:
		snprintf(buf, size, "builtin:%s", a->name);
		break;
	case ADDR_IP:
		if (a->any)
			snprintf(buf, size, "*:%u", a->port);
		else if (a->sa.sa.sa_family == AF_INET6)
			in6_format(buf, size, &a->sa.in6);
		else
			addr_format_sa(buf, size, &a->sa.sa);
		break;
	case ADDR_UNIX:
		addr_format_sa(buf, size, &a->sa.sa);
		break;
	}
	return buf;
}

/* "0.0.0.0" and "[::]" take their family's every address, ":port" both families'. */
static bool ip_overlap(const struct addr *a, const struct addr *b)
{
	union sockaddr_ip x = unmap(&a->sa.sa), y = unmap(&b->sa.sa);

	if (a->any || b->any)
		return true;
	if (x.sa.sa_family != y.sa.sa_family)
		return false;
	if (x.sa.sa_family == AF_INET)
		return x.in.sin_addr.s_addr == y.in.sin_addr.s_addr ||
		       x.in.sin_addr.s_addr == INADDR_ANY || y.in.sin_addr.s_addr == INADDR_ANY;
	if (IN6_IS_ADDR_UNSPECIFIED(&x.in6.sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&y.in6.sin6_addr))
		return true;
	return IN6_ARE_ADDR_EQUAL(&x.in6.sin6_addr, &y.in6.sin6_addr) &&
	       x.in6.sin6_scope_id == y.in6.sin6_scope_id;
}

bool addr_same_listen(const struct addr *a, const struct addr *b)
{
	if (a->kind == ADDR_UNIX && b->kind == ADDR_UNIX)
		return strcmp(a->sa.un.sun_path, b->sa.un.sun_path) == 0;
	if (a->kind == ADDR_UNIX || b->kind == ADDR_UNIX || a->port != b->port || a->port == 0)
		return false;
	if (a->kind == ADDR_IP && b->kind == ADDR_IP)
		return ip_overlap(a, b);
	if (a->kind == ADDR_NAME && b->kind == ADDR_NAME)
		return strcasecmp(a->name, b->name) == 0;
	return a->any || b->any; /* what a name resolves to is not known here */
}
