#include "histogram.h"

#include <stddef.h>

#define BUCKETS (HISTOGRAM_OCTAVES * HISTOGRAM_STEPS)

/*
 * Values below 64 have a bucket each. From there on, octave n (1, 2, ...) has
 * the values whose top seven bits, once n - 1 lower ones are shifted out, are
 * 64 to 127.
 */
static size_t
bucket_of(uint64_t value)
{
	unsigned shift;
	size_t bucket;

	if (value < HISTOGRAM_STEPS)
		return value;
	shift = 57 - (unsigned)__builtin_clzll(value);
	bucket = shift * HISTOGRAM_STEPS + (value >> shift);
	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static uint64_t
highest_in(size_t bucket)
{
	size_t shift;

	if (bucket < HISTOGRAM_STEPS)
		return bucket;
	shift = bucket / HISTOGRAM_STEPS - 1;
	return ((bucket - shift * HISTOGRAM_STEPS + 1) << shift) - 1;
}

void
histogram_add(struct histogram *histogram, uint64_t nanoseconds)
{
	histogram->buckets[bucket_of(nanoseconds)]++;
	histogram->count++;
	if (nanoseconds > histogram->max)
		histogram->max = nanoseconds;
}

uint64_t
histogram_at(const struct histogram *histogram, double fraction)
{
	uint64_t wanted = (uint64_t)(fraction * (double)histogram->count);
	uint64_t seen = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (histogram->buckets[i] && seen >= wanted) {
			uint64_t value = highest_in(i);

			return value < histogram->max ? value : histogram->max;
		}
	}
	return histogram->max;
}
