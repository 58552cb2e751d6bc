/*
 * stats: counters.  One list makes the enumeration, the names and the summary.
 *
 * Each worker writes to a `struct stats` of its own for each listener, and any
 * thread can read and add up all of them (base/stats_table.h).  Accesses are
 * relaxed atomics: each value is correct, but two values can be from different
 * moments.
 */
#ifndef ECHOD_BASE_STATS_H
#define ECHOD_BASE_STATS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"

/* Why a session ended: all values of `reason=` in "Connection closed". */
#define CLOSE_REASONS(X) \
	X(eof) \
	X(reset) \
	X(no_data) \
	X(idle_timeout) \
	X(write_timeout) \
	X(vanished) \
	X(drain) \
	X(proxy_invalid) \
	X(proxy_timeout) \
	X(tls_failed) \
	X(tls_timeout) \
	X(fault) \
	X(error)

/* Why a connection was not served: `reason=` in "Connection refused". */
#define REFUSE_REASONS(X) \
	X(max_connections) \
	X(per_source) \
	X(denied) \
	X(unknown_proxy)

/*
 * Why a datagram was not answered.  `overflow` is counted by the kernel: its
 * queue was full, and the senders are unknown.
 */
#define DROP_REASONS(X) \
	X(source_port) \
	X(own_port) \
	X(source_address) \
	X(broadcast) \
	X(denied) \
	X(rate) \
	X(oversize) \
	X(unsent) \
	X(overflow)

/* name, what it counts */
#define STATS_COUNTERS(X) \
	X(connections, "connections accepted") \
	X(handshakes, "TLS handshakes completed") \
	X(faults, "connections with fault injection") \
	X(chunks, "chunks echoed, or lines with line framing") \
	X(bytes_in, "bytes received") \
	X(bytes_out, "bytes echoed, with prefixes") \
	X(accept_errors, "connections lost before accept") \
	X(accept_pauses, "pauses in accepting, without resources") \
	X(datagrams_in, "datagrams received") \
	X(datagrams_out, "datagrams echoed") \
	X(receive_errors, "network errors at UDP sockets") \
	X(receive_pauses, "pauses in receiving, without resources")

#define CLOSE_ENUM(name) CLOSE_##name,
#define REFUSE_ENUM(name) REFUSE_##name,
#define DROP_ENUM(name) DROP_##name,
#define STATS_ENUM(name, what) STATS_##name,
enum close_reason { CLOSE_REASONS(CLOSE_ENUM) CLOSE_REASON_COUNT };
enum refuse_reason { REFUSE_REASONS(REFUSE_ENUM) REFUSE_REASON_COUNT };
enum drop_reason { DROP_REASONS(DROP_ENUM) DROP_REASON_COUNT };
enum stats_counter { STATS_COUNTERS(STATS_ENUM) STATS_COUNTER_COUNT };
#undef CLOSE_ENUM
#undef REFUSE_ENUM
#undef DROP_ENUM
#undef STATS_ENUM

struct stats {
	_Atomic uint64_t counter[STATS_COUNTER_COUNT];
	_Atomic uint64_t closed[CLOSE_REASON_COUNT];
	_Atomic uint64_t refused[REFUSE_REASON_COUNT];
	_Atomic uint64_t dropped[DROP_REASON_COUNT];
	struct histogram histograms[HISTOGRAM_COUNT];
};

/*
 * Only for the one thread that writes to the counter: a load and a store then
 * need no locked instruction.
 */
static inline void
stats_bump(_Atomic uint64_t *counter, uint64_t amount)
{
	uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, now + amount, memory_order_relaxed);
}

static inline void
stats_add(struct stats *stats, enum stats_counter counter, uint64_t amount)
{
	stats_bump(&stats->counter[counter], amount);
}

/* Counts `times` times of `seconds` each. */
static inline void
stats_measure(struct stats *stats, enum histogram_kind kind, double seconds,
	      uint64_t times)
{
	histogram_add(&stats->histograms[kind], kind, seconds, times);
}

/* The connection was closed after `ms` milliseconds. */
static inline void
stats_close(struct stats *stats, enum close_reason reason, int64_t ms)
{
	stats_bump(&stats->closed[reason], 1);
	stats_measure(stats, HISTOGRAM_connection_duration, (double)ms / 1000,
		      1);
}

/* Adds every counter of `from` to `sum`, which only the caller writes to. */
void stats_sum(struct stats *sum, const struct stats *from);

const char *stats_close_reason(enum close_reason reason);
const char *stats_refuse_reason(enum refuse_reason reason);
const char *stats_drop_reason(enum drop_reason reason);

/* Holds the result of stats_format() for all values. */
#define STATS_TEXT_SIZE 2048

/* "connections=3 chunks=12 ... closed.eof=2 ... refused.max_connections=0" */
const char *stats_format(const struct stats *stats, char text[STATS_TEXT_SIZE]);

#endif
