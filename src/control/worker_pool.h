/*
 * worker_pool: all worker threads, and broadcasts to them.  A broadcast runs a
 * function on the thread of every worker, and calls back when all have run it.
 *
 * Control thread only.
 */
#ifndef ECHOD_CONTROL_WORKER_POOL_H
#define ECHOD_CONTROL_WORKER_POOL_H

#include <stdbool.h>

struct broadcast;
struct event_base;
struct worker;
struct worker_pool;
struct worker_state;

/*
 * Starts `count` threads.  The event loop of `base` runs the callbacks.  NULL
 * with errno set on failure.
 */
struct worker_pool *worker_pool_new(struct event_base *base, unsigned count);

/*
 * Closes the connections that are left, and waits for the threads to end.  No
 * callback runs any more.  NULL is fine.
 */
void worker_pool_free(struct worker_pool *pool);

unsigned worker_pool_count(const struct worker_pool *pool);

/* An array of worker_pool_count() workers, which last as long as the pool. */
struct worker *const *worker_pool_workers(const struct worker_pool *pool);

/* The sums of worker_drained() and of worker_forced(). */
void worker_pool_count_ended(const struct worker_pool *pool, unsigned *drained,
			     unsigned *forced);

/*
 * A broadcast has the memory to run one function on all workers, so running it
 * cannot fail.  `owner` is passed to `done`.  The owner frees the broadcast
 * after the pool.  NULL: out of memory.
 */
struct broadcast *broadcast_new(struct worker_pool *pool, void *owner);
void broadcast_free(struct broadcast *broadcast); /* NULL is fine */

/*
 * Sets the `argument` of `run` on worker number `worker`, for the next run and
 * later ones; NULL until then.  Not while the broadcast is running.
 */
void broadcast_set_argument(struct broadcast *broadcast, unsigned worker,
			    void *argument);

/*
 * Runs `run` on every worker's thread, then calls `done` on the control thread;
 * each can be NULL.  A worker runs broadcasts in the order of these calls.  The
 * previous run of the same broadcast must be complete.
 */
void broadcast_run(struct broadcast *broadcast,
		   void (*run)(struct worker_state *state, void *argument),
		   void (*done)(void *owner));

/*
 * The same, but each worker runs `run` when it has no connection; later
 * broadcasts overtake this one.  Only one broadcast of a pool can wait so.
 */
void broadcast_run_when_empty(struct broadcast *broadcast,
			      void (*run)(struct worker_state *state,
					  void *argument),
			      void (*done)(void *owner));

/* `done` is not called any more.  Workers still run the function. */
void broadcast_cancel(struct broadcast *broadcast);

/* True if one worker, or any, is not known to have run the function yet. */
bool broadcast_is_running_on(const struct broadcast *broadcast,
			     unsigned worker);
bool broadcast_is_running(const struct broadcast *broadcast);

#endif
