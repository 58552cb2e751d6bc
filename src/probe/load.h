/*
 * load: when the messages to one target begin.
 *
 * With a rate, message k of all peers begins at begin + k / rate, whether or
 * not the messages before have ended, and belongs to peer k modulo peers.  If
 * that peer is busy, the message waits, and its round trip counts from the time
 * when it should have begun: otherwise a server that stalls would look fast
 * ("coordinated omission").
 *
 * Without a rate, a peer begins a message when its last one has ended.
 *
 * Pure.  Times are in nanoseconds.
 */
#ifndef ECHOD_PROBE_LOAD_H
#define ECHOD_PROBE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

struct load {
	unsigned peers;
	uint64_t count; /* messages; 0: no limit */
	double rate;	/* a second; 0: none */
	int64_t begin;
};

/* Messages of peer `index` in all; UINT64_MAX: no limit. */
uint64_t load_quota(const struct load *load, unsigned index);

/* Messages of all peers that are due at `now`.  Only with a rate. */
uint64_t load_due(const struct load *load, int64_t now);

/* When message k of all is due; INT64_MAX: never.  Only with a rate. */
int64_t load_time(const struct load *load, uint64_t k);

/* When message j of peer `index` is due. */
int64_t load_time_of(const struct load *load, unsigned index, uint64_t j);

/* Messages of peer `index` among the first `due` of all. */
uint64_t load_due_of(const struct load *load, unsigned index, uint64_t due);

#endif
