#include "probe/report_text.h"

#include <string.h>

#include "support/suite.h"

static void
assert_time(uint64_t nanoseconds, const char *expected)
{
	char number[REPORT_NUMBER_SIZE];

	ck_assert_str_eq(report_time(nanoseconds, number), expected);
}

START_TEST(test_times_have_three_digits)
{
	assert_time(0, "0.00 us");
	assert_time(1234, "1.23 us");
	assert_time(9994, "9.99 us");
	assert_time(9996, "10.0 us");
	assert_time(99960, "100 us");
	assert_time(999499, "999 us");
	assert_time(999500, "1.00 ms");
	assert_time(12345678, "12.3 ms");
	assert_time(999600000, "1.00 s");
	assert_time(UINT64_C(4321) * 1000000000, "4321 s");
}
END_TEST

START_TEST(test_sizes_and_shares_are_short)
{
	char number[REPORT_NUMBER_SIZE];

	ck_assert_str_eq(report_bytes(999, number), "999 B");
	ck_assert_str_eq(report_bytes(1000, number), "1.00 kB");
	ck_assert_str_eq(report_bytes(12345678, number), "12.3 MB");
	ck_assert_str_eq(report_share(1, 3, number), "33.3%");
	ck_assert_str_eq(report_share(3, 3, number), "100%");
	ck_assert_str_eq(report_share(99999, 100000, number), ">99.9%");
	ck_assert_str_eq(report_share(1, 100000, number), "<0.1%");
	ck_assert_str_eq(report_share(0, 5, number), "0%");
	ck_assert_str_eq(report_share(0, 0, number), "-");
}
END_TEST

START_TEST(test_long_text_goes_on_in_the_next_line)
{
	char text[2 * REPORT_COLUMNS + 1] = "";
	char *written;
	size_t size;
	FILE *out = open_memstream(&written, &size);

	ck_assert_ptr_nonnull(out);
	memset(text, 'a', REPORT_COLUMNS);
	report_wrap(out, text, 4); /* fits */
	strcat(text, " b c");
	report_wrap(out, text, 4);
	memset(text, 'a', sizeof(text) - 1); /* no space */
	report_wrap(out, text, 4);
	fclose(out);
	ck_assert_uint_eq(strcspn(written, "\n"), REPORT_COLUMNS);
	ck_assert_ptr_nonnull(strstr(written, "a\n    b c\na"));
	ck_assert_ptr_nonnull(strstr(written, "a\n    aaaa\n"));
	free(written);
}
END_TEST

START_TEST(test_a_cut_line_ends_in_dots)
{
	struct report_line line = { .length = 0 };

	report_add(&line, "ab\xC3\xA9\xC3\xA9\xC3\xA9");
	report_cut(&line, 5);
	ck_assert_str_eq(line.text, "ab\xC3\xA9\xC3\xA9\xC3\xA9");
	report_cut(&line, 4);
	ck_assert_str_eq(line.text, "a...");
	ck_assert_uint_eq(line.length, 4);
	line = (struct report_line){ .length = 0 };
	report_add(&line, "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9");
	report_cut(&line, 4);
	ck_assert_str_eq(line.text, "\xC3\xA9...");
}
END_TEST

START_TEST(test_a_line_that_is_full_ends_in_dots)
{
	static struct report_line line;

	for (size_t i = 0; i < REPORT_LINE_SIZE; i++)
		report_add(&line, "a");
	ck_assert_uint_eq(line.length, REPORT_LINE_SIZE - 1);
	ck_assert_uint_eq(strlen(line.text), line.length);
	ck_assert_str_eq(line.text + line.length - 4, "a...");
}
END_TEST

START_TEST(test_text_of_others_has_no_control_characters)
{
	struct report_line line = { .length = 0 };

	report_add_escaped(&line, "a\x1B[2J|\xC2\x9B|\xFF|\xC3\xA9");
	ck_assert_str_eq(line.text, "a\\x1b[2J|\\xc2\\x9b|\\xff|\xC3\xA9");
}
END_TEST

START_TEST(test_outcomes_are_sorted_by_their_count)
{
	uint64_t counts[OUTCOME_COUNT] = { [OUTCOME_ECHOED] = 9,
					   [OUTCOME_REFUSED] = 1,
					   [OUTCOME_RESET] = 5,
					   [OUTCOME_EARLY_FIN] = 3,
					   [OUTCOME_LATE] = 4 };
	struct report_line line = { .length = 0 };

	report_add_outcomes(&line, counts, report_is_any, 0);
	ck_assert_str_eq(line.text, "5 reset, 4 late, 3 early FIN, 1 refused");
	line = (struct report_line){ .length = 0 };
	report_add_outcomes(&line, counts, report_is_failure, 1);
	ck_assert_str_eq(line.text, "5 reset, 4 other");
	ck_assert_uint_eq(report_failed(counts), 9);
}
END_TEST

SUITE(test_times_have_three_digits, test_sizes_and_shares_are_short,
      test_long_text_goes_on_in_the_next_line, test_a_cut_line_ends_in_dots,
      test_a_line_that_is_full_ends_in_dots,
      test_text_of_others_has_no_control_characters,
      test_outcomes_are_sorted_by_their_count)
