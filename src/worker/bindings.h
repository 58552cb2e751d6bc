/*
 * bindings: the table of what one worker serves: a binding (listen/binding.h)
 * and its listener or UDP socket for each endpoint.
 *
 * The control thread completes the tables of all workers before it hands any of
 * them over; applying a table cannot fail.  An applied table belongs to its
 * worker, until the next one replaces it.
 *
 * A table owns its sockets, and references to settings and limits.
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

/* Adds an endpoint that the worker serves already: only the binding changes. */
void bindings_keep(struct bindings *bindings, const struct binding *binding);

/*
 * Adds a new endpoint, and takes the socket `fd`.  False with errno set: `fd`
 * is still the caller's, and the table can only be freed.
 */
bool bindings_add(struct bindings *bindings, const struct binding *binding,
		  int fd);

/*
 * Endpoint `id` of the previous table goes to the status port, which shares its
 * socket: when that table is replaced, the queue is left to the status port.
 */
void bindings_pass_on(struct bindings *bindings, unsigned id);

/*
 * Serves `bindings`, and takes and frees the table that it replaces, `before`
 * or NULL.  A socket that is not kept is closed after its queue has been
 * served.  `bindings` is still the caller's.  Worker thread.
 */
void bindings_apply(struct bindings *bindings, struct bindings *before,
		    struct listener_context *listeners,
		    struct udp_socket_context *udp_sockets);

/*
 * Closes the inherited listening sockets.  Their queues are left to the next
 * process.  NULL is fine.  Worker thread.
 */
void bindings_yield(struct bindings *bindings);

/*
 * Serves the queues, then closes the sockets and frees the table.  NULL is
 * fine.  Worker thread.
 */
void bindings_close(struct bindings *bindings);

#endif
