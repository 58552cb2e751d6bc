#include "probe/verifier_reference.h"

#include <string.h>

#include "support/suite.h"

/* ---- what is right */

START_TEST(test_the_echo_of_all_messages_is_right)
{
	for (unsigned i = 0; i < KINDS * SIZES * 2; i++) {
		struct server server;

		server_init(&server, &kinds[i / 2 / SIZES], i % 2);
		server.params.sizes = sizes[i / 2 % SIZES];
		server_serve(&server);
		ck_assert_msg(reference_check(&server), "%s",
			      kinds[i / 2 / SIZES].name);
	}
}
END_TEST

/* TCP can have cut what the server has received. */
START_TEST(test_smaller_chunks_are_right)
{
	for (size_t size = 1; size < 2 * KINDS * 10; size++) {
		struct server server;

		server_init(&server, &kinds[size % KINDS], size % 2);
		if (server.params.lines)
			continue;
		server.chunk_size = 8 + size / 7;
		if (server.framing.prefix && *server.prefix)
			server.chunk_size = 1 + size / 7;
		server_serve(&server);
		ck_assert(reference_check(&server));
	}
}
END_TEST

/* Everything has come back at no byte but the last. */
START_TEST(test_a_part_of_the_echo_is_not_complete)
{
	for (unsigned i = 0; i < KINDS; i++) {
		struct server server;
		size_t whole;

		server_init(&server, &kinds[i], false);
		server_serve(&server);
		whole = server.length;
		for (size_t length = 0; length < whole; length++) {
			struct result result;

			server.echo_ends[MESSAGES - 1] = length;
			result = reference_feed(&server,
						&(struct cuts){ .size = 100 });
			ck_assert_int_eq(result.verdict.outcome,
					 OUTCOME_ECHOED);
			ck_assert(!result.complete);
		}
	}
}
END_TEST

/* ---- single messages, byte by byte */

static struct verifier verifier;
static struct server talk;

static void
begin(const struct kind *kind)
{
	server_init(&talk, kind, true);
	server_serve(&talk);
	verifier_free(&verifier);
	ck_assert(
		verifier_init(&verifier, &talk.framing, &talk.params, SEED, 0));
}

static enum outcome
send_back(const char *prefix, unsigned message, size_t from, size_t to)
{
	const char *bytes = (const char *)talk.payload;
	size_t sent = talk.ends[message];
	struct verdict verdict = verifier_feed(
		&verifier, (const unsigned char *)prefix, strlen(prefix), sent);

	if (verdict.outcome == OUTCOME_ECHOED)
		verdict = verifier_feed(&verifier,
					(const unsigned char *)bytes + from,
					to - from, sent);
	return verdict.outcome;
}

START_TEST(test_a_message_that_is_expected_begins_with_the_prefix)
{
	begin(&kinds[2]);
	ck_assert_int_eq(send_back("GOT:", 0, 0, 125), OUTCOME_ECHOED);
	ck_assert(verifier_complete(&verifier, 125));
	verifier_expect_message(&verifier);
	/* What is expected does not change what has come back. */
	ck_assert(verifier_complete(&verifier, 125));
	ck_assert_int_eq(send_back("", 1, 125, 250), OUTCOME_WRONG_PREFIX);

	begin(&kinds[2]);
	ck_assert_int_eq(send_back("GOT:", 1, 0, 125), OUTCOME_ECHOED);
	/* Without the call, it is the same chunk. */
	ck_assert_int_eq(send_back("", 1, 125, 250), OUTCOME_ECHOED);
	ck_assert(verifier_complete(&verifier, 250));
}
END_TEST

START_TEST(test_a_prefix_between_two_messages_is_not_forgotten)
{
	static const char *const early[] = { "G", "GO", "GOT:" };

	for (unsigned i = 0; i < COUNT(early); i++) {
		begin(&kinds[2]);
		ck_assert_int_eq(send_back("GOT:", 0, 0, 125), OUTCOME_ECHOED);
		ck_assert_int_eq(send_back(early[i], 0, 0, 0), OUTCOME_ECHOED);
		ck_assert(!verifier_complete(&verifier, 125));
		verifier_expect_message(&verifier);
		ck_assert_int_ne(send_back("GOT:", 1, 125, 250),
				 OUTCOME_ECHOED);
	}
}
END_TEST

