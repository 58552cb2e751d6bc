#include "probe/datagrams_reply.h"

#include <stdlib.h>
#include <string.h>

#include "support/suite.h"

enum { RUN = 0x12345678, PEER = 7, ROOM = 4096 };

static struct pattern pattern;
static struct payload_params params = { .pattern = &pattern };
static struct framing framing;
static unsigned char sent[3000][ROOM];
static size_t sizes[3000];

static struct datagrams *
begin(size_t size, const char *prefix)
{
	struct datagrams *datagrams;

	pattern_init(&pattern, PATTERN_ALL, -1);
	params.sizes = (struct message_sizes){ .least = size, .most = size };
	framing.prefix = prefix;
	framing.prefix_length = prefix ? strlen(prefix) : 0;
	datagrams = datagrams_new(&params, &framing, RUN, PEER);
	ck_assert_ptr_nonnull(datagrams);
	return datagrams;
}

/* Datagram number `i`, started at 10 * i and sent at 10 * i + 1. */
static void
send_one(struct datagrams *datagrams, unsigned i)
{
	sizes[i] = datagrams_next(datagrams, 10 * (int64_t)i,
				  10 * (int64_t)i + 1, sent[i]);
	ck_assert_uint_gt(sizes[i], 0);
}

static void
send_many(struct datagrams *datagrams, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		send_one(datagrams, i);
}

/* `prefix` and datagram `i`, of which byte `wrong` is changed; -1: none. */
static struct datagram_verdict
reply(struct datagrams *datagrams, const char *prefix, unsigned i, int wrong)
{
	size_t before = strlen(prefix);
	/* Exactly as long as the reply, so that a sanitizer sees more. */
	unsigned char *data = malloc(before + sizes[i]);
	struct datagram_verdict verdict;

	ck_assert_ptr_nonnull(data);
	memcpy(data, prefix, before);
	memcpy(data + before, sent[i], sizes[i]);
	if (wrong >= 0)
		data[wrong] ^= 0x55;
	verdict = datagrams_reply(datagrams, data, before + sizes[i]);
	free(data);
	return verdict;
}

START_TEST(test_an_echo_ends_its_datagram)
{
	struct datagrams *datagrams = begin(100, NULL);
	struct datagram_verdict verdict;

	send_many(datagrams, 3);
	ck_assert_uint_eq(datagrams_awaited(datagrams), 3);
	ck_assert_uint_eq(sizes[1], 100);
	for (unsigned i = 0; i < 3; i++) {
		verdict = reply(datagrams, "a:", i, -1);
		ck_assert_int_eq(verdict.outcome, OUTCOME_ECHOED);
		ck_assert(!verdict.reordered);
		ck_assert_uint_eq(verdict.datagram.number, i);
		ck_assert_int_eq(verdict.datagram.started, 10 * i);
		ck_assert_uint_eq(verdict.datagram.size, 100);
		ck_assert_uint_eq(verdict.prefix_length, 2);
	}
	ck_assert_uint_eq(datagrams_awaited(datagrams), 0);
	datagrams_free(datagrams);
}
END_TEST

START_TEST(test_each_reply_can_have_another_prefix)
{
	static const char *const prefixes[] = { "a:", "longer: ", "", "b" };
	struct datagrams *datagrams = begin(64, NULL);

	send_many(datagrams, 4);
	for (unsigned i = 0; i < 4; i++) {
		struct datagram_verdict verdict =
			reply(datagrams, prefixes[i], i, -1);

		ck_assert_int_eq(verdict.outcome, OUTCOME_ECHOED);
		ck_assert_uint_eq(verdict.prefix_length, strlen(prefixes[i]));
	}
	datagrams_free(datagrams);
}
END_TEST

START_TEST(test_a_prefix_of_the_greatest_length_is_found)
{
	struct datagrams *datagrams = begin(64, NULL);
	char prefix[VERIFIER_PREFIX_MAX + 2];

	memset(prefix, 'x', sizeof(prefix));
	prefix[VERIFIER_PREFIX_MAX] = '\0';
	send_many(datagrams, 2);
	ck_assert_int_eq(reply(datagrams, prefix, 0, -1).outcome,
			 OUTCOME_ECHOED);
	prefix[VERIFIER_PREFIX_MAX] = 'x';
	prefix[VERIFIER_PREFIX_MAX + 1] = '\0';
	ck_assert_int_eq(reply(datagrams, prefix, 1, -1).outcome,
			 OUTCOME_FOREIGN);
	datagrams_free(datagrams);
}
END_TEST

