#include "config/config.h"

#include <pthread.h>
#include <unistd.h>

#include "config/types.h"
#include "echo/template.h"
#include "support/snapshot.h"

/* ---- listeners */

#define ONE_LISTENER "listeners = ( { name = \"one\"; listen = \"*:1\"; } );\n"

START_TEST(test_main_listens_on_port_25000_by_default)
{
	static const char *const texts[] = { "workers = 1;", "log = { };" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct config *config = accepted(texts[i]);

		ck_assert_uint_eq(config->listener_count, 1);
		ck_assert_str_eq(config->listeners[0].settings->name, "main");
		ck_assert_str_eq(listens_on(config, "main"), "*:25000");
		ck_assert_int_eq(config->listeners[0].line, 0);
		config_unref(config);
	}
}
END_TEST

START_TEST(test_a_file_without_settings_is_refused)
{
	static const char *const texts[] = { "",      "\n",    "# listen = 1",
					     "/* */", "// \"", " \t\r\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		expect_refused(
			texts[i],
			" the file contains no settings; for the defaults, "
			"write listen = \"*:25000\";");
}
END_TEST

START_TEST(test_a_file_with_only_listeners_has_no_main)
{
	struct config *config = accepted(ONE_LISTENER);

	ck_assert_uint_eq(config->listener_count, 1);
	ck_assert_str_eq(config->listeners[0].settings->name, "one");
	ck_assert_str_eq(listens_on(config, "one"), "*:1");
	config_unref(config);
}
END_TEST

START_TEST(test_listen_at_top_level_adds_main_to_listeners)
{
	struct config *config = accepted("\nlisten = \"*:7\";\n" ONE_LISTENER);

	ck_assert_uint_eq(config->listener_count, 2);
	ck_assert_str_eq(listens_on(config, "main"), "*:7");
	ck_assert_int_eq(entry_named(config, "main")->line, 2);
	ck_assert_int_eq(entry_named(config, "main")->listen.items[0].line, 2);
	ck_assert_str_eq(listens_on(config, "one"), "*:1");
	ck_assert_int_eq(entry_named(config, "one")->line, 3);
	config_unref(config);

	/* Whichever comes first. */
	config = accepted(ONE_LISTENER "listen = \"*:7\";");
	ck_assert_uint_eq(config->listener_count, 2);
	ck_assert_str_eq(listens_on(config, "main"), "*:7");
	config_unref(config);
}
END_TEST

START_TEST(test_listen_is_a_string_or_a_list)
{
	struct config *config = accepted(
		"listen = [ \"*:7\",\n\"tcp:127.0.0.1:8\",\n\"[::1]:0\" ];\n"
		"listeners = (\n"
		"{ name = \"a\"; listen = ( \"*:9\", \"*:0\", \"*:0\" ); },\n"
		"{ listen = [ \"10.0.0.1:6\" ]; name = \"b\"; } );");

	ck_assert_str_eq(listens_on(config, "main"), "*:7 127.0.0.1:8 [::1]:0");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
			entry_named(config, "main")->listen.items[i].line,
			i + 1);
	ck_assert_str_eq(listens_on(config, "a"), "*:9 *:0 *:0");
	ck_assert_str_eq(listens_on(config, "b"), "10.0.0.1:6");
	config_unref(config);
}
END_TEST

/* Settings at top level, in any line, are the defaults of every listener. */
START_TEST(test_a_listener_inherits_and_overrides)
{
	struct config *config = accepted(
		"listen = \"*:7\"; prefix = \"top:\"; chunk_size = 11;\n"
		"listeners = (\n"
		"{ name = \"heir\"; listen = \"*:1\"; },\n"
		"{ name = \"own\"; listen = \"*:2\"; prefix = \"\";\n"
		"  chunk_size = 12; backlog = 22; idle_timeout = 32.5;\n"
		"  write_timeout = 42; output_limit = 5200; } );\n"
		"backlog = 21; idle_timeout = 31; write_timeout = 41.5;\n"
		"output_limit = 5100;");
	static const char *const heirs[] = { "main", "heir" };

	for (size_t i = 0; i < 2; i++) {
		const struct config_listener *heir = named(config, heirs[i]);

		ck_assert_str_eq(heir->prefix, "top:");
		ck_assert_uint_eq(heir->chunk_size, 11);
		ck_assert_uint_eq(heir->backlog, 21);
		ck_assert_double_eq(heir->idle_timeout, 31);
		ck_assert_double_eq(heir->write_timeout, 41.5);
		ck_assert_uint_eq(heir->output_limit, 5100);
	}

	const struct config_listener *own = named(config, "own");
	ck_assert_str_eq(own->prefix, "");
	ck_assert_uint_eq(own->chunk_size, 12);
	ck_assert_uint_eq(own->backlog, 22);
	ck_assert_double_eq(own->idle_timeout, 32.5);
	ck_assert_double_eq(own->write_timeout, 42);
	ck_assert_uint_eq(own->output_limit, 5200);
	config_unref(config);
}
END_TEST

