#include "probe/latency.h"

/*
 * Values below 64 have a bucket each.  From there on, octave n (1, 2, ...) has
 * the values whose highest seven bits, after n - 1 lower ones are shifted out,
 * are 64 to 127.
 */
static unsigned
bucket_of(uint64_t value)
{
	unsigned shift, bucket;

	if (value < LATENCY_STEPS)
		return (unsigned)value;
	shift = 57 - (unsigned)__builtin_clzll(value);
	bucket = shift * LATENCY_STEPS + (unsigned)(value >> shift);
	return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

uint64_t
latency_highest(unsigned bucket)
{
	unsigned shift;

	if (bucket < LATENCY_STEPS)
		return bucket;
	shift = bucket / LATENCY_STEPS - 1;
	return (((uint64_t)bucket - shift * LATENCY_STEPS + 1) << shift) - 1;
}

void
latency_add(struct latency *latency, uint64_t nanoseconds)
{
	latency->buckets[bucket_of(nanoseconds)]++;
	latency->sum += nanoseconds;
	if (latency->count++ == 0 || nanoseconds < latency->min)
		latency->min = nanoseconds;
	if (nanoseconds > latency->max)
		latency->max = nanoseconds;
}

void
latency_merge(struct latency *latency, const struct latency *from)
{
	if (from->count == 0)
		return;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		latency->buckets[i] += from->buckets[i];
	if (latency->count == 0 || from->min < latency->min)
		latency->min = from->min;
	if (from->max > latency->max)
		latency->max = from->max;
	latency->count += from->count;
	latency->sum += from->sum;
}

uint64_t
latency_at(const struct latency *latency, double fraction)
{
	double share = fraction * (double)latency->count;
	uint64_t wanted = (uint64_t)share;
	uint64_t seen = 0;

	/* Rounded up: 0.5 of three values are two.  0.07 of 100 are seven, but
	 * their product is a little more. */
	if (share - (double)wanted > 1e-6)
		wanted++;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		uint64_t value = latency_highest(i);

		seen += latency->buckets[i];
		if (latency->buckets[i] > 0 && seen >= wanted)
			return value < latency->max ? value : latency->max;
	}
	return latency->max;
}

uint64_t
latency_count_to(const struct latency *latency, uint64_t nanoseconds)
{
	unsigned last = bucket_of(nanoseconds);
	uint64_t count = 0;

	for (unsigned i = 0; i <= last; i++)
		count += latency->buckets[i];
	return count;
}
