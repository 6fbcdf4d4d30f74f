/* How soon the kernel lets this process run once it is woken. */
#pragma once
#include <stdbool.h>

/*
 * Asks for slices of 0.1 ms, the shortest there are, where the default is about 3 ms. Whoever wakes
 * with a shorter slice than the running process has takes the CPU from it at once, so bytes that
 * are due do not wait for the end of another's slice (sched_setattr(2), sched_runtime; EEVDF since
 * Linux 6.12, kernel/sched/fair.c: PREEMPT_SHORT). The share of the CPU stays the same. Needs no
 * power; older kernels take no notice. Inherited by children. False, and nothing changed: the
 * process runs by another policy than SCHED_OTHER (chrt(1)), or the kernel refused.
 */
bool sched_ask_short_slices(void);
