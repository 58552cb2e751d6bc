/*
 * connection_limits: the limits on connections: of the daemon, of a listener,
 * and of one source (tcp/client_counts.h) at a listener.  All threads enter and
 * leave.
 *
 * A limit has the count and the limit of one listener.  It is counted
 * and outlives reloads; each session holds a reference.
 *
 * A limit can be part of another (`whole`): that of one address of the
 * listener.  It counts the connections of this address; limits, name and
 * numbers are those of the whole.
 */
#ifndef ECHOD_TCP_CONNECTION_LIMITS_H
#define ECHOD_TCP_CONNECTION_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/stats.h"

struct address;
struct limits;
struct limit;

struct limits *limits_new(void);
void limits_free(struct limits *limits); /* NULL is fine */

/* 0: no limit.  Applies to later connections. */
void limits_set_max(struct limits *limits, unsigned max);
unsigned limits_max(const struct limits *limits);
unsigned limits_count(const struct limits *limits);

/* NULL: out of memory. */
struct limit *limit_new(struct limits *limits, const char *name);
/* Takes a reference to `whole`, which must not be a part. */
struct limit *limit_new_part(struct limit *whole);
bool limit_is_part_of(const struct limit *limit, const struct limit *whole);
struct limit *limit_ref(struct limit *limit);
void limit_unref(struct limit *limit); /* NULL is fine */
const char *limit_name(const struct limit *limit);
void limit_set_max(struct limit *limit, unsigned max);
unsigned limit_max(const struct limit *limit);
unsigned limit_count(const struct limit *limit);

/*
 * True if a session with `peer` may begin.  `id` is then set to a number that
 * is unique in this process, and the session must end with
 * limit_leave().  Otherwise `reason` is set.  `per_source` is the
 * limit for the source of `peer`; 0: no limit, and it is not counted.
 */
bool limit_enter(struct limit *limit, const struct address *peer,
		 unsigned per_source, uint64_t *id, enum refuse_reason *reason);
/* With the same `peer` and `per_source` as on entering. */
void limit_leave(struct limit *limit, const struct address *peer,
		 unsigned per_source);

/*
 * Numbers sessions for fault injection: 1, 2, ... and from 1 again after
 * limit_restart_numbers().
 */
unsigned limit_next_number(struct limit *limit);
void limit_restart_numbers(struct limit *limit);

/*
 * Checks and counts the source alone, for a session that entered with
 * `per_source` 0 and has learned its client's address since.  It leaves with
 * this `per_source`.
 */
bool limit_enter_source(struct limit *limit, const struct address *peer,
			unsigned per_source);

#endif
