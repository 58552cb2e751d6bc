/*
 * session_end: the orderly end of a session: after the peer's FIN, by a drain,
 * or by fault injection.  For the session*.c files; session_drain() of
 * tcp/session.h is also here.  Functions that can free the session say so.
 */
#ifndef ECHOD_TCP_SESSION_END_H
#define ECHOD_TCP_SESSION_END_H

#include <stdbool.h>

#include "base/stats.h"

struct session;

/* Drain: all bytes that have arrived so far must be echoed before the end. */
void session_end_note_due(struct session *session);

/*
 * True if the session drains, has echoed the bytes of session_end_note_due(),
 * and has no grace period any more.
 */
bool session_end_may(const struct session *session);

/*
 * Takes the next step of the end that has begun, if no output is pending.  Can
 * free the session.
 */
void session_end_advance(struct session *session);

/* Stops reading, then session_end_advance().  Can free the session. */
void session_end_stop(struct session *session);

/* The peer has sent FIN; all before it is echoed.  Can free the session. */
void session_end_input(struct session *session);

/*
 * If the fault has ended the echo just now, begins the end that it specifies,
 * and returns true; the session can have been freed.  Otherwise false.
 */
bool session_end_by_fault(struct session *session);

/* The close reason for a connection that has failed with errno. */
enum close_reason session_end_failure(const struct session *session);

#endif
