/*
 * worker: a thread with an event loop, and the service that it runs there.
 *
 * All functions here are called from the control thread; they reach the worker
 * by its mailbox.  News comes back as mail to the control thread's.
 */
#ifndef ECHOD_WORKER_WORKER_H
#define ECHOD_WORKER_WORKER_H

#include <stdbool.h>

struct mailbox;
struct bindings;
struct balancer;
struct stats;
struct worker;

/* What a worker tells, on the control thread. */
struct worker_callbacks {
	/* The plan of worker_serve() is in force. */
	void (*serving)(struct worker *worker, void *owner);
	/* It is alive, or has ended: what worker_ping() wanted to know. */
	void (*answered)(struct worker *worker, void *owner);
	/* It accepts no more for the next process: what worker_yield() did. */
	void (*yielded)(struct worker *worker, void *owner);
	/* It accepts no more: what worker_shut() asked for. */
	void (*quiet)(struct worker *worker, void *owner);
	/* No session is left, and its thread ends. */
	void (*finished)(struct worker *worker, void *owner);
};

/*
 * Starts the thread.  NULL with errno set where that cannot be.  News is posted
 * to `home`, whose owner is passed on.
 */
struct worker *worker_new(unsigned number, struct mailbox *home,
			  const struct worker_callbacks *news);

/* Joins the thread, which has to have finished, and frees all. */
void worker_free(struct worker *worker); /* NULL is fine */

/*
 * All workers by their numbers, itself included, and how connections are spread
 * among them; before worker_serve().  Both have to last until all of them have
 * been freed.
 */
void worker_meet(struct worker *worker, struct worker *const *all,
		 struct balancer *balancer);

const struct stats *worker_stats(const struct worker *worker);

/* Connections that are there or on their way. */
unsigned worker_load(const struct worker *worker);

/* Takes the plan and serves it instead of the one before; one at a time. */
void worker_serve(struct worker *worker, struct bindings *bindings);

/* Asks for news.answered, which is not due from the time before any more. */
void worker_ping(struct worker *worker);

/* Whether that is still due. */
bool worker_is_pinged(const struct worker *worker);

/*
 * Ends in four steps.  worker_yield() gives up listening sockets that were
 * handed over; once all workers have, so that whoever has seen a FIN and comes
 * back is the next process's, worker_drain() lets the sessions end, and those that
 * still come; worker_shut() accepts what is queued and closes the listening
 * sockets; and since a worker may be handed connections for as long as any
 * accepts, it is once all are quiet that worker_finish() ends the thread with
 * the last session.
 */
void worker_yield(struct worker *worker);
void worker_drain(struct worker *worker);
void worker_shut(struct worker *worker);
void worker_finish(struct worker *worker);

/* Ends at once. */
void worker_stop(struct worker *worker);

/* After `finished`: how many sessions drained, how many were cut off. */
unsigned worker_drained(const struct worker *worker);
unsigned worker_forced(const struct worker *worker);

#endif
