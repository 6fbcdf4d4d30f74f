/* Counter-based: seed, label and n are mixed one after the other; there is no state to share. */
#include "base/rng.h"
#include "base/mono.h"
#include <sys/random.h>

/* The output function of splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
 * Generators", 2014), with its increment, so that 0 does not map to 0. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static uint64_t fnv1a(const char *s)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3;
	return h;
}

uint64_t rng_new_seed(void)
{
	uint64_t seed = 0;

	while (seed == 0) {
		/* 8 bytes come whole (getrandom(2)); where a sandbox forbids the call, the time
		 * must do */
		if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
			seed = mix((uint64_t)mono_wall_ns());
		seed &= (UINT64_C(1) << 53) - 1;
	}
	return seed;
}

uint64_t rng_bits(uint64_t seed, const char *label, uint64_t n)
{
	return mix(mix(mix(seed) ^ fnv1a(label)) ^ n);
}

double rng_unit(uint64_t seed, const char *label, uint64_t n)
{
	return (double)(rng_bits(seed, label, n) >> 11) * 0x1p-53; /* 53 bits: all a double has */
}