START_TEST(test_a_wrong_prefix_is_noticed)
{
	struct datagrams *datagrams = begin(64, "GOT:");
	struct datagram_verdict verdict;

	send_many(datagrams, 5);
	ck_assert_int_eq(reply(datagrams, "GOT:", 0, -1).outcome,
			 OUTCOME_ECHOED);
	verdict = reply(datagrams, "GET:", 1, -1);
	ck_assert_int_eq(verdict.outcome, OUTCOME_WRONG_PREFIX);
	ck_assert_uint_eq(verdict.offset, 1);
	ck_assert_int_eq(verdict.expected, 'O');
	ck_assert_int_eq(verdict.got, 'E');
	verdict = reply(datagrams, "", 2, -1);
	ck_assert_int_eq(verdict.outcome, OUTCOME_WRONG_PREFIX);
	ck_assert_int_eq(verdict.expected, 'G');
	ck_assert_int_eq(verdict.got, -1);
	verdict = reply(datagrams, "GOT:!", 3, -1);
	ck_assert_int_eq(verdict.outcome, OUTCOME_WRONG_PREFIX);
	ck_assert_uint_eq(verdict.offset, 4);
	ck_assert_int_eq(verdict.expected, -1);
	ck_assert_int_eq(verdict.got, '!');
	ck_assert_uint_eq(datagrams_awaited(datagrams), 1);
	datagrams_free(datagrams);
}
END_TEST

/* Also if it is a byte of the number or of the mark. */
START_TEST(test_a_wrong_byte_is_noticed_anywhere)
{
	struct datagrams *datagrams = begin(40, NULL);

	for (unsigned i = 0; i < 40; i++) {
		struct datagram_verdict verdict;

		send_one(datagrams, i);
		verdict = reply(datagrams, "ab", i, 2 + (int)i);
		ck_assert_int_eq(verdict.outcome, OUTCOME_CORRUPTED);
		ck_assert_uint_eq(verdict.datagram.number, i);
		ck_assert_uint_eq(verdict.offset, 2 + i);
		ck_assert_int_eq(verdict.expected, sent[i][i]);
		ck_assert_int_eq(verdict.got, sent[i][i] ^ 0x55);
	}
	datagrams_free(datagrams);
}
END_TEST

/* The damaged number is that of a datagram that is awaited too. */
START_TEST(test_a_number_that_became_another_is_noticed)
{
	struct datagrams *datagrams = begin(40, NULL);
	struct datagram_verdict verdict;

	send_many(datagrams, 2);
	sent[1][3] = 0;
	verdict = reply(datagrams, "", 1, -1);
	ck_assert_int_eq(verdict.outcome, OUTCOME_CORRUPTED);
	ck_assert_uint_eq(verdict.datagram.number, 1);
	ck_assert_uint_eq(verdict.offset, 3);
	datagrams_free(datagrams);
}
END_TEST

START_TEST(test_a_wrong_length_is_noticed)
{
	struct datagrams *datagrams = begin(40, NULL);
	struct datagram_verdict verdict;

	send_many(datagrams, 2);
	sizes[0] = 30;
	verdict = reply(datagrams, "ab", 0, -1);
	ck_assert_int_eq(verdict.outcome, OUTCOME_WRONG_LENGTH);
	ck_assert_uint_eq(verdict.offset, 32);
	ck_assert_int_eq(verdict.expected, sent[0][30]);
	ck_assert_int_eq(verdict.got, -1);
	sizes[1] = 41;
	sent[1][40] = '!';
	verdict = reply(datagrams, "ab", 1, -1);
	ck_assert_int_eq(verdict.outcome, OUTCOME_WRONG_LENGTH);
	ck_assert_uint_eq(verdict.offset, 42);
	ck_assert_int_eq(verdict.expected, -1);
	ck_assert_int_eq(verdict.got, '!');
	ck_assert_uint_eq(datagrams_awaited(datagrams), 0);
	datagrams_free(datagrams);
}
END_TEST

