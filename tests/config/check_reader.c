/* Every option of the table, at top level and in a listener. */
#include "config/reader.h"

#include <limits.h>

#include "config/types_lists.h"
#include "config/types_mode.h"
#include "config/types_strings.h"
#include "support/snapshot.h"

/* A file that sets `option` to `value`, at top level or in a listener. */
static const char *
setting(const struct schema_option *option, const char *value, bool in_listener)
{
	static char text[4096];
	bool names = strcmp(option->name, "name") == 0;
	bool listens = strcmp(option->name, "listen") == 0;
	const char *group = option->group;

	if (in_listener)
		snprintf(text, sizeof(text),
			 "listeners = ( {\n%s%s\n%s%s%s%s = %s;%s\n} );\n",
			 names ? "" : "name = \"one\"; ",
			 listens ? "" : "listen = \"127.0.0.1:1\";",
			 group ? group : "", group ? " = { " : "",
			 snapshot_beside(option), option->name, value,
			 group ? " };" : "");
	else if (option->group)
		snprintf(text, sizeof(text), "%s = {\n\n%s%s = %s;\n};\n",
			 option->group, snapshot_beside(option), option->name,
			 value);
	else
		snprintf(text, sizeof(text), "\n\n%s = %s;\n", option->name,
			 value);
	return text;
}

/* Its name in errors. */
static const char *
path_of(const struct schema_option *option, bool in_listener)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s%s%s%s",
		 in_listener ? "listeners[0]." : "",
		 option->group ? option->group : "", option->group ? "." : "",
		 option->name);
	return path;
}

static const void *
member(const struct config *config, const struct schema_option *option)
{
	return schema_member(option, config, config->listeners);
}

/* The default is one string or none. */
static const char *
strings(const struct string_list *list)
{
	ck_assert_uint_le(list->count, 1);
	return list->count ? list->items[0] : "";
}

/* As the table has them. */
static const char *
ports(const struct config_ports *ports)
{
	static char text[256];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ports->count; i++) {
		const struct config_port_range *range = &ports->items[i];

		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%u", i ? " " : "", range->low);
		if (range->low != range->high)
			used += (size_t)snprintf(text + used,
						 sizeof(text) - used, "-%u",
						 range->high);
	}
	return text;
}

static double
number(const struct config *config, const struct schema_option *option)
{
	const void *at = member(config, option);

	if (option->type == &type_seconds)
		return *(const double *)at;
	if (option->type == &type_boolean)
		return *(const bool *)at;
	if (option->choices)
		return *(const int *)at;
	return *(const unsigned *)at;
}

/* Calls `check` for every option and every place that it can be set in. */
static void
for_every_option(void (*check)(const struct schema_option *option,
			       bool in_listener))
{
	for (size_t i = 0; i < schema_option_count; i++)
		for (int in_listener = 0; in_listener < 2; in_listener++)
			if (schema_applies(&schema_options[i], in_listener))
				check(&schema_options[i], in_listener);
}

static bool
is_number(const struct schema_option *option)
{
	return option->type == &type_integer || option->type == &type_seconds;
}

static void
check_default(const struct schema_option *option, bool in_listener)
{
	const char *one = "listeners = ( { name = \"main\"; "
			  "listen = \"*:25000\"; } );";
	struct config *config = accepted(in_listener ? one : "log = { };");
	const void *at = member(config, option);

	if (option->type == &type_name || option->type == &type_template ||
	    option->type == &type_string || option->type == &type_address)
		ck_assert_str_eq(*(char *const *)at, option->text);
	else if (option->type == &type_addresses)
		ck_assert_str_eq(listens_on(config, "main"), option->text);
	else if (option->type == &type_networks)
		ck_assert_uint_eq(((const struct acl *)at)->count, 0);
	else if (option->type == &type_ports)
		ck_assert_str_eq(ports(at), option->text);
	else if (option->type == &type_hosts || option->type == &type_files ||
		 option->type == &type_protocols)
		ck_assert_str_eq(strings(at), option->text);
	else
		ck_assert_msg(number(config, option) == option->number, "%s",
			      option->name);
	config_unref(config);
}

