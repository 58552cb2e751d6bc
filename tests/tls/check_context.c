/* The settings of TLS: valid ones, and errors with their place. */
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/certificates.h"
#include "support/snapshot.h"

#define LISTEN "listen = \"*:7\";\n"

static void
expect_refusal(const char *config, const char *why)
{
	char expected[1024];

	/* One buffer serves every call. */
	snprintf(expected, sizeof(expected), "%s",
		 strstr(why, "DIR") ? tls_config("%s", why) : why);
	if (strstr(config, "DIR"))
		config = tls_config("%s", config);
	ck_assert_str_eq(refused(config), expected);
}

#ifdef HAVE_TLS

static void
expect_tls(const char *config)
{
	struct config *snapshot = accepted(tls_config("%s", config));

	ck_assert_ptr_nonnull(snapshot->listeners[0].settings->tls_context);
	config_unref(snapshot);
}

START_TEST(test_valid_settings_make_a_context)
{
	expect_tls("tls = { certificate = \"DIR/server.pem\";"
		   " key = \"DIR/server.key\"; };");
	expect_tls("tls = { certificate = \"DIR/both.pem\"; };");
	expect_tls("tls = { certificate = \"DIR/both.pem\";"
		   " client_ca = \"DIR/ca.pem\"; minimum = \"1.3\";"
		   " require_client_certificate = true; };");
	expect_tls("prefix = \"%{tls.version} %{tls.sni} %{tls.cn}\";"
		   "tls = { certificate = \"DIR/both.pem\"; };");
	/* Below a unix socket as well. */
	expect_tls("listen = \"unix:@x\";"
		   "tls = { certificate = \"DIR/both.pem\"; };");
	tls_clean();
}
END_TEST

START_TEST(test_each_option_is_inherited)
{
	struct config *config = accepted(
		tls_config("tls = { certificate = \"DIR/server.pem\"; key ="
			   " \"DIR/server.key\"; handshake_timeout = 3; };\n"
			   "listeners = (\n"
			   " { name = \"a\"; listen = \"*:7\"; },\n"
			   " { name = \"b\"; listen = \"*:8\";\n"
			   "   tls = { certificate = \"DIR/renewed.pem\";"
			   " key = \"DIR/renewed.key\"; }; },\n"
			   " { name = \"c\"; listen = \"*:9\";\n"
			   "   tls = { certificate = \"\"; }; } );"));

	for (size_t i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(
			config->listeners[i].settings->tls_context);
		ck_assert(
			config->listeners[i].settings->tls.handshake_timeout ==
			3);
	}
	ck_assert_ptr_ne(config->listeners[0].settings->tls_context,
			 config->listeners[1].settings->tls_context);
	ck_assert_ptr_null(config->listeners[2].settings->tls_context);
	config_unref(config);
	tls_clean();
}
END_TEST

START_TEST(test_contradicting_settings_are_refused)
{
	expect_refusal(LISTEN "tls = { minimum = \"1.2\";\n"
			      "key = \"DIR/server.key\"; };",
		       "3: tls.key: it needs tls.certificate");
	expect_refusal(LISTEN "tls = { client_ca = \"DIR/ca.pem\"; };",
		       "2: tls.client_ca: it needs tls.certificate");
	expect_refusal(
		"tls = { certificate = \"DIR/both.pem\";\n"
		"require_client_certificate = true; };",
		"2: tls.require_client_certificate: it needs tls.client_ca");
	expect_refusal("tls = { certificate = \"DIR/renewed.pem\";\n"
		       "key = \"DIR/server.key\"; };",
		       "2: tls.key: the key in DIR/server.key does not match "
		       "the certificate in DIR/renewed.pem");
	expect_refusal("tls = { minimum = \"1.1\"; };",
		       "1: tls.minimum: \"1.1\" is not one of \"1.2\", "
		       "\"1.3\"");
	tls_clean();
}
END_TEST

