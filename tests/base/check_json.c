#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"

static void
expect(const char *bytes, size_t length, const char *wanted)
{
	char *text = NULL;
	size_t size;
	/* Exactly so long: a sanitizer notices a read beyond it. */
	char *copy = malloc(length ? length : 1);
	FILE *out = open_memstream(&text, &size);

	memcpy(copy, bytes, length);
	json_string(out, copy, length);
	fclose(out);
	ck_assert_str_eq(text, wanted);
	free(text);
	free(copy);
}

#define EXPECT(literal, wanted) expect(literal, sizeof(literal) - 1, wanted)

START_TEST(test_a_string_has_quotes_around_it)
{
	EXPECT("", "\"\"");
	EXPECT("a b/c", "\"a b/c\"");
	EXPECT("Gr\xC3\xBC\xC3\x9F"
	       "e \xF0\x9F\x98\x80",
	       "\"Gr\xC3\xBC\xC3\x9F"
	       "e \xF0\x9F\x98\x80\"");
}
END_TEST

START_TEST(test_quotes_and_backslashes_are_escaped)
{
	EXPECT("a\"b\\c", "\"a\\\"b\\\\c\"");
}
END_TEST

START_TEST(test_control_characters_are_numbers)
{
	EXPECT("a\nb\x1F\x7F", "\"a\\u000ab\\u001f\\u007f\"");
	EXPECT("\xC2\x9B", "\"\\u009b\"");
	EXPECT("a\0b", "\"a\\u0000b\"");
	EXPECT("\0", "\"\\u0000\"");
}
END_TEST

START_TEST(test_bytes_that_are_not_utf8_are_text)
{
	EXPECT("\xFF"
	       "a",
	       "\"\\\\xffa\"");
	/* A sequence that the end cuts off. */
	EXPECT("a\xC3", "\"a\\\\xc3\"");
	EXPECT("\xC2", "\"\\\\xc2\"");
}
END_TEST

SUITE(test_a_string_has_quotes_around_it,
      test_quotes_and_backslashes_are_escaped,
      test_control_characters_are_numbers,
      test_bytes_that_are_not_utf8_are_text)
