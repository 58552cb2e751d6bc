/*
 * listener: accepts on one socket, in one worker, and hands each connection
 * that the gate admits up by callback.
 *
 * Made on any thread, it belongs to the worker that starts it.  It owns its
 * descriptor and references to its settings and its gate.
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
	bool first; /* tells what concerns all sockets of a group */
	/* The descriptor and the place at the gate go over to the callee. */
	void (*accepted)(struct listener_context *context,
			 const struct connection_info *info);
};

/*
 * Takes the socket `fd`.  `binding` must last as long as the listener, or until
 * listener_change().  NULL: out of memory, and `fd` is still the caller's.
 */
struct listener *listener_new(int fd, const struct binding *binding);
void listener_free(struct listener *listener); /* NULL is fine */

/* Accepts from now on; where that cannot be, the log says so. */
void listener_start(struct listener *listener,
		    struct listener_context *context);

/* Another binding, for the connections that are accepted from now on. */
void listener_change(struct listener *listener, const struct binding *binding);

/*
 * Accepts all that the kernel has queued: what is due before closing, unless the
 * socket was handed over.
 */
void listener_accept_queued(struct listener *listener);

#endif