START_TEST(test_every_default_is_the_one_in_the_table)
{
	for_every_option(check_default);
}
END_TEST

static void
check_number(const struct schema_option *option, bool in_listener, double value)
{
	bool fits = value >= option->minimum && value <= option->maximum;
	char text[64];
	const char *file;

	snprintf(text, sizeof(text), "%.0f", value);
	file = setting(option, text, in_listener);
	if (fits) {
		struct config *config = accepted(file);

		ck_assert_msg(number(config, option) == value, "%s is %s",
			      option->name, text);
		config_unref(config);
		return;
	}

	char expected[256];
	const char *why = refused(file);

	snprintf(expected, sizeof(expected), "3: %s: %.0f is not in %.0f-%.0f",
		 path_of(option, in_listener), value, option->minimum,
		 option->maximum);
	/* What no int holds is found earlier. */
	if (value > INT32_MAX)
		snprintf(expected, sizeof(expected),
			 "3: %s: %.0f: this integer is too large", option->name,
			 value);
	ck_assert_str_eq(why, expected);
}

/* The least valid value above the minimum; a kernel has a least buffer. */
static double
second(const struct schema_option *option)
{
	return strcmp(option->name, "socket_buffer") == 0 ? 4096 :
							    option->minimum + 1;
}

static void
check_range(const struct schema_option *option, bool in_listener)
{
	if (!is_number(option))
		return;
	check_number(option, in_listener, option->minimum - 1);
	check_number(option, in_listener, option->minimum);
	check_number(option, in_listener, second(option));
	check_number(option, in_listener, option->maximum - 1);
	check_number(option, in_listener, option->maximum);
	check_number(option, in_listener, option->maximum + 1);
}

START_TEST(test_every_number_has_its_range)
{
	for_every_option(check_range);
}
END_TEST

static void
check_long(const struct schema_option *option, bool in_listener)
{
	char text[64];

	if (!is_number(option))
		return;
	snprintf(text, sizeof(text), "%.0fL", second(option));
	struct config *config = accepted(setting(option, text, in_listener));
	ck_assert_msg(number(config, option) == second(option), "%s",
		      option->name);
	config_unref(config);

	if (option->minimum < 1)
		return;
	snprintf(text, sizeof(text), "%.0fL", option->minimum - 1);
	refused(setting(option, text, in_listener));
}

START_TEST(test_every_number_can_be_a_long_integer)
{
	for_every_option(check_long);
}
END_TEST

static void
check_fraction(const struct schema_option *option, bool in_listener)
{
	static const char *const texts[] = { "1.5", "0.001", "2e1", "1.5E-1" };
	char past[64];

	if (option->type != &type_seconds)
		return;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *file = setting(option, texts[i], in_listener);
		struct config *config;

		if (strtod(texts[i], NULL) < option->minimum) {
			refused(file);
			continue;
		}
		config = accepted(file);
		ck_assert_msg(number(config, option) == strtod(texts[i], NULL),
			      "%s = %s", option->name, texts[i]);
		config_unref(config);
	}
	snprintf(past, sizeof(past), "%.1f", option->maximum + 0.5);
	refused(setting(option, past, in_listener));
	refused(setting(option, "-0.001", in_listener));
	refused(setting(option, "1e300", in_listener));
	refused(setting(option, "1e999", in_listener));
}

START_TEST(test_seconds_can_have_a_fraction)
{
	for_every_option(check_fraction);
}
END_TEST

