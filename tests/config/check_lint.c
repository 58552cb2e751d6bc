#include "config/lint.h"

#include <libconfig.h>
#include <stdint.h>

#include "base/error.h"
#include "config/syntax.h"
#include "support/suite.h"

/* All errors, a line each, without the file's name. */
static const char *
checked(const char *text, size_t length)
{
	static char all[8192];
	struct error_list errors;
	/* A block of the very size: reading past it would be seen. */
	char *copy = malloc(length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	error_list_init(&errors, "");
	if (syntax_check(copy, length, &errors))
		lint_check(copy, length, &errors);
	free(copy);

	all[0] = '\0';
	for (size_t i = 0; i < errors.count; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s",
			 i ? "\n" : "", errors.items[i].text + 1);
	error_list_free(&errors);
	return all;
}

struct text_case {
	const char *text;
	const char *errors; /* "LINE: SETTING: REASON", a line each */
};

static void
expect_all(const struct text_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *errors =
			checked(cases[i].text, strlen(cases[i].text));

		ck_assert_msg(strcmp(errors, cases[i].errors) == 0,
			      "%s\ngives: %s\nnot: %s", cases[i].text, errors,
			      cases[i].errors);
	}
}

#define EXPECT_ALL(cases) expect_all(cases, sizeof(cases) / sizeof(*(cases)))

START_TEST(test_correct_text_has_no_error)
{
	static const struct text_case cases[] = {
		{ "", "" },
		{ "\n", "" },
		{ "a = 1;", "" },
		{ "a : 1", "" },
		{ "a = \"GOT:\"; b = [ 1, 2 ]; c = ( { d = true; } );", "" },
		{ "a = 0; b = -0; c = +0; d = 0L; e = 0x0; f = 0X0L;", "" },
		{ "a = 2147483647; b = 0x7fffffff; c = 0x7FFFFFFFL;", "" },
		{ "a = 0x00000000000000001;", "" },
		{ "a = 0.5; b = 00.5; c = 1e5; d = 1.5e+10; e = 2.E-3;", "" },
		{ "a = 99999999999.0; b = 9e99;", "" },
		/* libconfig takes a fraction without a digit before it. */
		{ "a = .5; b = -.5; c = .05; d = -.05; e = .99999999999;", "" },
		{ "a = \"\\\\x00\"; b = \"\\x01\"; c = \"\\x0\";", "" },
		{ "a010 = 1; a-010 = 2; a_99999999999 = 3; *010 = 4;", "" },
		{ "a = 1;\r\nb = 2;\r\n", "" },
	};

	EXPECT_ALL(cases);
}
END_TEST

#define UNFIT ": this integer is too large"
#define ZERO ": a leading zero: write it without"

START_TEST(test_integers_that_libconfig_misreads_are_errors)
{
	static const struct text_case cases[] = {
		/* Versions of libconfig read these as 7, -1, 7, 80, 10 or 8. */
		{ "a = 4294967303;", "1: a: 4294967303" UNFIT },
		{ "a = 99999999999999999999;",
		  "1: a: 99999999999999999999" UNFIT },
		{ "a = 0x100000007;", "1: a: 0x100000007" UNFIT },
		{ "a = 0X100000050;", "1: a: 0X100000050" UNFIT },
		{ "a = 010;", "1: a: 010" ZERO },

		{ "a = 2147483648;", "1: a: 2147483648" UNFIT },
		{ "a = -2147483649;", "1: a: -2147483649" UNFIT },
		{ "a = +2147483648;", "1: a: +2147483648" UNFIT },
		{ "a = 2147483648L;", "1: a: 2147483648L" UNFIT },
		{ "a = 5000000000L;", "1: a: 5000000000L" UNFIT },
		{ "a = 0x80000000;", "1: a: 0x80000000" UNFIT },
		{ "a = 0xffffffffL;", "1: a: 0xffffffffL" UNFIT },
		{ "a = 18446744073709551617;",
		  "1: a: 18446744073709551617" UNFIT },
		{ "a = 00;", "1: a: 00" ZERO },
		{ "a = -07;", "1: a: -07" ZERO },
		{ "a = 08L;", "1: a: 08L" ZERO },
		{ "a = 4294967303", "1: a: 4294967303" UNFIT },
		{ "a=010;b=\"x\";c:020;", "1: a: 010" ZERO "\n1: c: 020" ZERO },
		{ "a = [ 1, 010, 3 ];", "1: a: 010" ZERO },
		{ "a = ( { b = 010; } );", "1: b: 010" ZERO },
		{ "a = -.;", "" },
		{ "mode = 0660;",
		  "1: mode: permissions are a string: write \"0660\"" },
		{ "mode = 0680;",
		  "1: mode: permissions are octal digits in quotes, \"0\" to "
		  "\"0777\"" },
		{ "a = 1111111111111111111111111111111111111111111111111111"
		  "111111111111;",
		  "1: a: 11111111111111111111...: this number is too long" },
	};

	EXPECT_ALL(cases);
}
END_TEST

