/* Settings and contexts that two snapshots share, or must not share. */
#include "config/diff.h"

#include <stdio.h>

#include "config/types_lists.h"
#include "config/types_mode.h"
#include "config/types_strings.h"
#include "support/certificates.h"
#include "support/snapshot.h"

/* The second file's snapshot, beside that of the first. */
struct pair {
	struct config *before;
	struct config *config;
};

static struct pair
reload(const char *before, const char *config)
{
	struct pair pair;

	pair.before = accepted(before);
	pair.config = accepted(config);
	diff_share(pair.config, pair.before);
	return pair;
}

static void
end(struct pair *pair)
{
	config_unref(pair->before);
	config_unref(pair->config);
}

static bool
shares(const struct pair *pair, const char *name)
{
	return named(pair->before, name) == named(pair->config, name);
}

#define LISTENER(name, port, more) \
	"{ name = \"" name "\"; listen = \"127.0.0.1:" port "\"; " more " }"

START_TEST(test_equal_settings_are_shared)
{
	struct pair pair =
		reload("listeners = (" LISTENER("a", "1", "backlog = 7;") ");",
		       "# Other lines, and another order.\n\n"
		       "listeners = (" LISTENER("b", "2", "") ",\n" LISTENER(
			       "a", "1", "\nbacklog = 7;") ");");
	const struct config_listener *shared = named(pair.config, "a");

	ck_assert(shares(&pair, "a"));
	ck_assert_uint_eq(shared->references, 2);
	ck_assert_uint_eq(named(pair.config, "b")->references, 1);
	/* Where they are written is for each file to say. */
	ck_assert_int_eq(entry_named(pair.before, "a")->line, 1);
	ck_assert_int_eq(entry_named(pair.config, "a")->line, 4);
	ck_assert_int_eq(schema_line(entry_named(pair.config, "a"),
				     offsetof(struct config_listener, backlog)),
			 5);
	config_unref(pair.before);
	ck_assert_uint_eq(shared->references, 1);
	ck_assert_str_eq(shared->name, "a");
	config_unref(pair.config);
}
END_TEST

START_TEST(test_repeated_reloads_keep_the_first_settings)
{
	enum { RELOADS = 100 };
	const char *text = "listeners = (" LISTENER("a", "1", "") ");";
	struct config *config = accepted(text);
	const struct config_listener *first =
		config_listener_ref(named(config, "a"));

	for (int i = 0; i < RELOADS; i++) {
		struct config *next = accepted(text);

		diff_share(next, config);
		config_unref(config);
		config = next;
		/* As a session does that begins now. */
		ck_assert_ptr_eq(config_listener_ref(named(config, "a")),
				 first);
	}
	config_unref(config);
	ck_assert_uint_eq(first->references, RELOADS + 1);
	for (int i = 0; i <= RELOADS; i++)
		config_listener_unref(first);
}
END_TEST

START_TEST(test_addresses_are_not_shared)
{
	struct pair pair = reload("listeners = (" LISTENER("a", "1", "") ");",
				  "listeners = (" LISTENER("a", "2", "") ");");

	ck_assert(shares(&pair, "a"));
	ck_assert_str_eq(listens_on(pair.before, "a"), "127.0.0.1:1");
	ck_assert_str_eq(listens_on(pair.config, "a"), "127.0.0.1:2");
	end(&pair);
}
END_TEST

