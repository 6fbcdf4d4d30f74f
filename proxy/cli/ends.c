/* Where a connection comes from and where it goes to. See ends.h. */
#include "cli/ends.h"
#include <ifaddrs.h>
#include <string.h>

static void set_end(struct ends *e, int end, const union sockaddr_any *sa)
{
	if (sa->sa.sa_family == AF_INET6) {
		memcpy(e->address[end], &sa->in6.sin6_addr, 16);
		e->port[end] = sa->in6.sin6_port;
		return;
	}
	e->address[end][10] = e->address[end][11] = 0xff; /* as IPv6 has it: ::ffff:0:0/96 */
	memcpy(&e->address[end][12], &sa->in.sin_addr, 4);
	e->port[end] = sa->in.sin_port;
}

struct ends ends_of(const struct sockdiag_socket *s)
{
	struct ends e;

	memset(&e, 0, sizeof(e));
	set_end(&e, 0, &s->local);
	set_end(&e, 1, &s->peer);
	return e;
}

static bool is_this_machine(const struct ends *e)
{
	struct ifaddrs *all = NULL;
	bool found = false;

	if (e->address[1][12] == 127 && e->address[1][10] == 0xff)
		return true;
	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
		struct ends its = { 0 };

		if (!i->ifa_addr ||
		    (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		set_end(&its, 1, (const union sockaddr_any *)i->ifa_addr);
		found = !memcmp(its.address[1], e->address[1], 16);
	}
	freeifaddrs(all);
	return found;
}

bool ends_go_to(const struct ends *e, const union sockaddr_any *to, bool any)
{
	struct ends want = { 0 };

	set_end(&want, 1, to);
	if (want.port[1] != e->port[1])
		return false;
	return any ? is_this_machine(e) : !memcmp(want.address[1], e->address[1], 16);
}