START_TEST(test_an_escaped_nul_in_a_string_is_an_error)
{
	static const struct text_case cases[] = {
		{ "prefix = \"GOT\\x00:\";",
		  "1: prefix: \\x00: a string cannot hold a NUL" },
		{ "prefix = \"\\x00\";",
		  "1: prefix: \\x00: a string cannot hold a NUL" },
		{ "prefix = \"\\\\\\x00\";",
		  "1: prefix: \\x00: a string cannot hold a NUL" },
		{ "prefix = \"\\\"\\x00\";",
		  "1: prefix: \\x00: a string cannot hold a NUL" },
		/* libconfig reads \X as it reads \x. */
		{ "prefix = \"GOT\\X00:\";",
		  "1: prefix: \\x00: a string cannot hold a NUL" },
		{ "prefix = \"\n\n\\x00\";",
		  "3: prefix: \\x00: a string cannot hold a NUL" },
		{ "a = \"\\x00\";\nb = \"\\x00\";",
		  "1: a: \\x00: a string cannot hold a NUL\n"
		  "2: b: \\x00: a string cannot hold a NUL" },
	};

	EXPECT_ALL(cases);
}
END_TEST

START_TEST(test_contents_of_strings_and_comments_are_ignored)
{
	static const struct text_case cases[] = {
		{ "a = \"/* \"; b = 1;", "" },
		{ "a = \"# \"; b = 1;", "" },
		{ "a = \"// \"; b = 1;", "" },
		{ "a = \"\n@include \\\"/etc\\\"\";", "" },
		{ "a = \"010 99999999999 {{{{{{{{{{{{{{{{{\";", "" },
		{ "a = \"\\\"/*\"; b = 1;", "" },
		{ "a = \"\\\\\"; /* \" */ b = 1;", "" },
		{ "# \"\n# /*\n// \"\n// /*\nb = 1;", "" },
		{ "/* \" # // \\ */ b = 1;", "" },
		{ "/* 010 \\x00 ((((((((((((((((( @include \n @include */",
		  "" },
		{ "/**/ /***/ /****/ /*/*/ b = 1;", "" },
		{ "// \\\nb = 1;", "" },
		{ "# 010\n", "" },
		/* And no more than that. */
		{ "a = \"/*\"; b = 010;", "1: b: 010" ZERO },
		{ "a = \"#\"; b = 010;", "1: b: 010" ZERO },
		{ "a = \"\\\\\"; b = 010;", "1: b: 010" ZERO },
		{ "a = \"\\\"\"; b = 010;", "1: b: 010" ZERO },
		{ "/* \" */ b = 010;", "1: b: 010" ZERO },
		{ "/***/ b = 010; /* */", "1: b: 010" ZERO },
		{ "# /*\nb = 010;", "2: b: 010" ZERO },
		{ "// \"\nb = 010;", "2: b: 010" ZERO },
	};

	EXPECT_ALL(cases);
}
END_TEST

