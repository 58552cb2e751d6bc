#include "echo/fault.h"

#include "support/suite.h"

static struct fault
begun(struct fault_params params)
{
	static struct fault_params kept;
	struct fault fault;

	params.every = 1;
	kept = params;
	fault_init(&fault, &kept);
	return fault;
}

/* Sends what is allowed at that time. */
static uint64_t
let_go(struct fault *fault, int64_t now)
{
	uint64_t bytes = fault_allowed(fault, now);

	fault_go(fault, now, bytes);
	return bytes;
}

static int64_t
next(const struct fault *fault)
{
	int64_t at;

	ck_assert(fault_next(fault, &at));
	return at;
}

static void
expect_nothing_next(const struct fault *fault)
{
	int64_t at;

	ck_assert(!fault_next(fault, &at));
}

START_TEST(test_a_fault_is_off_by_default)
{
	static const struct fault_params none = { .every = 1 };
	static const struct fault_params some[] = {
		{ .every = 1, .delay = 0.001 },
		{ .every = 1, .rate = 1 },
		{ .every = 1, .corrupt_every = 1 },
		{ .every = 1, .end = FAULT_close },
	};

	ck_assert(!fault_is_set(&none));
	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++) {
		struct fault_params nobody = some[i];

		nobody.every = 0;
		ck_assert(fault_is_set(&some[i]));
		ck_assert(!fault_is_set(&nobody));
		ck_assert(!fault_hits(&nobody, 1));
	}
}
END_TEST

START_TEST(test_every_third_session_has_the_fault)
{
	struct fault_params params = { .every = 3, .rate = 1 };

	for (uint64_t number = 1; number < 100; number++)
		ck_assert_int_eq(fault_hits(&params, number), number % 3 == 0);
	params.every = 1;
	ck_assert(fault_hits(&params, 1) && fault_hits(&params, 2));
}
END_TEST

static void
expect_blamed(struct fault_params params, const char *expected)
{
	const char *setting = NULL;
	const char *reason = fault_check(&params, &setting);

	ck_assert_ptr_nonnull(reason);
	ck_assert_str_eq(setting, expected);
	/* Where nobody has it, it is of no account. */
	params.every = 0;
	ck_assert_ptr_null(fault_check(&params, &setting));
}

START_TEST(test_settings_without_an_effect_are_refused)
{
	static const struct fault_params good[] = {
		{ .every = 1 },
		{ .every = 2, .end = FAULT_reset },
		{ .every = 1, .end = FAULT_stall, .after = 1, .delay = 1 },
		{ .every = 9, .delay = 1, .rate = 1, .corrupt_every = 1 },
	};
	const char *setting;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		ck_assert_ptr_null(fault_check(&good[i], &setting));
	expect_blamed((struct fault_params){ .every = 2 }, "every");
	expect_blamed((struct fault_params){ .every = 1, .after = 1 }, "after");
	expect_blamed(
		(struct fault_params){ .every = 1, .after = 1, .rate = 1 },
		"after");
	expect_blamed(
		(struct fault_params){
			.every = 1, .end = FAULT_close, .delay = 1, .rate = 1 },
		"delay");
	expect_blamed((struct fault_params){ .every = 1,
					     .end = FAULT_close,
					     .rate = 1 },
		      "rate");
	expect_blamed((struct fault_params){ .every = 1,
					     .end = FAULT_close,
					     .corrupt_every = 1 },
		      "corrupt_every");
}
END_TEST

START_TEST(test_settings_are_formatted)
{
	struct fault_params most = {
		.every = UINT32_MAX,
		.delay = 3599.99999999999,
		.rate = UINT32_MAX,
		.corrupt_every = UINT32_MAX,
		.end = FAULT_reset,
		.after = UINT32_MAX,
	};
	struct fault_params some = { .every = 3, .end = FAULT_close };
	char text[FAULT_TEXT_SIZE];

	ck_assert_str_eq(fault_format(&some, text),
			 "every=3 end=close after=0");
	ck_assert_str_eq(fault_format(&most, text),
			 "every=4294967295 delay=3599.99999999999 "
			 "rate=4294967295 corrupt_every=4294967295 end=reset "
			 "after=4294967295");
}
END_TEST

START_TEST(test_without_a_delay_all_bytes_are_allowed_at_once)
{
	struct fault fault = begun((struct fault_params){ .corrupt_every = 1 });

	expect_nothing_next(&fault);
	ck_assert_uint_eq(fault_allowed(&fault, 1000), 0);
	fault_come(&fault, 1000, 1000, 7);
	ck_assert_uint_eq(fault_allowed(&fault, 1000), 7);
	fault_go(&fault, 1000, 3);
	ck_assert_uint_eq(fault_allowed(&fault, 1000), 4);
	fault_come(&fault, 1000, 1000, 1);
	ck_assert_uint_eq(let_go(&fault, 1000), 5);
	expect_nothing_next(&fault);
	ck_assert(!fault_is_over(&fault));
}
END_TEST

