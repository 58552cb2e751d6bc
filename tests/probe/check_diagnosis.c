#include "probe/diagnosis.h"

#include <string.h>

#include "support/suite.h"

#define SEED 3

static struct pattern pattern;

static void
stretch(uint32_t seed, uint64_t position, unsigned char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		size_t span;

		bytes[i] = *pattern_at(&pattern, seed, position + i, &span);
	}
}

/* What is diagnosed if bytes of `from` arrive instead of those of `position` */
static enum outcome
moved_to(uint64_t position, uint64_t sent, uint64_t from, uint64_t *moved)
{
	unsigned char got[DIAGNOSIS_BYTES];

	stretch(SEED, from, got, sizeof(got));
	return diagnose(&pattern, SEED, position, sent, got, sizeof(got),
			moved);
}

/* In the middle of a period, at both of its ends, and across them. */
static const uint64_t places[] = {
	3 * PATTERN_PERIOD,	 3 * PATTERN_PERIOD + 1,
	3 * PATTERN_PERIOD - 1,	 3 * PATTERN_PERIOD - 15,
	3 * PATTERN_PERIOD - 16, 3 * PATTERN_PERIOD - 17,
	3 * PATTERN_PERIOD + 15, 3 * PATTERN_PERIOD + 12345,
};

#define PLACES (sizeof(places) / sizeof(*places))

static const uint64_t distances[] = { 1, 2, 15, 16, 17, 100, 1000, 10000 };

#define DISTANCES (sizeof(distances) / sizeof(*distances))

START_TEST(test_later_bytes_are_a_loss)
{
	uint64_t moved;

	pattern_init(&pattern, PATTERN_ALL, -1);
	for (unsigned i = 0; i < PLACES; i++)
		for (unsigned j = 0; j < DISTANCES; j++) {
			uint64_t from = places[i] + distances[j];

			ck_assert_int_eq(moved_to(places[i],
						  from + DIAGNOSIS_BYTES, from,
						  &moved),
					 OUTCOME_BYTES_LOST);
			ck_assert_uint_eq(moved, distances[j]);
		}
}
END_TEST

START_TEST(test_earlier_bytes_are_doubled)
{
	uint64_t moved;

	pattern_init(&pattern, PATTERN_ALL, -1);
	for (unsigned i = 0; i < PLACES; i++)
		for (unsigned j = 0; j < DISTANCES; j++) {
			uint64_t from = places[i] - distances[j];

			ck_assert_int_eq(moved_to(places[i], places[i] + 1,
						  from, &moved),
					 OUTCOME_BYTES_DOUBLED);
			ck_assert_uint_eq(moved, distances[j]);
		}
}
END_TEST

START_TEST(test_the_beginning_of_the_stream_can_be_doubled)
{
	uint64_t moved;

	pattern_init(&pattern, PATTERN_ALL, -1);
	ck_assert_int_eq(moved_to(10, 100, 0, &moved), OUTCOME_BYTES_DOUBLED);
	ck_assert_uint_eq(moved, 10);
}
END_TEST

START_TEST(test_bytes_that_were_not_sent_are_no_loss)
{
	uint64_t moved;

	pattern_init(&pattern, PATTERN_ALL, -1);
	ck_assert_int_eq(moved_to(0, 1000 + DIAGNOSIS_BYTES - 1, 1000, &moved),
			 OUTCOME_BYTES_FOREIGN);
	ck_assert_uint_eq(moved, 0);
	ck_assert_int_eq(moved_to(0, 0, 1000, &moved), OUTCOME_BYTES_FOREIGN);
}
END_TEST

START_TEST(test_bytes_of_another_stream_are_foreign)
{
	unsigned char got[DIAGNOSIS_BYTES];
	uint64_t moved;

	pattern_init(&pattern, PATTERN_ALL, -1);
	for (uint32_t seed = SEED + 1; seed < SEED + 100; seed++) {
		stretch(seed, 1000, got, sizeof(got));
		ck_assert_int_eq(diagnose(&pattern, SEED, 0, 64, got,
					  sizeof(got), &moved),
				 OUTCOME_BYTES_FOREIGN);
	}
}
END_TEST

START_TEST(test_a_single_wrong_byte_is_a_corruption)
{
	unsigned char got[DIAGNOSIS_BYTES];
	uint64_t moved;

	pattern_init(&pattern, PATTERN_ALL, -1);
	for (unsigned i = 0; i < PLACES; i++) {
		stretch(SEED, places[i], got, sizeof(got));
		got[0] ^= 1;
		ck_assert_int_eq(diagnose(&pattern, SEED, places[i],
					  10 * PATTERN_PERIOD, got, sizeof(got),
					  &moved),
				 OUTCOME_CORRUPTED);
	}
}
END_TEST

START_TEST(test_two_wrong_bytes_are_a_corruption)
{
	unsigned char got[DIAGNOSIS_BYTES];
	uint64_t moved;

	pattern_init(&pattern, PATTERN_ALL, -1);
	stretch(SEED, 1000, got, sizeof(got));
	got[0] ^= 1;
	got[1] ^= 1;
	ck_assert_int_eq(diagnose(&pattern, SEED, 1000, 2000, got, sizeof(got),
				  &moved),
			 OUTCOME_CORRUPTED);
}
END_TEST

START_TEST(test_bytes_of_no_stream_are_a_corruption)
{
	static const unsigned char got[] = "HTTP/1.1 400 Bad Request\r\n";
	uint64_t moved;

	pattern_init(&pattern, PATTERN_ALL, -1);
	ck_assert_int_eq(diagnose(&pattern, SEED, 5 * PATTERN_PERIOD,
				  9 * PATTERN_PERIOD, got, sizeof(got) - 1,
				  &moved),
			 OUTCOME_CORRUPTED);
}
END_TEST

START_TEST(test_few_bytes_are_a_corruption)
{
	unsigned char got[DIAGNOSIS_BYTES];
	uint64_t moved;

	pattern_init(&pattern, PATTERN_ALL, -1);
	stretch(SEED, 101, got, sizeof(got));
	for (size_t length = 1; length < sizeof(got); length++)
		ck_assert_int_eq(diagnose(&pattern, SEED, 100, 1000, got,
					  length, &moved),
				 OUTCOME_CORRUPTED);
	ck_assert_int_eq(diagnose(&pattern, SEED, 100, 1000, got, sizeof(got),
				  &moved),
			 OUTCOME_BYTES_LOST);
}
END_TEST

SUITE(test_later_bytes_are_a_loss, test_earlier_bytes_are_doubled,
      test_the_beginning_of_the_stream_can_be_doubled,
      test_bytes_that_were_not_sent_are_no_loss,
      test_bytes_of_another_stream_are_foreign,
      test_a_single_wrong_byte_is_a_corruption,
      test_two_wrong_bytes_are_a_corruption,
      test_bytes_of_no_stream_are_a_corruption, test_few_bytes_are_a_corruption)
