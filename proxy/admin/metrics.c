/*
 * GET /metrics: Prometheus' text format 0.0.4. What is now is asked of the relay, what has been is
 * the meter's. The two families of Toxiproxy have its names and labels, and count live.
 */
#include "admin/native.h"
#include "base/mono.h"
#include "relay/sessions.h"
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#define NS 1e9

struct page {
	struct evbuffer *out;
	const struct control *control;
	const struct meter *meter;
	struct proxy_counts *counts; /* of control->config->proxies */
};

static void family(const struct page *p, const char *name, const char *type, const char *help)
{
	evbuffer_add_printf(p->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: \, " and newlines are escaped. */
static void add_value(struct evbuffer *out, const char *text)
{
	for (; *text; text++)
		if (*text == '\n')
			evbuffer_add(out, "\\n", 2);
		else if (*text == '\\' || *text == '"')
			evbuffer_add_printf(out, "\\%c", *text);
		else
			evbuffer_add(out, text, 1);
}

struct label {
	const char *name, *value;
};

/* labels end with name NULL. */
static void begin(const struct page *p, const char *name, const struct label *labels)
{
	const char *before = "{";

	evbuffer_add_printf(p->out, "%s", name);
	for (const struct label *l = labels; l && l->name; l++) {
		evbuffer_add_printf(p->out, "%s%s=\"", before, l->name);
		add_value(p->out, l->value);
		evbuffer_add(p->out, "\"", 1);
		before = ",";
	}
	evbuffer_add_printf(p->out, "%s ", *before == ',' ? "}" : "");
}

static void sample(const struct page *p, const char *name, const struct label *labels, uint64_t v)
{
	begin(p, name, labels);
	evbuffer_add_printf(p->out, "%llu\n", (unsigned long long)v);
}

static void seconds(const struct page *p, const char *name, const struct label *labels, double ns)
{
	begin(p, name, labels);
	evbuffer_add_printf(p->out, "%.9g\n", ns / NS);
}

#define LABELS(...)                                                                                \
	(const struct label[])                                                                     \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			NULL, NULL                                                                 \
		}                                                                                  \
	}

/* --- the process --- */

static void add_process(const struct page *p, int64_t uptime_ns)
{
	family(p, "deadpeer_build_info", "gauge", "What runs here; always 1.");
	sample(p, "deadpeer_build_info", LABELS({ "version", DEADPEER_VERSION }), 1);
	family(p, "deadpeer_uptime_seconds", "gauge", "How long the API has been there.");
	seconds(p, "deadpeer_uptime_seconds", NULL, (double)uptime_ns);
	family(p, "deadpeer_loop_lag_seconds", "gauge",
	    "How late the event loop came to its last tick, one a second.");
	seconds(p, "deadpeer_loop_lag_seconds", NULL, (double)p->meter->lag_ns);
	family(p, "deadpeer_loop_lag_max_seconds", "gauge", "The latest that it ever came.");
	seconds(p, "deadpeer_loop_lag_max_seconds", NULL, (double)p->meter->lag_max_ns);
	family(p, "deadpeer_events_total", "counter", "Events on the timeline.");
	sample(p, "deadpeer_events_total", NULL, p->control->timeline->seq);
}

/* --- proxies --- */

static void add_sessions(const struct page *p)
{
	const struct config *c = p->control->config;

	family(p, "deadpeer_proxy_enabled", "gauge", "1: the proxy is enabled.");
	for (size_t i = 0; i < c->n_proxies; i++)
		sample(p, "deadpeer_proxy_enabled", LABELS({ "proxy", c->proxies[i]->name }),
		    c->proxies[i]->enabled);
	family(p, "deadpeer_sessions", "gauge", "Sessions that are open, dead ones included.");
	for (size_t i = 0; i < c->n_proxies; i++)
		sample(p, "deadpeer_sessions", LABELS({ "proxy", c->proxies[i]->name }),
		    p->counts[i].sessions);
	family(p, "deadpeer_sessions_accepted_total", "counter", "Clients that were accepted.");
	for (size_t i = 0; i < c->n_proxies; i++)
		sample(p, "deadpeer_sessions_accepted_total",
		    LABELS({ "proxy", c->proxies[i]->name }), p->counts[i].accepted);
}

static void add_bytes(const struct page *p)
{
	const struct config *c = p->control->config;

	family(p, "deadpeer_bytes_total", "counter",
	    "Bytes that the proxy has written to where they go.");
	for (size_t i = 0; i < c->n_proxies; i++)
		for (enum flow f = 0; f < FLOWS; f++)
			sample(p, "deadpeer_bytes_total",
			    LABELS(
				{ "proxy", c->proxies[i]->name }, { "direction", flow_names[f] }),
			    p->counts[i].bytes[f]);
}

/* Toxiproxy counts what was read and what was written when a connection is over; here both are what
 * was written, as it goes. */
