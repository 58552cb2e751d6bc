#include "config/print.h"

#include <math.h>
#include <stdint.h>

#include "base/utf8.h"
#include "config/types_lists.h"
#include "support/snapshot.h"

/* What is dumped, to be freed. */
static char *
dumped(const struct config *config)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(print_config(config, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

/* Fifteen digits of a number of seconds are printed. */
static bool
is_same(const struct schema_option *option, const void *a, const void *b)
{
	if (option->type == &type_seconds)
		return fabs(*(const double *)a - *(const double *)b) <=
		       *(const double *)a * 1e-14;
	return option->type->equal(a, b);
}

static void
expect_same(const struct config *a, const struct config *b)
{
	ck_assert_uint_eq(a->listener_count, b->listener_count);
	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];

		for (size_t j = 0; j < a->listener_count; j++)
			ck_assert_msg(is_same(option,
					      schema_member(option, a,
							    &a->listeners[j]),
					      schema_member(option, b,
							    &b->listeners[j])),
				      "%s", option->name);
	}
}

/* No byte that a terminal or a pager would act upon, or that is no text. */
static bool
is_printable(const char *text)
{
	size_t length;

	for (; *text; text += length) {
		length = utf8_sequence(text, strlen(text));
		if (length == 0 || (utf8_control(text) > 0 && *text != '\n'))
			return false;
	}
	return true;
}

/* What is dumped means the same, and is dumped in the same way. */
static void
expect_fixed_point(const char *text)
{
	struct config *first = accepted(text);
	char *once = dumped(first);
	struct config *second = accepted(once);
	char *twice = dumped(second);

	expect_same(first, second);
	ck_assert_str_eq(once, twice);
	ck_assert_msg(is_printable(once), "%s", once);
	config_unref(first);
	config_unref(second);
	free(once);
	free(twice);
}

START_TEST(test_printed_text_loads_as_an_equal_snapshot)
{
	static const char *const texts[] = {
		"",
		"listen = \"*:7\";",
		"listen = [ \"*:0\", \"*:0\", \"127.0.0.1:7\", \"[::1]:7\", "
		"\"[fe80::1%lo]:9\", \"[fe80::1%4294967]:9\" ];",
		"listeners = ( { name = \"a\"; listen = \"*:1\"; } );",
		"listen = \"*:7\"; prefix = \"top\"; max_connections = 9;\n"
		"listeners = ( { name = \"a\"; listen = \"*:1\"; },\n"
		"{ name = \"b.c-d_E\"; listen = \"*:2\"; prefix = \"\";\n"
		"  max_connections = 3; } );",
		"prefix = \"%{host} %{listener} 100% \";",
		"prefix = \"%{peer} %{local} %{conn} %{env:PATH} \"; "
		"framing = \"line\";",
		"log = { to = \"stderr\"; facility = \"local7\"; level = "
		"\"debug\"; connections = false; rate = 0; };\n"
		"drain = { delay = 0.25; grace = 0; }; workers = 1024;",
		"status = { hosts = ( \"a_b.example.\", \"*.c\", \"*\" ); };",
		"status = { hosts = \"a\"; };",
		"status = { hosts = [ ]; };",
		"idle_timeout = 0; write_timeout = 5L;",
		"listen = [ \"unix:/run/a \\\"quoted\\\" name\", \"unix:@b\" "
		"];\n"
		"mode = \"0\"; owner = \"0\"; group = \"1\";",
		"fault = { every = 3; delay = 0.25; end = \"reset\"; "
		"after = 9; };\nlisteners = ( { name = \"a\"; "
		"listen = \"udp:*:1\"; fault = { every = 0; }; } );",
		"allow = \"10.0.0.0/8\"; deny = [ \"::1\", \"fe80::/10\" ];\n"
		"listen = \"*:7\"; listeners = ( { name = \"a\"; allow = [ ];\n"
		"listen = \"*:1\"; deny = ( \"0.0.0.0/0\", \"192.0.2.7\" ); } "
		");",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		expect_fixed_point(texts[i]);
}
END_TEST

START_TEST(test_the_limits_of_every_number_are_printed)
{
	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];
		const double ends[] = { option->minimum, option->maximum };

		if ((option->type != &type_integer &&
		     option->type != &type_seconds) ||
		    option->scope == SCOPE_LISTENER)
			continue;
		for (int j = 0; j < 2; j++) {
			char text[256];

			snprintf(text, sizeof(text), "%s%s%s%s = %.0f;%s",
				 option->group ? option->group : "",
				 option->group ? " = { " : "",
				 snapshot_beside(option), option->name, ends[j],
				 option->group ? " };" : "");
			expect_fixed_point(text);
		}
	}
}
END_TEST

