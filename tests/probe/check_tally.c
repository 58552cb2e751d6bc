#include "probe/tally.h"

#include <string.h>

#include "support/suite.h"

#define SECOND INT64_C(1000000000)
#define BEGIN (INT64_C(77) * SECOND)

static const char *const names[] = { "tcp://a:7", "tcp://b:7" };

static void
make(struct tally *tally)
{
	struct backends *backends;
	char reason[64];

	ck_assert_ptr_null(
		backends_new(NULL, &backends, reason, sizeof(reason)));
	ck_assert(tally_init(tally, names, 2, backends));
	tally_begin(tally, BEGIN);
}

static void
unmake(struct tally *tally)
{
	backends_free(tally->backends);
	tally_free(tally);
}

static void
fail_one(struct tally *tally, size_t target, enum outcome outcome, size_t size)
{
	struct failure failure = { .outcome = outcome, .detail = "" };

	tally_fail(tally, target, NULL, size, &failure);
}

START_TEST(test_targets_are_counted_and_summed)
{
	struct tally tally;
	struct target_tally sum;

	make(&tally);
	for (size_t i = 0; i < 2; i++) {
		tally_connected(&tally, i, 5000);
		tally_start(&tally, i);
		tally_start(&tally, i);
		tally_echo(&tally, i, NULL, 100, 1000 * (int64_t)(i + 1));
		fail_one(&tally, i, OUTCOME_RESET, 100);
	}
	tally_echo(&tally, 1, NULL, 10, -1); /* not measured */
	tally_sum(&tally, &sum);
	ck_assert_str_eq(sum.name, "all");
	ck_assert_uint_eq(sum.connected, 2);
	ck_assert_uint_eq(sum.started, 4);
	ck_assert_uint_eq(sum.bytes, 210);
	ck_assert_uint_eq(sum.outcomes[OUTCOME_ECHOED], 3);
	ck_assert_uint_eq(sum.outcomes[OUTCOME_RESET], 2);
	ck_assert_uint_eq(sum.round_trip.count, 2);
	ck_assert_uint_eq(sum.round_trip.max, 2000);
	ck_assert_uint_eq(sum.connect.count, 2);
	unmake(&tally);
}
END_TEST

START_TEST(test_an_echo_is_taken_back_where_it_was_counted)
{
	struct tally tally;
	struct backend *backend;

	make(&tally);
	backend = backends_find(tally.backends, "b", 1, NULL);
	tally_echo(&tally, 0, backend, 10, 50);
	tally_tick(&tally, BEGIN + SECOND);
	tally_echo(&tally, 0, backend, 20, 50);
	tally_tick(&tally, BEGIN + 3 * SECOND);
	tally_take_back(&tally, 0, backend, 20);
	ck_assert_uint_eq(tally.targets[0].outcomes[OUTCOME_ECHOED], 1);
	ck_assert_uint_eq(tally.targets[0].bytes, 10);
	ck_assert_uint_eq(backend->echoed, 1);
	ck_assert_uint_eq(tally.stretches[0].outcomes[OUTCOME_ECHOED], 1);
	ck_assert_uint_eq(tally.stretches[1].outcomes[OUTCOME_ECHOED], 0);
	tally_echo(&tally, 0, backend, 30, 50);
	tally_take_back(&tally, 0, backend, 30);
	ck_assert_uint_eq(tally.second.outcomes[OUTCOME_ECHOED], 0);
	unmake(&tally);
}
END_TEST

