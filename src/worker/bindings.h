/*
 * bindings: the table of what one worker serves: a binding (listen/binding.h)
 * and its listener or UDP socket for each endpoint.
 *
 * The control thread makes a table, complete before the workers get theirs, so
 * that everything that can fail has failed by then.  Once applied, it belongs
 * to the worker, until the next one replaces it.
 *
 * A table owns its sockets and references to settings and limits.
 */
#ifndef ECHOD_WORKER_BINDINGS_H
#define ECHOD_WORKER_BINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "listen/binding.h"
#include "tcp/listener.h"
#include "udp/udp_socket.h"

struct bindings {
	size_t count;
	struct bindings_entry *items;
};

/* For at most `size` endpoints.  NULL: out of memory. */
struct bindings *bindings_new(size_t size);

/* Closes its sockets.  NULL is fine. */
void bindings_free(struct bindings *bindings);

/* An endpoint that the worker serves already: only its binding changes. */
void bindings_keep(struct bindings *bindings, const struct binding *binding);

/*
 * A new endpoint; takes the socket `fd`.  False, with errno set: `fd` is still
 * the caller's.
 */
bool bindings_add(struct bindings *bindings, const struct binding *binding,
		  int fd);

/*
 * An endpoint of the table before, whose socket the status port will share: its
 * queue is left to that.
 */
void bindings_pass_on(struct bindings *bindings, unsigned id);

/*
 * Replaces the table `before`, or NULL, and takes it.  A socket that is not
 * kept serves what is in its queue and is closed.  Worker thread.
 */
void bindings_apply(struct bindings *bindings, struct bindings *before,
		    struct listener_context *listeners,
		    struct udp_socket_context *udp_sockets);

/*
 * Closes the inherited listening sockets: what is in their queues is left to
 * the next process.  NULL is fine.
 */
void bindings_yield(struct bindings *bindings);

/* Serves what is queued, then closes and frees all.  NULL is fine. */
void bindings_close(struct bindings *bindings);

#endif
