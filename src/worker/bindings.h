/*
 * bindings: what a worker is to serve, as a whole.  Endpoints are told apart by
 * their ids.
 *
 * A plan is made by the control thread, in full before anything is handed over,
 * so that what can fail has failed by then.  Applied, it belongs to the worker
 * as the table of what it serves, until the next one.
 */
#ifndef ECHOD_WORKER_BINDINGS_H
#define ECHOD_WORKER_BINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "tcp/listener.h"
#include "udp/udp_socket.h"

struct bindings {
	size_t count;
	struct binding *items;
};

/* For at most `size` endpoints; NULL where memory is out. */
struct bindings *bindings_new(size_t size);

/* Closes the descriptors that it holds.  NULL is fine. */
void bindings_free(struct bindings *bindings);

/* An endpoint that the worker serves already: only its terms change. */
void bindings_keep(struct bindings *bindings, unsigned id,
		   const struct listener_params *params);

/* A new one.  False where memory is out: `fd` is still the caller's then. */
bool bindings_add(struct bindings *bindings, unsigned id, int fd,
		  const struct listener_params *params);

/*
 * One of the plan before whose socket goes on elsewhere: its queue is left there.
 */
void bindings_pass_on(struct bindings *bindings, unsigned id);

/* The same for an endpoint of UDP; `terms` has its id. */
void bindings_keep_datagram(struct bindings *bindings,
			    const struct udp_socket_params *params);
bool bindings_add_datagram(struct bindings *bindings, int fd,
			   const struct udp_socket_params *params);

/*
 * Puts `plan` in the place of `before` (or NULL), which it takes: what it does
 * not keep is emptied of its queue and closed.  On the worker's thread.
 */
void bindings_apply(struct bindings *bindings, struct bindings *before,
		    struct listener_context *listeners,
		    struct udp_socket_context *datagrams);

/*
 * Gives up the listening sockets that were handed over: who is queued there is
 * left to the process that comes next.  NULL is fine.
 */
void bindings_yield(struct bindings *bindings);

/* Accepts and answers what is queued, closes and frees all.  NULL is fine. */
void bindings_close(struct bindings *bindings);

#endif
