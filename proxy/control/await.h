/*
 * Has it happened? Reads a run's records as they come and counts what a wait is for. Used by the
 * player; knows nothing of steps.
 */
#pragma once
#include "control/journal.h"
#include "model/scenario.h"

struct await;

struct await *await_new(void); /* NULL: no memory. Sees every record from the beginning */
void await_free(struct await *a);
void await_saw(struct await *a, const struct record *r);

/* From now on this is counted (what came before is not). wait is borrowed until the next one. */
void await_begin(struct await *a, const struct wait_spec *wait);
bool await_met(const struct await *a);
uint64_t await_count(const struct await *a); /* so far */
