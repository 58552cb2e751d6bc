#include "template.h"

#include <stdbool.h>

#include "suite.h"

static const struct template_values values = {
	.host = "node7.example",
	.listener = "rfc862",
};

/* The expansion, as a string. */
static const char *
expanded(const char *text)
{
	static char out[TEMPLATE_MAX + 1];
	char reason[128];
	const char *why = template_check(text, reason, sizeof(reason));

	ck_assert_msg(!why, "%s: %s", text, why);
	ssize_t length = template_expand(text, &values, out);
	ck_assert_int_ge(length, 0);
	ck_assert_int_le(length, TEMPLATE_MAX);
	out[length] = '\0';
	return out;
}

START_TEST(all_but_variables_is_literal)
{
	static const char *const texts[] = {
		"",
		"GOT:",
		"%",
		"%%",
		"100% ",
		"% {host}",
		"{host}",
		"$host ${host}",
		"%host%",
		"}%}",
		"%}{",
		"\t\r\n\"\\",
		"\x01\x7f\x80\xff",
		"gr\xc3\xbc\xc3\x9f: ",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		ck_assert_str_eq(expanded(texts[i]), texts[i]);
}
END_TEST

START_TEST(variables_are_expanded_wherever_they_stand)
{
	static const char *const cases[][2] = {
		{ "%{host}", "node7.example" },
		{ "%{listener}", "rfc862" },
		{ "%{host} %{listener}: ", "node7.example rfc862: " },
		{ "%{host}%{host}", "node7.examplenode7.example" },
		{ "<%{listener}>", "<rfc862>" },
		{ "%%{host}", "%node7.example" },
		{ "%{host}}", "node7.example}" },
		{ "%{host}%", "node7.example%" },
		{ "{%{host}}", "{node7.example}" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_str_eq(expanded(cases[i][0]), cases[i][1]);
}
END_TEST

START_TEST(what_a_variable_holds_is_not_expanded_again)
{
	const struct template_values odd = { .host = "%{listener}",
					     .listener = "x" };
	char out[TEMPLATE_MAX];

	ck_assert_int_eq(template_expand("%{host}", &odd, out), 11);
	ck_assert_mem_eq(out, "%{listener}", 11);
}
END_TEST

START_TEST(an_empty_variable_adds_nothing)
{
	const struct template_values empty = { .host = "", .listener = "" };
	char out[TEMPLATE_MAX];

	ck_assert_int_eq(template_expand("%{host}a%{listener}", &empty, out),
			 1);
	ck_assert_mem_eq(out, "a", 1);
}
END_TEST

#define UNKNOWN " is not known; there are %{host} and %{listener}"

START_TEST(every_mistake_gets_its_reason)
{
	static const char *const cases[][2] = {
		{ "%{", "\"%{\" lacks its \"}\"" },
		{ "GOT %{host", "\"%{host\" lacks its \"}\"" },
		{ "%{host} %{", "\"%{\" lacks its \"}\"" },
		{ "%{}", "\"%{}\"" UNKNOWN },
		{ "%{hots}", "\"%{hots}\"" UNKNOWN },
		{ "%{hos}", "\"%{hos}\"" UNKNOWN },
		{ "%{hosts}", "\"%{hosts}\"" UNKNOWN },
		{ "%{Host}", "\"%{Host}\"" UNKNOWN },
		{ "%{host }", "\"%{host }\"" UNKNOWN },
		{ "%{peer}", "\"%{peer}\"" UNKNOWN },
		{ "%{%{host}}", "\"%{%{host}\"" UNKNOWN },
		{ "%{host} %{nope} %{nor this}", "\"%{nope}\"" UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char reason[128];
		const char *why =
			template_check(cases[i][0], reason, sizeof(reason));

		ck_assert_msg(why, "\"%s\" was taken", cases[i][0]);
		ck_assert_ptr_eq(why, reason);
		ck_assert_str_eq(why, cases[i][1]);
	}
}
END_TEST

START_TEST(a_reason_is_cut_to_its_buffer)
{
	static char unclosed[5000] = "%{", unknown[5000] = "%{";

	memset(unclosed + 2, 'a', sizeof(unclosed) - 3);
	memset(unknown + 2, 'a', sizeof(unknown) - 4);
	unknown[sizeof(unknown) - 2] = '}';
	for (size_t size = 1; size < 100; size++) {
		char *reason = malloc(size);

		ck_assert_ptr_eq(template_check(unclosed, reason, size),
				 reason);
		ck_assert_uint_lt(strlen(reason), size);
		ck_assert_ptr_eq(template_check(unknown, reason, size), reason);
		ck_assert_uint_lt(strlen(reason), size);
		free(reason);
	}
}
END_TEST

/* Expands `text` with `host` into a block of the very size. */
static ssize_t
expansion_length(const char *text, const char *host)
{
	const struct template_values one = { .host = host, .listener = "" };
	char *out = malloc(TEMPLATE_MAX);
	ssize_t length = template_expand(text, &one, out);

	free(out);
	return length;
}

START_TEST(an_expansion_has_its_limit)
{
	static char letters[TEMPLATE_MAX + 2];

	memset(letters, 'a', TEMPLATE_MAX + 1);
	ck_assert_int_eq(expansion_length(letters, ""), -1);
	ck_assert_int_eq(expansion_length("%{host}", letters), -1);
	ck_assert_int_eq(expansion_length("%{host}", letters + 1),
			 TEMPLATE_MAX);
	ck_assert_int_eq(expansion_length("%{host}b", letters + 1), -1);
	ck_assert_int_eq(expansion_length("b%{host}", letters + 1), -1);
	ck_assert_int_eq(expansion_length("%{host}%{listener}", letters + 1),
			 TEMPLATE_MAX);
	ck_assert_int_eq(expansion_length("b%{host}", letters + 2),
			 TEMPLATE_MAX);
	ck_assert_int_eq(expansion_length("%{host}%{host}",
					  letters + 1 + TEMPLATE_MAX / 2),
			 TEMPLATE_MAX);
	ck_assert_int_eq(expansion_length("%{host}%{host}",
					  letters + TEMPLATE_MAX / 2),
			 -1);

	letters[TEMPLATE_MAX] = '\0';
	ck_assert_int_eq(expansion_length(letters, ""), TEMPLATE_MAX);
}
END_TEST

SUITE(all_but_variables_is_literal, variables_are_expanded_wherever_they_stand,
      what_a_variable_holds_is_not_expanded_again,
      an_empty_variable_adds_nothing, every_mistake_gets_its_reason,
      a_reason_is_cut_to_its_buffer, an_expansion_has_its_limit)
