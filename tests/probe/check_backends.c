#include "probe/backends.h"

#include <string.h>

#include "support/suite.h"

static struct backends *
make(const char *expression)
{
	struct backends *backends;
	char reason[128];

	ck_assert_ptr_null(
		backends_new(expression, &backends, reason, sizeof(reason)));
	return backends;
}

static struct backend *
find(struct backends *backends, const char *prefix, const char *client)
{
	return backends_find(backends, prefix, strlen(prefix), client);
}

START_TEST(test_backends_are_numbered_as_they_appear)
{
	struct backends *backends = make(NULL);

	ck_assert_uint_eq(backends_count(backends), 0);
	ck_assert_uint_eq(find(backends, "b1: ", NULL)->index, 0);
	ck_assert_uint_eq(find(backends, "b2: ", NULL)->index, 1);
	ck_assert_uint_eq(find(backends, "b1: ", NULL)->index, 0);
	ck_assert_uint_eq(backends_count(backends), 2);
	ck_assert_str_eq(backends_at(backends, 1)->name, "b2:");
	backends_free(backends);
}
END_TEST

START_TEST(test_spaces_at_the_ends_do_not_count)
{
	struct backends *backends = make(NULL);

	ck_assert_str_eq(find(backends, " \t a b \r\n", NULL)->name, "a b");
	ck_assert_str_eq(find(backends, "", NULL)->name, "(no prefix)");
	ck_assert_str_eq(find(backends, " \n", NULL)->name, "(no prefix)");
	ck_assert_str_eq(backends_find(backends, NULL, 0, NULL)->name,
			 "(no prefix)");
	ck_assert_uint_eq(backends_count(backends), 2);
	backends_free(backends);
}
END_TEST

START_TEST(test_the_expression_finds_the_name)
{
	struct backends *group = make("backend=([a-z0-9]+)");
	struct backends *whole = make("b[0-9]+");

	ck_assert_str_eq(find(group, "x backend=b7 y", NULL)->name, "b7");
	ck_assert_str_eq(find(group, " other text ", NULL)->name, "other text");
	ck_assert_str_eq(find(whole, "x b12 y", NULL)->name, "b12");
	backends_free(group);
	backends_free(whole);
}
END_TEST

START_TEST(test_an_empty_match_is_none)
{
	struct backends *backends = make("x*");

	ck_assert_str_eq(find(backends, "abc", NULL)->name, "abc");
	backends_free(backends);
}
END_TEST

START_TEST(test_an_invalid_expression_has_a_reason)
{
	struct backends *backends;
	char reason[128] = "";

	ck_assert_ptr_eq(backends_new("(a", &backends, reason, sizeof(reason)),
			 reason);
	ck_assert_uint_gt(strlen(reason), 0);
	ck_assert_ptr_null(backends);
}
END_TEST

START_TEST(test_the_prefix_ends_at_its_length_and_not_at_a_nul)
{
	struct backends *backends = make("b[0-9]");

	ck_assert_str_eq(backends_find(backends, "a\0b1", 4, NULL)->name, "b1");
	ck_assert_str_eq(backends_find(backends, "a\0xb1", 3, NULL)->name,
			 "a\\x00x");
	backends_free(backends);
}
END_TEST

START_TEST(test_the_address_of_the_client_is_not_a_part_of_the_name)
{
	struct backends *backends = make(NULL);
	const char *client = "192.0.2.1:42";

	ck_assert_str_eq(find(backends, "to 192.0.2.1:42 b1", client)->name,
			 "to CLIENT b1");
	ck_assert_str_eq(find(backends, "192.0.2.1:421", client)->name,
			 "192.0.2.1:421");
	ck_assert_str_eq(find(backends, "2192.0.2.1:42", client)->name,
			 "2192.0.2.1:42");
	ck_assert_str_eq(find(backends, "192.0.2.1:4", client)->name,
			 "192.0.2.1:4");
	ck_assert_str_eq(find(backends, "b1", "")->name, "b1");
	ck_assert_str_eq(find(backends, "[::1]:42>", "[::1]:42")->name,
			 "CLIENT>");
	backends_free(backends);
}
END_TEST

