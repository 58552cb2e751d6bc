#include "config/tokens.h"

#include "support/suite.h"

/* "LINE:KIND:TEXT" of each token, with an L after the line of the first one. */
static const char *
split(const char *text)
{
	static const char kinds[] = "enb0s=SCo";
	static char all[512];
	struct tokens tokens;
	struct token token;
	size_t used = 0;

	tokens_start(&tokens, text, strlen(text));
	do {
		token = tokens_next(&tokens);
		used += (size_t)snprintf(all + used, sizeof(all) - used,
					 "%s%d%s%c%.*s", used ? " " : "",
					 token.line, token.first ? "!" : ":",
					 kinds[token.kind], (int)token.length,
					 token.start);
	} while (token.kind != TOKEN_END);
	return all;
}

START_TEST(test_each_token_has_its_kind_and_line)
{
	ck_assert_str_eq(split(""), "1!e");
	ck_assert_str_eq(split("a = 1;\n  b:\"x\";\n"),
			 "1!na 1:== 1:01 1:=; 2!nb 2:=: 2:s\"x\" 2:=; 3!e");
	ck_assert_str_eq(split("True falsely *-_9 _"),
			 "1!bTrue 1:nfalsely 1:n*-_9 1:o_ 1:e");
	ck_assert_str_eq(split("/*\n*/ a # b\n// c\n\r\fd"), "2!na 4!nd 4:e");
	ck_assert_str_eq(split("a /* b"), "1!na 1:C/* b 1:e");
	ck_assert_str_eq(split("\n\"a\\\""), "2!S\"a\\\" 2:e");
	ck_assert_str_eq(split("\xc2\xa0 \xff'"),
			 "1!o\xc2\xa0 1:o\xff 1:o' 1:e");
}
END_TEST

START_TEST(test_numbers_end_where_those_of_libconfig_end)
{
	ck_assert_str_eq(split("64k"), "1!064 1:nk 1:e");
	ck_assert_str_eq(split("0x1fLLL"), "1!00x1fLL 1:nL 1:e");
	ck_assert_str_eq(split("0x +0x5"), "1!00 1:nx 1:0+0 1:nx5 1:e");
	ck_assert_str_eq(split("1.5e-3e"), "1!01.5e-3 1:ne 1:e");
	ck_assert_str_eq(split("5e3 5e 5L 5.L"),
			 "1!05e3 1:05 1:ne 1:05L 1:05. 1:nL 1:e");
	ck_assert_str_eq(split("127.0.0.1"), "1!0127.0 1:0.0 1:0.1 1:e");
	ck_assert_str_eq(split("-. . - +"), "1!0-. 1:0. 1:o- 1:o+ 1:e");
}
END_TEST

START_TEST(test_a_string_of_several_lines_has_a_last_line)
{
	struct tokens tokens;
	struct token token;

	tokens_start(&tokens, "\n\"a\nb\n\" c", 9);
	token = tokens_next(&tokens);
	ck_assert_int_eq(token.line, 2);
	ck_assert_int_eq(token.last_line, 4);
	token = tokens_next(&tokens);
	ck_assert_int_eq(token.line, 4);
	ck_assert(!token.first);
}
END_TEST

START_TEST(test_text_is_copied_if_it_needs_no_escape)
{
	static const char *const refused[] = {
		"a\"b", "a\\", "a\tb", "\x7f", "\xff", "\xc3", "a\nb",
	};
	char text[6];

	ck_assert(tokens_copy("GOT:;", 4, text, sizeof(text)));
	ck_assert_str_eq(text, "GOT:");
	ck_assert(tokens_copy("\xc3\xbc\xc3\x9f", 4, text, sizeof(text)));
	ck_assert_str_eq(text, "\xc3\xbc\xc3\x9f");
	ck_assert(tokens_copy("", 0, text, sizeof(text)));
	ck_assert_str_eq(text, "");
	ck_assert(tokens_copy("12345", 5, text, sizeof(text)));
	ck_assert(!tokens_copy("123456", 6, text, sizeof(text)));
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		ck_assert(!tokens_copy(refused[i], strlen(refused[i]), text,
				       sizeof(text)));
}
END_TEST

SUITE(test_each_token_has_its_kind_and_line,
      test_numbers_end_where_those_of_libconfig_end,
      test_a_string_of_several_lines_has_a_last_line,
      test_text_is_copied_if_it_needs_no_escape)
