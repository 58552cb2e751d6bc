/*
 * connection_limits: limits the number of open connections: of the daemon
 * (struct limits), of a listener (struct limit), and of one source at a
 * listener (tcp/client_counts.h).  All threads can call all functions, except
 * limits_free().
 *
 * A struct limit has the maximum and the count of one listener, and points to
 * its counters.  It is reference-counted and outlives reloads; each connection
 * holds a reference.
 *
 * A struct limit can be a part of another one, its `whole`.  The part counts
 * the connections of one address of the listener, and each of them in the whole
 * too.  A part has no maximum of its own: that of the whole applies.
 */
#ifndef ECHOD_TCP_CONNECTION_LIMITS_H
#define ECHOD_TCP_CONNECTION_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/stats.h"

struct address;
struct limits;
struct limit;

/* NULL: out of memory. */
struct limits *limits_new(void);
/* After each struct limit of it.  NULL is fine. */
void limits_free(struct limits *limits);

/* 0: no limit.  Applies to later connections. */
void limits_set_max(struct limits *limits, unsigned max);
unsigned limits_max(const struct limits *limits);
unsigned limits_count(const struct limits *limits);

/*
 * The limit of one listener, with a copy of its name and no maximum yet.
 * `stats` is its row of counters (base/stats_table.h), which must last longer.
 * The caller has the first reference.  NULL: out of memory.
 */
struct limit *limit_new(struct limits *limits, const char *name,
			struct stats *stats);
/* The same for a part.  Takes a reference to `whole`, which must be no part. */
struct limit *limit_new_part(struct limit *whole);
bool limit_is_part_of(const struct limit *limit, const struct limit *whole);
struct limit *limit_ref(struct limit *limit);
void limit_unref(struct limit *limit); /* NULL is fine */
/* The listener's name, also for a part. */
const char *limit_name(const struct limit *limit);
/* The listener's counters for this worker, also for a part. */
struct stats *limit_stats(const struct limit *limit, unsigned worker);
/* Not for a part.  0: no limit.  Applies to later connections. */
void limit_set_max(struct limit *limit, unsigned max);
unsigned limit_max(const struct limit *limit);
/* Open connections: of the listener, or of the address of a part. */
unsigned limit_count(const struct limit *limit);

/*
 * Counts a connection from `peer` if that is within all limits.  True: `id` is
 * set to a number that is unique in this process, and the connection must end
 * with limit_leave().  False: `reason` is set, and nothing is counted.
 * `per_source` is the maximum for the source of `peer`; 0: no limit, and the
 * source is not counted.
 */
bool limit_enter(struct limit *limit, const struct address *peer,
		 unsigned per_source, uint64_t *id, enum refuse_reason *reason);
/* With the `peer` and `per_source` that the connection entered with. */
void limit_leave(struct limit *limit, const struct address *peer,
		 unsigned per_source);

/*
 * Numbers the sessions of the listener for fault injection: 1, 2, ... and from
 * 1 again after limit_restart_numbers(), which is not for a part.
 */
unsigned limit_next_number(struct limit *limit);
void limit_restart_numbers(struct limit *limit);

/*
 * Checks and counts the source alone: for a connection that entered with
 * `per_source` 0, and whose client became known later (PROXY header).  True: it
 * must leave with this `peer` and `per_source`.  False: nothing is counted.
 */
bool limit_enter_source(struct limit *limit, const struct address *peer,
			unsigned per_source);

#endif
