/*
 * histogram: how often a time was how long, as Prometheus counts it: a counter
 * for each bucket, and the sum of all times.  Pure.
 *
 * One thread writes to a histogram, and any thread can read it.  Accesses are
 * relaxed atomics, as in base/stats.h.
 */
#ifndef ECHOD_BASE_HISTOGRAM_H
#define ECHOD_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS 12

/*
 * name, what it measures, and the upper bounds of its buckets, in seconds,
 * ascending.  A time that equals a bound is in its bucket.
 */
#define HISTOGRAMS(X) \
	X(connection_duration, \
	  "seconds that a connection lasted, counted when it is closed", 0.01, \
	  0.1, 1, 5, 15, 60, 300, 1800, 3600, 21600, 86400, 604800) \
	X(tls_handshake, \
	  "seconds that a TLS handshake took, if it was completed", 0.001, \
	  0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10) \
	X(echo_delay, \
	  "seconds from the receipt of bytes until all output is sent", \
	  0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, \
	  0.001, 0.01, 0.1, 1, 10)

#define HISTOGRAM_ENUM(name, what, ...) HISTOGRAM_##name,
enum histogram_kind { HISTOGRAMS(HISTOGRAM_ENUM) HISTOGRAM_COUNT };
#undef HISTOGRAM_ENUM

/* Zeroed: empty. */
struct histogram {
	_Atomic double sum; /* seconds */
	/* Of each bucket alone; the last one is above all bounds. */
	_Atomic uint64_t counts[HISTOGRAM_BOUNDS + 1];
};

/* The upper bound of a bucket that is not the last, in seconds. */
double histogram_bound(enum histogram_kind kind, unsigned bucket);

/* Counts `times` times of `seconds` each.  Only for the writing thread. */
void histogram_add(struct histogram *histogram, enum histogram_kind kind,
		   double seconds, uint64_t times);

/* Adds `from` to `sum`, which only the caller writes to. */
void histogram_sum(struct histogram *sum, const struct histogram *from);

#endif
