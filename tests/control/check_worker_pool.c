#include "control/worker_pool.h"

#include <limits.h>

#include "support/loop.h"
#include "support/sockets.h"
#include "worker/bindings.h"
#include "worker/worker.h"

enum { WORKERS = 3 };

struct fixture {
	struct event_base *base;
	struct worker_pool *pool;
	unsigned serving;
	unsigned answered;
	unsigned yielded;
	unsigned finished;
};

static void
on_serving(void *owner)
{
	((struct fixture *)owner)->serving++;
}

static void
on_answered(void *owner)
{
	((struct fixture *)owner)->answered++;
}

static void
on_yielded(void *owner)
{
	((struct fixture *)owner)->yielded++;
}

static void
on_finished(void *owner)
{
	((struct fixture *)owner)->finished++;
}

static struct worker_pool *
new_crew(struct fixture *fixture)
{
	static const struct worker_pool_callbacks news = {
		.serving = on_serving,
		.answered = on_answered,
		.yielded = on_yielded,
		.finished = on_finished,
	};

	*fixture = (struct fixture){ .base = event_base_new() };
	fixture->pool = worker_pool_new(fixture->base, WORKERS, &news, fixture);
	return fixture->pool;
}

static void
end(struct fixture *fixture)
{
	worker_pool_free(fixture->pool);
	event_base_free(fixture->base);
}

static bool
is_told(void *counter)
{
	return *(unsigned *)counter > 0;
}

static void
wait_for(struct fixture *fixture, unsigned *counter)
{
	loop_until(fixture->base, is_told, counter);
	ck_assert_uint_eq(*counter, 1);
	*counter = 0;
}

START_TEST(test_all_are_needed_to_be_serving)
{
	struct fixture fixture;

	ck_assert_ptr_nonnull(new_crew(&fixture));
	ck_assert_uint_eq(worker_pool_count(fixture.pool), WORKERS);
	for (int round = 0; round < 3; round++) {
		struct worker *const *workers =
			worker_pool_workers(fixture.pool);

		for (unsigned i = 0; i < WORKERS; i++)
			worker_serve(workers[i], bindings_new(1));
		wait_for(&fixture, &fixture.serving);
	}
	end(&fixture);
}
END_TEST

START_TEST(test_each_answers)
{
	struct fixture fixture;

	ck_assert_ptr_nonnull(new_crew(&fixture));
	worker_ping(worker_pool_workers(fixture.pool)[WORKERS - 1]);
	wait_for(&fixture, &fixture.answered);
	end(&fixture);
}
END_TEST

START_TEST(test_it_ends_step_by_step)
{
	struct fixture fixture;

	ck_assert_ptr_nonnull(new_crew(&fixture));
	worker_pool_yield(fixture.pool);
	wait_for(&fixture, &fixture.yielded);
	worker_pool_drain(fixture.pool);
	worker_pool_shut(fixture.pool);
	wait_for(&fixture, &fixture.finished);
	ck_assert_uint_eq(worker_pool_drained(fixture.pool), 0);
	ck_assert_uint_eq(worker_pool_forced(fixture.pool), 0);
	end(&fixture);
}
END_TEST

/* Before the workers have come to read the first. */
START_TEST(test_it_can_be_stopped_again_and_again)
{
	struct fixture fixture;

	for (int round = 0; round < 20; round++) {
		ck_assert_ptr_nonnull(new_crew(&fixture));
		for (int i = 0; i < 5; i++)
			worker_pool_stop(fixture.pool);
		wait_for(&fixture, &fixture.finished);
		worker_pool_stop(fixture.pool);
		end(&fixture);
	}
}
END_TEST

START_TEST(test_one_that_is_not_stopped_is_freed)
{
	struct fixture fixture;
	int before = open_descriptors();

	ck_assert_ptr_nonnull(new_crew(&fixture));
	end(&fixture);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

/* The crew has a mailbox, and so has each worker: the second gets none. */
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
	ck_assert_ptr_null(new_crew(&fixture));
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

SUITE(test_all_are_needed_to_be_serving, test_each_answers,
      test_it_ends_step_by_step, test_it_can_be_stopped_again_and_again,
      test_one_that_is_not_stopped_is_freed, test_all_or_none_are_started,
      test_none_is_fine_to_free)
