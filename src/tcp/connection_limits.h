/*
 * connection_limits: the limits on connections: of the daemon, of a listener,
 * and of one source (tcp/client_counts.h) at a listener.  All threads enter and
 * leave.
 *
 * A listener_limit has the count and the limit of one listener.  It is counted
 * and outlives reloads; each session holds a reference.
 *
 * A listener_limit can be part of another (`whole`): that of one address of the
 * listener.  It counts the connections of this address; limits, name and
 * numbers are those of the whole.
 */
#ifndef ECHOD_TCP_CONNECTION_LIMITS_H
#define ECHOD_TCP_CONNECTION_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/stats.h"

struct address;
struct connection_limits;
struct listener_limit;

struct connection_limits *connection_limits_new(void);
void connection_limits_free(
	struct connection_limits *connection_limits); /* NULL is fine */

/* 0: no limit.  Applies to later connections. */
void connection_limits_set_max(struct connection_limits *connection_limits,
			       unsigned limit);
unsigned
connection_limits_max(const struct connection_limits *connection_limits);
unsigned
connection_limits_count(const struct connection_limits *connection_limits);

/* NULL: out of memory. */
struct listener_limit *
listener_limit_new(struct connection_limits *connection_limits,
		   const char *name);
/* Takes a reference to `whole`, which must not be a part. */
struct listener_limit *listener_limit_new_part(struct listener_limit *whole);
bool listener_limit_is_part_of(const struct listener_limit *listener_limit,
			       const struct listener_limit *whole);
struct listener_limit *
listener_limit_ref(struct listener_limit *listener_limit);
void
listener_limit_unref(struct listener_limit *listener_limit); /* NULL is fine */
const char *listener_limit_name(const struct listener_limit *listener_limit);
void listener_limit_set_max(struct listener_limit *listener_limit,
			    unsigned limit);
unsigned listener_limit_max(const struct listener_limit *listener_limit);
unsigned listener_limit_count(const struct listener_limit *listener_limit);

/*
 * True if a session with `peer` may begin.  `id` is then set to a number that
 * is unique in this process, and the session must end with
 * listener_limit_leave().  Otherwise `reason` is set.  `per_source` is the
 * limit for the source of `peer`; 0: no limit, and it is not counted.
 */
bool listener_limit_enter(struct listener_limit *listener_limit,
			  const struct address *peer, unsigned per_source,
			  uint64_t *id, enum refuse_reason *reason);
/* With the same `peer` and `per_source` as on entering. */
void listener_limit_leave(struct listener_limit *listener_limit,
			  const struct address *peer, unsigned per_source);

/*
 * Numbers sessions for fault injection: 1, 2, ... and from 1 again after
 * listener_limit_restart_numbers().
 */
unsigned listener_limit_next_number(struct listener_limit *listener_limit);
void listener_limit_restart_numbers(struct listener_limit *listener_limit);

/*
 * Checks and counts the source alone, for a session that entered with
 * `per_source` 0 and has learned its client's address since.  It leaves with
 * this `per_source`.
 */
bool listener_limit_enter_source(struct listener_limit *listener_limit,
				 const struct address *peer,
				 unsigned per_source);

#endif