static void
expect_prefix(const char *expected)
{
	size_t length;
	const char *prefix = verifier_prefix(&verifier, &length);

	if (!expected) {
		ck_assert_ptr_null(prefix);
		return;
	}
	ck_assert_ptr_nonnull(prefix);
	ck_assert_uint_eq(length, strlen(expected));
	ck_assert_int_eq(memcmp(prefix, expected, length), 0);
}

START_TEST(test_a_prefix_is_known_after_8_bytes_of_payload)
{
	begin(&kinds[6]);
	ck_assert(verifier_complete(&verifier, 0));
	ck_assert_int_eq(send_back("host-1 > ", 0, 0, 7), OUTCOME_ECHOED);
	ck_assert(!verifier_complete(&verifier, 7));
	expect_prefix(NULL);
	ck_assert_int_eq(send_back("", 0, 7, 8), OUTCOME_ECHOED);
	expect_prefix("host-1 > ");
	ck_assert(verifier_complete(&verifier, 8));
	ck_assert_uint_eq(verifier.received, 9 + 8);
}
END_TEST

START_TEST(test_a_first_message_of_one_byte_is_enough)
{
	server_init(&talk, &kinds[8], true);
	talk.params.sizes = (struct message_sizes){ 1, 1, 0 };
	server_serve(&talk);
	verifier_free(&verifier);
	ck_assert(
		verifier_init(&verifier, &talk.framing, &talk.params, SEED, 0));
	ck_assert_int_eq(send_back("a ", 0, 0, 0), OUTCOME_ECHOED);
	ck_assert(!verifier_complete(&verifier, 1));
	expect_prefix(NULL);
	ck_assert_int_eq(send_back("", 0, 0, 1), OUTCOME_ECHOED);
	ck_assert(verifier_complete(&verifier, 1));
	expect_prefix("a ");
	verifier_expect_message(&verifier);
	ck_assert_int_eq(send_back("a ", 1, 1, 2), OUTCOME_ECHOED);
	ck_assert(verifier_complete(&verifier, 2));
	verifier_expect_message(&verifier);
	ck_assert_int_eq(send_back("b ", 2, 2, 3), OUTCOME_WRONG_PREFIX);
}
END_TEST

START_TEST(test_a_learned_prefix_is_held_to)
{
	begin(&kinds[8]);
	ck_assert_int_eq(send_back("a ", 0, 0, 125), OUTCOME_ECHOED);
	verifier_expect_message(&verifier);
	ck_assert_int_eq(send_back("a ", 1, 125, 250), OUTCOME_ECHOED);
	verifier_expect_message(&verifier);
	ck_assert_int_eq(send_back("b ", 2, 250, 375), OUTCOME_WRONG_PREFIX);

	begin(&kinds[8]);
	ck_assert_int_eq(send_back("a ", 0, 0, 40), OUTCOME_ECHOED);
	ck_assert_int_eq(send_back("a ", 0, 40, 80), OUTCOME_ECHOED);
	ck_assert_int_eq(send_back("b ", 0, 80, 125), OUTCOME_CORRUPTED);
}
END_TEST

START_TEST(test_the_second_message_decides_for_all_later_ones)
{
	begin(&kinds[8]);
	ck_assert_int_eq(send_back("a ", 0, 0, 125), OUTCOME_ECHOED);
	verifier_expect_message(&verifier);
	ck_assert_int_eq(send_back("a ", 1, 125, 250), OUTCOME_ECHOED);
	verifier_expect_message(&verifier);
	ck_assert_int_eq(send_back("", 2, 250, 375), OUTCOME_WRONG_PREFIX);

	begin(&kinds[8]);
	ck_assert_int_eq(send_back("a ", 0, 0, 125), OUTCOME_ECHOED);
	for (unsigned m = 1; m < MESSAGES; m++) {
		verifier_expect_message(&verifier);
		ck_assert_int_eq(send_back("", m, talk.ends[m - 1],
					   talk.ends[m]),
				 OUTCOME_ECHOED);
	}
}
END_TEST

