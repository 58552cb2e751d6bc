#include "addr/host_name.h"

#include "support/suite.h"

static void
expect_pattern(const char *text, bool valid)
{
	char reason[320];
	const char *why = host_name_check_pattern(text, reason, sizeof(reason));

	ck_assert_msg(!why == valid, "\"%s\": %s", text, why ? why : "valid");
}

START_TEST(test_a_pattern_is_a_name_or_a_wildcard)
{
	static const char *const good[] = {
		"a",	      "localhost",     "web-1.example.com",
		"my_service", "a.b.",	       "10.0.0.1",
		"*",	      "*.example.com", "*.b.",
		"A.Example",
	};
	static const char *const bad[] = {
		"",	"*.",	 ".",	 "..",	      ".a",    "a..b",
		"a:80", "[::1]", "a b",	 "a*",	      "*a",    "*.*.a",
		"**",	"a/b",	 "a\nb", "b\xc3\xbc", "a@b.c", "a..",
	};
	char label[65];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		expect_pattern(good[i], true);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		expect_pattern(bad[i], false);
	memset(label, 'a', sizeof(label) - 1);
	label[64] = '\0';
	expect_pattern(label, false);
	expect_pattern(label + 1, true);
}
END_TEST

START_TEST(test_the_length_of_a_name_is_limited)
{
	char name[HOST_NAME_SIZE + 1];

	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 2 ? '.' : 'a';
	name[HOST_NAME_SIZE] = '\0';
	ck_assert(!host_name_is_valid(name));
	name[HOST_NAME_SIZE - 1] = '\0';
	ck_assert(host_name_is_valid(name));
}
END_TEST

START_TEST(test_a_pattern_matches_hosts)
{
	static const struct {
		const char *pattern;
		const char *host;
		bool matches;
	} table[] = {
		{ "a", "a", true },
		{ "a", "A.", true },
		{ "a.", "a", true },
		{ "a.", "a..", false },
		{ "a", "ab", false },
		{ "ab", "a", false },
		{ "*", "", true },
		{ "*", "a b:c", true },
		{ "*.example.com", "a.example.com", true },
		{ "*.example.com", "a.b.EXAMPLE.com.", true },
		{ "*.example.com.", "a.example.com", true },
		{ "*.example.com", "example.com", false },
		{ "*.example.com", ".example.com", false },
		{ "*.example.com", "aexample.com", false },
		{ "*.example.com", "a.example.com.evil", false },
		{ "*.example.com", "a.example.comm", false },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		ck_assert_msg(host_name_matches(table[i].pattern, table[i].host,
						strlen(table[i].host)) ==
				      table[i].matches,
			      "\"%s\" and \"%s\"", table[i].pattern,
			      table[i].host);
	/* Only the first bytes count. */
	ck_assert(host_name_matches("a", "a:80", 1));
	ck_assert(!host_name_matches("a", "aa:80", 2));
}
END_TEST

START_TEST(test_the_qualified_name_is_on_the_line_of_the_name)
{
	static const struct {
		const char *hosts;
		const char *qualified;
	} table[] = {
		{ "", NULL },
		{ "127.0.0.1 localhost\n127.0.1.1\tweb.example.com web\n",
		  "web.example.com" },
		{ "127.0.1.1 web WEB.example.com", "WEB.example.com" },
		{ "::1 web.a web.b web\n::2 web.c web\n", "web.a" },
		/* A list of blocked names must not make one of them ours. */
		{ "0.0.0.0 web.evil.com\n::1 web\n", NULL },
		{ "::1 other\n0.0.0.0 web.evil.com", NULL },
		{ "::1 web\n::1 web.a web\n", NULL },
		{ "# ::1 web.a web\n::1 x.web web # web.b\n", NULL },
		{ "::1 web.a webb\n::1 web\n", NULL },
		{ "web web.a\n", NULL },
		{ "  \n\n::1\t \tweb.a  web\r\n", "web.a" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char *hosts = strdup(table[i].hosts);
		const char *qualified = host_name_qualify(hosts, "web");

		if (table[i].qualified)
			ck_assert_pstr_eq(qualified, table[i].qualified);
		else
			ck_assert_msg(!qualified, "\"%s\": %s", table[i].hosts,
				      qualified);
		free(hosts);
	}
}
END_TEST

SUITE(test_a_pattern_is_a_name_or_a_wildcard,
      test_the_length_of_a_name_is_limited, test_a_pattern_matches_hosts,
      test_the_qualified_name_is_on_the_line_of_the_name)
