#include "control/worker_pool.h"

#include <limits.h>
#include <sched.h>
#include <stdatomic.h>

#include "support/loop.h"
#include "support/sockets.h"
#include "worker/worker_state.h"

enum { WORKERS = 3 };

struct fixture {
	struct event_base *base;
	struct worker_pool *pool;
	struct broadcast *broadcast;
	unsigned done;
};

/* How many workers have run count_up(). */
static atomic_uint runs;

static void
count_up(struct worker_state *state, void *argument)
{
	(void)state;
	atomic_fetch_add(&runs, 1);
	if (argument)
		atomic_fetch_add((atomic_uint *)argument, 1);
}

static void
on_done(void *owner)
{
	((struct fixture *)owner)->done++;
}

static struct worker_pool *
new_pool(struct fixture *fixture)
{
	*fixture = (struct fixture){ .base = event_base_new() };
	fixture->pool = worker_pool_new(fixture->base, WORKERS);
	if (fixture->pool)
		fixture->broadcast = broadcast_new(fixture->pool, fixture);
	return fixture->pool;
}

static void
end(struct fixture *fixture)
{
	worker_pool_free(fixture->pool);
	broadcast_free(fixture->broadcast);
	event_base_free(fixture->base);
}

static bool
is_done(void *owner)
{
	return ((struct fixture *)owner)->done > 0;
}

static void
wait_done(struct fixture *fixture)
{
	loop_until(fixture->base, is_done, fixture);
	ck_assert_uint_eq(fixture->done, 1);
	ck_assert(!broadcast_is_running(fixture->broadcast));
	fixture->done = 0;
}

START_TEST(test_a_broadcast_is_run_by_all)
{
	struct fixture fixture;

	ck_assert_ptr_nonnull(new_pool(&fixture));
	ck_assert_uint_eq(worker_pool_count(fixture.pool), WORKERS);
	for (unsigned round = 1; round <= 3; round++) {
		broadcast_run(fixture.broadcast, count_up, on_done);
		wait_done(&fixture);
		ck_assert_uint_eq(runs, round * WORKERS);
	}
	end(&fixture);
}
END_TEST

START_TEST(test_each_worker_gets_its_argument)
{
	atomic_uint counts[WORKERS] = { 0 };
	struct fixture fixture;

	ck_assert_ptr_nonnull(new_pool(&fixture));
	for (unsigned i = 0; i < WORKERS; i++)
		broadcast_set_argument(fixture.broadcast, i, &counts[i]);
	broadcast_run(fixture.broadcast, count_up, on_done);
	wait_done(&fixture);
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_uint_eq(counts[i], 1);
	end(&fixture);
}
END_TEST

/* Blocks a worker until the test has seen which one it is. */
static void
hold(struct worker_state *state, void *argument)
{
	(void)state;
	while (argument && !atomic_load((atomic_bool *)argument))
		sched_yield();
}

static bool
is_held(void *owner)
{
	const struct fixture *fixture = owner;

	return !broadcast_is_running_on(fixture->broadcast, 0) &&
	       !broadcast_is_running_on(fixture->broadcast, 2);
}

START_TEST(test_a_worker_that_hangs_is_named)
{
	atomic_bool go_on = false;
	struct fixture fixture;

	ck_assert_ptr_nonnull(new_pool(&fixture));
	broadcast_set_argument(fixture.broadcast, 1, &go_on);
	broadcast_run(fixture.broadcast, hold, on_done);
	loop_until(fixture.base, is_held, &fixture);
	ck_assert(broadcast_is_running(fixture.broadcast));
	ck_assert(broadcast_is_running_on(fixture.broadcast, 1));
	ck_assert_uint_eq(fixture.done, 0);
	atomic_store(&go_on, true);
	wait_done(&fixture);
	end(&fixture);
}
END_TEST

