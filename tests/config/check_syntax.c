#include "config/syntax.h"

#include <libconfig.h>
#include <stdint.h>

#include "base/error.h"
#include "config/tokens.h"
#include "support/suite.h"

/* The error, "LINE: SETTING: REASON", or "". */
static const char *
checked(const char *text, size_t length)
{
	static char why[1024];
	struct error_list errors;
	/* A block of the very size: reading past it would be seen. */
	char *copy = malloc(length + 1);
	bool usable;

	memcpy(copy, text, length);
	copy[length] = '\0';
	error_list_init(&errors, "");
	usable = syntax_check(copy, length, &errors);
	free(copy);
	ck_assert_uint_eq(errors.count, usable ? 0 : 1);
	snprintf(why, sizeof(why), "%s",
		 usable ? "" : errors.items[0].text + 1);
	error_list_free(&errors);
	return why;
}

static void
expect(const char *text, const char *error)
{
	const char *got = checked(text, strlen(text));

	ck_assert_msg(strcmp(got, error) == 0, "%s\ngives: %s\nnot: %s", text,
		      got, error);
}

START_TEST(test_correct_text_has_no_error)
{
	static const char *const texts[] = {
		"",
		"\n",
		"a = 1;",
		"a : 1",
		"a = 1 b = 2, c = 3; d : { } e = ( )\nf = [ ]",
		"a = \"x\" \"y\"\n\"z\" b = [ \"x\" \"y\", \"z\" ];",
		"a = ( 1, \"x\", [ 1 ], ( ), { b = 1 } );",
		"a = 5truely = 1; trueish = FALSE; *a = .; b = -.5e+3;",
		"a = 0x1fLL; b = 5L; c = +5e3;",
		"/**/ /***/ a /* = */ = // 2\n 1 # ;\n;",
		"a = \"\\\"\\\\\"; b = \"\n\";",
		"a\r\n=\f1;",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		expect(texts[i], "");
}
END_TEST

START_TEST(test_text_that_libconfig_must_not_read_is_an_error)
{
	expect("/*", "1: this comment is not closed");
	expect("/*/", "1: this comment is not closed");
	expect("a = 1;\n\n  /* b = 2;\nc = 3;\n",
	       "3: this comment is not closed");
	expect("/* *//* ", "1: this comment is not closed");
	expect("\"", "1: this string is not closed");
	expect("a = 1;\nb = \"c;\nd = 2;\n", "2: b: this string is not closed");
	expect("a = \"\\\"", "1: a: this string is not closed");
	expect("a = \"\\", "1: a: this string is not closed");
	expect("@include \"/etc\"", "1: @include is not supported");
	expect("a = 1;\n \t @include \"/etc\"\n",
	       "2: @include is not supported");
	expect("/* comment\n*/\n@include \"/etc\"\n",
	       "3: @include is not supported");
	expect("a = \"\n\";\n@include\t\"/etc\"\n",
	       "3: @include is not supported");
}
END_TEST

START_TEST(test_a_nul_byte_is_an_error)
{
	static const char text[] = "a = 010;\n\nb = \"x\0y\";\n\0";

	ck_assert_str_eq(checked(text, sizeof(text) - 1),
			 "3: a NUL byte: this is not a text file");
	ck_assert_str_eq(checked("\0", 1),
			 "1: a NUL byte: this is not a text file");
	/* One in a comment, which libconfig would take for the end. */
	ck_assert_str_eq(checked("# \0\na = 1;", 10),
			 "1: a NUL byte: this is not a text file");
	ck_assert_str_eq(checked("\xff\xfe"
				 "a\0",
				 4),
			 "1: this is UTF-16: save the file as UTF-8");
}
END_TEST

START_TEST(test_a_byte_order_mark_is_found_at_the_begin_only)
{
	ck_assert_uint_eq(syntax_mark_length("\xef\xbb\xbf", 3), 3);
	ck_assert_uint_eq(syntax_mark_length("\xef\xbb\xbf"
					     "a",
					     4),
			  3);
	ck_assert_uint_eq(syntax_mark_length("\xef\xbb\xbf", 2), 0);
	ck_assert_uint_eq(syntax_mark_length("a\xef\xbb\xbf", 4), 0);
}
END_TEST

/* `count` times `piece`, between `first` and `last`. */
static void
expect_repeated(const char *first, const char *piece, size_t count,
		const char *last, const char *expected)
{
	char *text = malloc(strlen(first) + count * strlen(piece) +
			    strlen(last) + 1);
	char *at = stpcpy(text, first);

	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, piece);
	stpcpy(at, last);
	expect(text, expected);
	free(text);
}

