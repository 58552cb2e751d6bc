#include "probe/payload.h"

#include <string.h>

#include "support/suite.h"

static struct pattern pattern;

static unsigned char
byte_at(uint32_t seed, uint64_t position)
{
	size_t length;

	return *pattern_at(&pattern, seed, position, &length);
}

static bool
is_in_pattern(int byte)
{
	return memchr(pattern.bytes, byte, sizeof(pattern.bytes)) != NULL;
}

/* ---- the table */

START_TEST(test_all_bytes_but_the_excluded_one_are_used)
{
	pattern_init(&pattern, PATTERN_ALL, 'G');
	for (int byte = 0; byte < 256; byte++)
		ck_assert(is_in_pattern(byte) == (byte != 'G'));
	pattern_init(&pattern, PATTERN_ALL, -1);
	for (int byte = 0; byte < 256; byte++)
		ck_assert(is_in_pattern(byte));
}
END_TEST

START_TEST(test_no_text_has_no_byte_of_printable_utf8)
{
	pattern_init(&pattern, PATTERN_NO_TEXT, -1);
	for (int byte = ' '; byte < 0x7f; byte++)
		ck_assert(!is_in_pattern(byte));
	/* The first bytes of sequences, and the bytes that continue them. */
	for (int byte = 0x80; byte < 0xf5; byte++)
		ck_assert(byte == 0xc0 || byte == 0xc1 || !is_in_pattern(byte));
	for (const char *space = "\t\n\v\f\r\033"; *space; space++)
		ck_assert(!is_in_pattern(*space));
	ck_assert(is_in_pattern(0));
	ck_assert(is_in_pattern(0xff));
}
END_TEST

START_TEST(test_text_is_letters_and_digits)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	pattern_init(&pattern, PATTERN_TEXT, 'x');
	for (int byte = 1; byte < 256; byte++)
		ck_assert(is_in_pattern(byte) ==
			  (byte != 'x' && strchr(allowed, byte)));
	ck_assert(!is_in_pattern(0));
}
END_TEST

/* ---- the stream */

START_TEST(test_a_stretch_is_the_same_wherever_it_is_looked_up)
{
	pattern_init(&pattern, PATTERN_ALL, -1);
	for (uint64_t from = 0; from < 5 * PATTERN_PERIOD; from += 4099) {
		size_t length;
		const unsigned char *bytes =
			pattern_at(&pattern, 7, from, &length);

		ck_assert_uint_eq(length,
				  PATTERN_PERIOD - from % PATTERN_PERIOD);
		for (size_t i = 0; i < length; i += 97)
			ck_assert_uint_eq(bytes[i], byte_at(7, from + i));
	}
}
END_TEST

START_TEST(test_the_last_byte_of_the_table_can_be_reached)
{
	pattern_init(&pattern, PATTERN_ALL, -1);
	for (uint32_t seed = 0; seed < PATTERN_PERIOD; seed += 13)
		for (uint64_t row = 0; row < 3; row++) {
			size_t length;
			uint64_t last = (row + 1) * PATTERN_PERIOD - 1;
			const unsigned char *byte =
				pattern_at(&pattern, seed, last, &length);

			ck_assert_uint_eq(length, 1);
			ck_assert(byte < pattern.bytes + sizeof(pattern.bytes));
		}
}
END_TEST

static bool
are_equal(uint32_t seed_a, uint64_t a, uint32_t seed_b, uint64_t b)
{
	for (unsigned i = 0; i < 32; i++)
		if (byte_at(seed_a, a + i) != byte_at(seed_b, b + i))
			return false;
	return true;
}

START_TEST(test_seeds_have_different_streams)
{
	pattern_init(&pattern, PATTERN_ALL, -1);
	for (uint32_t seed = 1; seed < 10000; seed++)
		ck_assert(!are_equal(0, 12345, seed, 12345));
}
END_TEST

START_TEST(test_periods_of_a_stream_are_different)
{
	pattern_init(&pattern, PATTERN_ALL, -1);
	for (uint64_t row = 1; row < 1000; row++)
		ck_assert(!are_equal(3, 100, 3, 100 + row * PATTERN_PERIOD));
	ck_assert(are_equal(3, 100, 3,
			    100 + (uint64_t)PATTERN_PERIOD * PATTERN_PERIOD));
}
END_TEST

/* ---- sizes */

START_TEST(test_a_fixed_size_is_that_of_all_messages)
{
	struct message_sizes sizes = { .least = 64, .most = 64, .step = 4 };

	for (uint64_t number = 0; number < 100; number++)
		ck_assert_uint_eq(message_size(&sizes, 5, number), 64);
}
END_TEST

