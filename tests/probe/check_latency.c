#include "probe/latency.h"

#include "support/suite.h"

START_TEST(test_without_values_all_is_zero)
{
	static const struct latency empty;

	ck_assert_uint_eq(latency_at(&empty, 0.5), 0);
	ck_assert_uint_eq(latency_at(&empty, 1), 0);
	ck_assert_uint_eq(latency_count_to(&empty, UINT64_MAX), 0);
}
END_TEST

START_TEST(test_small_values_are_exact)
{
	static struct latency latency;

	for (unsigned i = 1; i <= 100; i++)
		latency_add(&latency, i);
	ck_assert_uint_eq(latency.min, 1);
	ck_assert_uint_eq(latency.max, 100);
	ck_assert_uint_eq(latency.sum, 5050);
	for (unsigned i = 1; i <= 100; i++)
		ck_assert_uint_eq(latency_at(&latency, i / 100.0), i);
	ck_assert_uint_eq(latency_count_to(&latency, 50), 50);
}
END_TEST

START_TEST(test_a_share_between_two_values_has_the_upper_one)
{
	static struct latency latency;

	latency_add(&latency, 10);
	latency_add(&latency, 20);
	latency_add(&latency, 30);
	ck_assert_uint_eq(latency_at(&latency, 0), 10);
	ck_assert_uint_eq(latency_at(&latency, 0.5), 20);
	ck_assert_uint_eq(latency_at(&latency, 0.99), 30);
	ck_assert_uint_eq(latency_at(&latency, 1), 30);
}
END_TEST

START_TEST(test_each_value_is_in_its_bucket)
{
	for (unsigned shift = 0; shift < 47; shift++) {
		for (int delta = -1; delta <= 1; delta++) {
			struct latency latency = { .count = 0 };
			uint64_t value = (UINT64_C(1) << shift) +
					 (uint64_t)(int64_t)delta;
			unsigned bucket = 0;

			latency_add(&latency, value);
			while (latency.buckets[bucket] == 0)
				bucket++;
			ck_assert_uint_le(value, latency_highest(bucket));
			if (bucket > 0)
				ck_assert_uint_gt(value,
						  latency_highest(bucket - 1));
			ck_assert_uint_eq(latency_at(&latency, 0.5), value);
		}
	}
}
END_TEST

START_TEST(test_buckets_are_exact_to_a_64th)
{
	for (unsigned i = 1; i < LATENCY_BUCKETS; i++) {
		uint64_t low = latency_highest(i - 1) + 1;

		ck_assert_uint_ge(latency_highest(i), low);
		ck_assert_uint_le(latency_highest(i) - low,
				  low / LATENCY_STEPS);
	}
}
END_TEST

START_TEST(test_huge_values_count_as_the_largest)
{
	static struct latency latency;

	latency_add(&latency, 1);
	latency_add(&latency, UINT64_MAX - 1);
	ck_assert_uint_eq(latency.max, UINT64_MAX - 1);
	ck_assert_uint_eq(latency_at(&latency, 1),
			  latency_highest(LATENCY_BUCKETS - 1));
	ck_assert_uint_gt(latency_highest(LATENCY_BUCKETS - 1),
			  UINT64_C(39) * 3600 * 1000000000);
	ck_assert_uint_eq(latency_count_to(&latency, UINT64_MAX), 2);
}
END_TEST

START_TEST(test_a_merge_is_as_if_all_had_been_added)
{
	static struct latency one, other, both;
	static const struct latency none;

	for (unsigned i = 1; i <= 1000; i++) {
		latency_add(i % 3 ? &one : &other, i * 1000);
		latency_add(&both, i * 1000);
	}
	latency_merge(&one, &none);
	latency_merge(&one, &other);
	ck_assert_mem_eq(&one, &both, sizeof(one));
	memset(&other, 0, sizeof(other));
	latency_merge(&other, &both);
	ck_assert_mem_eq(&other, &both, sizeof(both));
}
END_TEST

SUITE(test_without_values_all_is_zero, test_small_values_are_exact,
      test_a_share_between_two_values_has_the_upper_one,
      test_each_value_is_in_its_bucket, test_buckets_are_exact_to_a_64th,
      test_huge_values_count_as_the_largest,
      test_a_merge_is_as_if_all_had_been_added)
