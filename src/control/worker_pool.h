/*
 * worker_pool: all worker threads, and one way to reach them: run a function on
 * the thread of every worker, then call back when all have.
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
 * Starts `count` threads.  Callbacks are made by the loop of `base`.  NULL with
 * errno set on failure.
 */
struct worker_pool *worker_pool_new(struct event_base *base, unsigned count);

/*
 * Closes the connections that are left, and joins the threads.  No callback is
 * made any more.  NULL is fine.
 */
void worker_pool_free(struct worker_pool *pool);

unsigned worker_pool_count(const struct worker_pool *pool);

/* worker_pool_count() of them; they live as long as the pool. */
struct worker *const *worker_pool_workers(const struct worker_pool *pool);

/* The sums of worker_drained() and of worker_forced(). */
void worker_pool_count_ended(const struct worker_pool *pool, unsigned *drained,
			     unsigned *forced);

/*
 * A broadcast has the memory for one function on its way to all workers and
 * back, so that running it cannot fail.  `owner` is passed to the callbacks.
 * The owner frees it after the pool.  NULL if memory is out.
 */
struct broadcast *broadcast_new(struct worker_pool *pool, void *owner);
void broadcast_free(struct broadcast *broadcast); /* NULL is fine */

/* What worker number `worker` is to get in the next broadcast; else NULL. */
void broadcast_set_argument(struct broadcast *broadcast, unsigned worker,
			    void *argument);

/*
 * Runs `run` on every worker's thread, then calls `done`, each unless NULL.  A
 * worker runs broadcasts in the order of these calls.  The one before of the
 * same broadcast must be done.
 */
void broadcast_run(struct broadcast *broadcast,
		   void (*run)(struct worker_state *state, void *argument),
		   void (*done)(void *owner));

/*
 * The same, except that each worker waits until it has no connection and lets
 * other broadcasts pass.  Only one broadcast of a pool may wait.
 */
void broadcast_run_when_empty(struct broadcast *broadcast,
			      void (*run)(struct worker_state *state,
					  void *argument),
			      void (*done)(void *owner));

/* Calls `done` no more.  Workers run the function all the same. */
void broadcast_cancel(struct broadcast *broadcast);

/* Whether one worker, or any, has not run the function yet. */
bool broadcast_is_running_on(const struct broadcast *broadcast,
			     unsigned worker);
bool broadcast_is_running(const struct broadcast *broadcast);

#endif
