/* A flap repeats another type: what engine.c asks. */
#pragma once
#include "faults/engine.h"

/* What acts: of a flap the type that it repeats, with that type's defaults, for `down` each time;
 * else the spec itself. A shallow copy: what it points to stays s's. */
struct fault_spec flap_act(const struct fault_spec *s);

struct cycle flap_cycle(const struct fault_spec *s); /* zeroed: no flap */

/* The first outage begins; the rest follows by the fault's timer. */
void flap_start(struct fault *f, int64_t now_ns);
