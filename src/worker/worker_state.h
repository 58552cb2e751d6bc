/*
 * worker_state: what one worker serves: the listeners and UDP sockets of its
 * bindings, connections during setup, and sessions; and the steps by which all
 * of that ends.
 *
 * On the worker's thread, except worker_state_init() and
 * worker_state_destroy().
 */
#ifndef ECHOD_WORKER_WORKER_STATE_H
#define ECHOD_WORKER_WORKER_STATE_H

#include <stdbool.h>

#include "base/stats.h"
#include "tcp/connection_setup.h"
#include "tcp/listener.h"
#include "tcp/session.h"
#include "udp/udp_socket.h"

struct event_base;
struct bindings;

struct worker_state {
	/*
	 * Set by the owner.  `accepted`: a listener has accepted the
	 * connection, which is for worker_state_begin() of this worker or of
	 * another one.  `left`: a connection that worker_state_begin() took is
	 * gone.
	 */
	void (*accepted)(struct worker_state *state,
			 const struct connection_info *info);
	void (*left)(struct worker_state *state);

	/* For the owner to read. */
	struct stats stats;
	unsigned drained; /* connections that ended in a drain */
	unsigned forced;  /* connections that worker_state_stop() closed */

	/* Its own. */
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
 * Initializes a state that is zeroed except for the callbacks.  `first` is true
 * for one of all workers.  False with errno set on failure; then, too,
 * worker_state_destroy() must be called.
 */
bool worker_state_init(struct worker_state *state, struct event_base *base,
		       bool first);

/* Frees what the state holds.  There must be no connection left. */
void worker_state_destroy(struct worker_state *state);

/* Takes the connection and serves it; closes it if the state is finished. */
void worker_state_begin(struct worker_state *state,
			const struct connection_info *info);

/* Logs and counts a connection that memory does not suffice for. */
void worker_state_report_no_memory(struct worker_state *state,
				   const struct connection_info *info);

bool worker_state_is_draining(const struct worker_state *state);

/* Connections: during setup and with a session. */
unsigned worker_state_count(const struct worker_state *state);

/*
 * The rest are functions for worker_task.run.  Those for a drain are in the
 * order of its steps, see control/drain.h.
 */

/*
 * `bindings` (struct bindings, which it takes) replace the ones before.  If the
 * state is finished, they are freed.
 */
void worker_state_apply(struct worker_state *state, void *bindings);

/*
 * Closes the inherited listening sockets, but leaves their queues to the next
 * process; does so for later bindings as well.
 */
void worker_state_release_inherited(struct worker_state *state, void *unused);

/* Drains each session, and each one that is still to come. */
void worker_state_drain_sessions(struct worker_state *state, void *unused);

/*
 * Accepts and answers what is queued, and closes all sockets of the bindings.
 */
void worker_state_close_listeners(struct worker_state *state, void *unused);

/* Finishes.  There must be no connection left. */
void worker_state_finish(struct worker_state *state, void *unused);

/*
 * Closes the listeners and the connections at once, and finishes.  Does nothing
 * if the state is finished.
 */
void worker_state_stop(struct worker_state *state, void *unused);

#endif