START_TEST(test_every_option_of_a_listener_is_inherited)
{
	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];
		char text[512];

		if (option->scope != SCOPE_INHERITED ||
		    (option->type != &type_integer &&
		     option->type != &type_seconds))
			continue;
		snprintf(text, sizeof(text),
			 "%s%s%s%s = %.0f;%s\n" ONE_LISTENER,
			 option->group ? option->group : "",
			 option->group ? " = { " : "", snapshot_beside(option),
			 option->name, option->maximum - 1,
			 option->group ? " };" : "");

		struct config *config = accepted(text);
		const char *at =
			(char *)config->listeners[0].settings + option->offset;
		double got = option->type == &type_integer ?
				     *(const unsigned *)at :
				     *(const double *)at;
		ck_assert_msg(got == option->maximum - 1, "%s", option->name);
		config_unref(config);
	}
}
END_TEST

START_TEST(test_a_choice_is_inherited)
{
	struct config *config = accepted(
		"framing = \"line\"; listeners = (\n"
		"{ name = \"a\"; listen = \"*:1\"; },\n"
		"{ name = \"b\"; listen = \"*:2\"; framing = \"chunk\"; } );");

	ck_assert_int_eq(named(config, "a")->framing, FRAME_LINE);
	ck_assert_int_eq(named(config, "a")->frame.kind, FRAME_LINE);
	ck_assert_int_eq(named(config, "b")->framing, FRAME_CHUNK);
	ck_assert_int_eq(named(config, "b")->frame.kind, FRAME_CHUNK);
	config_unref(config);
}
END_TEST

static void
expect_dscp(const char *value, int expected)
{
	char text[64];

	snprintf(text, sizeof(text), "dscp = %s;", value);
	struct config *config = accepted(text);
	ck_assert_int_eq(named(config, "main")->dscp, expected);
	config_unref(config);
}

START_TEST(test_a_dscp_is_a_number_or_a_word)
{
	expect_dscp("0", 0);
	expect_dscp("46", 46);
	expect_dscp("63L", 63);
	expect_dscp("\"reflect\"", DSCP_REFLECT);
	expect_dscp("\"\"", DSCP_UNCHANGED);
	expect_refused("\ndscp = 64;", "2: dscp: 64 is not in 0-63");
	expect_refused("dscp = -1;", "1: dscp: -1 is not in 0-63");
	expect_refused("dscp = \"EF\";", "1: dscp: \"EF\" is not one of "
					 "\"\", \"reflect\" or 0-63");
	expect_refused("dscp = 4.5;",
		       "1: dscp: an integer or a string is expected, this is a "
		       "number with a fraction");
}
END_TEST

START_TEST(test_mode_owner_and_group_are_inherited)
{
	struct config *config = accepted(
		"mode = \"0640\"; owner = \"1\"; group = \"2\"; listeners = (\n"
		"{ name = \"a\"; listen = \"unix:/a\"; },\n"
		"{ name = \"b\"; listen = \"unix:/b\"; mode = \"600\";\n"
		"  owner = \"\"; } );");

	ck_assert_uint_eq(named(config, "a")->mode, 0640);
	ck_assert_uint_eq(named(config, "a")->uid, 1);
	ck_assert_uint_eq(named(config, "a")->gid, 2);
	ck_assert_uint_eq(named(config, "b")->mode, 0600);
	ck_assert_uint_eq(named(config, "b")->uid, USER_UNCHANGED);
	ck_assert_uint_eq(named(config, "b")->gid, 2);
	config_unref(config);
}
END_TEST

START_TEST(test_an_unknown_user_or_group_is_refused)
{
	expect_refused("owner = \"no-such-user\";\ngroup = \"4294967295\";\n"
		       "listen = \"unix:/a\";",
		       "1: owner: \"no-such-user\": no such user\n"
		       "2: group: \"4294967295\": the number is too large");
}
END_TEST

START_TEST(test_max_connections_is_not_inherited)
{
	struct config *config = accepted(
		"listen = \"*:7\"; max_connections = 9;\n"
		"listeners = ( { name = \"a\"; listen = \"*:1\"; },\n"
		"{ name = \"b\"; listen = \"*:2\"; max_connections = 5; } );");

	ck_assert_uint_eq(config->max_connections, 9);
	ck_assert_uint_eq(named(config, "main")->max_connections, 0);
	ck_assert_uint_eq(named(config, "a")->max_connections, 0);
	ck_assert_uint_eq(named(config, "b")->max_connections, 5);
	config_unref(config);
}
END_TEST

START_TEST(test_name_and_listen_are_not_inherited)
{
	expect_refused("listen = \"*:7\";\nlisteners = ( { },\n"
		       "{ name = \"b\"; },\n{ listen = \"*:1\"; } );",
		       "2: listeners[0]: name is missing\n"
		       "2: listeners[0]: listen is missing\n"
		       "3: listeners[1]: listen is missing\n"
		       "4: listeners[2]: name is missing");
	expect_refused("name = \"x\";", "1: name: it is set in listeners only");
}
END_TEST

START_TEST(test_listeners_is_a_list_of_groups)
{
	expect_refused("listeners = ( );", "1: listeners: the list is empty");
	expect_refused("listeners = { };",
		       "1: listeners: a list, ( { ... }, { ... } ), is "
		       "expected");
	expect_refused("listeners = \"*:7\";",
		       "1: listeners: a list, ( { ... }, { ... } ), is "
		       "expected");
	expect_refused("listeners = (\n\"*:7\",\n5,\n"
		       "{ name = \"a\"; listen = \"*:1\"; } );",
		       "2: listeners[0]: a group, { name = ...; listen = ...; "
		       "}, is expected\n"
		       "3: listeners[1]: a group, { name = ...; listen = ...; "
		       "}, is expected");
	refused("listeners = [ ];");
}
END_TEST

