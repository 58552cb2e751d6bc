/*
 * session: one connection, from accept to close: what it waits for and how long,
 * half-close, draining, and the lines in the log.
 *
 * A session belongs to one worker and is touched by its thread alone.  It owns
 * its descriptor, its place at the gate and a reference to the snapshot that
 * it began with.
 */
#ifndef ECHOD_SESSION_H
#define ECHOD_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "address.h"
#include "flow.h"
#include "stats.h"

struct config_listener;
struct event_base;
struct gate;
struct session;
struct timers;

LIST_HEAD(session_list, session);

/* What a worker lends to its sessions; zeroed before it is set up. */
struct session_host {
	struct flow_host flows; /* first: see session.c */
	struct timers *timers;
	struct session_list sessions;
	unsigned count;
	/* The last news of a session, which is gone by then. */
	void (*closed)(struct session_host *host);
};

/* What a listener hands over. */
struct session_origin {
	int fd;
	struct ssl_st *tls; /* an open link, tlslink.h; NULL: none */
	uint64_t id;
	struct address peer;
	struct address via;   /* its proxy; length 0: it has none */
	struct address local; /* where it came to, as that proxy says */
	struct gate *gate;    /* entered, with this limit */
	unsigned per_source;
	const struct config_listener *listener; /* its snapshot is borrowed */
	bool quiet; /* of no interest in the log: a health check */
};

/*
 * Sets up what sessions of one thread share; the base and the counters are
 * borrowed.  False where memory is out; session_host_release() is due in any
 * case, with no session left.
 */
bool session_host_init(struct session_host *host, struct event_base *base,
		       struct stats *stats);
void session_host_release(struct session_host *host);

/*
 * Begins a session on an accepted connection and tells of it in the log.  The
 * descriptor, the link and the place at the gate are the session's from the call
 * on: where memory is out they are given back and NULL is returned.
 */
struct session *session_new(struct session_host *host,
			    const struct session_origin *origin);

/* Gives all that back where there is to be no session. */
void session_refuse(const struct session_origin *origin);

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