static void
check_choices(const struct schema_option *option, bool in_listener)
{
	const struct option_choice *choice = option->choices;
	char text[64];

	if (option->type != &type_choice)
		return;
	for (; choice->name; choice++) {
		snprintf(text, sizeof(text), "\"%s\"", choice->name);
		struct config *config =
			accepted(setting(option, text, in_listener));
		ck_assert_msg(number(config, option) == choice->value,
			      "%s = %s", option->name, text);
		config_unref(config);
		/* The error about an unknown one names all. */
		ck_assert_ptr_nonnull(strstr(
			refused(setting(option, "\"nope\"", in_listener)),
			text));
	}
	refused(setting(option, "\"\"", in_listener));
	snprintf(text, sizeof(text), "\"%s \"", option->choices->name);
	refused(setting(option, text, in_listener));
}

START_TEST(test_every_choice_is_accepted)
{
	for_every_option(check_choices);
	expect_refused("log = { level = \"loud\"; };",
		       "1: log.level: \"loud\" is not one of \"error\", "
		       "\"warning\", \"notice\", \"info\", \"debug\"");
}
END_TEST

static void
check_boolean(const struct schema_option *option, bool in_listener)
{
	static const char *const texts[] = { "false", "true", "FALSE", "True" };

	/* That one is refused without a certificate; see check_tlsconfig. */
	if (option->type != &type_boolean ||
	    strcmp(option->name, "require_client_certificate") == 0)
		return;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct config *config =
			accepted(setting(option, texts[i], in_listener));

		ck_assert_msg(number(config, option) == i % 2, "%s",
			      option->name);
		config_unref(config);
	}
}

START_TEST(test_booleans_are_read_in_any_case)
{
	for_every_option(check_boolean);
}
END_TEST

static const struct value {
	const char *text, *kind;
} values[] = {
	{ "1", "an integer" },
	{ "1L", "an integer" },
	{ "1.5", "a number with a fraction" },
	{ "true", "true or false" },
	{ "\"1\"", "a string" },
	{ "{ }", "a group" },
	{ "[ ]", "a list" },
	{ "( )", "a list" },
	{ "( 1 )", "a list" },
};

static const struct {
	const struct option_type *type;
	const char *expected; /* as errors say it */
	const char *takes;    /* the kinds, or NULL: as expected */
} kinds[] = {
	{ &type_integer, "an integer", NULL },
	{ &type_seconds, "a number of seconds",
	  "an integer, a number with a fraction" },
	{ &type_boolean, "true or false", NULL },
	{ &type_choice_or_number, "an integer or a string", NULL },
	{ &type_addresses, "a string", "a string, a list" },
	{ &type_networks, "a string", "a string, a list" },
	{ &type_ports, "a string", "an integer, a string, a list" },
	{ &type_hosts, "a string", "a string, a list" },
	{ &type_files, "a string", "a string, a list" },
	{ &type_protocols, "a string", "a string, a list" },
	/* Any other type. */
	{ NULL, "a string", NULL },
};

/* The error about the integer 1, if it leads to the right form. */
static const char *
advice(const struct schema_option *option, const char *kind)
{
	if (strcmp(kind, "an integer") != 0)
		return NULL;
	if (option->type == &type_mode)
		return "permissions are a string: write \"0001\"";
	return option->type == &type_address ||
			       option->type == &type_addresses ?
		       "1 has no address: write \"*:1\" for all addresses" :
		       NULL;
}

/* A wrong type is refused, and never taken for a setting that is absent. */
static void
check_types(const struct schema_option *option, bool in_listener)
{
	size_t k = 0;

	while (kinds[k].type && kinds[k].type != option->type)
		k++;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		char text[256];

		if (strstr(kinds[k].takes ? kinds[k].takes : kinds[k].expected,
			   values[i].kind))
			continue;
		snprintf(text, sizeof(text), "3: %s: %s",
			 path_of(option, in_listener),
			 advice(option, values[i].kind));
		if (!advice(option, values[i].kind))
			snprintf(text, sizeof(text),
				 "3: %s: %s is expected, this is %s",
				 path_of(option, in_listener),
				 kinds[k].expected, values[i].kind);
		expect_refused(setting(option, values[i].text, in_listener),
			       text);
	}
}

