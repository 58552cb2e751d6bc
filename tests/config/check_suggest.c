#include "config/suggest.h"

#include "config/schema.h"
#include "support/suite.h"

START_TEST(test_a_misspelt_name_is_guessed)
{
	static const struct {
		bool in_listener;
		const char *group, *name, *guess;
	} cases[] = {
		{ false, NULL, "lsten", "listen" },
		{ false, NULL, "Listen", "listen" },
		{ false, NULL, "listener", "listeners" },
		{ true, NULL, "listener", "listen" },
		{ false, NULL, "prefx", "prefix" },
		{ false, NULL, "chunksize", "chunk_size" },
		{ false, NULL, "chunk-size", "chunk_size" },
		{ true, NULL, "back_log", "backlog" },
		{ false, NULL, "idle_time", "idle_timeout" },
		{ false, NULL, "write_timeuot", "write_timeout" },
		{ false, NULL, "maxconnections", "max_connections" },
		{ false, NULL, "worker", "workers" },
		{ true, NULL, "nam", "name" },
		{ false, NULL, "logs", "log" },
		{ false, NULL, "drian", "drain" },
		{ false, "log", "levle", "level" },
		{ false, "log", "connection", "connections" },
		{ false, "drain", "graze", "grace" },
		/* Letters that have changed places, and the begin of a name. */
		{ false, NULL, "tsl", "tls" },
		{ false, "tls", "kye", "key" },
		{ false, "tls", "cert", "certificate" },
		{ true, NULL, "max_conn", "max_connections" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_pstr_eq(suggest_similar(cases[i].in_listener,
						  cases[i].group,
						  cases[i].name),
				  cases[i].guess);
}
END_TEST

START_TEST(test_a_name_similar_to_none_is_not_guessed)
{
	static const char *const names[] = {
		"",
		"x",
		"xml",
		"defect",
		"an_extremely_long_name_that_is_like_no_other_name_at_all",
		"this_is_thirty_two_letters_long_",
		"backbencher",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (int in_listener = 0; in_listener < 2; in_listener++)
			ck_assert_pstr_eq(suggest_similar(in_listener, NULL,
							  names[i]),
					  NULL);
	/* A group knows its own settings, and no other's. */
	ck_assert_ptr_null(suggest_similar(false, "log", "prefx"));
	ck_assert_ptr_null(suggest_similar(false, "log", "delya"));
	ck_assert_ptr_null(suggest_similar(false, NULL, "levle"));
	/* An option that cannot be set there is not suggested. */
	ck_assert_ptr_null(suggest_similar(true, NULL, "worker"));
	ck_assert_ptr_null(suggest_similar(true, NULL, "listenerss"));
}
END_TEST

/* `name` with `letters` instead of the `left_out` letters at `at`. */
static const char *
misspelt(const char *name, size_t at, const char *letters, size_t left_out)
{
	static char wrong[64];

	ck_assert_uint_lt(strlen(name) + 1, sizeof(wrong));
	memcpy(wrong, name, at);
	strcpy(wrong + at, letters);
	strcat(wrong, name + at + left_out);
	return wrong;
}

/* Every option at hand: a letter too many, another letter, a letter too few. */
START_TEST(test_one_wrong_letter_is_guessed_for_every_option)
{
	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];
		bool in_listener = option->scope == SCOPE_LISTENER;
		const char *name = option->name;

		for (size_t at = 0; at < strlen(name); at++) {
			const char *group = option->group;

			ck_assert_pstr_eq(
				suggest_similar(in_listener, group,
						misspelt(name, at, "q", 0)),
				name);
			ck_assert_pstr_eq(
				suggest_similar(in_listener, group,
						misspelt(name, at, "q", 1)),
				name);
			ck_assert_pstr_eq(
				suggest_similar(in_listener, group,
						misspelt(name, at, "", 1)),
				name);
		}
	}
}
END_TEST

START_TEST(test_a_name_of_another_group_is_found)
{
	static const struct {
		bool in_listener;
		const char *group, *name, *text;
		size_t count;
	} cases[] = {
		{ false, NULL, "level", "\"log.level\"", 1 },
		{ false, NULL, "timeout", "\"proxy_protocol.timeout\"", 1 },
		{ false, "log", "grace", "\"drain.grace\"", 1 },
		{ false, "log", "prefix", "\"prefix\"", 1 },
		{ false, NULL, "rate",
		  "\"fault.rate\", \"udp.rate\" or \"log.rate\"", 3 },
		{ true, NULL, "rate", "\"fault.rate\" or \"udp.rate\"", 2 },
		{ true, NULL, "level", "", 0 },
		{ false, NULL, "prefix", "", 0 },
		{ false, NULL, "nope", "", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[160];

		ck_assert_uint_eq(
			suggest_elsewhere(cases[i].in_listener, cases[i].group,
					  cases[i].name, text, sizeof(text)),
			cases[i].count);
		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

SUITE(test_a_misspelt_name_is_guessed,
      test_a_name_similar_to_none_is_not_guessed,
      test_one_wrong_letter_is_guessed_for_every_option,
      test_a_name_of_another_group_is_found)
