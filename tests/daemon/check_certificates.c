/* Certificates: their dates, credentials of the unit, several at once. */
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "support/certificates.h"
#include "support/client.h"
#include "support/daemon.h"
#include "support/http_client.h"
#include "support/suite.h"
#include "support/tls_client.h"

#define SERVER TLS_LISTEN "\ntls = { " TLS_SERVER "};"
#define EXPIRED \
	"conf:2: tls\\.certificate: .*/server\\.pem: the certificate of " \
	"\"/CN=localhost\" expired on "

static struct daemon *
check_file(const char *config, const char *option)
{
	return daemon_spawn(&(struct daemon_setup){ .config = config,
						    .arguments = { option } });
}

START_TEST(test_an_expired_certificate_is_valid_with_a_warning)
{
	static const char *const options[] = { "-t", "-T" };

	tls_set_dates("server", -2, -1);
	for (size_t i = 0; i < 2; i++) {
		struct daemon *echod =
			check_file(tls_config(SERVER), options[i]);

		daemon_wait_line(echod, "^warning: .*" EXPIRED);
		ck_assert_int_eq(daemon_end(echod), EX_OK);
	}
	tls_clean();
}
END_TEST

START_TEST(test_start_and_reload_log_the_warning)
{
	struct daemon *daemon;
	SSL *client;

	tls_set_dates("server", -2, -1);
	daemon = tls_start("", "");
	ck_assert_uint_eq(daemon_count_lines(daemon, "^warning: .*expired on "),
			  1);
	client = tls_connect(daemon, &tls_any);
	tls_say_hello(client);
	tls_drop(client);
	daemon_forget(daemon);

	daemon_reload(daemon, tls_config(SERVER));
	ck_assert_uint_eq(daemon_count_lines(daemon, "^warning: .*" EXPIRED),
			  1);
	daemon_forget(daemon);
	tls_set_dates("server", -1, 30);
	daemon_reload(daemon, tls_config(SERVER));
	ck_assert_uint_eq(daemon_count_lines(daemon, "^warning: "), 0);
	tls_stop(daemon);
}
END_TEST

static void
leave_unit(void)
{
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("POD");
}

#define OF_UNIT \
	TLS_LISTEN "\nprefix = \"%%{env:POD} \";\n" \
		   "tls = {\ncertificate = \"server.pem\";\n" \
		   "key = \"%s\";\nclient_ca = \"DIR/%s\"; };"

static void
expect_outside(const char *key, const char *client_ca, int status,
	       const char *line)
{
	struct daemon *echod = daemon_spawn(&(struct daemon_setup){
		.config = tls_config(OF_UNIT, key, client_ca),
		.arguments = { "-t" },
		.prepare = leave_unit });

	daemon_wait_line(echod, "^warning: .*conf:2: prefix: %\\{env:POD\\} is "
				"not set; not checked outside the unit$");
	daemon_wait_line(echod, "^warning: .*conf:4: tls\\.certificate: "
				"\"server\\.pem\" is not an absolute path, and "
				"CREDENTIALS_DIRECTORY is not set; not checked "
				"outside the unit$");
	daemon_wait_line(echod, line);
	ck_assert_int_eq(daemon_end(echod), status);
}

/* What only the unit has gets a warning; the rest is checked. */
START_TEST(test_check_outside_the_unit)
{
	expect_outside("server.key", "ca.pem", EX_OK,
		       "^warning: .*conf:5: tls\\.key: \"server\\.key\" ");
	expect_outside("DIR/server.key", "none.pem", EX_CONFIG,
		       "conf:6: tls\\.client_ca: .*/none\\.pem: No such file");
	expect_outside("DIR/server.pem", "ca.pem", EX_CONFIG,
		       "conf:5: tls\\.key: .*/server\\.pem holds no private "
		       "key");
	tls_clean();
}
END_TEST

/* A path that is not absolute is no credential, in the unit or outside. */
START_TEST(test_check_relative_path)
{
	struct daemon *echod = daemon_spawn(&(struct daemon_setup){
		.config = tls_config(TLS_LISTEN "\ntls = { certificate = "
						"\"tls/server.pem\"; };"),
		.arguments = { "-t" },
		.prepare = leave_unit });

	daemon_wait_line(echod, "conf:2: tls\\.certificate: "
				"\"tls/server\\.pem\" is neither an absolute "
				"path nor the name of a credential$");
	ck_assert_int_eq(daemon_end(echod), EX_CONFIG);
}
END_TEST

/* A start passes over nothing. */
START_TEST(test_start_outside_the_unit)
{
	struct daemon *echod = daemon_spawn(&(struct daemon_setup){
		.config = tls_config(OF_UNIT, "server.key", "ca.pem"),
		.arguments = { "-e" },
		.prepare = leave_unit });

	daemon_wait_line(echod, "conf:2: prefix: %\\{env:POD\\}: the "
				"environment has no such variable$");
	daemon_wait_line(echod, "conf:4: tls\\.certificate: ");
	ck_assert_uint_eq(daemon_count_lines(echod, "^warning: "), 0);
	ck_assert_int_eq(daemon_end(echod), EX_CONFIG);
	tls_clean();
}
END_TEST

