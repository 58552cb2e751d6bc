/*
 * latency: how long many things took, in nanoseconds.  The buckets are like
 * those of HdrHistogram: 64 to each power of two, so a percentile is at most
 * 1.6 % above the true value, whatever its size.  Values up to 39 hours fit;
 * larger ones count as the largest.
 *
 * Pure.  One thread.
 */
#ifndef ECHOD_PROBE_LATENCY_H
#define ECHOD_PROBE_LATENCY_H

#include <stdint.h>

#define LATENCY_STEPS 64
#define LATENCY_OCTAVES 42
#define LATENCY_BUCKETS (LATENCY_STEPS * LATENCY_OCTAVES)

/* Zeroed: empty. */
struct latency {
	uint64_t count;
	uint64_t sum;
	uint64_t min, max; /* exact; both are 0 if it is empty */
	uint64_t buckets[LATENCY_BUCKETS];
};

void latency_add(struct latency *latency, uint64_t nanoseconds);

/* Adds all values of `from`. */
void latency_merge(struct latency *latency, const struct latency *from);

/*
 * The value that a share `fraction`, 0 to 1, of all values do not exceed; 0 if
 * it is empty.
 */
uint64_t latency_at(const struct latency *latency, double fraction);

/* The number of values up to `nanoseconds`, as exact as the buckets are. */
uint64_t latency_count_to(const struct latency *latency, uint64_t nanoseconds);

/* The highest value of a bucket. */
uint64_t latency_highest(unsigned bucket);

#endif
