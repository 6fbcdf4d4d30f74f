/*
 * Names to addresses without blocking the loop: /etc/hosts first, then DNS (libevent's evdns) for A
 * and AAAA.
 */
#pragma once
#include "base/addr.h"
#include <event2/event.h>

struct resolver;
struct resolution;

struct resolver *resolver_new(struct event_base *base);
void resolver_free(struct resolver *r);

/* How many addresses (at most max) /etc/hosts has for the name; 0: none. Reads the file. */
unsigned resolve_hosts(
    const char *name, uint16_t port, union sockaddr_any *out, socklen_t *lens, unsigned max);

/*
 * The address to listen on: a name becomes its address in /etc/hosts, the IPv4 one where it has
 * both (who asks for localhost rarely means ::1 alone). False: it has none.
 */
bool resolve_listen(const struct addr *in, struct addr *out);

/* n 0: the name has no address, or no server answered; err is a static text. ttl_s: how long the
 * answer holds. */
typedef void (*resolve_done)(void *arg, const union sockaddr_any *addrs, const socklen_t *lens,
    unsigned n, int ttl_s, const char *err);

/* Asks DNS. done is called later, once, unless cancelled. NULL: no memory, or no name server is
 * known. */
struct resolution *resolve_dns(
    struct resolver *r, const char *name, uint16_t port, resolve_done done, void *arg);
void resolve_cancel(struct resolution *q);