#define NAME_RULE "a name has 1 to 63 letters, digits, \".\", \"_\" or \"-\""

static void
expect_name(const char *name, bool fits)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "listeners = ( { name = \"%s\"; listen = \"*:1\"; } );", name);
	if (fits) {
		struct config *config = accepted(text);

		ck_assert_str_eq(config->listeners[0].settings->name, name);
		config_unref(config);
	} else {
		expect_refused(text, "1: listeners[0].name: " NAME_RULE);
	}
}

START_TEST(test_a_name_has_allowed_characters_only)
{
	static const char *const bad[] = {
		"",    " ",  "a b",	"a=b",	 "a\tb", "gr\xc3\xbc\xc3\x9f",
		"a/b", "a;", "%{host}", "a\\\\b"
	};
	char longest[] = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"
			 "ffffffffffggg";
	char longer[] = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"
			"ffffffffffgggg";

	ck_assert_uint_eq(strlen(longest), SCHEMA_NAME_MAX);
	expect_name("a", true);
	expect_name("RFC-862.tcp_1", true);
	expect_name("main", true);
	expect_name(longest, true);
	expect_name(longer, false);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		expect_name(bad[i], false);
}
END_TEST

START_TEST(test_duplicate_listener_names_are_refused)
{
	expect_refused("listeners = (\n"
		       "{ name = \"a\"; listen = \"*:1\"; },\n"
		       "{ name = \"b\"; listen = \"*:2\"; },\n"
		       "{ name = \"a\"; listen = \"*:3\"; } );",
		       "4: listeners[2].name: \"a\" is the name of another "
		       "listener");
	expect_refused("listen = \"*:1\";\nlisteners = (\n"
		       "{ name = \"main\"; listen = \"*:2\"; } );",
		       "3: listeners[0].name: \"main\" is the name of another "
		       "listener");
}
END_TEST

START_TEST(test_overlapping_addresses_are_refused)
{
	expect_refused("listen = [ \"*:7\",\n\"*:8\",\n\"*:7\" ];",
		       "3: listen: *:7 overlaps with *:7 of line 1");
	expect_refused("listen = [ \"127.0.0.1:7\",\n\"*:7\" ];",
		       "2: listen: *:7 overlaps with 127.0.0.1:7 of line 1");
	expect_refused(
		"listen = \"[::]:7\";\nlisteners = (\n"
		"{ name = \"a\"; listen = \"0.0.0.0:7\"; },\n"
		"{ name = \"b\"; listen = [ \"*:8\", \"[::1]:7\" ]; } );",
		"4: listeners[1].listen: [::1]:7 overlaps with [::]:7 "
		"of line 1");
	expect_refused("listen = [ \"unix:/a\", \"unix:@a\", \"unix:/b\",\n"
		       "\"unix:/a\" ];",
		       "2: listen: unix:/a overlaps with unix:/a of line 1");
	/* The default address counts as well. */
	config_unref(accepted("listen = [ \"127.0.0.1:7\", \"127.0.0.2:7\", "
			      "\"[::]:7\", \"*:0\", \"*:0\" ];"));
}
END_TEST

START_TEST(test_an_empty_or_mixed_list_of_addresses_is_refused)
{
	expect_refused("listen = [ ];", "1: listen: the list is empty");
	expect_refused("listen = ( );", "1: listen: the list is empty");
	expect_refused("listen = ( \"*:1\",\n7,\ntrue,\n( \"*:2\" ) );",
		       "2: listen: 7 has no address: write \"*:7\" for all "
		       "addresses\n"
		       "3: listen: a string is expected, this is true or "
		       "false\n"
		       "4: listen: a string is expected, this is a list");
}
END_TEST

/* ---- networks */

/* "NETWORK NETWORK ..." */
static const char *
networks(const struct acl *acl)
{
	static char all[1024];

	all[0] = '\0';
	for (size_t i = 0; i < acl->count; i++) {
		char text[ACL_TEXT_SIZE];

		if (i)
			strcat(all, " ");
		strcat(all, acl_format(&acl->rules[i], text));
	}
	return all;
}

START_TEST(test_a_network_option_is_a_string_or_a_list)
{
	struct config *config =
		accepted("allow = \"10.0.0.0/8\"; "
			 "deny = ( \"10.1.0.0/16\", \"::1\" );");
	const struct config_listener *listener = named(config, "main");

	ck_assert_str_eq(networks(&listener->allow), "10.0.0.0/8");
	ck_assert_str_eq(networks(&listener->deny), "10.1.0.0/16 ::1");
	config_unref(config);
}
END_TEST

START_TEST(test_networks_are_inherited_and_replaced_as_a_whole)
{
	struct config *config = accepted(
		"listen = \"*:7\"; allow = [ \"10.0.0.0/8\", "
		"\"::1\" ]; deny = \"10.1.0.0/16\";\n"
		"listeners = ( { name = \"heir\"; listen = \"*:1\"; },\n"
		"{ name = \"own\"; listen = \"*:2\"; "
		"allow = \"192.0.2.7\"; },\n"
		"{ name = \"all\"; listen = \"*:3\"; allow = [ ]; "
		"deny = ( ); } );");
	static const char *const expected[][3] = {
		{ "main", "10.0.0.0/8 ::1", "10.1.0.0/16" },
		{ "heir", "10.0.0.0/8 ::1", "10.1.0.0/16" },
		{ "own", "192.0.2.7", "10.1.0.0/16" },
		{ "all", "", "" },
	};

	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		const struct config_listener *listener =
			named(config, expected[i][0]);

		ck_assert_str_eq(networks(&listener->allow), expected[i][1]);
		ck_assert_str_eq(networks(&listener->deny), expected[i][2]);
	}
	config_unref(config);
}
END_TEST

