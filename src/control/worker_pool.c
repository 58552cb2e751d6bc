#include "control/worker_pool.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mailbox.h"
#include "worker/balancer.h"
#include "worker/worker.h"

struct worker_pool {
	struct worker_pool_callbacks news;
	void *owner;
	struct mailbox *mailbox;
	struct event *mail;
	struct balancer *balancer;
	unsigned count;
	/* So many have told that they are. */
	unsigned serving;
	unsigned yielded;
	unsigned quiet;
	unsigned finished;
	bool stopped;
	struct worker *workers[];
};

static void
tell(struct worker_pool *pool, void (*what)(struct worker *))
{
	for (unsigned i = 0; i < pool->count; i++)
		what(pool->workers[i]);
}

static void
on_serving(struct worker *worker, void *owner)
{
	struct worker_pool *pool = owner;

	(void)worker;
	if (++pool->serving < pool->count)
		return;
	pool->serving = 0;
	pool->news.serving(pool->owner);
}

static void
on_answered(struct worker *worker, void *owner)
{
	struct worker_pool *pool = owner;

	(void)worker;
	pool->news.answered(pool->owner);
}

static void
on_yielded(struct worker *worker, void *owner)
{
	struct worker_pool *pool = owner;

	(void)worker;
	if (++pool->yielded == pool->count)
		pool->news.yielded(pool->owner);
}

/* As long as one accepts, others may be handed connections. */
static void
on_quiet(struct worker *worker, void *owner)
{
	struct worker_pool *pool = owner;

	(void)worker;
	if (++pool->quiet == pool->count)
		tell(pool, worker_finish);
}

static void
on_finished(struct worker *worker, void *owner)
{
	struct worker_pool *pool = owner;

	(void)worker;
	if (++pool->finished == pool->count)
		pool->news.finished(pool->owner);
}

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
	/* Stops at the first that fails, whose errno it is. */
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
	static const struct worker_callbacks news = {
		.serving = on_serving,
		.answered = on_answered,
		.yielded = on_yielded,
		.quiet = on_quiet,
		.finished = on_finished,
	};

	while (pool->count < count) {
		struct worker *worker =
			worker_new(pool->count, pool->mailbox, &news);

		if (!worker)
			return false;
		pool->workers[pool->count++] = worker;
	}
	for (unsigned i = 0; i < count; i++)
		worker_meet(pool->workers[i], pool->workers, pool->balancer);
	return true;
}

struct worker_pool *
worker_pool_new(struct event_base *base, unsigned count,
		const struct worker_pool_callbacks *news, void *owner)
{
	struct worker_pool *pool =
		calloc(1, sizeof(*pool) + count * sizeof(struct worker *));
	int error;

	if (!pool)
		return NULL;
	pool->news = *news;
	pool->owner = owner;
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
	if (pool->finished < pool->count)
		worker_pool_stop(pool);
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
worker_pool_yield(struct worker_pool *pool)
{
	tell(pool, worker_yield);
}

void
worker_pool_drain(struct worker_pool *pool)
{
	tell(pool, worker_drain);
}

void
worker_pool_shut(struct worker_pool *pool)
{
	tell(pool, worker_shut);
}

void
worker_pool_stop(struct worker_pool *pool)
{
	/* A mail that has not been read yet cannot be posted again. */
	if (pool->stopped)
		return;
	pool->stopped = true;
	tell(pool, worker_stop);
}

unsigned
worker_pool_drained(const struct worker_pool *pool)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < pool->count; i++)
		sum += worker_drained(pool->workers[i]);
	return sum;
}

unsigned
worker_pool_forced(const struct worker_pool *pool)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < pool->count; i++)
		sum += worker_forced(pool->workers[i]);
	return sum;
}
