#include "base/stats_table.h"

#include <stdlib.h>

#include "support/suite.h"

enum { WORKERS = 3 };

static uint64_t
chunks(const struct stats *stats)
{
	return stats->counter[STATS_chunks];
}

static void
count(struct stats *row, unsigned worker, uint64_t amount)
{
	stats_add(stats_of_worker(row, worker), STATS_chunks, amount);
}

START_TEST(test_each_worker_has_counters_of_its_own)
{
	struct stats_table *table = stats_table_new(WORKERS);
	struct stats *row = stats_table_row(table, "main");

	ck_assert_uint_eq(stats_table_workers(table), WORKERS);
	for (unsigned i = 0; i < WORKERS; i++)
		memset(stats_of_worker(row, i), (int)i + 1, sizeof(*row));
	for (unsigned i = 0; i < WORKERS; i++) {
		const struct stats *stats = stats_of_worker(row, i);

		/* No other worker writes to its cache lines. */
		ck_assert_uint_eq((uintptr_t)stats % STATS_ALIGNMENT, 0);
		for (size_t j = 0; j < sizeof(*stats); j++)
			ck_assert_int_eq(((const char *)stats)[j], i + 1);
	}
	stats_table_free(table);
}
END_TEST

START_TEST(test_counters_of_a_name_are_found_again)
{
	struct stats_table *table = stats_table_new(WORKERS);
	struct stats *one = stats_table_row(table, "one");
	struct stats *two = stats_table_row(table, "two");

	count(one, 0, 5);
	ck_assert_ptr_ne(one, two);
	ck_assert_uint_eq(chunks(two), 0);
	ck_assert_ptr_eq(stats_table_row(table, "two"), two);
	ck_assert_ptr_eq(stats_table_row(table, "one"), one);
	ck_assert_uint_eq(chunks(one), 5);
	stats_table_free(table);
}
END_TEST

START_TEST(test_the_name_is_copied)
{
	struct stats_table *table = stats_table_new(1);
	char name[] = "one";
	struct stats *row = stats_table_row(table, name);

	name[0] = 'O';
	ck_assert_ptr_eq(stats_table_row(table, "one"), row);
	stats_table_free(table);
}
END_TEST

/* A refused configuration may have had any name. */
START_TEST(test_only_rows_in_use_are_shown)
{
	struct stats_table *table = stats_table_new(WORKERS);
	struct stats_table_entry *entries;
	size_t count = 1;

	entries = stats_table_read(table, &count);
	ck_assert_ptr_nonnull(entries);
	ck_assert_uint_eq(count, 0);
	free(entries);

	stats_table_row(table, "one");
	stats_table_row(table, "two");
	stats_table_row(table, "three");
	stats_table_show(table, "none");
	stats_table_show(table, "three");
	stats_table_show(table, "one");
	stats_table_show(table, "one");
	entries = stats_table_read(table, &count);
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(entries[0].name, "one");
	ck_assert_str_eq(entries[1].name, "three");
	free(entries);
	stats_table_free(table);
}
END_TEST

START_TEST(test_sums_are_of_all_workers_and_rows)
{
	struct stats_table *table = stats_table_new(WORKERS);
	struct stats *one = stats_table_row(table, "one");
	struct stats *two = stats_table_row(table, "two");
	struct stats sum = { 0 };
	struct stats_table_entry *entries;
	size_t entry_count;

	for (unsigned i = 0; i < WORKERS; i++) {
		count(one, i, i + 1);
		count(two, i, 100 * (i + 1));
	}
	stats_bump(&stats_of_worker(two, 2)->refused[REFUSE_denied], 7);
	stats_table_show(table, "one");
	stats_table_show(table, "two");

	stats_table_sum(table, &sum);
	ck_assert_uint_eq(chunks(&sum), 606);
	ck_assert_uint_eq(sum.refused[REFUSE_denied], 7);
	entries = stats_table_read(table, &entry_count);
	ck_assert_uint_eq(entry_count, 2);
	ck_assert_uint_eq(chunks(&entries[0].stats), 6);
	ck_assert_uint_eq(entries[0].stats.refused[REFUSE_denied], 0);
	ck_assert_uint_eq(chunks(&entries[1].stats), 600);
	ck_assert_uint_eq(entries[1].stats.refused[REFUSE_denied], 7);
	free(entries);
	stats_table_free(table);
}
END_TEST

START_TEST(test_none_is_fine_to_free)
{
	stats_table_free(NULL);
}
END_TEST

SUITE(test_each_worker_has_counters_of_its_own,
      test_counters_of_a_name_are_found_again, test_the_name_is_copied,
      test_only_rows_in_use_are_shown, test_sums_are_of_all_workers_and_rows,
      test_none_is_fine_to_free)
