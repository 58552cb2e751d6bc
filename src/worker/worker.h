/*
 * worker: a thread with an event loop, and what it serves there
 * (worker/worker_state.h).
 *
 * The control thread starts workers, gives them tasks and ends them; unless a
 * comment says otherwise, the functions below are for the control thread.
 * Workers hand over connections to each other.
 */
#ifndef ECHOD_WORKER_WORKER_H
#define ECHOD_WORKER_WORKER_H

#include <stdbool.h>

#include "base/mailbox.h"

struct balancer;
struct stats;
struct worker;
struct worker_state;

/*
 * A function to be run on the thread of one worker.  The caller owns the task
 * and sets the first members.  It must keep the task unchanged while it runs.
 */
struct worker_task {
	/* Runs on the worker's thread; NULL: there is nothing to run. */
	void (*run)(struct worker_state *state, void *argument);
	void *argument;
	bool when_empty; /* wait until the worker has no connection */
	/* Runs on the control thread, after `run`. */
	void (*done)(void *owner);
	void *owner;

	bool running;	  /* between worker_run() and `done`; for reading */
	struct mail mail; /* for worker_run() alone: to the worker, and back */
};

/*
 * Starts the thread of worker `number`.  It chooses by `balancer` which of the
 * workers `all`, indexed by their numbers, serves a connection; `all` must be
 * complete before the first task.  Tasks that have been run are posted to
 * `home`, the mailbox of the control thread.  All three must live until the
 * worker has been freed.  NULL with errno set on failure.
 */
struct worker *worker_new(unsigned number, struct worker *const *all,
			  struct balancer *balancer, struct mailbox *home);

/*
 * Posts the task, which cannot fail.  Tasks are run in the order of posting,
 * except that one that waits until the worker is empty lets others pass; one at
 * a time may wait.  A worker runs tasks until worker_join(), whether or not it
 * still serves anything.
 */
void worker_run(struct worker *worker, struct worker_task *task);

/* Closes the connections that are left, ends the thread and waits for it. */
void worker_join(struct worker *worker);

/*
 * Frees a worker that has been joined, once all that could hand over
 * connections to it have been joined as well.
 */
void worker_free(struct worker *worker);

/* Counters with one writer, see base/stats.h. */
const struct stats *worker_stats(const struct worker *worker);

/* Connections that it has or that are on their way to it.  Any thread. */
unsigned worker_load(const struct worker *worker);

/*
 * Connections that ended in a drain, and that were closed by
 * worker_state_stop(): once worker_state_finish() or worker_state_stop() has
 * been run.
 */
unsigned worker_drained(const struct worker *worker);
unsigned worker_forced(const struct worker *worker);

#endif
