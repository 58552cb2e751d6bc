#include "probe/load.h"

#include "support/suite.h"

#define SECOND INT64_C(1000000000)

START_TEST(test_messages_are_spread_evenly)
{
	struct load load = { .peers = 3, .count = 10 };

	ck_assert_uint_eq(load_quota(&load, 0), 4);
	ck_assert_uint_eq(load_quota(&load, 1), 3);
	ck_assert_uint_eq(load_quota(&load, 2), 3);
	load.count = 2;
	ck_assert_uint_eq(load_quota(&load, 1), 1);
	ck_assert_uint_eq(load_quota(&load, 2), 0);
	load.count = 0;
	ck_assert_uint_eq(load_quota(&load, 2), UINT64_MAX);
}
END_TEST

START_TEST(test_the_first_message_is_due_at_the_beginning)
{
	struct load load = { .peers = 2, .rate = 4, .begin = 7 * SECOND };

	ck_assert_int_eq(load_time(&load, 0), 7 * SECOND);
	ck_assert_int_eq(load_time(&load, 1), 7 * SECOND + SECOND / 4);
	ck_assert_int_eq(load_time(&load, 40), 17 * SECOND);
	ck_assert_uint_eq(load_due(&load, 0), 0);
	ck_assert_uint_eq(load_due(&load, 7 * SECOND - 1), 0);
	ck_assert_uint_eq(load_due(&load, 7 * SECOND), 1);
	ck_assert_uint_eq(load_due(&load, 17 * SECOND - 1), 40);
	ck_assert_uint_eq(load_due(&load, 17 * SECOND), 41);
}
END_TEST

START_TEST(test_due_and_time_agree_at_each_message)
{
	static const double rates[] = { 0.001,	1,     3,	7.3,
					999.99, 12345, 1234567, 3e8 };

	for (unsigned i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		struct load load = { .peers = 1, .begin = 12345678901234567 };

		load.rate = rates[i];
		for (uint64_t k = 1; k < UINT64_C(1) << 45; k += 1 + k / 7) {
			int64_t at = load_time(&load, k);

			if (at == INT64_MAX)
				break;
			ck_assert_uint_ge(load_due(&load, at), k + 1);
			ck_assert_uint_le(load_due(&load, at - 1), k);
		}
	}
}
END_TEST

START_TEST(test_after_the_last_message_none_is_due)
{
	struct load load = { .peers = 2, .count = 5, .rate = 1 };

	ck_assert_int_eq(load_time(&load, 4), 4 * SECOND);
	ck_assert_int_eq(load_time(&load, 5), INT64_MAX);
	ck_assert_uint_eq(load_due(&load, 4 * SECOND), 5);
	ck_assert_uint_eq(load_due(&load, 400 * SECOND), 5);
	/* Message 2 of peer 1 would be number 5. */
	ck_assert_int_eq(load_time_of(&load, 1, 2), INT64_MAX);
}
END_TEST

/* It would take years to count down from what the rate allows. */
START_TEST(test_a_high_rate_that_is_over_takes_no_time)
{
	struct load load = { .peers = 2, .count = 5, .rate = 1e9 };

	ck_assert_uint_eq(load_due(&load, INT64_MAX - 1), 5);
}
END_TEST

START_TEST(test_a_time_that_cannot_be_told_is_never)
{
	struct load load = { .peers = 1, .rate = 1e-12, .begin = SECOND };

	ck_assert_int_eq(load_time(&load, 0), SECOND);
	ck_assert_int_eq(load_time(&load, 1), INT64_MAX);
	ck_assert_uint_eq(load_due(&load, 1000000 * SECOND), 1);
}
END_TEST

START_TEST(test_peers_take_turns)
{
	struct load load = { .peers = 3, .rate = 10 };
	uint64_t due_of[3] = { 0 };

	for (uint64_t k = 0; k < 100; k++) {
		unsigned index = (unsigned)(k % 3);

		ck_assert_int_eq(load_time_of(&load, index, due_of[index]),
				 load_time(&load, k));
		due_of[index]++;
		for (unsigned i = 0; i < 3; i++)
			ck_assert_uint_eq(load_due_of(&load, i, k + 1),
					  due_of[i]);
	}
}
END_TEST

SUITE(test_messages_are_spread_evenly,
      test_the_first_message_is_due_at_the_beginning,
      test_due_and_time_agree_at_each_message,
      test_after_the_last_message_none_is_due,
      test_a_high_rate_that_is_over_takes_no_time,
      test_a_time_that_cannot_be_told_is_never, test_peers_take_turns)
