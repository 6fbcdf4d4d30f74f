/* What the engine's files need of a run beyond what faults may call. */
#pragma once
#include "faults/fault.h"

void run_apply_silence(struct run *r, enum leg leg);
void run_apply_hold(struct target *t);
void run_apply_sieve(struct run *r, enum leg leg);
void run_lift_sieve(struct run *r);
void run_apply_dial(struct target *t);

/* A strike of this instant, for who wants to know: it begins; something is about to change (deadly:
 * for whoever watches); all of it is done. */
void strike_begins(struct run *r, int64_t now_ns);
void strike_changes(struct run *r, bool deadly);
void strike_over(struct run *r);

/* What this leg drops is its doing: it is silent, or sieved. */
bool run_counts(const struct run *r, enum leg leg);
/* Tells what such legs have dropped since the last time; true if there is any. */
bool run_observe(struct run *r);
/* What the leg has dropped before is not this run's doing. Before it falls silent, which makes its
 * counter start anew; and after it was sieved, which does not. */
void run_baseline(struct run *r, enum leg leg);
void run_baseline_sieve(struct run *r, enum leg leg);