START_TEST(test_every_wrong_network_has_its_line)
{
	expect_refused(
		"listen = \"*:7\";\nallow = [ \"10.0.0.0/8\",\n"
		"\"10.0.0.1/8\",\n\"localhost\" ];\n"
		"listeners = ( { name = \"a\"; listen = \"*:1\";\n"
		"deny = \"::/129\"; } );",
		"3: allow: \"10.0.0.1/8\" has bits past its prefix: write "
		"10.0.0.0/8 for the network, or 10.0.0.1 for the address\n4: "
		"allow: \"localhost\": not an IPv4 or IPv6 address or network "
		"(host names are not looked up)\n6: listeners[0].deny: "
		"\"::/129\": the prefix length is not in 0-128");
	expect_refused("deny = ( \"::1\",\n7,\n( \"::1\" ) );",
		       "2: deny: a string is expected, this is an integer\n"
		       "3: deny: a string is expected, this is a list");
}
END_TEST

/* ---- prefixes */

static void
expect_prefix(const char *prefix, const char *expanded)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "prefix = \"%s\";\nchunk_size = 77;\n" ONE_LISTENER, prefix);
	struct config *config = accepted(text);
	const struct frame *frame = &config->listeners[0].settings->frame;

	ck_assert_uint_eq(frame->prefix_length, strlen(expanded));
	ck_assert_mem_eq(frame->prefix, expanded, strlen(expanded));
	ck_assert_uint_eq(frame->chunk_size, 77);
	config_unref(config);
}

#define NAMES \
	" is not known; there are %{host}, %{listener}, %{peer}, %{local}, " \
	"%{conn}, %{ttl}, %{dscp}, %{ecn}, %{time}, %{env:NAME}, " \
	"%{tls.version}, %{tls.sni} and %{tls.cn}"

START_TEST(test_a_prefix_is_expanded_for_its_listener)
{
	char host[256] = "", expected[512];

	ck_assert_int_eq(gethostname(host, sizeof(host) - 1), 0);
	expect_prefix("", "");
	expect_prefix("GOT:", "GOT:");
	expect_prefix("100% \\x41\\n\\\"\\\\", "100% A\n\"\\");
	snprintf(expected, sizeof(expected), "%s one: ", host);
	expect_prefix("%{host} %{listener}: ", expected);

	struct config *config = accepted(
		"prefix = \"<%{listener}>\"; listen = \"*:7\";\n" ONE_LISTENER);
	ck_assert_uint_eq(named(config, "main")->frame.prefix_length, 6);
	ck_assert_mem_eq(named(config, "main")->frame.prefix, "<main>", 6);
	ck_assert_mem_eq(named(config, "one")->frame.prefix, "<one>", 5);
	/* The error quotes the text of the file. */
	ck_assert_str_eq(named(config, "one")->prefix, "<%{listener}>");
	config_unref(config);
}
END_TEST

START_TEST(test_a_prefix_that_is_no_template_is_refused)
{
	expect_refused("\nprefix = \"%{hots}\";",
		       "2: prefix: \"%{hots}\"" NAMES);
	expect_refused("listeners = (\n{ name = \"a\"; listen = \"*:1\";\n"
		       "prefix = \"%{host\"; } );",
		       "3: listeners[0].prefix: \"%{host\" lacks its \"}\"");
}
END_TEST

START_TEST(test_the_environment_is_read_once)
{
	setenv("ECHOD_TEST", "100% %{host}", 1);
	expect_prefix("<%{env:ECHOD_TEST}>", "<100% %{host}>");
	setenv("ECHOD_TEST", "", 1);
	expect_prefix("<%{env:ECHOD_TEST}>", "<>");
	unsetenv("ECHOD_TEST");
	expect_refused("\nprefix = \"%{env:ECHOD_TEST}\";",
		       "2: prefix: %{env:ECHOD_TEST}: the environment has no "
		       "such variable");
}
END_TEST

/* The listener that uses the prefix decides, not the place of the setting. */
START_TEST(test_tls_variables_need_tls)
{
	expect_refused("prefix = \"%{tls.sni}\";\nlisten = \"*:7\";\n"
		       "listeners = ( { name = \"a\"; listen = \"*:1\"; },\n"
		       "{ name = \"b\"; listen = \"*:2\"; prefix = \"\"; },\n"
		       "{ name = \"c\"; listen = \"*:3\";\n"
		       "prefix = \"%{tls.version}\"; } );",
		       "1: prefix: %{tls.sni} needs tls\n"
		       "1: listeners[0].prefix: %{tls.sni} needs tls\n"
		       "6: listeners[2].prefix: %{tls.version} needs tls");
}
END_TEST

