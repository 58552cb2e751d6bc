/*
 * session_timeouts: the time-outs of a session: applies tcp/deadlines.h to its
 * settings, its socket and its timer.  For the session*.c files.
 */
#ifndef ECHOD_TCP_SESSION_TIMEOUTS_H
#define ECHOD_TCP_SESSION_TIMEOUTS_H

#include <stdint.h>

#include "base/stats.h"

struct session;

/* What the session must do when its timer has expired. */
enum session_timeout {
	SESSION_WAITS,	 /* set the timer again */
	SESSION_ABSORBS, /* read although output waits */
	SESSION_CLOSES,	 /* close, for the given reason */
};

/* Sets the timer for the next deadline; call it when that becomes earlier. */
void session_timeouts_set(struct session *session);

/* `bytes` were added to the output: the peer must take them in time. */
void session_timeouts_note_output(struct session *session, uint64_t bytes);

/* The timer has expired, `late` ms too late.  CLOSES: `reason` is set. */
enum session_timeout session_timeouts_check(struct session *session,
					    int64_t late,
					    enum close_reason *reason);

#endif
