/*
 * session: one connection that is echoed, from its start to its close.
 *
 * session.c starts and closes it, and handles the events of its transport.
 * session_end.c has its orderly end: half-close, drain, fault injection.
 * session_timeouts.c has its time-outs.
 *
 * A session belongs to one worker and is used by its thread only.  It owns its
 * descriptor, its entry in the connection limits and a reference to the
 * settings of its listener.
 */
#ifndef ECHOD_TCP_SESSION_H
#define ECHOD_TCP_SESSION_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/stats.h"
#include "tcp/transport.h"

struct connection_info;
struct event_base;
struct timers;
struct session;

LIST_HEAD(session_list, session);

/* What the sessions of a worker share; zeroed by the caller. */
struct session_context {
	struct transport_context transports;
	struct timers *timers;
	struct session_list sessions;
	unsigned count;
	unsigned worker; /* which counters are its own: limit_stats() */
	/* A session has been closed and freed.  Can be NULL. */
	void (*closed)(struct session_context *context);
};

/*
 * `base` is borrowed; `worker` is the number of the worker.  False: out of
 * memory.  The caller must call session_context_release() in any case, when no
 * session is left.
 */
bool session_context_init(struct session_context *context,
			  struct event_base *base, unsigned worker);
void session_context_release(struct session_context *context);

/*
 * Starts a session on an accepted connection, and counts it.  Its arrival is
 * logged with its first byte, after a second, or when it ends.  `info` is
 * copied; the session owns what it holds from now on.  NULL: out of memory; the
 * connection is closed and has left the limits, but it is not logged.
 */
struct session *session_new(struct session_context *context,
			    const struct connection_info *info);

/* The next session in the list of the context, or NULL. */
struct session *session_next(const struct session *session);

/* Closes the connection, logs and counts that, and frees the session. */
void session_close(struct session *session, enum close_reason reason);

/*
 * Drains the session: echoes the bytes that have arrived, sends FIN and waits
 * for the peer's FIN; then the session closes itself.  A new session that has
 * received nothing gets a grace period.  Can free the session.
 */
void session_drain(struct session *session);

#endif