START_TEST(test_a_second_echo_is_doubled)
{
	struct datagrams *datagrams = begin(40, NULL);
	struct datagram_verdict verdict;

	send_many(datagrams, 2);
	reply(datagrams, "", 0, -1);
	verdict = reply(datagrams, "", 0, -1);
	ck_assert_int_eq(verdict.outcome, OUTCOME_DOUBLED);
	ck_assert_uint_eq(verdict.datagram.number, 0);
	ck_assert_uint_eq(datagrams_awaited(datagrams), 1);
	datagrams_free(datagrams);
}
END_TEST

START_TEST(test_an_echo_after_the_time_out_is_late)
{
	struct datagrams *datagrams = begin(40, NULL);
	struct datagram expired;

	send_many(datagrams, 3);
	ck_assert(!datagrams_expire(datagrams, 0, &expired));
	ck_assert(datagrams_expire(datagrams, 11, &expired));
	ck_assert_uint_eq(expired.number, 0);
	ck_assert(datagrams_expire(datagrams, 11, &expired));
	ck_assert_uint_eq(expired.number, 1);
	ck_assert(!datagrams_expire(datagrams, 20, &expired));
	ck_assert_int_eq(reply(datagrams, "", 1, -1).outcome, OUTCOME_LATE);
	ck_assert_int_eq(reply(datagrams, "", 1, -1).outcome, OUTCOME_DOUBLED);
	ck_assert_int_eq(reply(datagrams, "", 2, -1).outcome, OUTCOME_ECHOED);
	ck_assert_uint_eq(datagrams_awaited(datagrams), 0);
	datagrams_free(datagrams);
}
END_TEST

START_TEST(test_echoes_in_another_order_are_noticed)
{
	struct datagrams *datagrams = begin(40, NULL);

	send_many(datagrams, 3);
	ck_assert(!reply(datagrams, "", 1, -1).reordered);
	ck_assert(reply(datagrams, "", 0, -1).reordered);
	ck_assert(!reply(datagrams, "", 2, -1).reordered);
	datagrams_free(datagrams);
}
END_TEST

START_TEST(test_other_bytes_are_foreign)
{
	struct datagrams *datagrams = begin(40, NULL);
	unsigned char bytes[200];

	memset(bytes, 0xEE, sizeof(bytes));
	send_many(datagrams, 2);
	for (size_t length = 0; length <= sizeof(bytes); length++)
		ck_assert_int_eq(
			datagrams_reply(datagrams, bytes, length).outcome,
			OUTCOME_FOREIGN);
	ck_assert_uint_eq(datagrams_awaited(datagrams), 2);
	datagrams_free(datagrams);
}
END_TEST

START_TEST(test_the_reply_to_another_peer_is_foreign_and_names_it)
{
	struct datagrams *datagrams = begin(40, NULL);
	struct datagrams *other = datagrams_new(&params, &framing, RUN, 8);
	size_t offset = 0;

	send_one(other, 1);
	send_one(datagrams, 0);
	ck_assert_int_eq(reply(datagrams, "", 1, -1).outcome, OUTCOME_FOREIGN);
	ck_assert_uint_eq(datagrams_peer_of(RUN, 9, sent[1], sizes[1], &offset),
			  8);
	ck_assert_uint_eq(datagrams_peer_of(RUN, 8, sent[1], sizes[1], &offset),
			  UINT32_MAX);
	ck_assert_uint_eq(datagrams_peer_of(RUN + 1, 9, sent[1], sizes[1],
					    &offset),
			  UINT32_MAX);
	ck_assert_uint_eq(datagrams_peer_of(RUN, 9, sent[1], 7, &offset),
			  UINT32_MAX);
	memmove(sent[1] + 5, sent[1], sizes[1]);
	ck_assert_uint_eq(
		datagrams_peer_of(RUN, 9, sent[1], sizes[1] + 5, &offset), 8);
	ck_assert_uint_eq(offset, 5);
	datagrams_free(other);
	datagrams_free(datagrams);
}
END_TEST

