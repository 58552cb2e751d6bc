/*
 * A server makes one mistake; the verifier must notice it however the echo is
 * cut.
 */
#include "probe/verifier_reference.h"

#include <string.h>

#include "support/suite.h"

static size_t
at(const struct server *server, size_t length)
{
	if (*server->where == 'f')
		return 0;
	return *server->where == 'm' ? length / 2 : length - 1;
}

static void
lose(struct server *server, const unsigned char *data, size_t length)
{
	size_t i = at(server, length);

	server_put_prefix(server);
	server_put(server, data, i);
	server_put(server, data + i + 1, length - i - 1);
}

static void
twice(struct server *server, const unsigned char *data, size_t length)
{
	size_t i = at(server, length);

	server_put_prefix(server);
	server_put(server, data, i + 1);
	server_put(server, data + i, length - i);
}

static void
change(struct server *server, const unsigned char *data, size_t length)
{
	server_put_prefix(server);
	server_put(server, data, length);
	server->echo[server->length - length + at(server, length)] ^= 1;
}

static void
swap(struct server *server, const unsigned char *data, size_t length)
{
	unsigned char *chunk;
	size_t i = 0;

	server_put_prefix(server);
	server_put(server, data, length);
	chunk = server->echo + server->length - length;
	while (data[i] == data[i + 1])
		i++;
	chunk[i] = data[i + 1];
	chunk[i + 1] = data[i];
}

static void
cross(struct server *server, const unsigned char *data, size_t length)
{
	server_put_prefix(server);
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = server_byte(
			SEED + 1, (size_t)(data - server->payload) + i);

		server_put(server, &byte, 1);
	}
}

static void
miss(struct server *server, const unsigned char *data, size_t length)
{
	(void)server, (void)data, (void)length;
}

static void
other_prefix(struct server *server, const unsigned char *data, size_t length)
{
	server_put_prefix(server);
	server->echo[server->length - 1]++;
	server_put(server, data, length);
}

static void
no_prefix(struct server *server, const unsigned char *data, size_t length)
{
	server_put(server, data, length);
}

static void
cut_prefix(struct server *server, const unsigned char *data, size_t length)
{
	server_put(server, server->prefix, strlen(server->prefix) - 1);
	server_put(server, data, length);
}

static void
two_prefixes(struct server *server, const unsigned char *data, size_t length)
{
	server_put_prefix(server);
	server_put_prefix(server);
	server_put(server, data, length);
}

static void
long_prefix(struct server *server, const unsigned char *data, size_t length)
{
	server_put_prefix(server);
	server_put(server, server->prefix + strlen(server->prefix) - 1, 1);
	server_put(server, data, length);
}

static void
inner_prefix(struct server *server, const unsigned char *data, size_t length)
{
	server_put_prefix(server);
	server_put(server, data, length / 2);
	server_put(server, server->prefix, 2);
	server_put(server, data + length / 2, length - length / 2);
}

static const struct mistake {
	const char *name, *where;
	mistake_fn *mistake;
	/* In messages that are sent all at once, with an empty prefix. */
	enum outcome outcome;
	uint64_t moved;
} mistakes[] = {
	{ "the first byte lost", "first", lose, OUTCOME_BYTES_LOST, 1 },
	{ "a byte lost", "middle", lose, OUTCOME_BYTES_LOST, 1 },
	{ "the last byte lost", "last", lose, OUTCOME_BYTES_LOST, 1 },
	{ "the first byte doubled", "first", twice, OUTCOME_BYTES_DOUBLED, 1 },
	{ "a byte doubled", "middle", twice, OUTCOME_BYTES_DOUBLED, 1 },
	{ "the last byte doubled", "last", twice, OUTCOME_BYTES_DOUBLED, 1 },
	{ "the first byte changed", "first", change, OUTCOME_CORRUPTED, 0 },
	{ "a byte changed", "middle", change, OUTCOME_CORRUPTED, 0 },
	{ "the last byte changed", "last", change, OUTCOME_CORRUPTED, 0 },
	{ "two bytes swapped", "", swap, OUTCOME_CORRUPTED, 0 },
	{ "another connection's", "", cross, OUTCOME_BYTES_FOREIGN, 0 },
	{ "a chunk lost", "", miss, OUTCOME_BYTES_LOST, CHUNK },
}, prefix_mistakes[] = {
	{ .name = "no prefix", .mistake = no_prefix },
	{ .name = "another prefix", .mistake = other_prefix },
	{ .name = "a prefix cut short", .mistake = cut_prefix },
	{ .name = "a prefix too long", .mistake = long_prefix },
	{ .name = "two prefixes", .mistake = two_prefixes },
	{ .name = "a part of a prefix", .mistake = inner_prefix },
};

static void
make(struct server *server, const struct mistake *mistake)
{
	server->mistake = mistake->mistake;
	server->where = mistake->where;
	server_serve(server);
	ck_assert_uint_ge(server->chunks, FAULTY);
}

