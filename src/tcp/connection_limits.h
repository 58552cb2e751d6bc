/*
 * connection_limits: who may still come in.  Counts the sessions of the daemon, of each
 * listener, and at each listener those of one source, against their limits.
 * Every thread may enter and leave.
 *
 * A gate is one listener's count.  It outlives reloads and is shared by
 * reference: a session at the gate holds one, too.  A gate may be part of
 * another, as of one address of a listener: it counts those who came in by it,
 * and everything else about it is that of the whole.
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

/* 0: no limit.  Applies to those who come later. */
void connection_limits_set_max(struct connection_limits *connection_limits,
			       unsigned limit);
unsigned
connection_limits_max(const struct connection_limits *connection_limits);
unsigned
connection_limits_count(const struct connection_limits *connection_limits);

/* NULL where memory is out. */
struct listener_limit *
listener_limit_new(struct connection_limits *connection_limits,
		   const char *name);
/* Takes a reference to `whole`, which is no part itself. */
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
 * True where a session with `peer` may begin; `id` is then set to a number that
 * no other session of this process has, and listener_limit_leave() is due at its end.
 * Otherwise `reason` says why not.  Of one source (tcp/client_counts.h) so many may be in
 * that came with such a limit; 0: no limit, and it is not counted.
 */
bool listener_limit_enter(struct listener_limit *listener_limit,
			  const struct address *peer, unsigned per_source,
			  uint64_t *id, enum refuse_reason *reason);
/* With the peer and the limit that it came with. */
void listener_limit_leave(struct listener_limit *listener_limit,
			  const struct address *peer, unsigned per_source);

/*
 * Numbers those of whom it matters which they are: 1, 2, ... and from 1 again
 * after listener_limit_restart_numbers().
 */
unsigned listener_limit_next_number(struct listener_limit *listener_limit);
void listener_limit_restart_numbers(struct listener_limit *listener_limit);

/*
 * The part of this that concerns the source, for a session that learns only
 * later who its peer is; that came in with limit 0 and leaves with this one.
 */
bool listener_limit_enter_source(struct listener_limit *listener_limit,
				 const struct address *peer,
				 unsigned per_source);

#endif