static void
expect_certificate(struct daemon *daemon, const char *algorithms, int type,
		   const char *subject)
{
	SSL *client =
		tls_client(client_connect(daemon_port(daemon, 0)), &tls_any);
	X509 *certificate;
	char name[64];

	ck_assert_int_eq(SSL_set1_sigalgs_list(client, algorithms), 1);
	ck_assert_int_eq(SSL_connect(client), 1);
	certificate = SSL_get1_peer_certificate(client);
	X509_NAME_oneline(X509_get_subject_name(certificate), name,
			  sizeof(name));
	ck_assert_str_eq(name, subject);
	ck_assert_int_eq(EVP_PKEY_base_id(X509_get0_pubkey(certificate)), type);
	tls_say_hello(client);
	X509_free(certificate);
	tls_drop(client);
}

/* With the certificate itself. */
static void
expect_chain(struct daemon *daemon, const char *algorithms, int length)
{
	SSL *client =
		tls_client(client_connect(daemon_port(daemon, 0)), &tls_any);

	ck_assert_int_eq(SSL_set1_sigalgs_list(client, algorithms), 1);
	ck_assert_int_eq(SSL_connect(client), 1);
	ck_assert_int_eq(sk_X509_num(SSL_get_peer_cert_chain(client)), length);
	tls_drop(client);
}

#define TWO_CERTIFICATES \
	TLS_LISTEN "tls = { certificate = [ \"DIR/server.pem\", " \
		   "\"DIR/rsa.pem\" ]; key = [ \"DIR/server.key\", " \
		   "\"DIR/rsa.key\" ]; };"

START_TEST(test_client_chooses_the_type_of_certificate)
{
	struct daemon *daemon = daemon_start(tls_config(TWO_CERTIFICATES));

	expect_certificate(daemon, "RSA-PSS+SHA256", EVP_PKEY_RSA, "/CN=rsa");
	expect_certificate(daemon, "ECDSA+SHA256", EVP_PKEY_EC,
			   "/CN=localhost");
	/* From a reload on, there is only one. */
	daemon_reload(daemon, tls_config(SERVER));
	expect_certificate(daemon, "ECDSA+SHA256:RSA-PSS+SHA256", EVP_PKEY_EC,
			   "/CN=localhost");
	tls_stop(daemon);
}
END_TEST

START_TEST(test_each_certificate_has_its_own_chain)
{
	struct daemon *daemon;
	char command[256];

	snprintf(command, sizeof(command), "cd %s && cat ca.pem >>rsa.pem",
		 tls_directory());
	ck_assert_int_eq(system(command), 0);
	daemon = daemon_start(tls_config(TWO_CERTIFICATES));
	expect_chain(daemon, "ECDSA+SHA256", 1);
	expect_chain(daemon, "RSA-PSS+SHA256", 2);
	tls_stop(daemon);
}
END_TEST

#define EXPIRY "\nechod_tls_certificate_not_after_timestamp_seconds{"

/* Days from now until a file expires, as the metric has it. */
static void
expect_expiry(unsigned port, const char *setting, const char *name, double days)
{
	const char *answer = ask(port, GET("/metrics") CLOSE), *sample;
	char wanted[300];

	snprintf(wanted, sizeof(wanted),
		 EXPIRY "listener=\"main\",setting=\"%s\",certificate="
			"\"%s/%s.pem\"} ",
		 setting, tls_directory(), name);
	contains(answer, wanted);
	sample = strstr(answer, wanted) + strlen(wanted);
	ck_assert_double_eq_tol(strtod(sample, NULL),
				(double)time(NULL) + days * 86400, 120);
}

#define WITH_CA \
	TLS_LISTEN STATUS "tls = { certificate = \"DIR/%s.pem\"; key = " \
			  "\"DIR/%s.key\"; client_ca = \"DIR/%s.pem\"; };"

/* The earliest one in each file, of the files that are in force. */
START_TEST(test_metrics_have_the_expiry)
{
	struct daemon *daemon;
	char command[256];
	unsigned port;

	tls_set_dates("server", -1, 20);
	tls_set_dates("ca", -1, 40);
	tls_set_dates("renewed", -1, 10);
	daemon = daemon_start(tls_config(WITH_CA, "server", "server", "ca"));
	port = status_port(daemon);
	expect_expiry(port, "tls.certificate", "server", 20);
	expect_expiry(port, "tls.client_ca", "ca", 40);

	/* A chain that expires earlier counts once the file is read again. */
	snprintf(command, sizeof(command),
		 "cd %s && cat renewed.pem server.pem >first.pem && "
		 "cp renewed.key first.key && cat renewed.pem >>server.pem && "
		 "cp server.pem copy.pem && cp server.key copy.key",
		 tls_directory());
	ck_assert_int_eq(system(command), 0);
	expect_expiry(port, "tls.certificate", "server", 20);
	daemon_reload(daemon, tls_config(WITH_CA, "server", "server", "ca"));
	expect_expiry(port, "tls.certificate", "server", 10);
	/* The same contents by another name; one file for two purposes. */
	daemon_reload(daemon, tls_config(WITH_CA, "copy", "copy", "copy"));
	expect_expiry(port, "tls.certificate", "copy", 10);
	expect_expiry(port, "tls.client_ca", "copy", 10);
	daemon_reload(daemon, tls_config(WITH_CA, "first", "first", "ca"));
	expect_expiry(port, "tls.certificate", "first", 10);
	daemon_reload(daemon, LISTEN STATUS);
	ck_assert_ptr_null(strstr(ask(port, GET("/metrics") CLOSE), EXPIRY));
	tls_stop(daemon);
}
END_TEST

SUITE(test_an_expired_certificate_is_valid_with_a_warning,
      test_start_and_reload_log_the_warning, test_check_outside_the_unit,
      test_check_relative_path, test_start_outside_the_unit,
      test_client_chooses_the_type_of_certificate,
      test_each_certificate_has_its_own_chain, test_metrics_have_the_expiry)
