/*
 * worker_pool: all workers together, from the start of the first to the end of the
 * last, and the mailbox by which they send news.
 *
 * Control thread only.
 */
#ifndef ECHOD_CONTROL_WORKER_POOL_H
#define ECHOD_CONTROL_WORKER_POOL_H

struct worker_pool;
struct event_base;
struct worker;

struct worker_pool_callbacks {
	/* All have the plan in force that each was given. */
	void (*serving)(void *owner);
	/* One has answered: see worker_callbacks. */
	void (*answered)(void *owner);
	/* What worker_pool_yield() asked for is done by all. */
	void (*yielded)(void *owner);
	/* No session is left. */
	void (*finished)(void *owner);
};

/* Starts `count` threads.  NULL with errno set where that cannot be. */
struct worker_pool *worker_pool_new(struct event_base *base, unsigned count,
				    const struct worker_pool_callbacks *news,
				    void *owner);

/* Stops those who have not finished, and waits for them.  NULL is fine. */
void worker_pool_free(struct worker_pool *pool);

unsigned worker_pool_count(const struct worker_pool *pool);

/* As many; they last as long as the crew. */
struct worker *const *worker_pool_workers(const struct worker_pool *pool);

/*
 * The steps to the end, as worker/worker.h has them: worker_pool_drain() once all have
 * yielded, worker_pool_shut() at any time after it.  What follows that is the crew's
 * own affair, until it has finished.
 */
void worker_pool_yield(struct worker_pool *pool);
void worker_pool_drain(struct worker_pool *pool);
void worker_pool_shut(struct worker_pool *pool);

/* Ends at once; once more is fine. */
void worker_pool_stop(struct worker_pool *pool);

/* After `finished`: sessions that drained, and that were cut off. */
unsigned worker_pool_drained(const struct worker_pool *pool);
unsigned worker_pool_forced(const struct worker_pool *pool);

#endif