START_TEST(test_the_number_of_settings_is_limited)
{
	ck_assert_int_eq(SYNTAX_SETTINGS_MAX, 4096);
	expect_repeated("", "a = 1;\n", SYNTAX_SETTINGS_MAX, "", "");
	expect_repeated("", "a = 1;\n", SYNTAX_SETTINGS_MAX, "b = 2;\n\n",
			"4097: more than 4096 settings");
	expect_repeated("", "a : 1\n", 60000, "",
			"4097: more than 4096 settings");
	expect_repeated("a = (\n", "1,\n", 4096, "1 );",
			"4097: more than 4096 settings");
	/* What looks like one is none. */
	expect_repeated("", "# a = 1;\n", 5000, "a = 1;", "");
	expect_repeated("", "/*=:*/", 5000, "a = 1;", "");
	expect_repeated("a = \"", "=", 5000, "\";", "");
}
END_TEST

static void
expect_depth(const char *open, const char *close, unsigned depth,
	     const char *expected)
{
	char text[512] = "a = ";

	for (unsigned i = 0; i < depth; i++)
		strcat(text, open);
	for (unsigned i = 0; i < depth; i++)
		strcat(text, close);
	expect(text, expected);
}

START_TEST(test_the_depth_of_nesting_is_limited)
{
	expect_depth("(", ")", SYNTAX_DEPTH_MAX, "");
	expect_depth("(\n", ")", SYNTAX_DEPTH_MAX + 1,
		     "17: nested more than 16 deep");
	expect_depth("(", ") ", SYNTAX_DEPTH_MAX, "");
	expect_depth("( { a =\n", "} )", SYNTAX_DEPTH_MAX / 2 + 1,
		     "9: nested more than 16 deep");
	/* What is closed counts no more. */
	expect_repeated("", "a = ( { b = [ 1 ] } )\n", 1000, "", "");
}
END_TEST

/* Tokens in random order, many of them valid. */
static void
make_text(uint32_t seed, char *text)
{
	static const char *const tokens[] = {
		"a",   " b",	"= ",	 ": ",	  "1",	   ";",	     "; ",
		"\"",  "\\",	"\n",	 "/*",	  "*/",	   "//",     "#",
		"{",   "}",	"(",	 ")",	  "[",	   "]",	     ",",
		" ",   "\r",	"\f",	 "-",	  ".",	   "+5",     "e3",
		"0x1", "L",	"true",	 "False", " c = ", "= 1; ",  "*",
		"_",   "\"x\"", " = { ", "/",	  "[ 1,",  " d = (", "\xc3\xbc",
	};
	size_t count = sizeof(tokens) / sizeof(*tokens);

	*text = '\0';
	for (uint32_t i = seed % 14 + 1; i > 0; i--) {
		seed = seed * 1664525 + 1013904223;
		strcat(text, tokens[(seed >> 10) % count]);
	}
}

/* libconfig has stopped before the end for another reason than the syntax. */
static bool
is_other_error(const config_t *tree)
{
	const char *reason = config_error_text(tree);

	return reason &&
	       (strcmp(reason, "duplicate setting name") == 0 ||
		strcmp(reason, "mismatched element type in array") == 0);
}

/* libconfig drops a string or a comment that is not closed. */
static bool
is_open(const char *text)
{
	struct tokens tokens;
	struct token token;

	tokens_start(&tokens, text, strlen(text));
	do
		token = tokens_next(&tokens);
	while (token.kind != TOKEN_END && token.kind != TOKEN_OPEN_STRING &&
	       token.kind != TOKEN_OPEN_COMMENT);
	return token.kind != TOKEN_END;
}

START_TEST(test_libconfig_reads_the_text_without_an_error_and_no_other)
{
	unsigned right = 0, wrong = 0;

	for (uint32_t seed = 0; seed < 200000; seed++) {
		char text[256], lines[260];
		const char *why;
		config_t tree;
		bool read;

		make_text(seed * 2654435761u, text);
		why = checked(text, strlen(text));
		snprintf(lines, sizeof(lines), "%s\n", text);
		config_init(&tree);
		read = config_read_string(&tree, lines);
		right += read;
		wrong += !read;
		/* Later versions of libconfig accept that comma. */
		if (!is_other_error(&tree) && !is_open(text) &&
		    !strstr(why, "remove the comma"))
			ck_assert_msg(read == (*why == '\0'),
				      "libconfig: %s\nechod: %s\n%s",
				      read ? "-" : config_error_text(&tree),
				      why, text);
		config_destroy(&tree);
	}
	/* Enough of them to mean something. */
	ck_assert_uint_gt(right, 2000);
	ck_assert_uint_gt(wrong, 20000);
}
END_TEST

SUITE(test_correct_text_has_no_error,
      test_text_that_libconfig_must_not_read_is_an_error,
      test_a_nul_byte_is_an_error,
      test_a_byte_order_mark_is_found_at_the_begin_only,
      test_the_number_of_settings_is_limited,
      test_the_depth_of_nesting_is_limited,
      test_libconfig_reads_the_text_without_an_error_and_no_other)
