/* Counters in JSON objects: names come from outside (proxies), and there are few of them. */
#include "admin/meter.h"
#include "base/mono.h"
#include <string.h>

const char *const meter_bounds[METER_BUCKETS] = { "0.0005", "0.001", "0.0025", "0.005", "0.01",
	"0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "10", NULL };

static const int64_t bounds_us[METER_BUCKETS] = { 500, 1000, 2500, 5000, 10000, 25000, 50000,
	100000, 250000, 500000, 1000000, 2500000, 10000000, INT64_MAX };

bool meter_init(struct meter *m)
{
	*m = (struct meter){ json_object(), json_object(), json_object(), json_object(),
		json_object(), json_object() };
	m->due_ns = mono_now_ns() + METER_TICK_NS;
	return m->ended && m->connect && m->dropped && m->armed && m->fired && m->refused;
}

void meter_free(struct meter *m)
{
	json_decref(m->ended);
	json_decref(m->connect);
	json_decref(m->dropped);
	json_decref(m->armed);
	json_decref(m->fired);
	json_decref(m->refused);
	*m = (struct meter){ NULL };
}

static const char *text(const json_t *fields, const char *key)
{
	const char *s = json_string_value(json_object_get(fields, key));

	return s ? s : "";
}

static void add(json_t *counters, const char *key, json_int_t n)
{
	json_t *v = json_object_get(counters, key);

	if (v)
		json_integer_set(v, json_integer_value(v) + n);
	else
		json_object_set_new(counters, key, json_integer(n));
}

static void add_of(json_t *groups, const char *group, const char *key, json_int_t n)
{
	json_t *counters = json_object_get(groups, group);

	if (!counters) {
		counters = json_object();
		json_object_set_new(groups, group, counters);
	}
	add(counters, key, n);
}

/* Buckets are numbered; the sum is kept beside them. */
static void add_connect(struct meter *m, const json_t *fields)
{
	json_int_t ns = json_integer_value(json_object_get(fields, "connect_ns"));
	size_t bucket = 0;

	while (ns > (bounds_us[bucket] == INT64_MAX ? INT64_MAX : bounds_us[bucket] * NS_PER_US))
		bucket++;
	add_of(m->connect, text(fields, "proxy"),
	    meter_bounds[bucket] ? meter_bounds[bucket] : "+Inf", 1);
	add_of(m->connect, text(fields, "proxy"), "sum", ns);
}

void meter_count(struct meter *m, enum event_id id, const json_t *fields)
{
	switch (id) {
	case EVENT_SESSION_CLOSED:
		add_of(m->ended, text(fields, "proxy"), text(fields, "reason"), 1);
		break;
	case EVENT_SESSION_CONNECTED:
		add_connect(m, fields);
		break;
	case EVENT_SEGMENTS_DROPPED:
		add_of(m->dropped, text(fields, "proxy"), text(fields, "leg"),
		    json_integer_value(json_object_get(fields, "segments")));
		break;
	case EVENT_FAULT_ARMED:
		add(m->armed, text(fields, "type"), 1);
		break;
	case EVENT_FAULT_FIRED:
		add(m->fired, text(fields, "type"),
		    json_integer_value(json_object_get(fields, "sessions")));
		break;
	case EVENT_FAULT_REFUSED:
		add(m->refused, text(fields, "type"), 1);
		break;
	default:
		break;
	}
}

void meter_forget(
    struct meter *m, size_t known, bool (*is_there)(void *arg, const char *proxy), void *arg)
{
	json_t *const groups[] = { m->ended, m->connect, m->dropped };
	const char *proxy;
	json_t *value;
	void *next;

	for (size_t i = 0; i < 3; i++) {
		if (json_object_size(groups[i]) <= known)
			continue;
		json_object_foreach_safe(groups[i], next, proxy, value)
		{
			if (!is_there(arg, proxy))
				json_object_del(groups[i], proxy);
		}
	}
}

void meter_tick(struct meter *m, int64_t now_ns)
{
	m->lag_ns = now_ns > m->due_ns ? now_ns - m->due_ns : 0;
	if (m->lag_ns > m->lag_max_ns)
		m->lag_max_ns = m->lag_ns;
	m->due_ns = now_ns + METER_TICK_NS;
}