START_TEST(test_a_prefix_with_client_values_is_not_constant)
{
	struct config *config = accepted(
		"prefix = \"%{peer} \"; listen = \"*:7\"; framing = \"line\";\n"
		"listeners = ( { name = \"a\"; listen = \"*:1\";\n"
		"prefix = \"\"; } );");
	const struct frame *frame = &named(config, "main")->frame;

	ck_assert_ptr_null(frame->prefix);
	ck_assert_int_eq(frame->kind, FRAME_LINE);
	ck_assert_uint_eq(frame->chunk_size, 1000);
	ck_assert_ptr_nonnull(named(config, "a")->frame.prefix);
	config_unref(config);
}
END_TEST

START_TEST(test_an_expanded_prefix_over_its_limit_is_refused)
{
	char letters[TEMPLATE_MAX + 2] = "", text[2 * TEMPLATE_MAX];

	memset(letters, 'a', TEMPLATE_MAX);
	expect_prefix(letters, letters);
	letters[TEMPLATE_MAX] = 'a';
	snprintf(text, sizeof(text), "\nprefix = \"%s\";", letters);
	expect_refused(text,
		       "2: prefix: it can expand to more than 1024 bytes");

	/* The name of one listener can be too long for an inherited prefix. */
	letters[TEMPLATE_MAX - 4] = '\0';
	snprintf(text, sizeof(text),
		 "prefix = \"%s%%{listener}\";\nlisten = \"*:7\";\n"
		 "listeners = ( { name = \"five5\"; listen = \"*:1\"; } );",
		 letters);
	expect_refused(text,
		       "1: listeners[0].prefix: it can expand to more than "
		       "1024 bytes");
}
END_TEST

static void
expect_warned(const char *text, const char *expected)
{
	ck_assert_str_eq(warned(text), expected);
}

#define UNKNOWN \
	"prefix: %{ttl}, %{dscp} and %{ecn} are unknown over TCP with mptcp"
#define NO_REFLECT "dscp: \"reflect\" has no effect over TCP with mptcp"
#define NOT_IPV6 "dscp: it has no effect on Multipath TCP over IPv6"

START_TEST(test_what_mptcp_cannot_do_has_a_warning)
{
	expect_warned("mptcp = true;\nprefix = \"%{dscp}\";\n"
		      "dscp = \"reflect\";\nlisten = \"127.0.0.1:1\";",
		      "2: " UNKNOWN "\n3: " NO_REFLECT);
	expect_warned("mptcp = true; listen = \"*:1\";\ndscp = 46;",
		      "2: " NOT_IPV6);
	expect_warned("mptcp = true; listen = [ \"127.0.0.1:1\", "
		      "\"udp:[::1]:1\" ]; dscp = 46;",
		      "");
	expect_warned("mptcp = true; listen = [ \"udp:*:1\", \"unix:/a\" ]; "
		      "prefix = \"%{ttl}\"; dscp = \"reflect\";",
		      "");
	expect_warned("listen = \"*:1\"; prefix = \"%{ttl}\"; dscp = 46;", "");
	expect_warned("mptcp = true; listen = \"*:1\"; "
		      "prefix = \"%{peer}%{time}\";",
		      "");
}
END_TEST

/* A setting that several listeners inherit has one warning. */
START_TEST(test_mptcp_warns_in_the_line_of_the_setting)
{
	expect_warned("prefix = \"%{ttl}\"; listeners = (\n"
		      "{ name = \"a\"; listen = \"*:1\"; mptcp = true; },\n"
		      "{ name = \"b\"; listen = \"*:2\"; mptcp = true; },\n"
		      "{ name = \"c\"; listen = \"*:3\"; },\n"
		      "{ name = \"d\"; listen = \"[::1]:4\"; mptcp = true;\n"
		      "prefix = \"\"; dscp = 0; } );",
		      "1: listeners[0]." UNKNOWN "\n6: listeners[3]." NOT_IPV6);
}
END_TEST

/* ---- Errors */

START_TEST(test_status_hosts_are_names_or_wildcards)
{
	struct config *config = accepted(
		"status = { hosts = [ \"a.example\", \"*.b.example\" ]; };");

	ck_assert_uint_eq(config->status.hosts.count, 2);
	ck_assert_str_eq(config->status.hosts.items[0], "a.example");
	ck_assert_str_eq(config->status.hosts.items[1], "*.b.example");
	config_unref(config);
	config = accepted("status = { hosts = \"*\"; };");
	ck_assert_uint_eq(config->status.hosts.count, 1);
	ck_assert_str_eq(config->status.hosts.items[0], "*");
	config_unref(config);
	expect_refused("status = {\n  hosts = [ \"a\",\n\"a:80\" ]; };",
		       "3: status.hosts: \"a:80\" is not a host name, "
		       "\"*.DOMAIN\" or \"*\"");
	expect_refused("status = { hosts = [ \"a*.b\" ]; };",
		       "1: status.hosts: \"a*.b\" is not a host name, "
		       "\"*.DOMAIN\" or \"*\"");
	expect_refused("status = { hosts = ( \"a\", 7 ); };",
		       "1: status.hosts: a string is expected, this is an "
		       "integer");
}
END_TEST

