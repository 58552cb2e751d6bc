#include "base/stats.h"

#include <pthread.h>

#include "support/suite.h"

enum {
	VALUES = STATS_COUNTER_COUNT + CLOSE_REASON_COUNT +
		 REFUSE_REASON_COUNT + DROP_REASON_COUNT
};

/* The n-th counter of all arrays. */
static _Atomic uint64_t *
value(struct stats *stats, unsigned n)
{
	if (n < STATS_COUNTER_COUNT)
		return &stats->counter[n];
	n -= STATS_COUNTER_COUNT;
	if (n < CLOSE_REASON_COUNT)
		return &stats->closed[n];
	n -= CLOSE_REASON_COUNT;
	if (n < REFUSE_REASON_COUNT)
		return &stats->refused[n];
	return &stats->dropped[n - REFUSE_REASON_COUNT];
}

START_TEST(test_reasons_have_their_documented_names)
{
	ck_assert_str_eq(stats_close_reason(CLOSE_eof), "eof");
	ck_assert_str_eq(stats_close_reason(CLOSE_reset), "reset");
	ck_assert_str_eq(stats_close_reason(CLOSE_idle_timeout),
			 "idle_timeout");
	ck_assert_str_eq(stats_close_reason(CLOSE_write_timeout),
			 "write_timeout");
	ck_assert_str_eq(stats_close_reason(CLOSE_drain), "drain");
	ck_assert_str_eq(stats_close_reason(CLOSE_error), "error");
	ck_assert_str_eq(stats_refuse_reason(REFUSE_max_connections),
			 "max_connections");
	ck_assert_str_eq(stats_drop_reason(DROP_source_port), "source_port");
	ck_assert_str_eq(stats_drop_reason(DROP_own_port), "own_port");
	ck_assert_str_eq(stats_drop_reason(DROP_source_address),
			 "source_address");
	ck_assert_str_eq(stats_drop_reason(DROP_broadcast), "broadcast");
	ck_assert_str_eq(stats_drop_reason(DROP_denied), "denied");
	ck_assert_str_eq(stats_drop_reason(DROP_rate), "rate");
	ck_assert_str_eq(stats_drop_reason(DROP_oversize), "oversize");
	ck_assert_str_eq(stats_drop_reason(DROP_unsent), "unsent");
	ck_assert_str_eq(stats_drop_reason(DROP_overflow), "overflow");
}
END_TEST

START_TEST(test_adding_touches_one_counter)
{
	struct stats stats = { 0 };

	stats_add(&stats, STATS_bytes_in, 5);
	stats_add(&stats, STATS_bytes_in, UINT64_C(1) << 40);
	stats_bump(&stats.closed[CLOSE_reset], 1);
	for (unsigned i = 0; i < VALUES; i++) {
		uint64_t expected = 0;

		if (value(&stats, i) == &stats.counter[STATS_bytes_in])
			expected = (UINT64_C(1) << 40) + 5;
		else if (value(&stats, i) == &stats.closed[CLOSE_reset])
			expected = 1;
		ck_assert_uint_eq(*value(&stats, i), expected);
	}
}
END_TEST

START_TEST(test_a_sum_has_every_counter)
{
	struct stats sum = { 0 }, from = { 0 };

	for (unsigned i = 0; i < VALUES; i++) {
		*value(&sum, i) = i;
		*value(&from, i) = 1000 * (i + 1);
	}
	stats_sum(&sum, &from);
	for (unsigned i = 0; i < VALUES; i++) {
		ck_assert_uint_eq(*value(&sum, i), i + 1000 * (i + 1));
		ck_assert_uint_eq(*value(&from, i), 1000 * (i + 1));
	}
}
END_TEST

