/*
 * worker_state: everything that one worker serves: listeners and UDP sockets of
 * its bindings, connections during setup, and sessions.  It also has the
 * worker's part of a drain.
 *
 * Worker's thread only, except worker_state_init() and worker_state_destroy(),
 * which are for the control thread.
 */
#ifndef ECHOD_WORKER_WORKER_STATE_H
#define ECHOD_WORKER_WORKER_STATE_H

#include <stdbool.h>

#include "tcp/connection_setup.h"
#include "tcp/listener.h"
#include "tcp/session.h"
#include "udp/udp_socket.h"

struct event_base;
struct bindings;

struct worker_state {
	/*
	 * Set by the owner.  `accepted`: a listener has accepted a connection.
	 * The callee owns it, and calls worker_state_begin() of this worker or
	 * of another one.  `left`: a connection that worker_state_begin() took
	 * has ended.
	 */
	void (*accepted)(struct worker_state *state,
			 const struct connection_info *info);
	void (*left)(struct worker_state *state);

	/* For the owner to read. */
	unsigned drained; /* connections that ended by themselves in a drain */
	unsigned forced;  /* connections that worker_state_stop() closed */

	/* Its own. */
	unsigned worker; /* its number */
	struct connection_setup_context setups;
	struct session_context sessions;
	struct listener_context listeners;
	struct udp_socket_context datagrams;
	struct bindings *bindings; /* or NULL */
	bool inherited_released;
	bool draining;
	bool finished; /* takes no more connections or bindings */
};

/*
 * Initializes a state that is zeroed except for the callbacks.  `worker` is the
 * number of the worker.  False with errno set on failure.  The caller must call
 * worker_state_destroy() in any case.
 */
bool worker_state_init(struct worker_state *state, struct event_base *base,
		       unsigned worker);

/* Frees what the state holds.  There must be no connection left. */
void worker_state_destroy(struct worker_state *state);

/*
 * Takes the connection and serves it.  If memory is out, closes it and calls
 * `left`.  If the state is finished, closes it without `left`.
 */
void worker_state_begin(struct worker_state *state,
			const struct connection_info *info);

/* Logs and counts a connection lost to lack of memory; does not close it. */
void worker_state_report_no_memory(struct worker_state *state,
				   const struct connection_info *info);

bool worker_state_is_draining(const struct worker_state *state);

/* The number of connections: those during setup, and sessions. */
unsigned worker_state_count(const struct worker_state *state);

/*
 * The rest are functions for worker_task.run.  Those for a drain are in the
 * order of its steps, see control/drain.h.
 */

/*
 * Takes `bindings`, a struct bindings, which replaces the previous one.  If the
 * state is finished, frees it.
 */
void worker_state_apply(struct worker_state *state, void *bindings);

/*
 * Closes the inherited listening sockets, but leaves their queues to the next
 * process; does so for later bindings as well.
 */
void worker_state_release_inherited(struct worker_state *state, void *unused);

/* Drains all sessions, and from now on each new one. */
void worker_state_drain_sessions(struct worker_state *state, void *unused);

/*
 * Accepts the queued connections, answers the queued datagrams, and closes all
 * sockets of the bindings.
 */
void worker_state_close_listeners(struct worker_state *state, void *unused);

/* Takes no connections or bindings any more.  No connection must be left. */
void worker_state_finish(struct worker_state *state, void *unused);

/*
 * Closes the sockets and all connections at once, and finishes the state as
 * worker_state_finish() does.  No effect if the state is finished.
 */
void worker_state_stop(struct worker_state *state, void *unused);

#endif