START_TEST(test_status_listens_on_one_address_or_none)
{
	struct config *config =
		accepted("status = { listen = \"[::1]:25080\"; };");

	ck_assert_str_eq(config->status.listen, "[::1]:25080");
	config_unref(config);
	config = accepted("status = { listen = \"\"; };");
	ck_assert_str_eq(config->status.listen, "");
	config_unref(config);
	expect_refused("status = {\n  listen = \"*:70000\"; };",
		       "2: status.listen: port \"70000\" is not in 1-65535 "
		       "(or 0 for any free port)");
	expect_refused("status = { listen = \"udp:*:7\"; };",
		       "1: status.listen: the status port needs tcp: or unix:");
	expect_refused("listen = [ \"127.0.0.1:9\",\n\"*:7\" ];\n"
		       "status = {\n  listen = \"[::1]:7\"; };",
		       "4: status.listen: [::1]:7 overlaps with *:7 of line 2");
	expect_refused("listeners = ( { name = \"a\"; listen = \"unix:/a\"; } "
		       ");\nstatus = { listen = \"unix:/a\"; };",
		       "2: status.listen: unix:/a overlaps with unix:/a of "
		       "line 1");
	/* The default of the listener is one like any other. */
	expect_refused("status = { listen = \"127.0.0.1:25000\"; };",
		       "1: status.listen: 127.0.0.1:25000 overlaps with "
		       "*:25000, the default");
	config_unref(accepted("listen = [ \"127.0.0.1:7\", \"udp:[::1]:8\", "
			      "\"127.0.0.1:0\" ];\n"
			      "status = { listen = \"[::1]:8\"; };"));
	config_unref(accepted("listen = \"127.0.0.1:0\";\n"
			      "status = { listen = \"127.0.0.1:0\"; };"));
}
END_TEST

START_TEST(test_an_unknown_setting_is_refused_with_its_path)
{
	expect_refused("\nlsten = \"*:7\";", "2: lsten: unknown setting; did "
					     "you mean \"listen\"?");
	expect_refused("frobnicate = 1;", "1: frobnicate: unknown setting");
	expect_refused("log = {\nlevle = \"info\";\nnope = 1; };",
		       "2: log.levle: unknown setting; did you mean "
		       "\"level\"?\n3: log.nope: unknown setting");
	expect_refused("listeners = ( { name = \"a\"; listen = \"*:1\"; },\n"
		       "{ name = \"b\"; listen = \"*:2\";\nprefx = \"\"; } );",
		       "3: listeners[1].prefx: unknown setting; did you mean "
		       "\"prefix\"?");
}
END_TEST

START_TEST(test_an_error_says_where_a_misplaced_setting_belongs)
{
	expect_refused("listeners = ( { name = \"a\"; listen = \"*:1\";\n"
		       "workers = 2;\nlog = { };\ndrain = { }; } );",
		       "2: listeners[0].workers: it is set at top level only\n"
		       "3: listeners[0].log: it is set at top level only\n"
		       "4: listeners[0].drain: it is set at top level only");
	expect_refused("log = { prefix = 1.0; };",
		       "1: log.prefix: unknown setting; did you mean "
		       "\"prefix\"?");
	refused("listeners = ( { name = \"a\"; listen = \"*:1\"; "
		"listeners = ( ); } );");
}
END_TEST

START_TEST(test_a_group_with_another_type_is_refused)
{
	expect_refused("log = 5;", "1: log: a group, { ... }, is expected, "
				   "this is an integer");
	expect_refused("drain = [ ];", "1: drain: a group, { ... }, is "
				       "expected, this is a list");
	expect_refused("log = ( { level = \"info\"; } );",
		       "1: log: a group, { ... }, is expected, this is a list");
	config_unref(accepted("log = { };"));
}
END_TEST

START_TEST(test_all_errors_come_in_one_run_sorted_by_line)
{
	expect_refused(
		"chunk_size = 0;\n" /* 1 */
		"listeners = (\n"
		"  { name = \"a b\"; listen = \"*:70000\";\n" /* 3 */
		"    prefix = \"%{nope}\";\n"
		"    backlog = 65536; },\n"
		"  { name = \"b\"; listen = [ \"*:7\",\n"
		"      \"127.0.0.1:7\" ]; workers = 1; },\n" /* 7 */
		"  { name = \"b\" } );\n"
		"prefix = 5;\n"
		"log = { level = 7; rate = 010;\n" /* 10 */
		"  connection = true; };\n"
		"idle_timeout = 0x100000000;\n"
		"name = \"x\";\n"
		"listen = ( \"localhost:7\",\n"
		"  \"*:7\" );",
		"1: chunk_size: 0 is not in 1-65536\n"
		"3: listeners[0].name: " NAME_RULE "\n"
		"3: listeners[0].listen: port \"70000\" is not in 1-65535 "
		"(or 0 for any free port)\n"
		"4: listeners[0].prefix: \"%{nope}\"" NAMES "\n"
		"5: listeners[0].backlog: 65536 is not in 1-65535\n"
		"6: listeners[1].listen: *:7 overlaps with *:7 of line 15\n"
		"7: listeners[1].workers: it is set at top level only\n"
		"7: listeners[1].listen: 127.0.0.1:7 overlaps with *:7 of "
		"line 15\n"
		"8: listeners[2]: listen is missing\n"
		"8: listeners[2].name: \"b\" is the name of another listener\n"
		"9: prefix: a string is expected, this is an integer\n"
		"10: rate: 010: a leading zero: write it without\n"
		"10: log.level: a string is expected, this is an integer\n"
		"11: log.connection: unknown setting; did you mean "
		"\"connections\"?\n"
		"12: idle_timeout: 0x100000000: this integer is too large\n"
		"13: name: it is set in listeners only\n"
		"14: listen: \"localhost\": not an IP address (host names are "
		"not looked up; write *, an IPv4 address or [an IPv6 "
		"address])");
}
END_TEST