START_TEST(test_every_choice_is_printed)
{
	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];
		const struct option_choice *choice = option->choices;

		for (; choice && choice->name; choice++) {
			char text[256];

			snprintf(text, sizeof(text), "%s%s%s = \"%s\";%s",
				 option->group ? option->group : "",
				 option->group ? " = { " : "", option->name,
				 choice->name, option->group ? " };" : "");
			expect_fixed_point(text);
		}
	}
}
END_TEST

START_TEST(test_seconds_are_printed_with_a_fraction)
{
	static const char *const cases[][2] = {
		{ "0", "0.0" },
		{ "5", "5.0" },
		{ "600.0", "600.0" },
		{ "0.5", "0.5" },
		{ "0.1", "0.1" },
		{ "3.412", "3.412" },
		{ "86400.125", "86400.125" },
		{ "31622400", "31622400.0" },
		{ "31622399.9999999", "31622399.9999999" },
		{ "0.333333333333333", "0.333333333333333" },
		{ "0.0001", "0.0001" },
		{ "0.00001", NULL },
		{ "1e-300", NULL },
		{ "4.9e-324", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[128], line[128];

		snprintf(text, sizeof(text),
			 "idle_timeout = %s;\n"
			 "drain = { grace = %s; };",
			 cases[i][0], cases[i][0]);
		expect_fixed_point(text);
		if (!cases[i][1])
			continue;

		struct config *config = accepted(text);
		char *dump = dumped(config);
		snprintf(line, sizeof(line), " idle_timeout = %s;\n",
			 cases[i][1]);
		ck_assert_ptr_nonnull(strstr(dump, line));
		snprintf(line, sizeof(line), " grace = %s;\n", cases[i][1]);
		ck_assert_ptr_nonnull(strstr(dump, line));
		config_unref(config);
		free(dump);
	}
}
END_TEST

/* A prefix of these very bytes, written as \xNN, comes back as them. */
static void
expect_prefix(const unsigned char *bytes, size_t length)
{
	char text[4096] = "prefix = \"";
	size_t used = strlen(text);

	for (size_t i = 0; i < length; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "\\x%02x", bytes[i]);
	strcat(text, "\";");

	struct config *config = accepted(text);
	ck_assert_uint_eq(strlen(config->listeners[0].settings->prefix),
			  length);
	ck_assert_mem_eq(config->listeners[0].settings->prefix, bytes, length);
	config_unref(config);
	expect_fixed_point(text);
}

START_TEST(test_every_byte_of_a_string_survives)
{
	for (unsigned byte = 1; byte < 256; byte++) {
		/* What follows could be taken for a part of it. */
		static const unsigned char after[] = { 0,    '0',  'a',
						       'n',  'x',  '"',
						       '\\', '\n', 0x01 };
		for (size_t i = 0; i < sizeof(after); i++) {
			unsigned char bytes[3] = { 'p', (unsigned char)byte,
						   after[i] };

			expect_prefix(bytes, after[i] ? 3 : 2);
		}
	}
}
END_TEST

START_TEST(test_any_string_survives)
{
	static const char alphabet[] =
		"\"\\\n\r\t\x01\x1f\x7f\xc3\xbc\xe2\x82\xff/*#;{}%nxaA01 ";
	uint32_t state = 7;

	for (int i = 0; i < 500; i++) {
		unsigned char bytes[40];
		size_t length;

		state = state * 1664525 + 1013904223;
		length = (state >> 16) % sizeof(bytes);
		for (size_t j = 0; j < length; j++) {
			state = state * 1664525 + 1013904223;
			bytes[j] =
				(unsigned char)alphabet[(state >> 16) %
							(sizeof(alphabet) - 1)];
			/* That would begin a variable. */
			if (j && bytes[j] == '{')
				bytes[j] = '}';
		}
		expect_prefix(bytes, length);
	}
}
END_TEST

START_TEST(test_a_string_is_printed_with_readable_escapes)
{
	struct config *config =
		accepted("prefix = \"a\\x22\\\\\\n\\r\\t\\x01\\x7f "
			 "gr\xc3\xbc\xc3\x9f\";");
	char *dump = dumped(config);

	ck_assert_ptr_nonnull(strstr(dump,
				     " prefix = \"a\\\"\\\\\\n\\r\\t\\x01\\x7f "
				     "gr\xc3\xbc\xc3\x9f\";\n"));
	config_unref(config);
	free(dump);
}
END_TEST

START_TEST(test_bytes_that_are_not_utf8_are_printed_in_hexadecimal)
{
	/*
	 * A lone start, a lone end, overlong, a surrogate, a cut sequence, and
	 * a control character of two bytes.
	 */
	struct config *config =
		accepted("prefix = \"\xff \xc3 \x82 \xc0\xaf \xed\xa0\x80 "
			 "\xe2\x82\xac \xe2\x82 \xc2\x9b\";\n"
			 "listen = \"unix:/run/\xfc\";");
	char *dump = dumped(config);

	ck_assert_ptr_nonnull(strstr(
		dump,
		"prefix = \"\\xff \\xc3 \\x82 \\xc0\\xaf "
		"\\xed\\xa0\\x80 \xe2\x82\xac \\xe2\\x82 \\xc2\\x9b\";\n"));
	ck_assert_ptr_nonnull(strstr(dump, "\"unix:/run/\\xfc\""));
	expect_fixed_point(dump);
	config_unref(config);
	free(dump);
}
END_TEST

/* Lines that begin so, apart from their indentation. */
static size_t
lines_with(const char *text, const char *begin)
{
	size_t count = 0;

	while (text) {
		text += strspn(text, " \n");
		count += strncmp(text, begin, strlen(begin)) == 0;
		text = strchr(text, '\n');
	}
	return count;
}

/* "every setting with its value": that of each listener, too. */
START_TEST(test_every_option_is_printed)
{
	struct config *config =
		accepted("listen = \"*:7\";\n"
			 "listeners = ( { name = \"a\"; listen = \"*:1\"; },\n"
			 "{ name = \"b\"; listen = \"*:2\"; } );");
	char *dump = dumped(config);

	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];
		char line[128];
		size_t expected = 0;

		/* A name may be one of both: max_connections is. */
		for (size_t j = 0; j < schema_option_count; j++)
			if (strcmp(schema_options[j].name, option->name) == 0)
				expected += schema_options[j].scope ==
							    SCOPE_GLOBAL ?
						    1 :
						    3;
		snprintf(line, sizeof(line), "%s = ", option->name);
		ck_assert_msg(lines_with(dump, line) == expected, "%s\n%s",
			      option->name, dump);
	}
	ck_assert_uint_eq(lines_with(dump, "log = {\n"), 1);
	ck_assert_uint_eq(lines_with(dump, "drain = {\n"), 1);
	ck_assert_uint_eq(lines_with(dump, "listeners = (\n"), 1);
	config_unref(config);
	free(dump);
}
END_TEST

START_TEST(test_a_write_error_is_returned)
{
	struct config *config = accepted("");
	FILE *full = fopen("/dev/full", "w");
	FILE *reader = fopen("/dev/null", "r");

	ck_assert_ptr_nonnull(full);
	ck_assert_int_eq(print_config(config, full), -ENOSPC);
	ck_assert_int_lt(print_config(config, reader), 0);

	/* Where the failure comes before the last flush. */
	setvbuf(full, NULL, _IONBF, 0);
	ck_assert_int_lt(print_config(config, full), 0);
	fclose(full);
	fclose(reader);
	config_unref(config);
}
END_TEST

SUITE(test_printed_text_loads_as_an_equal_snapshot,
      test_the_limits_of_every_number_are_printed, test_every_choice_is_printed,
      test_seconds_are_printed_with_a_fraction,
      test_every_byte_of_a_string_survives, test_any_string_survives,
      test_a_string_is_printed_with_readable_escapes,
      test_bytes_that_are_not_utf8_are_printed_in_hexadecimal,
      test_every_option_is_printed, test_a_write_error_is_returned)
