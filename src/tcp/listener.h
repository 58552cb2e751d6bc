/*
 * listener: accepts connections on one TCP or unix socket, in one worker, and
 * passes those within the limits to its owner by callback.
 *
 * It can be created on any thread.  From listener_start() on, it belongs to one
 * worker and is used by its thread only.  It owns its descriptor.
 */
#ifndef ECHOD_TCP_LISTENER_H
#define ECHOD_TCP_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "tcp/connection_info.h"

struct binding;
struct listener;

struct listener_context {
	struct event_base *base;
	bool first; /* for one of the workers: it logs a capped backlog */
	/* The callee owns the descriptor and the entry in the limits. */
	void (*accepted)(struct listener_context *context,
			 const struct connection_info *info);
};

/*
 * Takes the socket `fd`.  `binding` must last as long as the listener, or until
 * listener_change().  NULL: out of memory, and `fd` is still the caller's.
 */
struct listener *listener_new(int fd, const struct binding *binding);
void listener_free(struct listener *listener); /* NULL is fine */

/*
 * Accepts from now on.  If descriptors or memory run out, logs that, pauses and
 * tries again.
 */
void listener_start(struct listener *listener,
		    struct listener_context *context);

/*
 * Replaces the binding, for the connections that are accepted from now on, and
 * sets the options and backlog of the socket.  Errors are logged.
 */
void listener_change(struct listener *listener, const struct binding *binding);

/*
 * Accepts the connections in the kernel's queue, before the socket is closed.
 * A unix socket refuses new connections from then on.  No effect for an
 * inherited socket: another process, or the status port, accepts its queue.
 */
void listener_accept_queued(struct listener *listener);

#endif
