#include "base/histogram.h"

#include <math.h>

#include "support/suite.h"

/* The only bucket that is not empty, which has counted `times`. */
static unsigned
bucket_of(const struct histogram *histogram, uint64_t times)
{
	unsigned found = HISTOGRAM_BOUNDS + 1;

	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		if (histogram->counts[i] == 0)
			continue;
		ck_assert_uint_eq(histogram->counts[i], times);
		ck_assert_uint_gt(found, HISTOGRAM_BOUNDS);
		found = i;
	}
	ck_assert_uint_le(found, HISTOGRAM_BOUNDS);
	return found;
}

static unsigned
bucket_for(enum histogram_kind kind, double seconds)
{
	struct histogram histogram = { 0 };

	histogram_add(&histogram, kind, seconds, 1);
	ck_assert_double_eq(histogram.sum, seconds);
	return bucket_of(&histogram, 1);
}

START_TEST(test_bounds_ascend)
{
	for (int i = 0; i < HISTOGRAM_COUNT; i++) {
		enum histogram_kind kind = (enum histogram_kind)i;

		ck_assert_double_gt(histogram_bound(kind, 0), 0);
		for (unsigned j = 1; j < HISTOGRAM_BOUNDS; j++)
			ck_assert_double_gt(histogram_bound(kind, j),
					    histogram_bound(kind, j - 1));
	}
}
END_TEST

START_TEST(test_a_time_is_within_its_bound)
{
	for (int i = 0; i < HISTOGRAM_COUNT; i++) {
		enum histogram_kind kind = (enum histogram_kind)i;

		ck_assert_uint_eq(bucket_for(kind, 0), 0);
		for (unsigned j = 0; j < HISTOGRAM_BOUNDS; j++) {
			double bound = histogram_bound(kind, j);

			ck_assert_uint_eq(bucket_for(kind, bound), j);
			ck_assert_uint_eq(
				bucket_for(kind, nextafter(bound, 1e9)), j + 1);
		}
	}
	ck_assert_uint_eq(bucket_for(HISTOGRAM_echo_delay, 1e9),
			  HISTOGRAM_BOUNDS);
}
END_TEST

START_TEST(test_the_bounds_are_of_the_kind)
{
	ck_assert_double_eq(histogram_bound(HISTOGRAM_echo_delay, 2), 0.00001);
	ck_assert_double_eq(histogram_bound(HISTOGRAM_tls_handshake, 0), 0.001);
	ck_assert_double_eq(histogram_bound(HISTOGRAM_connection_duration,
					    HISTOGRAM_BOUNDS - 1),
			    604800);
}
END_TEST

START_TEST(test_equal_times_are_added_at_once)
{
	struct histogram histogram = { 0 };

	histogram_add(&histogram, HISTOGRAM_echo_delay, 0.5, 4);
	ck_assert_uint_eq(bucket_of(&histogram, 4), 10);
	ck_assert_double_eq(histogram.sum, 2);
	histogram_add(&histogram, HISTOGRAM_echo_delay, 0.5, 0);
	ck_assert_uint_eq(bucket_of(&histogram, 4), 10);
	ck_assert_double_eq(histogram.sum, 2);
}
END_TEST

START_TEST(test_every_bucket_is_summed_up)
{
	struct histogram sum = { .sum = 0.5 }, from = { .sum = 0.25 };

	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		sum.counts[i] = i;
		from.counts[i] = 100 * i + 1;
	}
	histogram_sum(&sum, &from);
	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
		ck_assert_uint_eq(sum.counts[i], 101 * i + 1);
	ck_assert_double_eq(sum.sum, 0.75);
}
END_TEST

SUITE(test_bounds_ascend, test_a_time_is_within_its_bound,
      test_the_bounds_are_of_the_kind, test_equal_times_are_added_at_once,
      test_every_bucket_is_summed_up)