START_TEST(test_two_errors_in_one_line_are_both_reported)
{
	expect_refused("chunk_size = 0; backlog = 0; idle_timeout = -1;",
		       "1: chunk_size: 0 is not in 1-65536\n"
		       "1: backlog: 0 is not in 1-65535\n"
		       "1: idle_timeout: -1 is not in 0-31622400");
}
END_TEST

START_TEST(test_a_bad_number_hides_no_other_error_of_its_line)
{
	expect_refused("chunk_size = 010; backlog = 0;",
		       "1: chunk_size: 010: a leading zero: write it without\n"
		       "1: backlog: 0 is not in 1-65535");
}
END_TEST

/* A number that libconfig misreads has one error, about the text. */
START_TEST(test_an_error_is_reported_once)
{
	expect_refused("backlog = 0x100000000;",
		       "1: backlog: 0x100000000: this integer is too large");
	expect_refused("backlog = 4294967303;\n"
		       "idle_timeout = 4294967303;",
		       "1: backlog: 4294967303: this integer is too large\n2: "
		       "idle_timeout: 4294967303: this integer is too large");
}
END_TEST

START_TEST(test_text_that_libconfig_misreads_is_refused)
{
	expect_refused("listen = \"*:7\";\n/* prefix = \"\";\n",
		       "2: this comment is not closed");
	expect_refused("\n@include \"/etc\"\n", "2: @include is not supported");
	expect_refused("prefix = \"GOT\\x00:\";",
		       "1: prefix: \\x00: a string cannot hold a NUL");
	expect_refused("prefix = \"GOT:\n",
		       "1: prefix: this string is not closed");
	refused("a = 1; @include \"/etc\"");
	refused("{{{{{{{{{{{{{{{{{{{{{{{{{{{{");
}
END_TEST

START_TEST(test_a_syntax_error_has_its_line)
{
	static const struct {
		const char *text;
		int line;
	} cases[] = {
		{ "prefix \"GOT:\";", 1 },
		{ "\n\nprefix = ;", 3 },
		{ "a = 1;\nb = = 2;\nc = 3;", 2 },
		{ "log = {\n};\n}\n", 3 },
		{ "prefix = GOT:;", 1 },
		{ "\nprefix = 'GOT:';", 2 },
		{ "workers = 1;\nworkers = 2;", 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *why = refused(cases[i].text);

		ck_assert_msg(atoi(why) == cases[i].line, "%s\ngives: %s",
			      cases[i].text, why);
		ck_assert_ptr_null(strchr(why, '\n'));
	}
}
END_TEST

START_TEST(test_a_syntax_error_names_its_setting)
{
	expect_refused("prefix = \"a\"; prefix = \"b\";",
		       "1: prefix: set twice, first in line 1");
	expect_refused("log = {\nlevel = \"info\"; rate = 1;\nlevel = 7; };",
		       "3: level: set twice, first in line 2");
	expect_refused("listen = [ \"*:7\",\n7 ]; backlog = 1;",
		       "2: listen: all values in [ ] must have the same type");
	expect_refused("backlog = 1;\nprefix = GOT;",
		       "2: prefix: text is in double quotes: \"GOT\"");
	expect_refused("backlog = 1;\nbacklog 7;",
		       "2: backlog: = is missing after the name; a setting is "
		       "NAME = VALUE;");
	expect_refused("backlog = 1;\n]", "2: this ] closes nothing");
}
END_TEST

/* At most the empty line that an editor shows after the last one. */
START_TEST(test_a_missing_end_is_reported_in_the_last_line)
{
	ck_assert_int_le(atoi(refused("log = {\nlevel = \"info\";\n")), 3);
	ck_assert_int_le(atoi(refused("log = {\nlevel = \"info\";")), 3);
	ck_assert_int_ge(atoi(refused("log = {\nlevel = \"info\";")), 2);
}
END_TEST

START_TEST(test_all_line_endings_are_accepted)
{
	struct config *config = accepted("# a\r\nworkers = 3;\r\n\r\n"
					 "prefix = \"x\";\r\n");

	ck_assert_uint_eq(config->workers, 3);
	ck_assert_str_eq(named(config, "main")->prefix, "x");
	config_unref(config);
}
END_TEST

/* ---- the snapshot */

START_TEST(test_a_snapshot_lives_until_the_last_reference)
{
	struct config *config = accepted(ONE_LISTENER);

	ck_assert_ptr_eq(config_ref(config), config);
	config_unref(config);
	ck_assert_str_eq(config->listeners[0].settings->name, "one");
	config_unref(config);
	config_unref(NULL);
}
END_TEST

static void *
use_and_drop(void *argument)
{
	struct config *config = argument;

	for (int i = 0; i < 10000; i++) {
		config_ref(config);
		config_unref(config);
	}
	config_unref(config);
	return NULL;
}

/* Each thread drops the reference that it was given; one of them frees. */
START_TEST(test_any_thread_can_drop_the_last_reference)
{
	struct config *config = accepted(ONE_LISTENER);
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use_and_drop,
						config_ref(config)),
				 0);
	config_unref(config);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

