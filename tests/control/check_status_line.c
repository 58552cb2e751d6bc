#include "control/status_line.h"

#include "support/suite.h"

static const char *
summary(unsigned open, uint64_t served, uint64_t messages, uint64_t in,
	uint64_t out)
{
	static char text[STATUS_LINE_SIZE];
	struct stats stats = { 0 };

	stats_add(&stats, STATS_connections, served);
	stats_add(&stats, STATS_chunks, messages);
	stats_add(&stats, STATS_bytes_in, in);
	stats_add(&stats, STATS_bytes_out, out);
	return status_line_format(&stats, open, text);
}

START_TEST(test_small_numbers_are_not_shortened)
{
	ck_assert_str_eq(summary(0, 0, 0, 0, 0),
			 "0 connections, 0 served, 0 messages, 0 B in, 0 B "
			 "out");
	ck_assert_str_eq(summary(3, 41, 977, 998, 999),
			 "3 connections, 41 served, 977 messages, 998 B in, "
			 "999 B out");
}
END_TEST

START_TEST(test_a_datagram_is_a_message)
{
	char text[STATUS_LINE_SIZE];
	struct stats stats = { 0 };

	stats_add(&stats, STATS_chunks, 3);
	stats_add(&stats, STATS_datagrams_out, 4);
	ck_assert_str_eq(status_line_format(&stats, 0, text),
			 "0 connections, 0 served, 7 messages, 0 B in, 0 B "
			 "out");
}
END_TEST

START_TEST(test_one_is_singular)
{
	ck_assert_str_eq(summary(1, 1, 1, 1, 1),
			 "1 connection, 1 served, 1 message, 1 B in, 1 B out");
}
END_TEST

START_TEST(test_large_ones_have_three_digits)
{
	ck_assert_str_eq(summary(50000, 1000, 9994, 9995, 10000),
			 "50000 connections, 1.00k served, 9.99k messages, "
			 "10.0 kB in, 10.0 kB out");
	ck_assert_str_eq(summary(2, 99949, 99950, 999499, 999500),
			 "2 connections, 99.9k served, 100k messages, "
			 "999 kB in, 1.00 MB out");
	ck_assert_str_eq(summary(2, 12345678, UINT64_C(1234567890),
				 UINT64_C(123456789012345),
				 UINT64_C(999400000000000000)),
			 "2 connections, 12.3M served, 1.23G messages, "
			 "123 TB in, 999 PB out");
}
END_TEST

START_TEST(test_the_largest_fit)
{
	ck_assert_str_eq(summary(UINT32_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
				 UINT64_MAX),
			 "4294967295 connections, 18.4E served, "
			 "18.4E messages, 18.4 EB in, 18.4 EB out");
}
END_TEST

SUITE(test_small_numbers_are_not_shortened, test_a_datagram_is_a_message,
      test_one_is_singular, test_large_ones_have_three_digits,
      test_the_largest_fit)
