#include "crew.h"

#include <limits.h>

#include "loop.h"
#include "plan.h"
#include "sockets.h"
#include "worker.h"

enum { WORKERS = 3 };

struct fixture {
	struct event_base *base;
	struct crew *crew;
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

static struct crew *
new_crew(struct fixture *fixture)
{
	static const struct crew_news news = {
		.serving = on_serving,
		.answered = on_answered,
		.yielded = on_yielded,
		.finished = on_finished,
	};

	*fixture = (struct fixture){ .base = event_base_new() };
	fixture->crew = crew_new(fixture->base, WORKERS, &news, fixture);
	return fixture->crew;
}

static void
end(struct fixture *fixture)
{
	crew_free(fixture->crew);
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

START_TEST(all_are_needed_to_be_serving)
{
	struct fixture fixture;

	ck_assert_ptr_nonnull(new_crew(&fixture));
	ck_assert_uint_eq(crew_count(fixture.crew), WORKERS);
	for (int round = 0; round < 3; round++) {
		struct worker *const *workers = crew_workers(fixture.crew);

		for (unsigned i = 0; i < WORKERS; i++)
			worker_serve(workers[i], plan_new(1));
		wait_for(&fixture, &fixture.serving);
	}
	end(&fixture);
}
END_TEST

START_TEST(each_answers)
{
	struct fixture fixture;

	ck_assert_ptr_nonnull(new_crew(&fixture));
	worker_ping(crew_workers(fixture.crew)[WORKERS - 1]);
	wait_for(&fixture, &fixture.answered);
	end(&fixture);
}
END_TEST

START_TEST(it_ends_step_by_step)
{
	struct fixture fixture;

	ck_assert_ptr_nonnull(new_crew(&fixture));
	crew_yield(fixture.crew);
	wait_for(&fixture, &fixture.yielded);
	crew_drain(fixture.crew);
	crew_shut(fixture.crew);
	wait_for(&fixture, &fixture.finished);
	ck_assert_uint_eq(crew_drained(fixture.crew), 0);
	ck_assert_uint_eq(crew_forced(fixture.crew), 0);
	end(&fixture);
}
END_TEST

/* Before the workers have come to read the first. */
START_TEST(it_can_be_stopped_again_and_again)
{
	struct fixture fixture;

	for (int round = 0; round < 20; round++) {
		ck_assert_ptr_nonnull(new_crew(&fixture));
		for (int i = 0; i < 5; i++)
			crew_stop(fixture.crew);
		wait_for(&fixture, &fixture.finished);
		crew_stop(fixture.crew);
		end(&fixture);
	}
}
END_TEST

START_TEST(one_that_is_not_stopped_is_freed)
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

START_TEST(all_or_none_are_started)
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
FAULT(28, all_or_none_are_started)

START_TEST(none_is_fine_to_free)
{
	crew_free(NULL);
}
END_TEST

SUITE(all_are_needed_to_be_serving, each_answers, it_ends_step_by_step,
      it_can_be_stopped_again_and_again, one_that_is_not_stopped_is_freed,
      all_or_none_are_started, none_is_fine_to_free)