START_TEST(test_lines_are_counted_in_strings_and_comments)
{
	static const struct text_case cases[] = {
		{ "\n\n\na = 010;", "4: a: 010" ZERO },
		{ "# x\n// y\n/* z\n\n */ a = 010;", "5: a: 010" ZERO },
		{ "a = \"\n\n\";\nb = 010;", "4: b: 010" ZERO },
		{ "a = \"\\\n\"; b = 010;", "2: b: 010" ZERO },
		{ "a\n=\n010\n;", "3: a: 010" ZERO },
		{ "\r\n\r\na = 010;\r\n", "3: a: 010" ZERO },
		{ "a = 010;\nb = 020;\n\nc = 030;",
		  "1: a: 010" ZERO "\n2: b: 020" ZERO "\n4: c: 030" ZERO },
	};

	EXPECT_ALL(cases);
}
END_TEST

START_TEST(test_a_setting_that_is_set_twice_is_named)
{
	static const struct text_case cases[] = {
		{ "a = 1; a = 2;", "1: a: set twice, first in line 1" },
		{ "a = 1;\nb = 2;\na = 3;\n\na : 4;",
		  "3: a: set twice, first in line 1\n"
		  "5: a: set twice, first in line 1" },
		{ "a = {\nb = 1;\nc = 2;\nb\n= 3; };\na = 4;",
		  "4: b: set twice, first in line 2\n"
		  "6: a: set twice, first in line 1" },
		{ "a = ( { b = 1; }, { c = 1;\nc = 2; } );",
		  "2: c: set twice, first in line 1" },
		/* In another group it is another setting. */
		{ "a = 1; b = { a = 1; b = { a = 1; }; }; c = { a = 1; };",
		  "" },
		{ "l = ( { a = 1; }, { a = 2; } ); m = [ 1, 1 ];", "" },
		{ "a = 1; A = 2; ab = 3; a-b = 4;", "" },
		{ "a = true; b = true; # a = 1;\n c = \"a = 1;\";", "" },
	};

	EXPECT_ALL(cases);
}
END_TEST

/* A configuration at random, of which all is known. */
struct made {
	char text[16384];
	size_t length;
	unsigned settings;
	int lines[64]; /* of each setting's name */
	uint32_t state;
};

static unsigned
draw(struct made *made, unsigned below)
{
	made->state = made->state * 1664525 + 1013904223;
	return (made->state >> 10) % below;
}

static void
put(struct made *made, const char *piece)
{
	size_t length = strlen(piece);

	ck_assert_uint_lt(made->length + length, sizeof(made->text));
	memcpy(made->text + made->length, piece, length + 1);
	made->length += length;
}

static int
line_now(const struct made *made)
{
	int line = 1;

	for (size_t i = 0; i < made->length; i++)
		line += made->text[i] == '\n';
	return line;
}

#define PUT_ONE_OF(made, pieces) \
	put(made, (pieces)[draw(made, sizeof(pieces) / sizeof(*(pieces)))])

static void
put_trivia(struct made *made)
{
	static const char *const trivia[] = {
		" ",
		"\n",
		"\t",
		"\n\n",
		" \n ",
		"# \"\n",
		"# /* 010\n",
		"// \\x00 \"\n",
		"/* \" */",
		"/* # */",
		"/*\n@include \"x\"\n*/",
		"/* // */",
		"/***/",
		"/**/",
		"/* { ( [ 99999999999 */",
		"#\n",
		"//\n",
		"/*\n\n\n*/",
		"/* * / */",
	};

	for (unsigned count = draw(made, 4); count > 0; count--)
		PUT_ONE_OF(made, trivia);
	put(made, " ");
}

static void
put_string(struct made *made)
{
	static const char *const pieces[] = {
		"a",	    "GOT:", "/*",	   "*/",       "//",
		"#",	    "\\\"", "\\\\",	   "\\n",      "\\x41",
		"\\x01",    "\n",   "010",	   "@include", "\n@include",
		"{",	    "=",    "99999999999", "\\\\x00",  "%{host}",
		"\xc3\xbc", ";",    "'",
	};

	put(made, "\"");
	for (unsigned count = draw(made, 8); count > 0; count--)
		PUT_ONE_OF(made, pieces);
	put(made, "\"");
}

