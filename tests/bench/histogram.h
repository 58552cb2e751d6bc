/*
 * histogram: latencies in nanoseconds, in buckets whose width grows with the
 * value: 64 to each power of two, so that a percentile is at most 1.6 % above
 * the true value, at any magnitude. Minutes fit.
 */
#ifndef ECHOD_BENCH_HISTOGRAM_H
#define ECHOD_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 64
#define HISTOGRAM_OCTAVES 40

struct histogram {
	uint64_t count;
	uint64_t max; /* exact */
	uint64_t buckets[HISTOGRAM_OCTAVES * HISTOGRAM_STEPS];
};

/* An all-zero histogram is an empty one. */
void histogram_add(struct histogram *histogram, uint64_t nanoseconds);

/*
 * The value that a share of FRACTION (0 to 1) of those added do not exceed;
 * 0 where none were added.
 */
uint64_t histogram_at(const struct histogram *histogram, double fraction);

#endif
