/*
 * Two evdns bases: one that knows /etc/hosts and no server, so it answers at once or not at all,
 * and one for DNS, asked for A and AAAA apart because only those calls tell the answer's TTL.
 */
#include "relay/resolve.h"
#include <errno.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS_FILE  "/etc/hosts"
#define RESOLV_CONF "/etc/resolv.conf"
#define ANSWERS_MAX 8

struct resolver {
	struct event_base *base;
	struct evdns_base *dns; /* NULL until the first question */
};

struct resolution {
	resolve_done done;
	void *arg;
	struct evdns_base *dns;
	struct evdns_request *asked[2]; /* A, AAAA; NULL: answered */
	uint16_t port;
	union sockaddr_any addrs[ANSWERS_MAX];
	socklen_t lens[ANSWERS_MAX];
	unsigned n;
	int ttl_s;
	bool starting, cancelled;
	const char *err;
};

struct resolver *resolver_new(struct event_base *base)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (r)
		r->base = base;
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	if (r->dns)
		evdns_base_free(r->dns, 0);
	free(r);
}

struct hosts_answer {
	union sockaddr_any *out;
	socklen_t *lens;
	unsigned n, max;
};

static void hosts_found(int result, struct evutil_addrinfo *found, void *arg)
{
	struct hosts_answer *a = arg;

	if (result)
		return;
	for (struct evutil_addrinfo *ai = found; ai && a->n < a->max; ai = ai->ai_next) {
		memcpy(&a->out[a->n], ai->ai_addr, ai->ai_addrlen);
		a->lens[a->n++] = ai->ai_addrlen;
	}
	evutil_freeaddrinfo(found);
}

unsigned resolve_hosts(struct resolver *r, const char *name, uint16_t port, union sockaddr_any *out,
    socklen_t *lens, unsigned max)
{
	struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct hosts_answer answer = { out, lens, 0, max };
	struct evdns_base *hosts = evdns_base_new(r->base, 0);
	char service[8];

	if (!hosts)
		return 0;
	evdns_base_load_hosts(hosts, HOSTS_FILE);
	evutil_snprintf(service, sizeof(service), "%u", port);
	/* Without a server to ask, the callback has run when this returns. */
	evdns_getaddrinfo(hosts, name, service, &hints, hosts_found, &answer);
	evdns_base_free(hosts, 0);
	return answer.n;
}

static void finish(struct resolution *q)
{
	if (q->starting || q->asked[0] || q->asked[1])
		return;
	if (!q->cancelled)
		q->done(q->arg, q->addrs, q->lens, q->n, q->n ? q->ttl_s : 0, q->n ? NULL : q->err);
	free(q);
}

static void add_answer(struct resolution *q, char type, const void *data)
{
	union sockaddr_any *a = &q->addrs[q->n];

	memset(a, 0, sizeof(*a));
	if (type == DNS_IPv6_AAAA) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons(q->port);
		memcpy(&a->in6.sin6_addr, data, sizeof(a->in6.sin6_addr));
		q->lens[q->n++] = sizeof(a->in6);
	} else {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(q->port);
		memcpy(&a->in.sin_addr, data, sizeof(a->in.sin_addr));
		q->lens[q->n++] = sizeof(a->in);
	}
}

static void answered(
    struct resolution *q, int which, int result, char type, int count, int ttl, void *addresses)
{
	size_t size = type == DNS_IPv6_AAAA ? 16 : 4;

	q->asked[which] = NULL;
	if (result != DNS_ERR_NONE) {
		q->err = evdns_err_to_string(result);
	} else {
		for (int i = 0; i < count && q->n < ANSWERS_MAX; i++)
			add_answer(q, type, (char *)addresses + (size_t)i * size);
		if (count > 0 && (!q->ttl_s || ttl < q->ttl_s))
			q->ttl_s = ttl;
	}
	finish(q);
}

static void answered_a(int result, char type, int count, int ttl, void *addresses, void *arg)
{
	answered(arg, 0, result, type, count, ttl, addresses);
}

static void answered_aaaa(int result, char type, int count, int ttl, void *addresses, void *arg)
{
	answered(arg, 1, result, type, count, ttl, addresses);
}

static struct evdns_base *dns_of(struct resolver *r)
{
	if (!r->dns) {
		r->dns = evdns_base_new(r->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
		if (r->dns)
			evdns_base_resolv_conf_parse(r->dns,
			    DNS_OPTION_SEARCH | DNS_OPTION_NAMESERVERS | DNS_OPTION_MISC,
			    RESOLV_CONF);
	}
	return r->dns;
}

struct resolution *resolve_dns(
    struct resolver *r, const char *name, uint16_t port, resolve_done done, void *arg)
{
	struct evdns_base *dns = dns_of(r);
	struct resolution *q;

	if (!dns || !evdns_base_count_nameservers(dns) || !(q = calloc(1, sizeof(*q))))
		return NULL;
	*q = (struct resolution){ .done = done,
		.arg = arg,
		.dns = dns,
		.port = port,
		.starting = true,
		.err = "no answer" };
	q->asked[0] = evdns_base_resolve_ipv4(dns, name, 0, answered_a, q);
	q->asked[1] = evdns_base_resolve_ipv6(dns, name, 0, answered_aaaa, q);
	q->starting = false;
	if (!q->asked[0] && !q->asked[1]) {
		free(q);
		return NULL;
	}
	return q;
}

void resolve_cancel(struct resolution *q)
{
	q->cancelled = true;
	q->starting = true;
	for (int i = 0; i < 2; i++)
		if (q->asked[i])
			evdns_cancel_request(q->dns, q->asked[i]);
	q->starting = false;
	finish(q);
}