START_TEST(test_each_byte_is_delayed_on_its_own)
{
	struct fault fault = begun((struct fault_params){ .delay = 0.05 });

	fault_come(&fault, 1000, 1000, 10);
	fault_come(&fault, 1020, 1020, 20);
	ck_assert_int_eq(next(&fault), 1050);
	ck_assert_uint_eq(let_go(&fault, 1049), 0);
	ck_assert_uint_eq(let_go(&fault, 1050), 10);
	ck_assert_int_eq(next(&fault), 1070);
	ck_assert_uint_eq(let_go(&fault, 1069), 0);
	fault_come(&fault, 1069, 1069, 30);
	/* Late is not early. */
	ck_assert_uint_eq(let_go(&fault, 1118), 20);
	ck_assert_uint_eq(let_go(&fault, 1119), 30);
	expect_nothing_next(&fault);
}
END_TEST

/* Half a millisecond is not none, and 12.5 are not 12. */
START_TEST(test_a_delay_is_rounded_up)
{
	struct fault fault = begun((struct fault_params){ .delay = 0.0005 });

	fault_come(&fault, 1000, 1000, 1);
	ck_assert_int_eq(next(&fault), 1001);
	fault = begun((struct fault_params){ .delay = 0.0125 });
	fault_come(&fault, 1000, 1000, 1);
	ck_assert_int_eq(next(&fault), 1013);
}
END_TEST

/* However many come meanwhile, of a long delay no byte is spared much. */
static void
check_stream(double delay, int64_t step)
{
	struct fault fault = begun((struct fault_params){ .delay = delay });
	int64_t wait = (int64_t)(delay * 1000);
	uint64_t gone = 0;

	/* A byte at each step, so that byte n came at n * step. */
	for (int64_t now = 0; now < 5 * wait; now += step) {
		fault_come(&fault, now, now, 1);
		gone += let_go(&fault, now);
		if (gone > 0)
			ck_assert_int_ge(now,
					 (int64_t)(gone - 1) * step + wait);
		ck_assert_int_ge((int64_t)gone * step,
				 now - wait - wait / 62 - 1 - step);
	}
}

START_TEST(test_a_continuous_stream_keeps_its_delay)
{
	check_stream(0.001, 1);
	check_stream(0.061, 1);
	check_stream(0.062, 1);
	check_stream(0.063, 1);
	check_stream(0.1, 1);
	check_stream(0.1, 7);
	check_stream(1, 1);
	check_stream(12.345, 3);
	check_stream(3600, 1000);
}
END_TEST

START_TEST(test_a_rate_is_kept)
{
	static const unsigned rates[] = { 1, 3, 10, 50, 999, 100000, 40000000 };

	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		unsigned rate = rates[i];
		struct fault fault =
			begun((struct fault_params){ .rate = rate });
		uint64_t size = rate * UINT64_C(3) + 1, gone = 0;
		int64_t now = 5000, calls = 0;

		fault_come(&fault, now, now, size);
		while (gone < size) {
			uint64_t bytes = let_go(&fault, now);

			gone += bytes;
			ck_assert_uint_le(gone * 1000,
					  (uint64_t)(now - 5000) * rate);
			/*
			 * At the time that fault_next() gives, bytes are
			 * allowed.
			 */
			ck_assert(bytes > 0 || calls == 0);
			if (gone < size)
				now = next(&fault);
			calls++;
		}
		ck_assert_int_ge(now, 8000);
		ck_assert_int_le(now, 8000 + 1000 / rate + 1);
		ck_assert_int_le(calls, 3 * 50 + 4);
		expect_nothing_next(&fault);
	}
}
END_TEST

START_TEST(test_idle_time_allows_no_burst)
{
	struct fault fault = begun((struct fault_params){ .rate = 10 });

	fault_come(&fault, 1000, 1000, 1);
	ck_assert_uint_eq(let_go(&fault, 1100), 1);
	fault_come(&fault, 9000, 9000, 10);
	ck_assert_uint_eq(let_go(&fault, 9000), 0);
	ck_assert_int_eq(next(&fault), 9100);
	ck_assert_uint_eq(let_go(&fault, 9099), 0);
	ck_assert_uint_eq(let_go(&fault, 9100), 1);
}
END_TEST

/* The clock is rounded up for bytes that are added, not for bytes sent. */
START_TEST(test_a_rate_allows_nothing_within_a_millisecond)
{
	struct fault fault = begun((struct fault_params){ .rate = 20000 });

	fault_come(&fault, 1000, 1001, 99);
	fault_come(&fault, 1000, 1001, 99);
	ck_assert_uint_eq(let_go(&fault, 1000), 0);
	ck_assert_uint_eq(let_go(&fault, 1001), 0);
	ck_assert_uint_eq(let_go(&fault, 1002), 20);
	fault = begun((struct fault_params){ .delay = 0.3 });
	fault_come(&fault, 1000, 1001, 1);
	fault_come(&fault, 1304, 1305, 1);
	ck_assert_uint_eq(let_go(&fault, 1304), 0);
	ck_assert_uint_eq(let_go(&fault, 1305), 1);
}
END_TEST

