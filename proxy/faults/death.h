/* What the deaths of a whole host share. */
#pragma once
#include "faults/fault.h"

unsigned death_dirs(const struct fault_spec *s, enum leg leg); /* everything */
void death_arm(struct run *r); /* the dying legs fall silent, nothing flows */
void death_settle(
    struct run *r); /* nothing queued leaves the dead; the living leg is told by `other` */
void death_disarm(struct run *r); /* the host boots: it knows nothing of its connections */