static void
put_value(struct made *made, unsigned deep)
{
	static const char *const scalars[] = {
		"0",	      "1",
		"-1",	      "+1",
		"2147483647", "0x7fffffff",
		"5L",	      "0.5",
		"00.5",	      "1e5",
		"-1.5E-7",    "true",
		"FALSE",      "99999999999.5",
	};
	unsigned kind = draw(made, deep < 4 ? 5 : 2);

	put_trivia(made);
	if (kind == 0) {
		PUT_ONE_OF(made, scalars);
	} else if (kind == 1) {
		put_string(made);
	} else if (kind == 2) {
		put(made, "[");
		put_trivia(made);
		put(made, "1, 2, 3 ]");
	} else if (kind == 3) {
		put(made, "(");
		put_value(made, deep + 1);
		put(made, ",");
		put_value(made, deep + 1);
		put(made, ")");
	} else {
		put(made, "{ inner =");
		put_value(made, deep + 1);
		put(made, "; }");
	}
	put_trivia(made);
}

static void
put_setting(struct made *made, const char *value)
{
	char name[32];

	put_trivia(made);
	made->lines[made->settings] = line_now(made);
	snprintf(name, sizeof(name), "s%u", made->settings++);
	put(made, name);
	put_trivia(made);
	put(made, draw(made, 2) ? "=" : ":");
	if (value)
		put(made, value);
	else
		put_value(made, 0);
	put(made, ";");
}

static void
make_settings(struct made *made, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		put_setting(made, NULL);
}

/* libconfig finds every setting at its place: none is hidden. */
static void
expect_found(const struct made *made)
{
	config_t tree;

	config_init(&tree);
	ck_assert_msg(config_read_string(&tree, made->text), "line %d: %s\n%s",
		      config_error_line(&tree), config_error_text(&tree),
		      made->text);
	for (unsigned i = 0; i < made->settings; i++) {
		char name[32];

		snprintf(name, sizeof(name), "s%u", i);
		config_setting_t *setting = config_lookup(&tree, name);
		ck_assert_msg(setting, "%s is lost\n%s", name, made->text);
		ck_assert_msg((int)config_setting_source_line(setting) ==
				      made->lines[i],
			      "%s is not on line %d\n%s", name, made->lines[i],
			      made->text);
	}
	config_destroy(&tree);
}

START_TEST(test_random_valid_text_has_no_error)
{
	for (uint32_t seed = 0; seed < 1000; seed++) {
		struct made made = { .state = seed };

		make_settings(&made, 1 + draw(&made, 12));
		put_trivia(&made);
		put(&made, "\n");
		const char *errors = checked(made.text, made.length);
		ck_assert_msg(!*errors, "%s\n%s", errors, made.text);
		expect_found(&made);
	}
}
END_TEST

START_TEST(test_an_error_in_random_valid_text_has_its_line)
{
	for (uint32_t seed = 0; seed < 1000; seed++) {
		struct made made = { .state = seed };
		char expected[64];

		make_settings(&made, draw(&made, 12));
		put_setting(&made, "010");
		snprintf(expected, sizeof(expected), "%d: s%u: 010" ZERO,
			 line_now(&made), made.settings - 1);
		make_settings(&made, draw(&made, 4));
		const char *errors = checked(made.text, made.length);
		ck_assert_msg(strcmp(errors, expected) == 0, "%s\nnot %s\n%s",
			      errors, expected, made.text);
	}
}
END_TEST

SUITE(test_correct_text_has_no_error,
      test_integers_that_libconfig_misreads_are_errors,
      test_an_escaped_nul_in_a_string_is_an_error,
      test_contents_of_strings_and_comments_are_ignored,
      test_lines_are_counted_in_strings_and_comments,
      test_a_setting_that_is_set_twice_is_named,
      test_random_valid_text_has_no_error,
      test_an_error_in_random_valid_text_has_its_line)
