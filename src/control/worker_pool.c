#include "control/worker_pool.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/mailbox.h"
#include "worker/balancer.h"
#include "worker/worker.h"

struct worker_pool {
	struct mailbox *mailbox; /* for tasks that have been run */
	struct event *mail;
	struct balancer *balancer;
	unsigned count;
	struct worker *workers[];
};

struct broadcast {
	struct worker_pool *pool;
	void (*done)(void *owner); /* or NULL */
	void *owner;
	unsigned running; /* workers that have not run it yet */
	struct worker_task tasks[];
};

static void
on_mail(evutil_socket_t fd, short what, void *argument)
{
	struct worker_pool *pool = argument;

	(void)fd;
	(void)what;
	mailbox_deliver(pool->mailbox, pool);
}

static bool
set_up(struct worker_pool *pool, struct event_base *base, unsigned count)
{
	/* Stops at the first failure, and errno is that failure's. */
	if (!(pool->balancer = balancer_new(count)) ||
	    !(pool->mailbox = mailbox_new()))
		return false;
	pool->mail = event_new(base, mailbox_fd(pool->mailbox),
			       EV_READ | EV_PERSIST, on_mail, pool);
	return pool->mail && event_add(pool->mail, NULL) == 0;
}

static bool
start(struct worker_pool *pool, unsigned count)
{
	while (pool->count < count) {
		struct worker *worker = worker_new(pool->count, pool->workers,
						   pool->balancer,
						   pool->mailbox);

		if (!worker)
			return false;
		pool->workers[pool->count++] = worker;
	}
	return true;
}

struct worker_pool *
worker_pool_new(struct event_base *base, unsigned count)
{
	struct worker_pool *pool =
		calloc(1, sizeof(*pool) + count * sizeof(struct worker *));
	int error;

	if (!pool)
		return NULL;
	if (set_up(pool, base, count) && start(pool, count))
		return pool;
	error = errno;
	worker_pool_free(pool);
	errno = error;
	return NULL;
}

void
worker_pool_free(struct worker_pool *pool)
{
	if (!pool)
		return;
	/*
	 * Until it is joined, a worker may hand over connections to any other.
	 */
	for (unsigned i = 0; i < pool->count; i++)
		worker_join(pool->workers[i]);
	for (unsigned i = 0; i < pool->count; i++)
		worker_free(pool->workers[i]);
	if (pool->mail)
		event_free(pool->mail);
	mailbox_free(pool->mailbox);
	balancer_free(pool->balancer);
	free(pool);
}

unsigned
worker_pool_count(const struct worker_pool *pool)
{
	return pool->count;
}

struct worker *const *
worker_pool_workers(const struct worker_pool *pool)
{
	return pool->workers;
}

void
worker_pool_count_ended(const struct worker_pool *pool, unsigned *drained,
			unsigned *forced)
{
	*drained = *forced = 0;
	for (unsigned i = 0; i < pool->count; i++) {
		*drained += worker_drained(pool->workers[i]);
		*forced += worker_forced(pool->workers[i]);
	}
}

static void
on_task_done(void *owner)
{
	struct broadcast *broadcast = owner;

	if (--broadcast->running == 0 && broadcast->done)
		broadcast->done(broadcast->owner);
}

struct broadcast *
broadcast_new(struct worker_pool *pool, void *owner)
{
	struct broadcast *broadcast =
		calloc(1, sizeof(*broadcast) +
				  pool->count * sizeof(struct worker_task));

	if (!broadcast)
		return NULL;
	broadcast->pool = pool;
	broadcast->owner = owner;
	for (unsigned i = 0; i < pool->count; i++) {
		broadcast->tasks[i].done = on_task_done;
		broadcast->tasks[i].owner = broadcast;
	}
	return broadcast;
}

void
broadcast_free(struct broadcast *broadcast)
{
	free(broadcast);
}

void
broadcast_set_argument(struct broadcast *broadcast, unsigned worker,
		       void *argument)
{
	broadcast->tasks[worker].argument = argument;
}

static void
post(struct broadcast *broadcast,
     void (*run)(struct worker_state *state, void *argument), bool when_empty,
     void (*done)(void *owner))
{
	struct worker_pool *pool = broadcast->pool;

	broadcast->done = done;
	broadcast->running = pool->count;
	for (unsigned i = 0; i < pool->count; i++) {
		broadcast->tasks[i].run = run;
		broadcast->tasks[i].when_empty = when_empty;
		worker_run(pool->workers[i], &broadcast->tasks[i]);
	}
}

void
broadcast_run(struct broadcast *broadcast,
	      void (*run)(struct worker_state *state, void *argument),
	      void (*done)(void *owner))
{
	post(broadcast, run, false, done);
}

void
broadcast_run_when_empty(struct broadcast *broadcast,
			 void (*run)(struct worker_state *state,
				     void *argument),
			 void (*done)(void *owner))
{
	post(broadcast, run, true, done);
}

void
broadcast_cancel(struct broadcast *broadcast)
{
	broadcast->done = NULL;
}

bool
broadcast_is_running_on(const struct broadcast *broadcast, unsigned worker)
{
	return broadcast->tasks[worker].running;
}

bool
broadcast_is_running(const struct broadcast *broadcast)
{
	return broadcast->running > 0;
}
