#include "base/histogram.h"

#define BOUNDS(name, what, ...) { __VA_ARGS__ },
static const double bounds[HISTOGRAM_COUNT][HISTOGRAM_BOUNDS] = { HISTOGRAMS(
	BOUNDS) };

double
histogram_bound(enum histogram_kind kind, unsigned bucket)
{
	return bounds[kind][bucket];
}

/* One writer: a load and a store need no locked instruction. */
static void
add(struct histogram *histogram, unsigned bucket, uint64_t times,
    double seconds)
{
	_Atomic uint64_t *count = &histogram->counts[bucket];
	uint64_t counted = atomic_load_explicit(count, memory_order_relaxed);
	double sum =
		atomic_load_explicit(&histogram->sum, memory_order_relaxed);

	atomic_store_explicit(count, counted + times, memory_order_relaxed);
	atomic_store_explicit(&histogram->sum, sum + seconds,
			      memory_order_relaxed);
}

void
histogram_add(struct histogram *histogram, enum histogram_kind kind,
	      double seconds, uint64_t times)
{
	unsigned bucket = 0;

	while (bucket < HISTOGRAM_BOUNDS && seconds > bounds[kind][bucket])
		bucket++;
	add(histogram, bucket, times, seconds * (double)times);
}

void
histogram_sum(struct histogram *sum, const struct histogram *from)
{
	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
		add(sum, i,
		    atomic_load_explicit(&from->counts[i],
					 memory_order_relaxed),
		    0);
	add(sum, 0, 0, atomic_load_explicit(&from->sum, memory_order_relaxed));
}
