/* What the engine's files need of a run beyond what faults may call. */
#pragma once
#include "faults/fault.h"

void run_apply_silence(struct run *r, enum leg leg);
void run_apply_hold(struct target *t);
void run_apply_dial(struct target *t);

/* Tells what the silent legs have dropped since the last time; true if any is silent. */
bool run_observe(struct run *r);
/* What the leg has dropped before is not this run's doing. */
void run_baseline(struct run *r, enum leg leg);
