/*
 * listener: accepts on one socket, in one worker, and hands each connection
 * that the gate admits up by callback.
 *
 * Made on any thread, it belongs to the worker that starts it.  It owns its
 * descriptor and references to its settings and its gate.
 */
#ifndef ECHOD_LISTENER_H
#define ECHOD_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "origin.h"

struct listener;

struct listener_host {
	struct event_base *base;
	struct stats *stats;
	bool first; /* tells what concerns all sockets of a group */
	/* The descriptor and the place at the gate go over to the callee. */
	void (*accepted)(struct listener_host *host,
			 const struct origin *origin);
};

/* What a listener serves with, replaced as a whole by a reload. */
struct listener_terms {
	const struct config_listener *listener;
	bool inherited; /* what is queued is left to who comes next */
	struct gate *gate;
};

/* NULL where memory is out: `fd` is still the caller's then. */
struct listener *listener_new(int fd, const struct listener_terms *terms);
void listener_free(struct listener *listener); /* NULL is fine */

/* Accepts from now on; where that cannot be, the log says so. */
void listener_start(struct listener *listener, struct listener_host *host);

/* Other terms for those who come later. */
void listener_change(struct listener *listener,
		     const struct listener_terms *terms);

/* Another serves its socket from now on: who is queued is left to that. */
void listener_leave_queue(struct listener *listener);

/*
 * Accepts all that the kernel has queued: what is due before closing, unless the
 * socket was handed over.
 */
void listener_accept_queued(struct listener *listener);

#endif