START_TEST(test_a_second_is_complete_when_the_next_one_begins)
{
	struct tally tally;
	const struct second *second;
	struct backend *backend;

	make(&tally);
	backend = backends_find(tally.backends, "b", 1, NULL);
	tally_start(&tally, 0);
	tally_echo(&tally, 0, backend, 1, 50);
	ck_assert_ptr_null(tally_tick(&tally, BEGIN + SECOND - 1));
	second = tally_tick(&tally, BEGIN + SECOND);
	ck_assert_ptr_nonnull(second);
	ck_assert_uint_eq(second->started, 1);
	ck_assert_uint_eq(second->outcomes[OUTCOME_ECHOED], 1);
	ck_assert_uint_eq(second->backends, 1);
	ck_assert_uint_eq(second->p50, 50);
	ck_assert_uint_eq(second->max, 50);
	ck_assert_uint_eq(backend->last_second_echoed, 1);
	/* Two seconds without anything, and then one message. */
	tally_start(&tally, 0);
	second = tally_tick(&tally, BEGIN + 4 * SECOND);
	ck_assert_uint_eq(second->started, 1);
	ck_assert_uint_eq(second->max, 0);
	tally_start(&tally, 0);
	tally_finish(&tally, BEGIN + 4 * SECOND + 5);
	ck_assert_uint_eq(tally.stretch_count, 5);
	ck_assert_uint_eq(tally.stretches[1].started, 1);
	ck_assert_uint_eq(tally.stretches[2].started, 0);
	ck_assert_uint_eq(tally.stretches[4].started, 1);
	unmake(&tally);
}
END_TEST

START_TEST(test_two_stretches_become_one_if_a_run_is_long)
{
	struct tally tally;
	uint64_t started = 0;

	make(&tally);
	for (int i = 1; i <= 3 * TALLY_STRETCHES; i++) {
		tally_start(&tally, 0);
		tally_tick(&tally, BEGIN + i * SECOND);
	}
	tally_finish(&tally, BEGIN + 3 * TALLY_STRETCHES * SECOND);
	ck_assert_uint_eq(tally.stretch_seconds, 4);
	ck_assert_uint_eq(tally.stretch_count, 3 * TALLY_STRETCHES / 4 + 1);
	for (size_t i = 0; i < tally.stretch_count; i++)
		started += tally.stretches[i].started;
	ck_assert_uint_eq(started, 3 * TALLY_STRETCHES);
	ck_assert_uint_eq(tally.stretches[0].started, 4);
	ck_assert_uint_eq(tally.stretches[TALLY_STRETCHES / 2].started, 4);
	unmake(&tally);
}
END_TEST

START_TEST(test_a_failure_after_the_end_is_in_the_last_stretch)
{
	struct tally tally;

	make(&tally);
	tally_tick(&tally, BEGIN + SECOND);
	tally_finish(&tally, BEGIN + SECOND + 1);
	fail_one(&tally, 0, OUTCOME_SURPLUS, 0);
	ck_assert_uint_eq(tally.stretch_count, 2);
	ck_assert_uint_eq(tally.stretches[1].outcomes[OUTCOME_SURPLUS], 1);
	ck_assert_uint_eq(tally.targets[0].outcomes[OUTCOME_SURPLUS], 1);
	unmake(&tally);
}
END_TEST

static void
note(void *owner, const struct failure *failure)
{
	*(const char **)owner = failure->target->name;
}

START_TEST(test_each_failure_is_passed_on)
{
	struct tally tally;
	const char *name = NULL;
	struct backend *backend;
	struct failure failure = { .outcome = OUTCOME_RESET, .detail = "" };

	make(&tally);
	backend = backends_find(tally.backends, "b", 1, NULL);
	tally.on_failure = note;
	tally.owner = &name;
	tally_fail(&tally, 1, backend, 0, &failure);
	ck_assert_str_eq(name, names[1]);
	ck_assert_uint_eq(backend->failed, 1);
	failure.outcome = OUTCOME_RETRIED;
	tally_fail(&tally, 1, backend, 0, &failure);
	ck_assert_uint_eq(backend->failed, 1);
	unmake(&tally);
}
END_TEST

