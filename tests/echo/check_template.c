#include "echo/template.h"

#include <stdbool.h>

#include "support/suite.h"

/* What the environment has in these tests. */
static const char *
environment(void *owner, const char *name)
{
	(void)owner;
	static const char *const variables[][2] = {
		{ "POD", "pod-7" },	 { "EMPTY", "" },
		{ "ODD", "%{host}" },	 { "host", "not the host" },
		{ "A=B", "unlikely" },	 { "SPA CE", "with a space" },
		{ "BYTES", "\x01\xff" },
	};

	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		if (strcmp(variables[i][0], name) == 0)
			return variables[i][1];
	return NULL;
}

static const struct template_params params = {
	.host = "node7.example",
	.listener = "rfc862",
	.environment = environment,
	.tls = true,
};

static const struct template_values values = {
	.peer = "192.0.2.7:51234",
	.local = "[2001:db8::1]:25000",
	.conn = "41",
	.ttl = "57",
	.dscp = "46",
	.ecn = "not-ect",
	.time = "2026-11-28T01:02:03.456Z",
	.tls_version = "TLSv1.3",
	.tls_sni = "echo.example",
	.tls_cn = "client 9",
};

static struct template *
compiled(const char *text, const struct template_params *under)
{
	char reason[TEMPLATE_REASON_SIZE];
	struct template *template;
	const char *why = template_check(text, reason, sizeof(reason));

	ck_assert_msg(!why, "%s: %s", text, why);
	why = template_compile(text, under, &template, reason, sizeof(reason));
	ck_assert_msg(!why, "%s: %s", text, why);
	ck_assert_ptr_nonnull(template);
	return template;
}

/* The expansion, as a string; in a block of the very size. */
static const char *
expanded_with(const char *text, const struct template_values *with)
{
	static char got[TEMPLATE_MAX + 1];
	struct template *template = compiled(text, &params);
	char *out = malloc(TEMPLATE_MAX);
	size_t length = template_expand(template, with, out);
	size_t constant_length;
	const char *constant = template_constant(template, &constant_length);

	ck_assert_uint_le(length, TEMPLATE_MAX);
	if (constant) {
		ck_assert_uint_eq(constant_length, length);
		ck_assert_mem_eq(constant, out, length);
	}
	memcpy(got, out, length);
	got[length] = '\0';
	free(out);
	template_free(template);
	return got;
}

static const char *
expanded(const char *text)
{
	return expanded_with(text, &values);
}

static bool
is_constant(const char *text)
{
	struct template *template = compiled(text, &params);
	size_t length;
	bool constant = template_constant(template, &length) != NULL;

	template_free(template);
	return constant;
}

START_TEST(test_text_without_variables_is_literal)
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

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		ck_assert_str_eq(expanded(texts[i]), texts[i]);
		ck_assert(is_constant(texts[i]));
	}
}
END_TEST

static const char *const constants[][2] = {
	{ "%{host}", "node7.example" },
	{ "%{listener}", "rfc862" },
	{ "%{host} %{listener}: ", "node7.example rfc862: " },
	{ "%{host}%{host}", "node7.examplenode7.example" },
	{ "<%{listener}>", "<rfc862>" },
	{ "%%{host}", "%node7.example" },
	{ "%{host}}", "node7.example}" },
	{ "%{host}%", "node7.example%" },
	{ "{%{host}}", "{node7.example}" },
	{ "%{env:POD}", "pod-7" },
	{ "[%{env:POD}] ", "[pod-7] " },
	{ "%{env:host}", "not the host" },
	{ "<%{env:EMPTY}>", "<>" },
	{ "%{env:EMPTY}", "" },
	{ "%{env:A=B}%{env:SPA CE}", "unlikelywith a space" },
	/* A value is not expanded again. */
	{ "%{env:ODD}", "%{host}" },
	/* The configuration can contain any byte. */
	{ "%{env:BYTES}", "\x01\xff" },
};

START_TEST(test_constants_are_replaced_everywhere)
{
	for (size_t i = 0; i < sizeof(constants) / sizeof(*constants); i++) {
		ck_assert_str_eq(expanded(constants[i][0]), constants[i][1]);
		ck_assert(is_constant(constants[i][0]));
	}
}
END_TEST