/* ---- faults */

START_TEST(test_fault_settings_are_inherited_one_by_one)
{
	struct config *config = accepted("listen = \"*:25000\";");

	ck_assert(!fault_is_set(&config->listeners[0].settings->fault));
	config_unref(config);

	config = accepted(
		"fault = { every = 3; end = \"reset\"; after = 10; };\n"
		"listen = \"*:1\";\n"
		"listeners = (\n"
		"{ name = \"other\"; listen = \"*:2\";\n"
		"  fault = { end = \"stall\"; delay = 1; }; },\n"
		"{ name = \"good\"; listen = [ \"*:3\", \"udp:*:3\" ];\n"
		"  fault = { every = 0; }; } );");
	ck_assert_int_eq(named(config, "main")->fault.end, FAULT_reset);
	ck_assert_uint_eq(named(config, "other")->fault.every, 3);
	ck_assert_int_eq(named(config, "other")->fault.end, FAULT_stall);
	ck_assert_uint_eq(named(config, "other")->fault.after, 10);
	ck_assert(named(config, "other")->fault.delay == 1);
	ck_assert(!fault_is_set(&named(config, "good")->fault));
	config_unref(config);
}
END_TEST

START_TEST(test_contradicting_fault_settings_are_refused)
{
	expect_refused("\nfault = {\nafter = 10; };",
		       "3: fault.after: no effect: end is \"none\"");
	expect_refused("\nfault = { every = 2; };",
		       "2: fault.every: no fault is set");
	expect_refused("fault = { end = \"close\";\ndelay = 1; };",
		       "2: fault.delay: no effect: end is set and after is 0");
	expect_refused("rate = 1;\nfault = { end = \"shut\"; };",
		       "1: rate: unknown setting; did you mean \"fault.rate\", "
		       "\"udp.rate\" or \"log.rate\"?\n"
		       "2: fault.end: \"shut\" is not one of \"none\", "
		       "\"close\", \"reset\", \"stall\"");
}
END_TEST

START_TEST(test_a_fault_that_a_protocol_cannot_have_is_refused)
{
	expect_refused(
		"fault = { delay = 1; };\nlisteners = ( { name = \"one\";"
		"\nlisten = [ \"*:7\",\n\"udp:*:7\" ]; } );",
		"4: listeners[0].fault: udp:*:7: fault injection is for "
		"streams; set \"every = 0\" here against inherited faults");
	expect_refused(
		"fault = { end = \"reset\"; };\n"
		"listen = \"unix:@one\";",
		"2: fault: unix:@one: a unix socket has no reset: fault.end "
		"cannot be \"reset\"");
	config_unref(accepted("fault = { end = \"close\"; };\n"
			      "listen = \"unix:@one\";"));
}
END_TEST

SUITE(test_main_listens_on_port_25000_by_default,
      test_a_file_without_settings_is_refused,
      test_a_file_with_only_listeners_has_no_main,
      test_listen_at_top_level_adds_main_to_listeners,
      test_listen_is_a_string_or_a_list, test_a_listener_inherits_and_overrides,
      test_every_option_of_a_listener_is_inherited, test_a_choice_is_inherited,
      test_a_dscp_is_a_number_or_a_word,
      test_mode_owner_and_group_are_inherited,
      test_an_unknown_user_or_group_is_refused,
      test_max_connections_is_not_inherited,
      test_name_and_listen_are_not_inherited,
      test_listeners_is_a_list_of_groups,
      test_a_name_has_allowed_characters_only,
      test_duplicate_listener_names_are_refused,
      test_overlapping_addresses_are_refused,
      test_an_empty_or_mixed_list_of_addresses_is_refused,
      test_a_network_option_is_a_string_or_a_list,
      test_networks_are_inherited_and_replaced_as_a_whole,
      test_every_wrong_network_has_its_line,
      test_a_prefix_is_expanded_for_its_listener,
      test_a_prefix_that_is_no_template_is_refused,
      test_the_environment_is_read_once, test_tls_variables_need_tls,
      test_a_prefix_with_client_values_is_not_constant,
      test_an_expanded_prefix_over_its_limit_is_refused,
      test_what_mptcp_cannot_do_has_a_warning,
      test_mptcp_warns_in_the_line_of_the_setting,
      test_status_hosts_are_names_or_wildcards,
      test_status_listens_on_one_address_or_none,
      test_fault_settings_are_inherited_one_by_one,
      test_contradicting_fault_settings_are_refused,
      test_a_fault_that_a_protocol_cannot_have_is_refused,
      test_an_unknown_setting_is_refused_with_its_path,
      test_an_error_says_where_a_misplaced_setting_belongs,
      test_a_group_with_another_type_is_refused,
      test_all_errors_come_in_one_run_sorted_by_line,
      test_two_errors_in_one_line_are_both_reported,
      test_a_bad_number_hides_no_other_error_of_its_line,
      test_an_error_is_reported_once,
      test_text_that_libconfig_misreads_is_refused,
      test_a_syntax_error_has_its_line, test_a_syntax_error_names_its_setting,
      test_a_missing_end_is_reported_in_the_last_line,
      test_all_line_endings_are_accepted,
      test_a_snapshot_lives_until_the_last_reference,
      test_any_thread_can_drop_the_last_reference)
