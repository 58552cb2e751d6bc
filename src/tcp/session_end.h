/*
 * session_end: how a session ends in order: after the peer's FIN, by a drain,
 * or by fault injection; session_drain() of tcp/session.h, too.  Functions that
 * can free the session say so.
 */
#ifndef ECHOD_TCP_SESSION_END_H
#define ECHOD_TCP_SESSION_END_H

#include <stdbool.h>

#include "base/stats.h"

struct session;

/* Drain: the bytes that have arrived until now must be echoed. */
void session_end_note_due(struct session *session);

/* The session drains, and all that was due has been echoed. */
bool session_end_may(const struct session *session);

/* Continues to end, if no output is pending.  Can free the session. */
void session_end_advance(struct session *session);

/* Stops reading, and advances.  Can free the session. */
void session_end_stop(struct session *session);

/* The peer has sent FIN; all before it is echoed.  Can free the session. */
void session_end_input(struct session *session);

/*
 * If its fault has ended the echo just now, begins that end.  False if not;
 * else the session can have been freed.
 */
bool session_end_by_fault(struct session *session);

/* The reason for a connection that failed; errno is set. */
enum close_reason session_end_failure(const struct session *session);

#endif