START_TEST(test_every_wrong_type_is_refused)
{
	for_every_option(check_types);
}
END_TEST

/* Its name with one letter twice. */
static void
check_misspelt(const struct schema_option *option, bool in_listener)
{
	struct schema_option wrong = *option;
	const char *why;
	char name[64], guess[128];

	snprintf(name, sizeof(name), "%c%s", *option->name, option->name);
	snprintf(guess, sizeof(guess),
		 ": unknown setting; did you mean \"%s\"?", option->name);
	wrong.name = name;
	/* A listener without a name or an address is another error. */
	why = refused(setting(&wrong, "1", in_listener));
	ck_assert_msg(strstr(why, guess), "%s", why);
	ck_assert_msg(strstr(why, path_of(&wrong, in_listener)), "%s", why);
	if (strcmp(option->name, "name") && strcmp(option->name, "listen"))
		ck_assert_msg(strncmp(why, "3: ", 3) == 0, "%s", why);
}

START_TEST(test_every_misspelt_name_is_refused_with_a_guess)
{
	for_every_option(check_misspelt);
}
END_TEST

/* The values of the manual, again: the table alone could change by mistake. */
START_TEST(test_documented_defaults_are_in_the_table)
{
	static const struct {
		bool in_listener;
		const char *group, *name;
		double minimum, maximum, number;
	} promised[] = {
		{ true, NULL, "chunk_size", 1, 65536, 1000 },
		{ true, NULL, "backlog", 1, 65535, 4096 },
		{ true, NULL, "idle_timeout", 0, 31622400, 600 },
		{ true, NULL, "write_timeout", 0, 31622400, 30 },
		{ true, NULL, "output_limit", 1024, 1073741824, 262144 },
		{ true, NULL, "keepalive", 0, 32767, 60 },
		{ true, NULL, "max_connections", 0, INT_MAX, 0 },
		{ false, NULL, "max_connections", 0, INT_MAX, 0 },
		{ false, NULL, "workers", 0, 1024, 0 },
		{ true, "udp", "max_datagram", 1, 65507, 65507 },
		{ true, "udp", "rate", 0, 1000000, 1000 },
		{ false, "log", "rate", 0, INT_MAX, 300 },
		{ false, "drain", "delay", 0, 31622400, 0 },
		{ false, "drain", "grace", 0, 31622400, 8 },
	};

	for (size_t i = 0; i < sizeof(promised) / sizeof(*promised); i++) {
		const struct schema_option *option =
			schema_find(promised[i].in_listener, promised[i].group,
				    promised[i].name);

		ck_assert_ptr_nonnull(option);
		ck_assert_double_eq(option->minimum, promised[i].minimum);
		ck_assert_double_eq(option->maximum, promised[i].maximum);
		ck_assert_double_eq(option->number, promised[i].number);
	}

	struct config *config = accepted("log = { };");
	ck_assert_str_eq(listens_on(config, "main"), "*:25000");
	ck_assert_str_eq(named(config, "main")->prefix, "GOT:");
	ck_assert_int_eq(named(config, "main")->framing, FRAME_CHUNK);
	ck_assert_int_eq(config->log.sink, LOG_TO_AUTO);
	ck_assert_int_eq(config->log.facility, LOG_DAEMON);
	ck_assert_int_eq(config->log.level, LOG_INFO);
	ck_assert(config->log.connections);
	config_unref(config);
}
END_TEST

SUITE(test_every_default_is_the_one_in_the_table,
      test_every_number_has_its_range, test_every_number_can_be_a_long_integer,
      test_seconds_can_have_a_fraction, test_every_choice_is_accepted,
      test_booleans_are_read_in_any_case, test_every_wrong_type_is_refused,
      test_every_misspelt_name_is_refused_with_a_guess,
      test_documented_defaults_are_in_the_table)
