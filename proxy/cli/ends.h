/* Both ends of a connection, as bytes to be compared: IPv4 and the same address in IPv6 are one. */
#pragma once
#include "base/addr.h"
#include "kernel/sockdiag.h"

struct ends {
	uint8_t address[2][16]; /* of this end, of the peer */
	in_port_t port[2];
};

struct ends ends_of(const struct sockdiag_socket *s);

/* The peer is there; any: its port on any address of this machine. */
bool ends_go_to(const struct ends *e, const union sockaddr_any *to, bool any);