START_TEST(test_files_without_a_certificate_are_refused)
{
	expect_refusal("tls = { certificate = \"DIR/none.pem\"; };",
		       "1: tls.certificate: DIR/none.pem: No such file or "
		       "directory");
	expect_refusal("tls = { certificate = \"DIR\"; };",
		       "1: tls.certificate: DIR: not a regular file");
	expect_refusal("tls = { certificate = \"DIR/server.key\"; };",
		       "1: tls.certificate: DIR/server.key holds no "
		       "certificates in PEM that can be used");
	expect_refusal("tls = { certificate = \"DIR/server.pem\"; };",
		       "1: tls.certificate: DIR/server.pem holds no private "
		       "key in PEM, and no tls.key is set");
	expect_refusal("tls = { certificate = \"DIR/server.pem\";\n\n"
		       "key = \"DIR/locked.key\"; };",
		       "3: tls.key: the key in DIR/locked.key is encrypted; "
		       "echod cannot ask for a passphrase");
	expect_refusal("tls = { certificate = \"DIR/both.pem\";\n"
		       "client_ca = \"DIR/server.key\"; };",
		       "2: tls.client_ca: DIR/server.key holds no certificates "
		       "in PEM that can be used");
	tls_clean();
}
END_TEST

/* A certificate that was cut off within its chain is not half of one. */
START_TEST(test_truncated_files_are_refused)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "cd %s && head -n 4 ca.pem >>both.pem", tls_directory());
	ck_assert_int_eq(system(command), 0);
	ck_assert_ptr_nonnull(
		strstr(refused(tls_config(
			       "tls = { certificate = \"DIR/both.pem\"; };")),
		       "1: tls.certificate: "));
	tls_clean();
}
END_TEST

START_TEST(test_unreadable_files_are_refused)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/server.key", tls_directory());
	ck_assert_int_eq(chmod(path, 0), 0);
	ck_assert_int_eq(chmod(tls_directory(), 0755), 0);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	expect_refusal("tls = { certificate = \"DIR/server.pem\";\n"
		       "key = \"DIR/server.key\"; };",
		       "2: tls.key: DIR/server.key: Permission denied");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	tls_clean();
}
END_TEST

/* As systemd hands them on: LoadCredential=. */
START_TEST(test_credentials_are_found_by_name)
{
	static const char config[] = "tls = { certificate = \"server.pem\";\n"
				     "key = \"server.key\"; };";

	unsetenv("CREDENTIALS_DIRECTORY");
	expect_refusal(config,
		       "1: tls.certificate: \"server.pem\" is not an absolute "
		       "path, and CREDENTIALS_DIRECTORY is not set\n"
		       "2: tls.key: \"server.key\" is not an absolute path, "
		       "and CREDENTIALS_DIRECTORY is not set");
	setenv("CREDENTIALS_DIRECTORY", tls_directory(), 1);
	expect_tls(config);
	expect_refusal("tls = { certificate = \"none.pem\"; };",
		       "1: tls.certificate: DIR/none.pem: No such file or "
		       "directory");
	/* systemd has no credentials with a slash. */
	expect_refusal("tls = { certificate = \"../server.pem\"; };",
		       "1: tls.certificate: \"../server.pem\" is neither an "
		       "absolute path nor the name of a credential");
	tls_clean();
}
END_TEST

/* "*" in `pattern` is a date. */
static void
expect_warning(const char *config, const char *pattern)
{
	char warnings[2048];

	/* One buffer serves every call. */
	snprintf(warnings, sizeof(warnings), "%s",
		 warned(tls_config("%s", config)));
	pattern = tls_config("%s", pattern);
	ck_assert_msg(fnmatch(pattern, warnings, 0) == 0, "%s\n%s", warnings,
		      pattern);
}

#define A_DATE "[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9] *[0-9] UTC"