START_TEST(test_datagrams_of_any_small_size_are_told_apart)
{
	for (size_t size = 1; size < 24; size++) {
		struct datagrams *datagrams = begin(size, NULL);

		send_many(datagrams, 20);
		for (unsigned i = 20; i-- > 0;) {
			struct datagram_verdict verdict =
				reply(datagrams, "p:", i, -1);

			ck_assert_int_eq(verdict.outcome, OUTCOME_ECHOED);
			ck_assert_uint_eq(verdict.datagram.number, i);
			ck_assert_uint_eq(verdict.prefix_length, 2);
		}
		ck_assert_int_eq(reply(datagrams, "p:", 3, -1).outcome,
				 OUTCOME_DOUBLED);
		datagrams_free(datagrams);
	}
}
END_TEST

START_TEST(test_all_that_are_awaited_and_a_history_are_remembered)
{
	struct datagrams *datagrams = begin(40, NULL);

	send_many(datagrams, 3000);
	ck_assert_uint_eq(datagrams_awaited(datagrams), 3000);
	for (unsigned i = 1; i < 3000; i++)
		ck_assert_int_eq(reply(datagrams, "", i, -1).outcome,
				 OUTCOME_ECHOED);
	ck_assert_int_eq(
		reply(datagrams, "", 3000 - DATAGRAMS_HISTORY, -1).outcome,
		OUTCOME_DOUBLED);
	ck_assert_int_eq(reply(datagrams, "", 0, -1).outcome, OUTCOME_ECHOED);
	datagrams_free(datagrams);
}
END_TEST

START_TEST(test_what_was_not_sent_is_the_next_one)
{
	struct datagrams *datagrams = begin(40, NULL);
	unsigned char first[40];

	send_many(datagrams, 2);
	memcpy(first, sent[1], sizeof(first));
	datagrams_take_back(datagrams);
	ck_assert_uint_eq(datagrams_awaited(datagrams), 1);
	ck_assert_int_eq(reply(datagrams, "", 1, -1).outcome, OUTCOME_FOREIGN);
	send_one(datagrams, 1);
	ck_assert_mem_eq(first, sent[1], sizeof(first));
	ck_assert_int_eq(reply(datagrams, "", 1, -1).outcome, OUTCOME_ECHOED);
	datagrams_free(datagrams);
}
END_TEST

START_TEST(test_a_quoted_datagram_ends)
{
	struct datagrams *datagrams = begin(40, NULL);
	struct datagram ended;

	send_many(datagrams, 3);
	ck_assert(!datagrams_end(datagrams, sent[1], 7, &ended));
	ck_assert(datagrams_end(datagrams, sent[1], 8, &ended));
	ck_assert_uint_eq(ended.number, 1);
	ck_assert(!datagrams_end(datagrams, sent[1], 8, &ended));
	ck_assert(datagrams_cancel(datagrams, 2, &ended));
	ck_assert(!datagrams_cancel(datagrams, 2, &ended));
	ck_assert(!datagrams_cancel(datagrams, 99, &ended));
	ck_assert_uint_eq(datagrams_awaited(datagrams), 1);
	datagrams_free(datagrams);
}
END_TEST

START_TEST(test_a_size_beyond_the_pattern_is_refused)
{
	params.sizes.least = params.sizes.most = PATTERN_PERIOD + 1;
	errno = 0;
	ck_assert_ptr_null(datagrams_new(&params, &framing, RUN, PEER));
	ck_assert_int_eq(errno, EMSGSIZE);
}
END_TEST

SUITE(test_an_echo_ends_its_datagram, test_each_reply_can_have_another_prefix,
      test_a_prefix_of_the_greatest_length_is_found,
      test_a_wrong_prefix_is_noticed, test_a_wrong_byte_is_noticed_anywhere,
      test_a_number_that_became_another_is_noticed,
      test_a_wrong_length_is_noticed, test_a_second_echo_is_doubled,
      test_an_echo_after_the_time_out_is_late,
      test_echoes_in_another_order_are_noticed, test_other_bytes_are_foreign,
      test_the_reply_to_another_peer_is_foreign_and_names_it,
      test_datagrams_of_any_small_size_are_told_apart,
      test_all_that_are_awaited_and_a_history_are_remembered,
      test_what_was_not_sent_is_the_next_one, test_a_quoted_datagram_ends,
      test_a_size_beyond_the_pattern_is_refused)
