/*
 * Has it happened? Reads a run's records as they come, keeps a list of what they mean, and counts
 * what a wait is for. Used by the player; knows nothing of steps.
 */
#pragma once
#include "control/journal.h"
#include "model/scenario.h"

struct await;

struct await *await_new(void); /* NULL: no memory. Sees every record from the beginning */
void await_free(struct await *a);
void await_saw(struct await *a, const struct record *r);

/* Where the records are now; what was seen before is not counted from there. */
size_t await_mark(const struct await *a);

/* Counts what came after mark. wait is borrowed until the next one. */
void await_begin(struct await *a, const struct wait_spec *wait, size_t mark);
bool await_met(const struct await *a);
uint64_t await_count(const struct await *a); /* so far */

/* Just before the record that met it: one record may be several things ("a client that opens
 * another session has given up the one before"). */
size_t await_met_mark(const struct await *a);