START_TEST(test_dates_of_certificates_have_warnings)
{
	static const char config[] = LISTEN
		"tls = { certificate = \"DIR/server.pem\";\n"
		"key = \"DIR/server.key\";\n"
		"client_ca = \"DIR/ca.pem\"; };";
	static const char *const soon =
		"2: tls.certificate: DIR/server.pem: the certificate of "
		"\"/CN=localhost\" expires on " A_DATE ", in less than 14 days";

	expect_warning(config, "");
	tls_set_dates("server", -1, 13);
	expect_warning(config, soon);
	tls_set_dates("server", -1, 1);
	expect_warning(config, soon);
	tls_set_dates("server", -1, 15);
	expect_warning(config, "");
	tls_set_dates("server", -2, -1);
	expect_warning(config,
		       "2: tls.certificate: DIR/server.pem: the certificate of "
		       "\"/CN=localhost\" expired on " A_DATE);
	tls_set_dates("server", 1, 30);
	tls_set_dates("ca", -2, 0);
	expect_warning(config,
		       "2: tls.certificate: DIR/server.pem: the certificate of "
		       "\"/CN=localhost\" is not valid before " A_DATE
		       "\n4: tls.client_ca: DIR/ca.pem: the certificate of "
		       "\"/CN=ca\" expire[sd] on " A_DATE "*");
	tls_clean();
}
END_TEST

/* The rest of the chain has dates, too. */
START_TEST(test_an_expired_chain_has_one_warning)
{
	char command[256];

	tls_set_dates("ca", -2, -1);
	snprintf(command, sizeof(command), "cd %s && cat ca.pem >>server.pem",
		 tls_directory());
	ck_assert_int_eq(system(command), 0);
	/* Two listeners inherit it. */
	expect_warning(LISTEN "tls = { certificate = \"DIR/server.pem\";\n"
			      "key = \"DIR/server.key\"; };\n"
			      "listeners = ( { name = \"a\"; listen = "
			      "\"*:8\"; } );",
		       "2: tls.certificate: DIR/server.pem: the certificate of "
		       "\"/CN=ca\" expired on " A_DATE);
	tls_clean();
}
END_TEST

START_TEST(test_certificates_are_a_list)
{
	expect_tls("tls = { certificate = [ \"DIR/server.pem\" ];"
		   " key = [ \"DIR/server.key\" ]; };");
	expect_tls(
		"tls = { certificate = [ \"DIR/rsa.pem\", \"DIR/server.pem\" ];"
		" key = [ \"DIR/rsa.key\", \"DIR/server.key\" ]; };");
	expect_tls("tls = { certificate = [ \"DIR/both.pem\","
		   " \"DIR/rsa-both.pem\" ]; };");
	config_unref(accepted("tls = { certificate = [ ]; key = \"\"; };"));
	tls_clean();
}
END_TEST

/* The keys of the certificates `rsa` and `server`; one is wrong. */
static void
expect_mismatch(const char *first, const char *second, const char *certificate)
{
	const char *wrong = strcmp(first, "rsa") == 0 ? second : first;
	char begin[512];

	snprintf(begin, sizeof(begin), "%s",
		 tls_config("2: tls.key: the key in DIR/%s.key does not match "
			    "the certificate in DIR/%s.pem",
			    wrong, certificate));
	ck_assert_ptr_nonnull(strstr(
		refused(tls_config("tls = { certificate = [ \"DIR/rsa.pem\", "
				   "\"DIR/server.pem\" ];\n"
				   "key = [ \"DIR/%s.key\", \"DIR/%s.key\" ]; "
				   "};",
				   first, second)),
		begin));
}

START_TEST(test_wrong_lists_of_certificates_are_refused)
{
	expect_refusal(
		"tls = { certificate = [ \"DIR/rsa.pem\", \"DIR/server.pem\" ];"
		"\nkey = \"DIR/rsa.key\"; };",
		"2: tls.key: keys and certificates are pairs, but there are 1 "
		"keys and 2 certificates");
	expect_refusal(
		"tls = { certificate = [ \"DIR/both.pem\",\n"
		"\"DIR/server.pem\" ]; };",
		"1: tls.certificate: DIR/server.pem: another certificate has a "
		"key of the same type");
	/* Keys in the wrong order, and one key for both. */
	expect_mismatch("server", "rsa", "rsa");
	expect_mismatch("rsa", "rsa", "server");
	/* The number of keys has no error of its own then. */
	expect_refusal("tls = { certificate = ( \"DIR/both.pem\",\n1,\n"
		       "\"\" ); key = [ \"a\", \"b\" ]; };",
		       "2: tls.certificate: a string is expected, this is an "
		       "integer\n"
		       "3: tls.certificate: the name of a file is empty");
	tls_clean();
}
END_TEST

