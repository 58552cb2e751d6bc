/*
 * worker: a thread with an event loop, its listeners and its sessions.
 *
 * All functions here are called from the control thread; they reach the worker
 * by its mailbox.  News comes back as mail to the control thread's.
 */
#ifndef ECHOD_WORKER_H
#define ECHOD_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include "listener.h"

struct mailbox;
struct stats;
struct worker;
struct worker_plan;

/* What a worker tells, on the control thread. */
struct worker_news {
	/* No session is left: worker_drain() or worker_stop() is done. */
	void (*finished)(struct worker *worker, void *owner);
};

/*
 * Starts the thread.  NULL with errno set where that cannot be.  News is posted
 * to `home`, whose owner is passed on.
 */
struct worker *worker_new(unsigned number, struct mailbox *home,
			  const struct worker_news *news);

/* Joins the thread, which has to have finished, and frees all. */
void worker_free(struct worker *worker); /* NULL is fine */

const struct stats *worker_stats(const struct worker *worker);

/*
 * A plan says what a worker is to serve, as a whole; endpoints are told apart
 * by their ids.  It is made in full before anything is handed over, so that
 * what can fail has failed by then.  At most `size` endpoints.
 */
struct worker_plan *worker_plan_new(size_t size);

/* Closes the descriptors that it was given.  NULL is fine. */
void worker_plan_free(struct worker_plan *plan);

/* An endpoint that the worker serves already: only its terms change. */
void worker_plan_keep(struct worker_plan *plan, unsigned id,
		      const struct listener_terms *terms);

/* A new one.  False where memory is out: `fd` is still the caller's then. */
bool worker_plan_add(struct worker_plan *plan, unsigned id, int fd,
		     const struct listener_terms *terms);

/* Takes the plan.  What it does not name is drained of its queue and closed. */
void worker_serve(struct worker *worker, struct worker_plan *plan);

/* Stop accepting, let the sessions end, tell when the last one has. */
void worker_drain(struct worker *worker);

/* End at once.  Told by `finished`, too, unless that has been. */
void worker_stop(struct worker *worker);

/* After `finished`: how many sessions drained, how many were cut off. */
unsigned worker_drained(const struct worker *worker);
unsigned worker_forced(const struct worker *worker);

#endif
