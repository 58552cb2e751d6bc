#include "base/error.h"

#include <stdbool.h>
#include <wchar.h>

#include "support/suite.h"

START_TEST(test_a_new_list_is_empty)
{
	struct error_list list;

	error_list_init(&list, "echod.conf");
	ck_assert(!error_any(&list));
	ck_assert_uint_eq(list.count, 0);
	ck_assert(!error_is_raw(&list, 0, ""));
	error_list_free(&list);
}
END_TEST

START_TEST(test_a_text_has_file_line_and_setting)
{
	struct error_list list;

	error_list_init(&list, "/etc/echod.conf");
	error_add(&list, 0, NULL, "%s", "No such file or directory");
	error_add(&list, 0, "listen", "busy");
	error_add(&list, 1, NULL, "syntax error");
	error_add(&list, 12, "log.rate", "%d is not in %d-%d", -1, 0, 9);
	error_add(&list, 2147483647, "prefix", "100%%");

	ck_assert_uint_eq(list.count, 5);
	ck_assert_str_eq(list.items[0].text,
			 "/etc/echod.conf: No such file or directory");
	ck_assert_str_eq(list.items[1].text, "/etc/echod.conf: listen: busy");
	ck_assert_str_eq(list.items[2].text, "/etc/echod.conf:1: syntax error");
	ck_assert_str_eq(list.items[3].text,
			 "/etc/echod.conf:12: log.rate: -1 is not in 0-9");
	ck_assert_str_eq(list.items[4].text,
			 "/etc/echod.conf:2147483647: prefix: 100%");
	ck_assert_int_eq(list.items[3].line, 12);
	ck_assert(error_any(&list));
	error_list_free(&list);
}
END_TEST

START_TEST(test_a_text_of_any_length_is_kept)
{
	static char reason[100000];
	struct error_list list;

	memset(reason, 'x', sizeof(reason) - 1);
	error_list_init(&list, "f");
	error_add(&list, 3, "s", "%s", reason);
	ck_assert_uint_eq(strlen(list.items[0].text),
			  strlen("f:3: s: ") + strlen(reason));
	error_list_free(&list);
}
END_TEST

/* Entries added in random order, compared with a stable sort by line. */
START_TEST(test_entries_are_sorted_by_line_and_order_of_adding)
{
	enum { ENTRIES = 1000, LINES = 40 };
	struct error_list list;
	unsigned random = 1;
	int next_of_line[LINES] = { 0 };
	int last_line = 0;

	error_list_init(&list, "f");
	for (int i = 0; i < ENTRIES; i++) {
		random = random * 1103515245 + 12345;
		error_add(&list, (int)(random >> 16) % LINES, NULL, "%d", i);
	}

	ck_assert_uint_eq(list.count, ENTRIES);
	for (size_t i = 0; i < list.count; i++) {
		int line = list.items[i].line;
		const char *space = strrchr(list.items[i].text, ' ');
		int arrival = atoi(space + 1);

		ck_assert_int_ge(line, last_line);
		ck_assert_int_ge(arrival, next_of_line[line]);
		next_of_line[line] = arrival + 1;
		last_line = line;
	}
	error_list_free(&list);
}
END_TEST

/* What is found in the values, later, is not about the raw text. */
START_TEST(test_a_setting_with_a_raw_error_is_known)
{
	struct error_list list;

	error_list_init(&list, "f");
	error_seal_raw(&list);
	error_add(&list, 7, "a", "this");
	error_add(&list, 9, "b", "that");
	error_add(&list, 9, NULL, "of no setting");
	ck_assert(!error_is_raw(&list, 7, "a"));

	error_seal_raw(&list);
	error_add(&list, 3, "a", "later");
	error_add(&list, 9, "c", "later, and on the same line");
	for (int line = 0; line < 12; line++) {
		ck_assert_int_eq(error_is_raw(&list, line, "a"), line == 7);
		ck_assert_int_eq(error_is_raw(&list, line, "b"), line == 9);
		ck_assert(!error_is_raw(&list, line, "c"));
		ck_assert_int_eq(error_has_line(&list, line),
				 line == 3 || line == 7 || line == 9);
	}
	error_add(&list, 0, NULL, "of no line");
	ck_assert(!error_has_line(&list, 0));
	error_list_free(&list);
}
END_TEST

START_TEST(test_a_freed_list_can_be_used_again)
{
	struct error_list list;

	error_list_init(&list, "f");
	for (int i = 0; i < 20; i++)
		error_add(&list, i, NULL, "one");
	error_list_free(&list);
	ck_assert(!error_any(&list));

	error_add(&list, 1, NULL, "two");
	ck_assert_uint_eq(list.count, 1);
	ck_assert_str_eq(list.items[0].text, "f:1: two");
	error_list_free(&list);
	error_list_free(&list);
}
END_TEST

START_TEST(test_an_entry_lost_to_out_of_memory_is_an_error)
{
	struct error_list list;

	error_list_init(&list, "f");
	/* No wide character of the C locale: composing the reason fails. */
	error_add(&list, 1, NULL, "%lc", (wint_t)0x7fffffff);
	ck_assert_uint_eq(list.count, 0);
	ck_assert(list.out_of_memory);
	ck_assert(error_any(&list));
	error_list_free(&list);
	ck_assert(!error_any(&list));
}
END_TEST

START_TEST(test_warnings_are_a_list_of_their_own)
{
	struct error_list list, warnings;

	error_list_init(&list, "f");
	warning_add(&list, 1, "a", "nobody wants it");
	error_list_init(&warnings, "f");
	list.warnings = &warnings;
	warning_add(&list, 2, "listeners[0].a", "%d days", 3);
	warning_add(&list, 2, "listeners[1].a", "%d days", 3);
	warning_add(&list, 2, "listeners[1].a", "%d days", 4);
	warning_add(&list, 1, NULL, "%d days", 3);
	ck_assert(!error_any(&list));
	ck_assert_uint_eq(warnings.count, 3);
	ck_assert_str_eq(warnings.items[0].text, "f:1: 3 days");
	ck_assert_str_eq(warnings.items[1].text, "f:2: listeners[0].a: 3 days");
	ck_assert_str_eq(warnings.items[2].text, "f:2: listeners[1].a: 4 days");

	error_list_free(&list);
	ck_assert_ptr_eq(list.warnings, &warnings);
	ck_assert_uint_eq(warnings.count, 3);
	error_list_free(&warnings);
}
END_TEST

SUITE(test_a_new_list_is_empty, test_a_text_has_file_line_and_setting,
      test_a_text_of_any_length_is_kept,
      test_entries_are_sorted_by_line_and_order_of_adding,
      test_a_setting_with_a_raw_error_is_known,
      test_a_freed_list_can_be_used_again,
      test_an_entry_lost_to_out_of_memory_is_an_error,
      test_warnings_are_a_list_of_their_own)
