/*
 * random: pseudo-random decisions.  The same seed gives the same decisions on
 * every machine.  Not for secrets.
 */
#ifndef ECHOD_STRESS_RANDOM_H
#define ECHOD_STRESS_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

/* SplitMix64 (Steele, Lea, Flood, 2014). */
static inline uint64_t
random_next(struct random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* The decisions of number `index` of one run. */
static inline struct random
random_of(uint64_t seed, uint64_t index)
{
	struct random random = { seed };

	random.state = random_next(&random) ^ index;
	random_next(&random);
	return random;
}

/* 0 to bound - 1. */
static inline uint64_t
random_below(struct random *random, uint64_t bound)
{
	return random_next(random) % bound;
}

static inline bool
random_chance(struct random *random, unsigned percent)
{
	return random_below(random, 100) < percent;
}

/* 1 to `most`; each power of two is as likely as any other. */
static inline uint64_t
random_size(struct random *random, uint64_t most)
{
	unsigned bits = 0;
	uint64_t size;

	while (bits < 63 && most >> (bits + 1))
		bits++;
	size = UINT64_C(1) << random_below(random, bits + 1);
	size += random_below(random, size);
	return size < most ? size : most;
}

#endif