START_TEST(test_unused_rate_is_lost)
{
	struct fault fault = begun((struct fault_params){ .rate = 1000 });

	fault_come(&fault, 0, 0, 100000);
	/* Ten seconds late: a burst of a tenth of one. */
	ck_assert_uint_eq(let_go(&fault, 10000), 101);
	ck_assert_uint_eq(let_go(&fault, 10000), 0);
	ck_assert_uint_eq(let_go(&fault, 10010), 10);
	/* Nor after there was no room for more. */
	ck_assert_uint_eq(fault_allowed(&fault, 10050), 40);
	fault_go(&fault, 10050, 0);
	ck_assert_uint_eq(fault_allowed(&fault, 20000), 101);
	fault_go(&fault, 20000, 1);
	ck_assert_uint_eq(fault_allowed(&fault, 20000), 0);
}
END_TEST

START_TEST(test_a_rate_begins_when_the_delay_is_over)
{
	struct fault fault =
		begun((struct fault_params){ .delay = 0.05, .rate = 10 });

	fault_come(&fault, 1000, 1000, 2);
	ck_assert_int_eq(next(&fault), 1050);
	ck_assert_uint_eq(let_go(&fault, 1050), 0);
	ck_assert_int_eq(next(&fault), 1150);
	ck_assert_uint_eq(let_go(&fault, 1150), 1);
	ck_assert_int_eq(next(&fault), 1250);
	ck_assert_uint_eq(let_go(&fault, 1250), 1);
	expect_nothing_next(&fault);
}
END_TEST

START_TEST(test_the_end_comes_after_its_byte)
{
	struct fault fault = begun(
		(struct fault_params){ .end = FAULT_close, .after = 1000 });

	fault_come(&fault, 0, 0, 999);
	ck_assert_uint_eq(let_go(&fault, 0), 999);
	ck_assert(!fault_is_over(&fault));
	fault_come(&fault, 0, 0, 5000);
	ck_assert_uint_eq(fault_allowed(&fault, 0), 1);
	ck_assert(!fault_is_over(&fault));
	fault_go(&fault, 0, 1);
	ck_assert(fault_is_over(&fault));
	ck_assert_uint_eq(fault_allowed(&fault, 0), 0);
	expect_nothing_next(&fault);
}
END_TEST

START_TEST(test_the_end_can_come_before_any_byte)
{
	struct fault fault = begun((struct fault_params){ .end = FAULT_stall });

	ck_assert(fault_is_over(&fault));
	fault_come(&fault, 0, 0, 1);
	ck_assert_uint_eq(fault_allowed(&fault, 0), 0);
	expect_nothing_next(&fault);
}
END_TEST

/* However the stream is cut: in pieces as they go, and in spans of memory. */
static void
check_corrupt(unsigned every, size_t piece, size_t span)
{
	struct fault fault =
		begun((struct fault_params){ .corrupt_every = every });
	char bytes[1000] = { 0 };

	fault_come(&fault, 0, 0, sizeof(bytes));
	for (size_t at = 0; at < sizeof(bytes); at += piece) {
		size_t left = sizeof(bytes) - at;
		size_t length = left < piece ? left : piece;

		for (size_t from = 0; from < length; from += span)
			fault_corrupt(&fault, from, bytes + at + from,
				      length - from < span ? length - from :
							     span);
		fault_go(&fault, 0, length);
	}
	for (size_t at = 0; at < sizeof(bytes); at++)
		ck_assert_int_eq(bytes[at], every > 0 && (at + 1) % every == 0);
}

START_TEST(test_one_bit_of_every_nth_byte_is_flipped)
{
	static const unsigned numbers[] = { 1, 2, 3, 10, 999, 1000, 1001 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		for (size_t j = 0; j < sizeof(numbers) / sizeof(*numbers); j++)
			for (size_t k = 0; k <= j; k++)
				check_corrupt(numbers[i], numbers[j],
					      numbers[k]);
	check_corrupt(0, 100, 10);
}
END_TEST

SUITE(test_a_fault_is_off_by_default, test_every_third_session_has_the_fault,
      test_settings_without_an_effect_are_refused, test_settings_are_formatted,
      test_without_a_delay_all_bytes_are_allowed_at_once,
      test_each_byte_is_delayed_on_its_own, test_a_delay_is_rounded_up,
      test_a_continuous_stream_keeps_its_delay, test_a_rate_is_kept,
      test_idle_time_allows_no_burst,
      test_a_rate_allows_nothing_within_a_millisecond, test_unused_rate_is_lost,
      test_a_rate_begins_when_the_delay_is_over,
      test_the_end_comes_after_its_byte, test_the_end_can_come_before_any_byte,
      test_one_bit_of_every_nth_byte_is_flipped)
