/*
 * worker_state: what a worker serves: the listeners and datagrams of its plan, the
 * connections that are opening and the sessions; and how all of that ends.
 *
 * On the worker's thread, but for the beginning and the end of it.
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
	/* A listener has taken it in: for worker_state_begin(), here or elsewhere. */
	void (*accepted)(struct worker_state *state,
			 const struct connection_info *info);
	/* One that worker_state_begin() had is gone. */
	void (*left)(struct worker_state *state);

	struct stats stats;
	unsigned drained; /* connections that have ended in a drain */
	unsigned forced;  /* and that worker_state_stop() has cut off */

	/* Its own. */
	struct connection_setup_context setups;
	struct session_context sessions;
	struct listener_context listeners;
	struct udp_socket_context datagrams;
	struct bindings *bindings;
	bool yielded;
	bool draining;
};

/*
 * Makes it ready in zeroed memory, with the callbacks set.  `first` is for one
 * of all workers.  False, with errno set, where that cannot be;
 * worker_state_release() is due then, too.
 */
bool worker_state_init(struct worker_state *state, struct event_base *base,
		       bool first);

/* Frees what it has.  No connection may be left. */
void worker_state_release(struct worker_state *state);

/* Takes the connection. */
void worker_state_begin(struct worker_state *state,
			const struct connection_info *info);

/* For a connection that nothing can be begun with: says so, and counts it. */
void worker_state_report_no_memory(struct worker_state *state,
				   const struct connection_info *info);

/* Takes the plan and serves it instead of the one before. */
void worker_state_apply(struct worker_state *state, struct bindings *bindings);

/* Gives up listening sockets that were handed over, in later plans as well. */
void worker_state_yield(struct worker_state *state);

/* Lets sessions end, and those that are still to come. */
void worker_state_drain(struct worker_state *state);
bool worker_state_is_draining(const struct worker_state *state);

/* Accepts and answers what is queued, and closes the plan's sockets. */
void worker_state_shut(struct worker_state *state);

/* Drains, shuts and cuts off who is left. */
void worker_state_stop(struct worker_state *state);

/* Connections that are open or opening. */
unsigned worker_state_count(const struct worker_state *state);

#endif