/* A value that is not the default, or NULL: it needs files. */
static const char *
other_value(const struct schema_option *option)
{
	static const struct {
		const struct option_type *type;
		const char *value;
	} others[] = {
		{ &type_template, "\"other\"" },
		{ &type_networks, "\"192.0.2.0/24\"" },
		{ &type_ports, "\"7-9\"" },
		{ &type_protocols, "[ \"h2\", \"echo\" ]" },
		{ &type_mode, "\"0600\"" },
	};
	static char text[64];
	const struct option_choice *choice = option->choices;

	if (option->type == &type_integer || option->type == &type_seconds) {
		snprintf(text, sizeof(text), "%.0f", option->maximum - 1);
		return text;
	}
	if (choice) {
		while (choice->value == (int)option->number)
			choice++;
		snprintf(text, sizeof(text), "\"%s\"", choice->name);
		return text;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (option->type == others[i].type)
			return others[i].value;
	return option->type == &type_string && !option->group ? "\"0\"" : NULL;
}

static void
check_difference(const struct schema_option *option, const char *value)
{
	const char *group = option->group;
	char first[512], second[512];

	/* Both have the settings that this option depends on. */
	snprintf(first, sizeof(first),
		 "listeners = (" LISTENER("a", "1", "%s%s%s%s") ");",
		 group ? group : "", group ? " = { " : "",
		 snapshot_beside(option), group ? " };" : "");
	snprintf(second, sizeof(second),
		 "listeners = (" LISTENER("a", "1", "%s%s%s%s = %s; %s") ");",
		 group ? group : "", group ? " = { " : "",
		 snapshot_beside(option), option->name, value,
		 group ? " };" : "");

	struct pair pair = reload(first, second);
	struct pair same = reload(second, second);

	ck_assert_msg(!shares(&pair, "a"), "%s = %s", option->name, value);
	ck_assert_msg(shares(&same, "a"), "%s = %s", option->name, value);
	end(&pair);
	end(&same);
}

START_TEST(test_a_change_of_any_option_is_found)
{
	unsigned checked = 0;

	for (size_t i = 0; i < schema_option_count; i++) {
		const struct schema_option *option = &schema_options[i];
		const char *value = other_value(option);

		if (!value || (option->scope != SCOPE_INHERITED &&
			       option->scope != SCOPE_LISTENER))
			continue;
		check_difference(option, value);
		checked++;
	}
	/* All but listen, name, and four that need files. */
	ck_assert_uint_ge(checked, 28);
}
END_TEST

#ifdef HAVE_TLS

/* Replaces NAME of the directory by OTHER, as a renewal does. */
static void
renew(const char *name, const char *other)
{
	char command[256];

	snprintf(command, sizeof(command), "cd %s && cp %s new && mv new %s",
		 tls_directory(), other, name);
	ck_assert_int_eq(system(command), 0);
}

#define TLS_BOTH "certificate = \"DIR/both.pem\"; "
#define TLS_FILE(tls) "listen = \"127.0.0.1:1\"; tls = { " tls " };"

static struct config *
tls_accepted(const char *text)
{
	return accepted(tls_config("%s", text));
}

/* The file is read again after `change`. */
static struct pair
tls_reload(const char *before, const char *config, void (*change)(void))
{
	struct pair pair = { .before = tls_accepted(before) };

	if (change)
		change();
	pair.config = tls_accepted(config);
	diff_share(pair.config, pair.before);
	return pair;
}

static bool
shares_context(const struct pair *pair, const char *name)
{
	const struct config_listener *a = named(pair->before, name);
	const struct config_listener *b = named(pair->config, name);

	ck_assert_ptr_nonnull(a->tls_context);
	ck_assert_ptr_nonnull(b->tls_context);
	return a->tls_context == b->tls_context;
}

static void
expect_tls(const char *before, const char *config, void (*change)(void),
	   bool listener, bool context)
{
	struct pair pair = tls_reload(before, config, change);

	ck_assert_int_eq(shares(&pair, "main"), listener);
	ck_assert_int_eq(shares_context(&pair, "main"), context);
	end(&pair);
}

static void
renew_both(void)
{
	renew("both.pem", "renewed.pem");
	ck_assert_int_eq(
		system(tls_config("cat DIR/renewed.key >>DIR/both.pem")), 0);
}

static void
renew_pair(void)
{
	renew("server.pem", "renewed.pem");
	renew("server.key", "renewed.key");
}

static void
renew_ca(void)
{
	renew("ca.pem", "stranger.pem");
}

/* Of the same length: only the bytes differ. */
static void
alter_a_byte(void)
{
	ck_assert_int_eq(
		system(tls_config("sed -i 's/^# 1$/# 2/' DIR/both.pem")), 0);
}

static void
write_anew(void)
{
	renew("both.pem", "both.pem");
}

#define TLS_PAIR "certificate = \"DIR/server.pem\"; key = \"DIR/server.key\"; "
#define TLS_MUTUAL TLS_BOTH "client_ca = \"DIR/ca.pem\"; "

START_TEST(test_contexts_differ_if_their_files_differ)
{
	expect_tls(TLS_FILE(TLS_BOTH), TLS_FILE(TLS_BOTH), NULL, true, true);
	expect_tls(TLS_FILE(TLS_BOTH), TLS_FILE(TLS_BOTH), write_anew, true,
		   true);
	ck_assert_int_eq(system(tls_config("echo '# 1' >>DIR/both.pem")), 0);
	expect_tls(TLS_FILE(TLS_BOTH), TLS_FILE(TLS_BOTH), alter_a_byte, false,
		   false);
	expect_tls(TLS_FILE(TLS_MUTUAL), TLS_FILE(TLS_MUTUAL), NULL, true,
		   true);
	expect_tls(TLS_FILE(TLS_MUTUAL), TLS_FILE(TLS_MUTUAL), renew_ca, false,
		   false);
	expect_tls(TLS_FILE(TLS_BOTH), TLS_FILE(TLS_BOTH), renew_both, false,
		   false);
	expect_tls(TLS_FILE(TLS_PAIR), TLS_FILE(TLS_PAIR), renew_pair, false,
		   false);
	tls_clean();
}
END_TEST

/* Under another name, too: by LoadCredential= each start has another path. */
START_TEST(test_equal_contexts_are_shared_if_settings_differ)
{
	expect_tls(TLS_FILE(TLS_BOTH), "backlog = 7; " TLS_FILE(TLS_BOTH), NULL,
		   false, true);
	expect_tls(TLS_FILE(TLS_BOTH),
		   TLS_FILE(TLS_BOTH "handshake_timeout = 7; "), NULL, false,
		   true);
	setenv("CREDENTIALS_DIRECTORY", tls_directory(), 1);
	expect_tls(TLS_FILE(TLS_BOTH), TLS_FILE("certificate = \"both.pem\"; "),
		   NULL, false, true);
	expect_tls(TLS_FILE("certificate = \"both.pem\"; "),
		   TLS_FILE("certificate = \"both.pem\"; "), renew_both, false,
		   false);
	tls_clean();
}
END_TEST

START_TEST(test_contexts_differ_if_their_settings_differ)
{
	expect_tls(TLS_FILE(TLS_BOTH), TLS_FILE(TLS_BOTH "minimum = \"1.3\"; "),
		   NULL, false, false);
	expect_tls(TLS_FILE(TLS_BOTH), TLS_FILE(TLS_MUTUAL), NULL, false,
		   false);
	expect_tls(TLS_FILE(TLS_MUTUAL),
		   TLS_FILE(TLS_MUTUAL "require_client_certificate = true; "),
		   NULL, false, false);
	tls_clean();
}
END_TEST

/* clang-format off */
#define TLS_FOUR \
	"tls = { " TLS_BOTH \
	"}; listeners = (" LISTENER("a", "1", "") "," \
	LISTENER("b", "2", "backlog = 7;") "," \
	LISTENER("c", "3", "tls = { minimum = \"1.3\"; };") "," \
	LISTENER("d", "4", "tls = { alpn = [ \"h2\" ]; };") ");"
/* clang-format on */

START_TEST(test_listeners_share_a_context)
{
	struct pair pair = tls_reload(TLS_FOUR, TLS_FOUR, NULL);
	const struct tls_context *a = named(pair.config, "a")->tls_context;

	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_eq(named(pair.config, "b")->tls_context, a);
	ck_assert_ptr_ne(named(pair.config, "c")->tls_context, a);
	ck_assert_ptr_ne(named(pair.config, "d")->tls_context, a);
	ck_assert(shares(&pair, "a") && shares(&pair, "b") &&
		  shares(&pair, "c"));
	end(&pair);
	tls_clean();
}
END_TEST

/* One that goes from one listener to another is the same context. */
START_TEST(test_a_new_listener_shares_a_context)
{
	struct pair pair =
		tls_reload("tls = { " TLS_BOTH "}; "
			   "listeners = (" LISTENER("a", "1", "") ");",
			   "tls = { " TLS_BOTH "}; "
			   "listeners = (" LISTENER("b", "2", "") ");",
			   NULL);

	ck_assert_ptr_nonnull(named(pair.before, "a")->tls_context);
	ck_assert_ptr_eq(named(pair.before, "a")->tls_context,
			 named(pair.config, "b")->tls_context);
	end(&pair);
	tls_clean();
}
END_TEST

SUITE(test_equal_settings_are_shared,
      test_repeated_reloads_keep_the_first_settings,
      test_addresses_are_not_shared, test_a_change_of_any_option_is_found,
      test_contexts_differ_if_their_files_differ,
      test_equal_contexts_are_shared_if_settings_differ,
      test_contexts_differ_if_their_settings_differ,
      test_listeners_share_a_context, test_a_new_listener_shares_a_context)

#else

SUITE(test_equal_settings_are_shared,
      test_repeated_reloads_keep_the_first_settings,
      test_addresses_are_not_shared, test_a_change_of_any_option_is_found)

#endif
