/*
 * pattern: the payload that the load generator sends: an endless pseudo-random
 * stream for each seed, of which any stretch can be looked up without
 * generating the bytes before it. Connections use different seeds, so that
 * bytes which reach the wrong connection are noticed as well as lost, doubled
 * or swapped ones.
 *
 * The stream of a seed repeats itself after PATTERN_PERIOD^2 bytes (4.29e9).
 */
#ifndef ECHOD_BENCH_PATTERN_H
#define ECHOD_BENCH_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* A prime, so that no message size falls in step with it. */
#define PATTERN_PERIOD 65521

struct pattern {
	unsigned char bytes[2 * PATTERN_PERIOD];
};

/*
 * Fill the table. EXCLUDED, a byte value or -1 for none, never occurs in the
 * stream: with the first byte of the prefix left out, payload and prefix
 * cannot be taken for each other.
 */
void pattern_init(struct pattern *pattern, int excluded);

/*
 * The bytes of SEED's stream from POSITION on; *LENGTH becomes how many of
 * them stand there in a row (at least 1, at most PATTERN_PERIOD).
 */
const unsigned char *pattern_at(const struct pattern *pattern, uint32_t seed,
				uint64_t position, size_t *length);

#endif