static void add_toxiproxy(const struct page *p, const char *name, const char *help)
{
	const struct config *c = p->control->config;

	family(p, name, "counter", help);
	for (size_t i = 0; i < c->n_proxies; i++) {
		const struct proxy *known =
		    relay_find_proxy(p->control->relay, c->proxies[i]->name);
		char listen[ADDR_TEXT_MAX], upstream[ADDR_TEXT_MAX];

		if (!known)
			continue;
		proxy_listen_text(known, listen, sizeof(listen));
		addr_format(upstream, sizeof(upstream), &c->proxies[i]->upstream);
		for (enum flow f = 0; f < FLOWS; f++)
			sample(p, name,
			    LABELS({ "direction", flow_names[f] }, { "listener", listen },
				{ "proxy", c->proxies[i]->name }, { "upstream", upstream }),
			    p->counts[i].bytes[f]);
	}
}

/* --- the meter's --- */

/* {proxy: {KEY: n}} */
static void add_groups(
    const struct page *p, const char *name, const char *help, const char *key, json_t *groups)
{
	const char *proxy, *what;
	json_t *counters, *n;

	family(p, name, "counter", help);
	json_object_foreach(groups, proxy, counters)
	{
		json_object_foreach(counters, what, n)
		{
			sample(p, name, LABELS({ "proxy", proxy }, { key, what }),
			    (uint64_t)json_integer_value(n));
		}
	}
}

static void add_types(const struct page *p, const char *name, const char *help, json_t *counters)
{
	const char *type;
	json_t *n;

	family(p, name, "counter", help);
	json_object_foreach(counters, type, n)
	{
		sample(p, name, LABELS({ "type", type }), (uint64_t)json_integer_value(n));
	}
}

static void add_histogram(const struct page *p, const char *proxy, const json_t *buckets)
{
	uint64_t n = 0;

	for (size_t i = 0; i < METER_BUCKETS; i++) {
		const char *bound = meter_bounds[i] ? meter_bounds[i] : "+Inf";

		n += (uint64_t)json_integer_value(json_object_get(buckets, bound));
		sample(p, "deadpeer_upstream_connect_seconds_bucket",
		    LABELS({ "proxy", proxy }, { "le", bound }), n);
	}
	seconds(p, "deadpeer_upstream_connect_seconds_sum", LABELS({ "proxy", proxy }),
	    (double)json_integer_value(json_object_get(buckets, "sum")));
	sample(p, "deadpeer_upstream_connect_seconds_count", LABELS({ "proxy", proxy }), n);
}

static void add_connects(const struct page *p)
{
	const char *proxy;
	json_t *buckets;

	family(p, "deadpeer_upstream_connect_seconds", "histogram",
	    "From the client's connection to the upstream's, of those that came about.");
	json_object_foreach(p->meter->connect, proxy, buckets)
	{
		add_histogram(p, proxy, buckets);
	}
}

static void add_meter(const struct page *p)
{
	add_groups(p, "deadpeer_sessions_closed_total", "Sessions that ended, and why.", "reason",
	    p->meter->ended);
	add_groups(p, "deadpeer_segments_dropped_total",
	    "Segments that the kernel dropped for silent sockets.", "leg", p->meter->dropped);
	add_types(p, "deadpeer_faults_armed_total", "Faults that were armed.", p->meter->armed);
	add_types(
	    p, "deadpeer_fault_strikes_total", "Sessions that faults struck.", p->meter->fired);
	add_types(p, "deadpeer_faults_refused_total", "Faults that the kernel offered no way for.",
	    p->meter->refused);
	add_connects(p);
}

static void add_faults(const struct page *p)
{
	uint64_t n[FAULT_OVER + 1] = { 0 };
	struct fault *f;

	TAILQ_FOREACH (f, &p->control->relay->engine.faults, in_engine)
		n[f->state]++;
	family(p, "deadpeer_faults", "gauge", "Faults that there are, by their state.");
	for (enum fault_state s = FAULT_WAITING; s <= FAULT_OVER; s++)
		sample(p, "deadpeer_faults", LABELS({ "state", fault_state_names[s] }), n[s]);
}

/* --- the page --- */

static struct proxy_counts *count_all(const struct control *c)
{
	struct proxy_counts *all = calloc(c->config->n_proxies + 1, sizeof(*all));

	for (size_t i = 0; all && i < c->config->n_proxies; i++) {
		struct proxy *p = relay_find_proxy(c->relay, c->config->proxies[i]->name);

		if (p)
			proxy_count(p, &all[i]);
	}
	return all;
}

void native_metrics(struct call *c)
{
	struct page p = { evbuffer_new(), c->control, &c->native->meter, count_all(c->control) };

	if (!p.out || !p.counts) {
		free(p.counts);
		if (p.out)
			evbuffer_free(p.out);
		reply_error(c, 500, "out of memory");
		return;
	}
	add_process(&p, mono_now_ns() - c->native->began_ns);
	add_sessions(&p);
	add_bytes(&p);
	add_meter(&p);
	add_faults(&p);
	add_toxiproxy(&p, "toxiproxy_proxy_received_bytes_total",
	    "As deadpeer_bytes_total, under Toxiproxy's name.");
	add_toxiproxy(&p, "toxiproxy_proxy_sent_bytes_total",
	    "As deadpeer_bytes_total, under Toxiproxy's name.");
	free(p.counts);
	reply_buffer(c, 200, "text/plain; version=0.0.4; charset=utf-8", p.out);
}