START_TEST(test_names_are_utf8_without_control_characters)
{
	struct backends *backends = make(NULL);

	ck_assert_str_eq(find(backends, "\xC3\xA9\x1B[2J", NULL)->name,
			 "\xC3\xA9\\x1b[2J");
	ck_assert_str_eq(find(backends, "\xFF|\xC3", NULL)->name,
			 "\\xff|\\xc3");
	ck_assert_str_eq(find(backends, "\xC2\x9B|\x7F", NULL)->name,
			 "\\xc2\\x9b|\\x7f");
	backends_free(backends);
}
END_TEST

START_TEST(test_a_name_that_is_too_long_ends_in_dots)
{
	struct backends *backends = make(NULL);
	char prefix[BACKEND_NAME_SIZE * 2];
	const struct backend *backend;

	memset(prefix, 'a', sizeof(prefix));
	backend = backends_find(backends, prefix, BACKEND_NAME_SIZE - 1, NULL);
	ck_assert_uint_eq(strspn(backend->name, "a"), BACKEND_NAME_SIZE - 1);
	backend = backends_find(backends, prefix, BACKEND_NAME_SIZE, NULL);
	ck_assert_uint_eq(strlen(backend->name), BACKEND_NAME_SIZE - 1);
	ck_assert_str_eq(backend->name + BACKEND_NAME_SIZE - 4, "...");
	/* A character of two bytes is not cut into halves. */
	for (size_t i = 1; i + 1 < sizeof(prefix); i += 2)
		memcpy(prefix + i, "\xC3\xA9", 2);
	backend = backends_find(backends, prefix, sizeof(prefix) - 1, NULL);
	ck_assert_str_eq(backend->name + strlen(backend->name) - 5,
			 "\xC3\xA9...");
	backends_free(backends);
}
END_TEST

START_TEST(test_backends_after_the_last_place_are_other)
{
	struct backends *backends = make(NULL);
	char prefix[16];

	for (unsigned i = 0; i < BACKENDS_MAX - 1; i++) {
		snprintf(prefix, sizeof(prefix), "b%u", i);
		ck_assert_str_eq(find(backends, prefix, NULL)->name, prefix);
	}
	ck_assert_uint_eq(backends_count(backends), BACKENDS_MAX - 1);
	ck_assert_str_eq(find(backends, "late", NULL)->name, "other");
	ck_assert_str_eq(find(backends, "later", NULL)->name, "other");
	ck_assert_uint_eq(find(backends, "latest", NULL)->index,
			  BACKENDS_MAX - 1);
	ck_assert_str_eq(find(backends, "b0", NULL)->name, "b0");
	ck_assert_uint_eq(backends_count(backends), BACKENDS_MAX);
	backends_free(backends);
}
END_TEST

START_TEST(test_a_backend_that_is_named_other_is_the_other_one)
{
	struct backends *backends = make(NULL);
	char prefix[16];

	find(backends, "other", NULL);
	for (unsigned i = 0; i < BACKENDS_MAX + 5; i++) {
		snprintf(prefix, sizeof(prefix), "b%u", i);
		find(backends, prefix, NULL);
	}
	ck_assert_uint_eq(find(backends, "late", NULL)->index, 0);
	ck_assert_uint_le(backends_count(backends), BACKENDS_MAX);
	backends_free(backends);
}
END_TEST

TEST(test_no_backends_can_be_freed, backends_free(NULL))

SUITE(test_backends_are_numbered_as_they_appear,
      test_spaces_at_the_ends_do_not_count, test_the_expression_finds_the_name,
      test_an_empty_match_is_none, test_an_invalid_expression_has_a_reason,
      test_the_prefix_ends_at_its_length_and_not_at_a_nul,
      test_the_address_of_the_client_is_not_a_part_of_the_name,
      test_names_are_utf8_without_control_characters,
      test_a_name_that_is_too_long_ends_in_dots,
      test_backends_after_the_last_place_are_other,
      test_a_backend_that_is_named_other_is_the_other_one,
      test_no_backends_can_be_freed)