START_TEST(test_sizes_that_fail_are_larger_than_those_that_are_echoed)
{
	struct tally tally;
	const struct target_tally *target;

	make(&tally);
	target = &tally.targets[0];
	tally_echo(&tally, 0, NULL, 1472, -1);
	fail_one(&tally, 0, OUTCOME_TIMEOUT, 100);
	fail_one(&tally, 0, OUTCOME_RESET, 1600);
	ck_assert_uint_eq(target->smallest_failed, 0);
	fail_one(&tally, 0, OUTCOME_TOO_LARGE, 1475);
	fail_one(&tally, 0, OUTCOME_TIMEOUT, 1473);
	fail_one(&tally, 0, OUTCOME_TIMEOUT, 1474);
	ck_assert_uint_eq(target->largest_echoed, 1472);
	ck_assert_uint_eq(target->smallest_failed, 1473);
	/* They were lost by chance. */
	tally_echo(&tally, 0, NULL, 2000, -1);
	ck_assert_uint_eq(target->smallest_failed, 0);
	fail_one(&tally, 0, OUTCOME_TOO_LARGE, 2001);
	ck_assert_uint_eq(target->smallest_failed, 2001);
	unmake(&tally);
}
END_TEST

START_TEST(test_a_new_beginning_forgets_all_but_the_backends)
{
	struct tally tally;
	struct backend *backend;

	make(&tally);
	backend = backends_find(tally.backends, "b", 1, NULL);
	backend->connections = 1;
	strcpy(tally.targets[0].tls, "TLSv1.3");
	tally.targets[0].certificate_expires = 5;
	tally_start(&tally, 0);
	tally_echo(&tally, 0, backend, 5, 100);
	tally_finish(&tally, BEGIN + SECOND / 2);
	tally_begin(&tally, BEGIN + SECOND);
	ck_assert_uint_eq(tally.targets[0].started, 0);
	ck_assert_uint_eq(tally.targets[0].round_trip.count, 0);
	ck_assert_str_eq(tally.targets[0].name, names[0]);
	ck_assert_str_eq(tally.targets[0].tls, "TLSv1.3");
	ck_assert_double_eq(tally.targets[0].certificate_expires, 5);
	ck_assert_uint_eq(tally.stretch_count, 0);
	ck_assert_uint_eq(backend->echoed, 0);
	ck_assert_uint_eq(backend->connections, 1);
	ck_assert_uint_eq(backends_count(tally.backends), 1);
	fail_one(&tally, 0, OUTCOME_RESET, 0);
	ck_assert_uint_eq(tally.second.outcomes[OUTCOME_RESET], 1);
	unmake(&tally);
}
END_TEST

START_TEST(test_the_exit_status_says_what_is_wrong)
{
	struct tally tally;

	make(&tally);
	ck_assert_int_eq(tally_exit_status(&tally), 0);
	fail_one(&tally, 0, OUTCOME_REFUSED, 0);
	ck_assert_int_eq(tally_exit_status(&tally), 2);
	tally_connected(&tally, 1, 5);
	ck_assert_int_eq(tally_exit_status(&tally), 1);
	tally_begin(&tally, BEGIN);
	tally_echo(&tally, 0, NULL, 5, 5);
	fail_one(&tally, 0, OUTCOME_REORDERED, 0);
	ck_assert_int_eq(tally_exit_status(&tally), 0);
	fail_one(&tally, 0, OUTCOME_LATE, 0);
	ck_assert_int_eq(tally_exit_status(&tally), 1);
	/* Ctrl-C before the time-out. */
	tally_begin(&tally, BEGIN);
	tally.targets[0].unfinished = 1;
	ck_assert_int_eq(tally_exit_status(&tally), 2);
	tally_connected(&tally, 0, 5);
	ck_assert_int_eq(tally_exit_status(&tally), 0);
	unmake(&tally);
}
END_TEST

SUITE(test_targets_are_counted_and_summed,
      test_a_second_is_complete_when_the_next_one_begins,
      test_two_stretches_become_one_if_a_run_is_long,
      test_a_failure_after_the_end_is_in_the_last_stretch,
      test_each_failure_is_passed_on,
      test_sizes_that_fail_are_larger_than_those_that_are_echoed,
      test_a_new_beginning_forgets_all_but_the_backends,
      test_the_exit_status_says_what_is_wrong,
      test_an_echo_is_taken_back_where_it_was_counted)