/* The mistake is noticed wherever the echo is cut. */
static void
check_mistake(const struct kind *kind, bool steps,
	      const struct mistake *mistake)
{
	struct server server;

	server_init(&server, kind, steps);
	make(&server, mistake);
	ck_assert_msg(!reference_check(&server), "%s: %s", kind->name,
		      mistake->name);
}

START_TEST(test_each_wrong_byte_is_noticed)
{
	for (unsigned i = 0; i < 2 * KINDS; i++)
		for (unsigned j = 0; j < COUNT(mistakes); j++)
			check_mistake(&kinds[i / 2], i % 2, &mistakes[j]);
}
END_TEST

/*
 * A chunk without prefix can be a part of the last one if their size does not
 * matter.  A prefix of one byte has no part.
 */
static bool
is_mistake(const struct server *server, bool steps,
	   const struct mistake *mistake)
{
	if (mistake->mistake == no_prefix)
		return steps || server->params.lines ||
		       server->framing.chunk_size == CHUNK;
	return mistake->mistake != inner_prefix || server->prefix[1] != '\0';
}

START_TEST(test_each_wrong_prefix_is_noticed)
{
	for (unsigned i = 0; i < 2 * KINDS; i++) {
		const struct server *server = &kinds[i / 2].server;

		if (*server->prefix == '\0' || server->once)
			continue;
		for (unsigned j = 0; j < COUNT(prefix_mistakes); j++)
			if (is_mistake(server, i % 2, &prefix_mistakes[j]))
				check_mistake(&kinds[i / 2], i % 2,
					      &prefix_mistakes[j]);
	}
}
END_TEST

START_TEST(test_the_cause_is_told)
{
	for (unsigned i = 0; i < COUNT(mistakes); i++) {
		struct server server;
		struct result result;

		server_init(&server, &kinds[3], false);
		make(&server, &mistakes[i]);
		result =
			reference_feed(&server, &(struct cuts){ .size = ROOM });
		ck_assert_msg(result.verdict.outcome == mistakes[i].outcome,
			      "%s: %s", mistakes[i].name,
			      outcome_name(result.verdict.outcome));
		ck_assert_uint_eq(result.verdict.moved, mistakes[i].moved);
		ck_assert_uint_ge(result.verdict.position,
				  (FAULTY - 1) * CHUNK);
		ck_assert_uint_eq(result.verdict.offset,
				  result.verdict.position);
	}
}
END_TEST

START_TEST(test_a_wrong_prefix_is_told)
{
	struct server server;
	struct result result;

	server_init(&server, &kinds[0], false);
	make(&server, &prefix_mistakes[1]);
	result = reference_feed(&server, &(struct cuts){ .size = ROOM });
	ck_assert_int_eq(result.verdict.outcome, OUTCOME_WRONG_PREFIX);
	ck_assert_uint_eq(result.verdict.offset,
			  (FAULTY - 1) * (CHUNK + 4) + 3);
	ck_assert_uint_eq(result.verdict.position, (FAULTY - 1) * CHUNK);
	ck_assert_int_eq(result.verdict.expected, ':');
	ck_assert_int_eq(result.verdict.got, ';');
}
END_TEST

START_TEST(test_a_chunk_that_is_too_long_is_wrong)
{
	for (unsigned i = 0; i < 4; i++) {
		struct server server;

		server_init(&server, &kinds[i / 2], i % 2);
		server.chunk_size = CHUNK + 1;
		server_serve(&server);
		ck_assert(!reference_check(&server));
	}
}
END_TEST

/* After the last message, and a prefix or a part of it also between two. */
START_TEST(test_more_than_the_echo_is_noticed)
{
	for (unsigned i = 0; i < 2 * KINDS; i++) {
		const char *prefix = kinds[i / 2].server.prefix;
		char part[] = { *prefix, '\0' };
		const char *surplus[] = { "x", "\377", part, prefix };

		for (unsigned j = 0; j < (*prefix ? 4 : 2); j++) {
			struct server server;

			server_init(&server, &kinds[i / 2], i % 2);
			server.surplus = surplus[j];
			server_serve(&server);
			ck_assert(!reference_check(&server));
		}
	}
}
END_TEST

START_TEST(test_more_than_was_sent_is_a_surplus)
{
	struct server server;
	struct result result;

	server_init(&server, &kinds[0], true);
	server.surplus = "x";
	server_serve(&server);
	result = reference_feed(&server, &(struct cuts){ .size = ROOM });
	ck_assert_int_eq(result.verdict.outcome, OUTCOME_SURPLUS);
	ck_assert_uint_eq(result.verdict.offset, server.length - 1);
	ck_assert_int_eq(result.verdict.expected, -1);
	ck_assert_int_eq(result.verdict.got, 'x');
}
END_TEST

SUITE(test_each_wrong_byte_is_noticed, test_each_wrong_prefix_is_noticed,
      test_the_cause_is_told, test_a_wrong_prefix_is_told,
      test_a_chunk_that_is_too_long_is_wrong,
      test_more_than_the_echo_is_noticed, test_more_than_was_sent_is_a_surplus)