START_TEST(test_wrong_protocols_are_refused)
{
	char name[300], config[512];

	memset(name, 'a', sizeof(name));
	name[255] = '\0';
	snprintf(config, sizeof(config), "tls = { alpn = \"%s\"; };", name);
	config_unref(accepted(config));
	name[255] = 'a';
	name[256] = '\0';
	snprintf(config, sizeof(config), "tls = { alpn = \"%s\"; };", name);
	expect_refusal(config, "1: tls.alpn: the name of a protocol has 1 to "
			       "255 bytes");
	expect_refusal("tls = { alpn = [ \"a\",\n\"\" ]; };",
		       "2: tls.alpn: the name of a protocol has 1 to 255 "
		       "bytes");
}
END_TEST

/* 256 names of 255 bytes are 65536 with their lengths. */
START_TEST(test_protocols_have_a_limit_together)
{
	static char config[70000];
	char name[256];

	memset(name, 'a', 255);
	name[255] = '\0';
	for (int count = 255; count <= 256; count++) {
		char *to = stpcpy(config, "tls = { alpn = [ ");

		for (int i = 0; i < count; i++)
			to += sprintf(to, "%s\"%s\"", i ? "," : "", name);
		strcpy(to, " ]; };");
		if (count == 255)
			config_unref(accepted(config));
		else
			ck_assert_str_eq(refused(config),
					 "1: tls.alpn: the names of the "
					 "protocols are too long together");
	}
}
END_TEST

START_TEST(test_udp_listeners_have_no_tls)
{
	expect_refusal("tls = { certificate = \"DIR/both.pem\"; };\n"
		       "listeners = ( { name = \"a\";\n"
		       "listen = [ \"*:7\", \"udp:*:7\" ]; } );",
		       "3: listeners[0].listen: udp:*:7 cannot have tls, which "
		       "is for streams; use a separate listener with tls = { "
		       "certificate = \"\"; }");
	tls_clean();
}
END_TEST

#else

START_TEST(test_a_build_without_tls_refuses_a_certificate)
{
	expect_refusal(LISTEN "tls = {\ncertificate = \"/x.pem\"; };",
		       "3: tls.certificate: echod was built without TLS");
	expect_refusal(
		LISTEN "listeners = ( { name = \"a\"; listen = \"*:8\";\n"
		       "tls = { certificate = \"/x.pem\"; }; } );",
		"3: listeners[0].tls.certificate: echod was built without TLS");
	config_unref(accepted("tls = { certificate = \"\"; };"));
}
END_TEST

#endif

START_TEST(test_udp_listeners_have_no_proxy_protocol)
{
	expect_refusal("proxy_protocol = { from = \"10.0.0.1\"; };\n"
		       "listen = \"udp:*:7\";",
		       "2: listen: udp:*:7 cannot have proxy_protocol, which "
		       "is for streams; use a separate listener with "
		       "proxy_protocol = { from = [ ]; }");
	config_unref(accepted("proxy_protocol = { from = \"10.0.0.1\"; };\n"
			      "listeners = ( { name = \"a\"; listen = "
			      "\"udp:*:7\";\n"
			      "proxy_protocol = { from = [ ]; }; } );"));
}
END_TEST

#ifdef HAVE_TLS
SUITE(test_valid_settings_make_a_context, test_each_option_is_inherited,
      test_contradicting_settings_are_refused,
      test_files_without_a_certificate_are_refused,
      test_truncated_files_are_refused, test_unreadable_files_are_refused,
      test_credentials_are_found_by_name,
      test_dates_of_certificates_have_warnings,
      test_an_expired_chain_has_one_warning, test_certificates_are_a_list,
      test_wrong_lists_of_certificates_are_refused,
      test_wrong_protocols_are_refused, test_protocols_have_a_limit_together,
      test_udp_listeners_have_no_tls, test_udp_listeners_have_no_proxy_protocol)
#else
SUITE(test_a_build_without_tls_refuses_a_certificate,
      test_udp_listeners_have_no_proxy_protocol)
#endif
