/*
 * session: one connection, from accept to close: what it waits for and how long,
 * half-close, draining, and the lines in the log.
 *
 * A session belongs to one worker and is touched by its thread alone.  It owns
 * its descriptor, its place at the gate and a reference to the snapshot that
 * it began with.
 */
#ifndef ECHOD_TCP_SESSION_H
#define ECHOD_TCP_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/stats.h"
#include "tcp/transport.h"

struct event_base;
struct connection_info;
struct session;
struct loop_timers;

LIST_HEAD(session_list, session);

/* What a worker lends to its sessions; zeroed before it is set up. */
struct session_context {
	struct transport_context transports; /* first: see session.c */
	struct loop_timers *timers;
	struct session_list sessions;
	unsigned count;
	/* The last news of a session, which is gone by then. */
	void (*closed)(struct session_context *context);
};

/*
 * Sets up what sessions of one thread share; the base and the counters are
 * borrowed.  False where memory is out; session_context_release() is due in any
 * case, with no session left.
 */
bool session_context_init(struct session_context *context,
			  struct event_base *base, struct stats *stats);
void session_context_release(struct session_context *context);

/*
 * Begins a session on an accepted connection and tells of it in the log.  The
 * descriptor, the link and the place at the gate are the session's from the call
 * on: where memory is out they are given back and NULL is returned.
 */
struct session *session_new(struct session_context *context,
			    const struct connection_info *info);

/* The next one of the host's list, or NULL. */
struct session *session_next(const struct session *session);

/* The one way to close: log, count, release, free. */
void session_close(struct session *session, enum close_reason reason);

/*
 * Echoes what has been received, then sends FIN, then waits for that of the
 * peer; the session closes itself.  One that has only just begun gets a moment
 * for its first bytes: they are under way, and would find the FIN instead.
 */
void session_drain(struct session *session);

#endif