/* The order is that of the calls, whether or not there is a callback. */
START_TEST(test_broadcasts_follow_each_other)
{
	struct fixture fixture;
	struct broadcast *before, *cancelled;

	ck_assert_ptr_nonnull(new_pool(&fixture));
	before = broadcast_new(fixture.pool, NULL);
	cancelled = broadcast_new(fixture.pool, &fixture);
	broadcast_run(before, count_up, NULL);
	broadcast_run(cancelled, count_up, on_done);
	broadcast_cancel(cancelled);
	broadcast_run(fixture.broadcast, NULL, on_done);
	wait_done(&fixture);
	ck_assert_uint_eq(runs, 2 * WORKERS);
	ck_assert(!broadcast_is_running(before));
	ck_assert(!broadcast_is_running(cancelled));
	end(&fixture);
	broadcast_free(before);
	broadcast_free(cancelled);
}
END_TEST

START_TEST(test_it_ends_step_by_step)
{
	struct fixture fixture;
	unsigned drained, forced;

	ck_assert_ptr_nonnull(new_pool(&fixture));
	broadcast_run(fixture.broadcast, worker_state_release_inherited,
		      on_done);
	wait_done(&fixture);
	broadcast_run(fixture.broadcast, worker_state_drain_sessions, on_done);
	wait_done(&fixture);
	broadcast_run(fixture.broadcast, worker_state_close_listeners, on_done);
	wait_done(&fixture);
	broadcast_run_when_empty(fixture.broadcast, worker_state_finish,
				 on_done);
	wait_done(&fixture);
	worker_pool_count_ended(fixture.pool, &drained, &forced);
	ck_assert_uint_eq(drained, 0);
	ck_assert_uint_eq(forced, 0);
	end(&fixture);
}
END_TEST

/* Also before the workers have run an earlier step. */
START_TEST(test_it_can_be_stopped_again_and_again)
{
	struct fixture fixture;

	for (int round = 0; round < 20; round++) {
		struct broadcast *step;

		ck_assert_ptr_nonnull(new_pool(&fixture));
		step = broadcast_new(fixture.pool, NULL);
		broadcast_run(step, worker_state_close_listeners, NULL);
		for (int i = 0; i < 5; i++) {
			broadcast_run(fixture.broadcast, worker_state_stop,
				      on_done);
			wait_done(&fixture);
		}
		end(&fixture);
		broadcast_free(step);
	}
}
END_TEST

/* While a broadcast runs. */
START_TEST(test_it_is_freed_while_workers_are_busy)
{
	struct fixture fixture;

	for (int round = 0; round < 20; round++) {
		ck_assert_ptr_nonnull(new_pool(&fixture));
		broadcast_run(fixture.broadcast, count_up, on_done);
		end(&fixture);
		ck_assert_uint_eq(fixture.done, 0);
		ck_assert_uint_eq(runs, (unsigned)(round + 1) * WORKERS);
	}
}
END_TEST

START_TEST(test_one_that_is_not_stopped_is_freed)
{
	struct fixture fixture;
	int before = open_descriptors();

	ck_assert_ptr_nonnull(new_pool(&fixture));
	end(&fixture);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

/* The pool has a mailbox, and so has each worker: the second gets none. */
static unsigned mailboxes_left = UINT_MAX;

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);

int
__wrap_eventfd(unsigned count, int flags)
{
	if (mailboxes_left-- > 0)
		return __real_eventfd(count, flags);
	errno = EMFILE;
	return -1;
}

START_TEST(test_all_or_none_are_started)
{
	struct fixture fixture;
	int before = open_descriptors();

	mailboxes_left = 2;
	ck_assert_ptr_null(new_pool(&fixture));
	ck_assert_int_eq(errno, EMFILE);
	end(&fixture);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST
FAULT(28, test_all_or_none_are_started)

START_TEST(test_none_is_fine_to_free)
{
	worker_pool_free(NULL);
}
END_TEST

SUITE(test_a_broadcast_is_run_by_all, test_each_worker_gets_its_argument,
      test_a_worker_that_hangs_is_named, test_broadcasts_follow_each_other,
      test_it_ends_step_by_step, test_it_can_be_stopped_again_and_again,
      test_it_is_freed_while_workers_are_busy,
      test_one_that_is_not_stopped_is_freed, test_all_or_none_are_started,
      test_none_is_fine_to_free)
