/*
 * listener: accepts connections on one TCP or unix socket, in one worker, and
 * passes those within the limits to its owner by callback.
 *
 * Made on any thread, it belongs to the worker that starts it.  It owns its
 * descriptor.
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
	struct stats *stats;
	bool first; /* of all workers: logs what is true of each socket */
	/* The callee owns the descriptor and the count in the limits. */
	void (*accepted)(struct listener_context *context,
			 const struct connection_info *info);
};

/*
 * Takes the socket `fd`.  `binding` must last as long as the listener, or until
 * listener_change().  NULL: out of memory, and `fd` is still the caller's.
 */
struct listener *listener_new(int fd, const struct binding *binding);
void listener_free(struct listener *listener); /* NULL is fine */

/* Accepts from now on, or logs why that is impossible. */
void listener_start(struct listener *listener,
		    struct listener_context *context);

/* Another binding, for the connections that are accepted from now on. */
void listener_change(struct listener *listener, const struct binding *binding);

/*
 * Accepts all connections in the kernel's queue, before the socket is closed.
 * An inherited socket's queue is left alone.
 */
void listener_accept_queued(struct listener *listener);

#endif
