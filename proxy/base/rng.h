/*
 * The one source of randomness. A draw is a pure function of (seed, label, n), so what happens to
 * the n-th session does not depend on how the others were scheduled, and the same seed repeats it.
 * Mixing: splitmix64 over an FNV-1a hash of the label.
 */
#pragma once
#include <stdint.h>

/* A seed from getrandom(2), never 0, below 2^53 so that JSON numbers carry it. */
uint64_t rng_new_seed(void);

/* 64 uniform bits. */
uint64_t rng_bits(uint64_t seed, const char *label, uint64_t n);

/* Uniform in [0, 1). */
double rng_unit(uint64_t seed, const char *label, uint64_t n);