START_TEST(test_a_sum_has_every_histogram)
{
	struct stats sum = { 0 }, from = { 0 };

	for (int i = 0; i < HISTOGRAM_COUNT; i++) {
		stats_measure(&sum, (enum histogram_kind)i, 1e9, 1);
		stats_measure(&from, (enum histogram_kind)i, 1e9, 10);
	}
	stats_sum(&sum, &from);
	for (int i = 0; i < HISTOGRAM_COUNT; i++) {
		const struct histogram *histogram = &sum.histograms[i];

		ck_assert_uint_eq(histogram->counts[HISTOGRAM_BOUNDS], 11);
		ck_assert_double_eq(histogram->sum, 11e9);
	}
}
END_TEST

START_TEST(test_closing_counts_and_measures)
{
	struct stats stats = { 0 };
	const struct histogram *durations =
		&stats.histograms[HISTOGRAM_connection_duration];

	stats_close(&stats, CLOSE_reset, 1500);
	ck_assert_uint_eq(stats.closed[CLOSE_reset], 1);
	ck_assert_double_eq(durations->sum, 1.5);
}
END_TEST

START_TEST(test_the_text_has_every_counter_under_its_name)
{
	struct stats stats = { 0 };
	char text[STATS_TEXT_SIZE];

	for (unsigned i = 0; i < VALUES; i++)
		*value(&stats, i) = i + 1;
	ck_assert_ptr_eq(stats_format(&stats, text), text);

#define COUNTED(name, what) { #name, &stats.counter[STATS_##name] },
#define CLOSED(name) { "closed." #name, &stats.closed[CLOSE_##name] },
#define REFUSED(name) { "refused." #name, &stats.refused[REFUSE_##name] },
#define DROPPED(name) { "dropped." #name, &stats.dropped[DROP_##name] },
	const struct {
		const char *name;
		const _Atomic uint64_t *value;
	} all[] = { STATS_COUNTERS(COUNTED) CLOSE_REASONS(CLOSED)
			    REFUSE_REASONS(REFUSED) DROP_REASONS(DROPPED) };
	char expected[2 * STATS_TEXT_SIZE] = "";

	ck_assert_uint_eq(sizeof(all) / sizeof(*all), VALUES);
	for (unsigned i = 0; i < VALUES; i++) {
		char one[128];

		snprintf(one, sizeof(one), "%s%s=%llu", i ? " " : "",
			 all[i].name, (unsigned long long)*all[i].value);
		strcat(expected, one);
	}
	ck_assert_str_eq(text, expected);
}
END_TEST

START_TEST(test_the_largest_values_fit_into_the_text)
{
	struct stats stats;
	char text[STATS_TEXT_SIZE];
	size_t maxima = 0;

	for (unsigned i = 0; i < VALUES; i++)
		*value(&stats, i) = UINT64_MAX;
	stats_format(&stats, text);
	for (const char *at = text; (at = strstr(at, "=18446744073709551615"));
	     at++)
		maxima++;
	ck_assert_uint_eq(maxima, VALUES);
	ck_assert_uint_lt(strlen(text), sizeof(text) - 1);
}
END_TEST

enum { ADDITIONS = 200000 };

static void *
count(void *argument)
{
	for (int i = 0; i < ADDITIONS; i++)
		stats_add(argument, STATS_chunks, 3);
	return NULL;
}

START_TEST(test_a_thread_can_read_while_another_counts)
{
	static struct stats stats;
	pthread_t thread;
	uint64_t last = 0;

	ck_assert_int_eq(pthread_create(&thread, NULL, count, &stats), 0);
	while (last < 3 * ADDITIONS) {
		struct stats sum = { 0 };

		stats_sum(&sum, &stats);
		ck_assert_uint_ge(sum.counter[STATS_chunks], last);
		ck_assert_uint_eq(sum.counter[STATS_chunks] % 3, 0);
		last = sum.counter[STATS_chunks];
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(last, 3 * ADDITIONS);
}
END_TEST

SUITE(test_reasons_have_their_documented_names, test_adding_touches_one_counter,
      test_a_sum_has_every_counter, test_a_sum_has_every_histogram,
      test_closing_counts_and_measures,
      test_the_text_has_every_counter_under_its_name,
      test_the_largest_values_fit_into_the_text,
      test_a_thread_can_read_while_another_counts)