START_TEST(test_growing_sizes_begin_again_after_the_largest)
{
	struct message_sizes sizes = { .least = 500, .most = 508, .step = 4 };
	static const size_t expected[] = { 500, 504, 508, 500, 504, 508, 500 };

	for (unsigned i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		ck_assert_uint_eq(message_size(&sizes, 5, i), expected[i]);
	/* No multiple of the step: the largest size is never exceeded. */
	sizes.most = 510;
	for (unsigned i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		ck_assert_uint_eq(message_size(&sizes, 5, i), expected[i]);
}
END_TEST

START_TEST(test_random_sizes_are_all_sizes_of_the_range)
{
	struct message_sizes sizes = { .least = 10, .most = 13 };
	unsigned count[14] = { 0 };

	for (uint64_t number = 0; number < 4000; number++) {
		size_t size = message_size(&sizes, 5, number);

		ck_assert_uint_ge(size, 10);
		ck_assert_uint_le(size, 13);
		ck_assert_uint_eq(size, message_size(&sizes, 5, number));
		count[size]++;
	}
	for (size_t size = 10; size <= 13; size++)
		ck_assert_uint_gt(count[size], 800);
}
END_TEST

START_TEST(test_random_sizes_depend_on_the_seed)
{
	struct message_sizes sizes = { .least = 1, .most = 1000 };
	unsigned equal = 0;

	for (uint64_t number = 0; number < 1000; number++)
		equal += message_size(&sizes, 5, number) ==
			 message_size(&sizes, 6, number);
	ck_assert_uint_lt(equal, 20);
}
END_TEST

/* ---- messages */

/* Walks through `count` messages in spans of `most` bytes at most. */
static void
walk(const struct payload_params *params, uint64_t first, unsigned count,
     size_t most)
{
	struct payload payload;
	uint64_t end = 0;

	payload_begin(&payload, params, 9, first);
	for (uint64_t message = first; message < first + count; message++) {
		size_t length;

		payload_span(&payload, &length);
		ck_assert_uint_eq(length, 0);
		payload_next_message(&payload);
		end += message_size(&params->sizes, 9, message);
		ck_assert_uint_eq(payload.message_end, end);
		while (payload.position < end) {
			const unsigned char *bytes =
				payload_span(&payload, &length);
			bool last = payload.position + length == end;

			ck_assert_uint_ge(length, 1);
			ck_assert_uint_le(payload.position + length, end);
			if (params->lines && last)
				ck_assert_uint_eq(bytes[--length], '\n');
			for (size_t i = 0; i < length; i++)
				ck_assert_uint_eq(
					bytes[i],
					byte_at(9, payload.position + i));
			if (length == 0)
				length = 1;
			payload_advance(&payload,
					length < most ? length : most);
		}
	}
}

START_TEST(test_messages_are_cut_from_the_stream)
{
	static const struct message_sizes sizes[] = {
		{ .least = 1, .most = 1 },
		{ .least = 2, .most = 2 },
		{ .least = 1, .most = 9 },
		{ .least = 1, .most = 10, .step = 3 },
		{ .least = 70000, .most = 70000 },
		{ .least = PATTERN_PERIOD, .most = PATTERN_PERIOD },
	};

	pattern_init(&pattern, PATTERN_TEXT, -1);
	for (unsigned i = 0; i < 2 * sizeof(sizes) / sizeof(*sizes); i++) {
		struct payload_params params = {
			.pattern = &pattern,
			.sizes = sizes[i / 2],
			.lines = i % 2,
		};

		walk(&params, 0, 4, 1000000);
		walk(&params, 4, 3, 10000);
		if (sizes[i / 2].most < 100)
			walk(&params, 4, 200, 1);
	}
}
END_TEST

SUITE(test_all_bytes_but_the_excluded_one_are_used,
      test_no_text_has_no_byte_of_printable_utf8,
      test_text_is_letters_and_digits,
      test_a_stretch_is_the_same_wherever_it_is_looked_up,
      test_the_last_byte_of_the_table_can_be_reached,
      test_seeds_have_different_streams, test_periods_of_a_stream_are_different,
      test_a_fixed_size_is_that_of_all_messages,
      test_growing_sizes_begin_again_after_the_largest,
      test_random_sizes_are_all_sizes_of_the_range,
      test_random_sizes_depend_on_the_seed,
      test_messages_are_cut_from_the_stream)
