/*
 * plan: what a worker is to serve, as a whole.  Endpoints are told apart by
 * their ids.
 *
 * A plan is made by the control thread, in full before anything is handed over,
 * so that what can fail has failed by then.  Applied, it belongs to the worker
 * as the table of what it serves, until the next one.
 */
#ifndef ECHOD_PLAN_H
#define ECHOD_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "datagram.h"
#include "listener.h"
#include "mailbox.h"

struct plan {
	struct mail mail; /* for its way to the worker */
	size_t count;
	struct plan_item *items;
};

/* For at most `size` endpoints; NULL where memory is out. */
struct plan *plan_new(size_t size);

/* Closes the descriptors that it holds.  NULL is fine. */
void plan_free(struct plan *plan);

/* An endpoint that the worker serves already: only its terms change. */
void plan_keep(struct plan *plan, unsigned id,
	       const struct listener_terms *terms);

/* A new one.  False where memory is out: `fd` is still the caller's then. */
bool plan_add(struct plan *plan, unsigned id, int fd,
	      const struct listener_terms *terms);

/*
 * One of the plan before whose socket goes on elsewhere: its queue is left there.
 */
void plan_pass_on(struct plan *plan, unsigned id);

/* The same for an endpoint of UDP; `terms` has its id. */
void plan_keep_datagram(struct plan *plan, const struct datagram_terms *terms);
bool plan_add_datagram(struct plan *plan, int fd,
		       const struct datagram_terms *terms);

/*
 * Puts `plan` in the place of `before` (or NULL), which it takes: what it does
 * not keep is emptied of its queue and closed.  On the worker's thread.
 */
void plan_apply(struct plan *plan, struct plan *before,
		struct listener_host *listeners,
		struct datagram_host *datagrams);

/*
 * Gives up the listening sockets that were handed over: who is queued there is
 * left to the process that comes next.  NULL is fine.
 */
void plan_yield(struct plan *plan);

/* Accepts and answers what is queued, closes and frees all.  NULL is fine. */
void plan_close(struct plan *plan);

#endif
