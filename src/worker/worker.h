/*
 * worker: a thread with an event loop, and what it serves there
 * (worker/worker_state.h).
 *
 * The control thread starts workers, gives them tasks and ends them.  The
 * functions below are for the control thread, if no comment says otherwise.
 * Workers hand over connections to each other.
 */
#ifndef ECHOD_WORKER_WORKER_H
#define ECHOD_WORKER_WORKER_H

#include <stdbool.h>

#include "base/mailbox.h"

struct balancer;
struct worker;
struct worker_state;

/*
 * A function to be run on the thread of one worker.  The caller owns the task
 * and sets the members before `running`.  It must not change or free the task
 * until `done` has run or the worker has been freed.
 */
struct worker_task {
	/* Runs on the worker's thread; NULL: there is nothing to run. */
	void (*run)(struct worker_state *state, void *argument);
	void *argument;
	bool when_empty; /* wait until the worker has no connection */
	/* Runs on the control thread, after `run`.  Not NULL. */
	void (*done)(void *owner);
	void *owner;

	bool running;	  /* from worker_run() to `done`; read-only */
	struct mail mail; /* used by worker.c: to the worker, and back */
};

/*
 * Starts the thread of worker `number`.  `balancer` chooses one of the workers
 * `all`, indexed by their numbers, for each connection.  `all` must be complete
 * before the first task.  Tasks that have been run are posted to `home`, the
 * mailbox of the control thread.  The pointers are borrowed until the worker
 * has been freed.  NULL with errno set on failure.
 */
struct worker *worker_new(unsigned number, struct worker *const *all,
			  struct balancer *balancer, struct mailbox *home);

/*
 * Posts the task; this cannot fail.  Tasks are run in the order of posting.
 * Later tasks overtake one with `when_empty`, which waits until the worker has
 * no connection; only one can wait at a time.  A worker runs tasks until
 * worker_join(), even if it serves nothing any more.
 */
void worker_run(struct worker *worker, struct worker_task *task);

/* Closes the connections that are left, ends the thread and waits for it. */
void worker_join(struct worker *worker);

/*
 * Frees a worker.  All workers must have been joined before: any of them could
 * hand over connections to this one.
 */
void worker_free(struct worker *worker);

/* Its connections, with those being handed over to it.  Any thread. */
unsigned worker_load(const struct worker *worker);

/*
 * The connections that ended by themselves in a drain, and those that
 * worker_state_stop() closed.  Valid after worker_state_finish() or
 * worker_state_stop() has been run.
 */
unsigned worker_drained(const struct worker *worker);
unsigned worker_forced(const struct worker *worker);

#endif