START_TEST(test_a_prompt_between_two_messages_is_their_prefix)
{
	begin(&kinds[8]);
	for (unsigned m = 0; m < MESSAGES; m++) {
		verifier_expect_message(&verifier);
		ck_assert_int_eq(send_back(m == 0 ? "> " : "", m,
					   talk.ends[m] - 125, talk.ends[m]),
				 OUTCOME_ECHOED);
		ck_assert_int_eq(send_back("> ", m, 0, 0), OUTCOME_ECHOED);
	}
}
END_TEST

START_TEST(test_a_prefix_of_1024_bytes_is_learned)
{
	char prefix[VERIFIER_PREFIX_MAX + 2];

	memset(prefix, 'a', sizeof(prefix));
	prefix[VERIFIER_PREFIX_MAX] = '\0';
	begin(&kinds[8]);
	ck_assert_int_eq(send_back(prefix, 0, 0, 125), OUTCOME_ECHOED);
	expect_prefix(prefix);
	prefix[VERIFIER_PREFIX_MAX] = 'a';
	prefix[VERIFIER_PREFIX_MAX + 1] = '\0';
	begin(&kinds[8]);
	ck_assert_int_eq(send_back(prefix, 0, 0, 125), OUTCOME_WRONG_PREFIX);
	expect_prefix(NULL);
}
END_TEST

START_TEST(test_a_prefix_that_looks_like_payload_is_not_learned)
{
	begin(&kinds[8]);
	ck_assert_int_eq(send_back("\377\376", 0, 0, 8), OUTCOME_WRONG_PREFIX);
	ck_assert_uint_eq(verifier.received, 0);
	begin(&kinds[8]);
	ck_assert_int_eq(send_back("\r\n\377", 0, 0, 125), OUTCOME_ECHOED);
	expect_prefix("\r\n\377");
}
END_TEST

/* ---- random mistakes */

static void
mutate(struct server *server, size_t from)
{
	size_t i = from + reference_random() % (server->length - from);
	size_t size = 1 + reference_random() % 5;
	unsigned char *at = server->echo + i;

	if (size > server->length - i)
		size = server->length - i;
	switch (reference_random() % 3) {
	case 0:
		memmove(at, at + size, server->length - i - size);
		server->length -= size;
		break;
	case 1:
		memmove(at + size, at, server->length - i);
		server->length += size;
		break;
	default:
		memmove(at, server->echo + reference_random() % server->length,
			size);
	}
	for (unsigned m = 0; m < MESSAGES; m++)
		if (server->echo_ends[m] > server->length || m == MESSAGES - 1)
			server->echo_ends[m] = server->length;
}

START_TEST(test_random_mistakes_are_judged_as_the_reference_does)
{
	unsigned wrong_ones = 0;

	for (unsigned i = 0; i < 20000; i++) {
		struct server server;
		struct cuts cuts = { .random = 1 + reference_random() % 100 };
		bool complete;
		size_t wrong;

		server_init(&server, &kinds[i % KINDS], i & 1);
		server.params.sizes = sizes[i / 2 % SIZES];
		server_serve(&server);
		/* The verifier must have learned the same. */
		mutate(&server, server.steps ? server.echo_ends[1] :
					       strlen(server.prefix) + 8);
		wrong = reference_judge(&server, &complete);
		reference_compare(&server, &cuts, wrong, complete);
		wrong_ones += !complete;
	}
	ck_assert_uint_gt(wrong_ones, 10000);
	ck_assert_uint_lt(wrong_ones, 20000);
}
END_TEST

SUITE(test_the_echo_of_all_messages_is_right, test_smaller_chunks_are_right,
      test_a_part_of_the_echo_is_not_complete,
      test_a_message_that_is_expected_begins_with_the_prefix,
      test_a_prefix_between_two_messages_is_not_forgotten,
      test_a_prefix_is_known_after_8_bytes_of_payload,
      test_a_first_message_of_one_byte_is_enough,
      test_a_learned_prefix_is_held_to,
      test_the_second_message_decides_for_all_later_ones,
      test_a_prompt_between_two_messages_is_their_prefix,
      test_a_prefix_of_1024_bytes_is_learned,
      test_a_prefix_that_looks_like_payload_is_not_learned,
      test_random_mistakes_are_judged_as_the_reference_does)
