/* What the deaths of a whole host share. */
#pragma once
#include "faults/fault.h"

/* Everything is cut. */
unsigned death_dirs(const struct fault_spec *s, enum leg leg);

/* The dying legs fall silent. */
void death_arm(struct run *r);

/* Nothing flows, nothing queued leaves the dead. */
void death_settle(struct run *r);

/* The host boots: it knows nothing of its connections. */
void death_disarm(struct run *r);
