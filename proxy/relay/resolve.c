/*
 * /etc/hosts is read here: libevent's evdns can do it only together with DNS, and never frees a
 * question that the file cannot answer. DNS is evdns, asked for A and AAAA apart because only those
 * calls tell the answer's TTL.
 */
#include "relay/resolve.h"
#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOSTS_FILE  "/etc/hosts"
#define RESOLV_CONF "/etc/resolv.conf"
#define ANSWERS_MAX 8

struct resolver {
	struct event_base *base;
	struct evdns_base *dns; /* NULL until the first question */
	unsigned cancelled;     /* questions that evdns will still call back about */
};

struct resolution {
	resolve_done done;
	void *arg;
	struct resolver *resolver;
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
		*r = (struct resolver){ .base = base };
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	/* evdns calls back about what was cancelled in the loop's next turn, and frees it then. */
	if (r->cancelled)
		event_base_loop(r->base, EVLOOP_NONBLOCK);
	if (r->dns)
		evdns_base_free(r->dns, 0);
	free(r);
}

/* --- /etc/hosts --- */

/* False: no address, or a family that nobody speaks here. */
static bool take_address(const char *text, uint16_t port, union sockaddr_any *out, socklen_t *len)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &out->in.sin_addr) == 1) {
		out->in.sin_family = AF_INET;
		out->in.sin_port = htons(port);
		*len = sizeof(out->in);
		return true;
	}
	if (inet_pton(AF_INET6, text, &out->in6.sin6_addr) != 1)
		return false;
	out->in6.sin6_family = AF_INET6;
	out->in6.sin6_port = htons(port);
	*len = sizeof(out->in6);
	return true;
}

/* "ADDRESS NAME [ALIAS...] [# comment]" (hosts(5)): its address, if it has the name; cuts the line
 * up. */
static const char *line_address(char *line, const char *name)
{
	char *rest = line, *address, *word;

	line[strcspn(line, "#\n")] = '\0';
	address = strtok_r(line, " \t\r", &rest);
	while (address && (word = strtok_r(NULL, " \t\r", &rest)))
		if (!strcasecmp(word, name))
			return address;
	return NULL;
}

unsigned resolve_hosts(
    const char *name, uint16_t port, union sockaddr_any *out, socklen_t *lens, unsigned max)
{
	FILE *hosts = fopen(HOSTS_FILE, "re");
	const char *address;
	char *line = NULL;
	size_t room = 0;
	unsigned n = 0;

	while (hosts && n < max && getline(&line, &room, hosts) >= 0) {
		address = line_address(line, name);
		if (address && take_address(address, port, &out[n], &lens[n]))
			n++;
	}
	free(line);
	if (hosts)
		fclose(hosts);
	if (!n && max && !strcasecmp(name, "localhost")) /* RFC 6761, 6.3 */
		n = take_address("127.0.0.1", port, out, lens);
	return n;
}

/* --- DNS --- */

static void finish(struct resolution *q)
{
	if (q->starting || q->asked[0] || q->asked[1])
		return;
	if (q->cancelled)
		q->resolver->cancelled--;
	else
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
		.resolver = r,
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
	q->resolver->cancelled++;
	q->starting = true;
	for (int i = 0; i < 2; i++)
		if (q->asked[i])
			evdns_cancel_request(q->resolver->dns, q->asked[i]);
	q->starting = false;
	finish(q);
}

bool resolve_listen(const struct addr *in, struct addr *out)
{
	union sockaddr_any found[ANSWERS_MAX];
	socklen_t lens[ANSWERS_MAX];
	unsigned n, best = 0;

	*out = *in;
	if (in->kind != ADDR_NAME)
		return true;
	n = resolve_hosts(in->name, in->port, found, lens, ANSWERS_MAX);
	if (!n)
		return false;
	while (best < n - 1 && found[best].sa.sa_family != AF_INET)
		best++;
	if (found[best].sa.sa_family != AF_INET)
		best = 0;
	out->kind = ADDR_IP;
	out->sa = found[best];
	out->len = lens[best];
	return true;
}