START_TEST(test_values_are_replaced_everywhere)
{
	static const char *const cases[][2] = {
		{ "%{peer}", "192.0.2.7:51234" },
		{ "%{local}", "[2001:db8::1]:25000" },
		{ "%{conn}", "41" },
		{ "%{ttl}", "57" },
		{ "%{dscp}", "46" },
		{ "%{ecn}", "not-ect" },
		{ "%{time}", "2026-11-28T01:02:03.456Z" },
		{ "%{tls.version}", "TLSv1.3" },
		{ "%{tls.sni}", "echo.example" },
		{ "%{tls.cn}", "client 9" },
		{ "%{peer}>%{local} %{conn}: ",
		  "192.0.2.7:51234>[2001:db8::1]:25000 41: " },
		{ "%{host}/%{conn}/%{env:POD}", "node7.example/41/pod-7" },
		{ "%{conn}%{conn}", "4141" },
		{ "%%{conn}}", "%41}" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ck_assert_str_eq(expanded(cases[i][0]), cases[i][1]);
		ck_assert(!is_constant(cases[i][0]));
	}
}
END_TEST

START_TEST(test_a_value_that_is_null_is_empty)
{
	static const struct template_values none = { 0 };

	ck_assert_str_eq(expanded_with("<%{peer}%{local}%{conn}%{tls.version}"
				       "%{tls.sni}%{tls.cn}%{ttl}%{dscp}"
				       "%{ecn}>",
				       &none),
			 "<>");
}
END_TEST

/* A connection fills it in later, and finds it by its NULs. */
START_TEST(test_a_time_without_a_value_is_nuls)
{
	static const char zeros[TEMPLATE_TIME_LENGTH];
	struct template *template = compiled("a%{time}b", &params);
	char out[TEMPLATE_MAX];

	ck_assert_uint_eq(template_expand(template,
					  &(struct template_values){ 0 }, out),
			  1 + TEMPLATE_TIME_LENGTH + 1);
	ck_assert_int_eq(out[0], 'a');
	ck_assert_mem_eq(out + 1, zeros, TEMPLATE_TIME_LENGTH);
	ck_assert_int_eq(out[1 + TEMPLATE_TIME_LENGTH], 'b');
	template_free(template);
}
END_TEST

START_TEST(test_used_values_are_known)
{
	static const struct {
		const char *name;
		size_t offset;
	} all[] = {
		{ "peer", offsetof(struct template_values, peer) },
		{ "local", offsetof(struct template_values, local) },
		{ "conn", offsetof(struct template_values, conn) },
		{ "ttl", offsetof(struct template_values, ttl) },
		{ "dscp", offsetof(struct template_values, dscp) },
		{ "ecn", offsetof(struct template_values, ecn) },
		{ "time", offsetof(struct template_values, time) },
		{ "tls.version",
		  offsetof(struct template_values, tls_version) },
		{ "tls.sni", offsetof(struct template_values, tls_sni) },
		{ "tls.cn", offsetof(struct template_values, tls_cn) },
	};
	enum { COUNT = sizeof(all) / sizeof(*all) };

	for (size_t i = 0; i < COUNT; i++) {
		char text[64];

		snprintf(text, sizeof(text), "a%%{host}%%{%s}b", all[i].name);
		struct template *template = compiled(text, &params);
		for (size_t j = 0; j < COUNT; j++)
			ck_assert_int_eq(template_uses(template, all[j].offset),
					 i == j);
		template_free(template);
	}

	struct template *both = compiled("%{conn}%{peer}", &params);
	ck_assert(template_uses(both, all[0].offset));
	ck_assert(!template_uses(both, all[1].offset));
	ck_assert(template_uses(both, all[2].offset));
	template_free(both);
}
END_TEST

/* A requested server name cannot write control bytes to a log or terminal. */
START_TEST(test_values_from_a_peer_are_escaped)
{
	static const char *const cases[][2] = {
		{ "a b~!\"'%{host}", "a b~!\"'%{host}" },
		{ "\n", "\\x0a" },
		{ "\x01\x1f\x7f\x80\xff", "\\x01\\x1f\\x7f\\x80\\xff" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\\xc3\\xbc\\xc3\\x9f" },
		{ "\\x41", "\\x5cx41" },
		{ "\x1b[2J", "\\x1b[2J" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct template_values said = { .tls_sni = cases[i][0],
						.tls_cn = cases[i][0] };

		ck_assert_str_eq(expanded_with("%{tls.sni}", &said),
				 cases[i][1]);
		ck_assert_str_eq(expanded_with("%{tls.cn}", &said),
				 cases[i][1]);
	}
}
END_TEST

START_TEST(test_values_from_a_peer_are_cut_visibly)
{
	char said[400], expected[TEMPLATE_TEXT_MAX + 1];
	struct template_values with = { .tls_sni = said };

	memset(said, 'a', sizeof(said));
	said[TEMPLATE_TEXT_MAX] = '\0';
	ck_assert_str_eq(expanded_with("%{tls.sni}", &with), said);

	said[TEMPLATE_TEXT_MAX] = 'a';
	said[TEMPLATE_TEXT_MAX + 1] = '\0';
	memset(expected, 'a', sizeof(expected));
	strcpy(expected + TEMPLATE_TEXT_MAX - 3, "...");
	ck_assert_str_eq(expanded_with("%{tls.sni}", &with), expected);

	/* Never within an escape: 63 escapes and the dots. */
	memset(said, '\n', sizeof(said));
	said[sizeof(said) - 1] = '\0';
	for (size_t i = 0; i < 63; i++)
		memcpy(expected + 4 * i, "\\x0a", 4);
	strcpy(expected + 4 * 63, "...");
	ck_assert_str_eq(expanded_with("%{tls.sni}", &with), expected);
}
END_TEST

#define KNOWN \
	" is not known; there are %{host}, %{listener}, %{peer}, %{local}, " \
	"%{conn}, %{ttl}, %{dscp}, %{ecn}, %{time}, %{env:NAME}, " \
	"%{tls.version}, %{tls.sni} and %{tls.cn}"

START_TEST(test_every_mistake_has_its_reason)
{
	static const char *const cases[][2] = {
		{ "%{", "\"%{\" lacks its \"}\"" },
		{ "GOT %{host", "\"%{host\" lacks its \"}\"" },
		{ "%{host} %{", "\"%{\" lacks its \"}\"" },
		{ "%{}", "\"%{}\"" KNOWN },
		{ "%{hots}", "\"%{hots}\"" KNOWN },
		{ "%{hos}", "\"%{hos}\"" KNOWN },
		{ "%{hosts}", "\"%{hosts}\"" KNOWN },
		{ "%{Host}", "\"%{Host}\"" KNOWN },
		{ "%{host }", "\"%{host }\"" KNOWN },
		{ "%{env}", "\"%{env}\"" KNOWN },
		{ "%{env:}", "\"%{env:}\"" KNOWN },
		{ "%{tls}", "\"%{tls}\"" KNOWN },
		{ "%{tls.}", "\"%{tls.}\"" KNOWN },
		{ "%{%{host}}", "\"%{%{host}\"" KNOWN },
		{ "%{host} %{nope} %{nor this}", "\"%{nope}\"" KNOWN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char reason[TEMPLATE_REASON_SIZE];
		const char *why =
			template_check(cases[i][0], reason, sizeof(reason));
		struct template *template;

		ck_assert_msg(why, "\"%s\" was taken", cases[i][0]);
		ck_assert_ptr_eq(why, reason);
		ck_assert_str_eq(why, cases[i][1]);
		why = template_compile(cases[i][0], &params, &template, reason,
				       sizeof(reason));
		ck_assert_pstr_eq(why, cases[i][1]);
		ck_assert_ptr_null(template);
	}
}
END_TEST

START_TEST(test_a_reason_is_cut_to_its_buffer)
{
	static char unclosed[5000] = "%{", unknown[5000] = "%{";
	char reason[TEMPLATE_REASON_SIZE];

	memset(unclosed + 2, 'a', sizeof(unclosed) - 3);
	memset(unknown + 2, 'a', sizeof(unknown) - 4);
	unknown[sizeof(unknown) - 2] = '}';
	for (size_t size = 1; size < TEMPLATE_REASON_SIZE; size++) {
		char *small = malloc(size);

		ck_assert_ptr_eq(template_check(unclosed, small, size), small);
		ck_assert_uint_lt(strlen(small), size);
		ck_assert_ptr_eq(template_check(unknown, small, size), small);
		ck_assert_uint_lt(strlen(small), size);
		free(small);
	}
	/* But the longest there is fits the buffer that is meant for it. */
	template_check(unknown, reason, sizeof(reason));
	ck_assert_ptr_nonnull(strstr(reason, " and %{tls.cn}"));
}
END_TEST

static void
expect_uncompiled(const char *text, const struct template_params *under,
		  const char *expected)
{
	char reason[TEMPLATE_REASON_SIZE];
	struct template *template;

	ck_assert_ptr_null(template_check(text, reason, sizeof(reason)));
	ck_assert_pstr_eq(template_compile(text, under, &template, reason,
					   sizeof(reason)),
			  expected);
	ck_assert_ptr_null(template);
}

START_TEST(test_a_variable_without_a_value_is_refused)
{
	static const struct template_params plain = {
		.host = "h",
		.listener = "l",
		.environment = environment,
	};

	expect_uncompiled("GOT %{env:NOPE}", &params,
			  "%{env:NOPE}: the environment has no such variable");
	expect_uncompiled("%{tls.sni}", &plain, "%{tls.sni} needs tls");
	expect_uncompiled("a%{tls.cn}", &plain, "%{tls.cn} needs tls");
	expect_uncompiled("%{conn}%{tls.version}%{env:NOPE}", &plain,
			  "%{tls.version} needs tls");
}
END_TEST

/* `text` after that number of letters. */
static const char *
after_letters(size_t count, const char *text)
{
	static char all[2 * TEMPLATE_MAX];

	memset(all, 'a', count);
	strcpy(all + count, text);
	return all;
}

START_TEST(test_an_expansion_over_the_limit_is_refused)
{
	static const struct {
		const char *text;
		size_t most;
	} cases[] = {
		{ "", 0 },
		{ "%{host}", 13 },
		{ "%{env:POD}%{env:POD}", 10 },
		{ "%{peer}", TEMPLATE_ADDRESS_MAX },
		{ "%{local}", TEMPLATE_ADDRESS_MAX },
		{ "%{conn}", 20 },
		{ "%{ttl}", 3 },
		{ "%{dscp}", 3 },
		{ "%{ecn}", 7 },
		{ "%{time}", TEMPLATE_TIME_LENGTH },
		{ "%{tls.version}", 15 },
		{ "%{tls.sni}", TEMPLATE_TEXT_MAX },
		{ "%{tls.cn}", TEMPLATE_TEXT_MAX },
		{ "%{tls.cn}%{tls.sni}%{host}", 2 * TEMPLATE_TEXT_MAX + 13 },
		{ "%{tls.cn}%{tls.sni}%{tls.cn}%{tls.cn}",
		  4 * TEMPLATE_TEXT_MAX },
	};
	static char letters[2000];
	const struct template_values longest = { letters, letters, letters,
						 letters, letters, letters,
						 letters, letters, letters,
						 letters };

	memset(letters, '\n', sizeof(letters) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t spare = TEMPLATE_MAX - cases[i].most;

		expanded_with(after_letters(spare, cases[i].text), &longest);
		expect_uncompiled(after_letters(spare + 1, cases[i].text),
				  &params,
				  "it can expand to more than 1024 bytes");
	}
	expect_uncompiled("%{tls.cn}%{tls.sni}%{tls.cn}%{tls.cn}%{tls.sni}",
			  &params, "it can expand to more than 1024 bytes");
}
END_TEST

static bool
equal(const char *text, const char *other, const struct template_params *under)
{
	struct template *a = compiled(text, &params);
	struct template *b = compiled(other, under);
	bool result = template_equal(a, b);

	template_free(a);
	template_free(b);
	return result;
}

/* The host may have got another name since. */
START_TEST(test_templates_with_equal_expansions_are_equal)
{
	struct template_params renamed = params;

	renamed.host = "node8.example";
	ck_assert(equal("GOT:", "GOT:", &renamed));
	ck_assert(equal("%{peer}>", "%{peer}>", &renamed));
	ck_assert(equal("%{host}", "node7.example", &renamed));
	ck_assert(!equal("GOT:", "GOT;", &params));
	ck_assert(!equal("GOT:", "GOT:.", &params));
	ck_assert(!equal("%{peer}", "%{local}", &params));
	ck_assert(!equal("%{host}", "%{host}", &renamed));
	ck_assert(!equal("%{peer}%{host}", "%{peer}%{host}", &renamed));
}
END_TEST

START_TEST(test_null_can_be_freed)
{
	template_free(NULL);
}
END_TEST

SUITE(test_text_without_variables_is_literal,
      test_constants_are_replaced_everywhere,
      test_values_are_replaced_everywhere, test_a_value_that_is_null_is_empty,
      test_a_time_without_a_value_is_nuls, test_used_values_are_known,
      test_values_from_a_peer_are_escaped,
      test_values_from_a_peer_are_cut_visibly,
      test_every_mistake_has_its_reason, test_a_reason_is_cut_to_its_buffer,
      test_a_variable_without_a_value_is_refused,
      test_an_expansion_over_the_limit_is_refused,
      test_templates_with_equal_expansions_are_equal, test_null_can_be_freed)
