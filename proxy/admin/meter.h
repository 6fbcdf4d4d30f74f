/*
 * What /metrics counts, from the timeline's events: all of it since the API began.
 */
#pragma once
#include "model/timeline.h"
#include <jansson.h>

#define METER_BUCKETS 14

struct meter {
	json_t *ended;                   /* {proxy: {reason: n}} */
	json_t *connect;                 /* {proxy: {bound: n, "sum": ns}} */
	json_t *dropped;                 /* {proxy: {leg: n}} */
	json_t *armed, *fired, *refused; /* {type: n} */
	int64_t lag_ns, lag_max_ns;      /* how late the loop's last tick was */
	int64_t due_ns;                  /* when the next tick should come */
};

bool meter_init(struct meter *m); /* false: no memory */
void meter_free(struct meter *m);
void meter_count(struct meter *m, enum event_id id, const json_t *fields);
/* Forgets the proxies that are gone, once there are more than the `known` that are there. */
void meter_forget(
    struct meter *m, size_t known, bool (*is_there)(void *arg, const char *proxy), void *arg);
void meter_tick(struct meter *m, int64_t now_ns); /* each METER_TICK_NS */

#define METER_TICK_NS INT64_C(1000000000)

/* Upper bounds of the connect time's buckets in seconds; the last bucket has none. */
extern const char *const meter_bounds[METER_BUCKETS];
