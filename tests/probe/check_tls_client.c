#include "probe/tls_client.h"

#include <openssl/err.h>
#include <unistd.h>

#include "support/certificates.h"
#include "support/suite.h"
#include "probe/tls_pair.h"

/* The handshake fails, and the reason has `text`. */
static void
refuse(const struct probe_tls_options *options, const char *host,
       const struct tls_pair_server *settings, const char *text)
{
	struct tls_pair pair = tls_pair_new(options, host, settings);

	ck_assert_int_eq(tls_pair_shake_hands(&pair), TLS_CLIENT_ERROR);
	ck_assert_int_eq(errno, 0);
	ck_assert_msg(strstr(pair.reason, text), "\"%s\" instead of \"%s\"",
		      pair.reason, text);
	tls_pair_free(&pair);
}

/* The handshake succeeds, and the client is told `text` about it. */
static void
accept_as(const struct probe_tls_options *options, const char *host,
	  const struct tls_pair_server *settings, const char *text)
{
	struct tls_pair pair = tls_pair_new(options, host, settings);
	enum tls_client_state state = tls_pair_shake_hands(&pair);
	char got[128], subject[128];
	double expires;

	ck_assert_msg(state == TLS_CLIENT_DONE, "%s", pair.reason);
	tls_client_describe(pair.client, got, sizeof(got), subject,
			    sizeof(subject), &expires);
	ck_assert_str_eq(got, text);
	tls_pair_free(&pair);
}

#define CIPHER_1_2 "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384"
#define CIPHER_1_3 "TLSv1.3 TLS_AES_256_GCM_SHA384"

static const char *const ciphers[] = { CIPHER_1_2, CIPHER_1_3 };

START_TEST(test_the_certificate_must_have_the_name)
{
	struct probe_tls_options options = tls_pair_trusting("server.pem");

	tls_enter_directory();
	for (int i = 0; i < 2; i++) {
		struct tls_pair_server server = {
			.version = tls_pair_versions[i]
		};

		options.server_name = NULL;
		accept_as(&options, "localhost", &server, ciphers[i]);
		accept_as(&options, "localhost.", &server, ciphers[i]);
		refuse(&options, "other.example", &server, "hostname mismatch");
		refuse(&options, "127.0.0.1", &server, "IP address mismatch");
		refuse(&options, "::1", &server, "IP address mismatch");
		options.server_name = "localhost";
		accept_as(&options, "127.0.0.1", &server, ciphers[i]);
		options.server_name = "other.example";
		refuse(&options, "localhost", &server, "hostname mismatch");
	}
	tls_clean();
}
END_TEST

/* The SNI that the server gets. */
static void
check_sni(const char *name, const char *host, const char *sni)
{
	struct probe_tls_options options = { .insecure = true,
					     .server_name = name };
	struct tls_pair_server server = { 0 };
	struct tls_pair pair = tls_pair_new(&options, host, &server);

	ck_assert_int_eq(tls_pair_shake_hands(&pair), TLS_CLIENT_DONE);
	ck_assert_pstr_eq(SSL_get_servername(pair.server,
					     TLSEXT_NAMETYPE_host_name),
			  sni);
	tls_pair_free(&pair);
}

START_TEST(test_the_server_gets_the_name_but_no_address)
{
	tls_enter_directory();
	check_sni(NULL, "echo.example", "echo.example");
	check_sni(NULL, "echo.example.", "echo.example");
	check_sni("other.example", "echo.example", "other.example");
	check_sni("other.example", "::1", "other.example");
	check_sni(NULL, "192.0.2.1", NULL);
	check_sni(NULL, "2001:db8::1", NULL);
	tls_clean();
}
END_TEST

START_TEST(test_a_name_that_is_too_long_has_no_connection)
{
	struct probe_tls_options options = { .insecure = true };
	struct ssl_ctx_st *context;
	char reason[TLS_CLIENT_REASON_SIZE], name[400];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_ptr_null(tls_client_context(&options, &context, reason));
	ck_assert_ptr_null(tls_client_new(context, &options, name, 0));
	tls_client_context_free(context);
}
END_TEST

START_TEST(test_the_server_must_be_trusted)
{
	struct probe_tls_options options = tls_pair_trusting("renewed.pem");
	struct tls_pair_server server = { 0 };

	tls_enter_directory();
	refuse(&options, "localhost", &server,
	       "certificate verify failed: self-signed certificate");
	options.ca = NULL; /* of the system */
	refuse(&options, "localhost", &server, "self-signed certificate");
	options.insecure = true;
	accept_as(&options, "other.example", &server, CIPHER_1_3);
	tls_clean();
}
END_TEST

START_TEST(test_an_expired_certificate_is_refused)
{
	struct probe_tls_options options = tls_pair_trusting("server.pem");
	struct tls_pair_server server = { 0 };

	tls_enter_directory();
	tls_set_dates("server", -10, -1);
	refuse(&options, "localhost", &server, "certificate has expired");
	tls_clean();
}
END_TEST

START_TEST(test_a_protocol_is_agreed_or_refused)
{
	struct probe_tls_options options = tls_pair_trusting("server.pem");

	tls_enter_directory();
	for (int i = 0; i < 2; i++) {
		struct tls_pair_server server = {
			.version = tls_pair_versions[i]
		};
		char text[128];

		options.alpn = "h2,echo";
		accept_as(&options, "localhost", &server, ciphers[i]);
		server.alpn = "\4echo";
		snprintf(text, sizeof(text), "%s echo", ciphers[i]);
		accept_as(&options, "localhost", &server, text);
		options.alpn = "h2";
		refuse(&options, "localhost", &server,
		       "alert no application protocol");
	}
	tls_clean();
}
END_TEST

static void
refuse_protocols(const char *names)
{
	struct probe_tls_options options = { .insecure = true, .alpn = names };
	struct ssl_ctx_st *context;
	char reason[TLS_CLIENT_REASON_SIZE];

	ck_assert_ptr_eq(tls_client_context(&options, &context, reason),
			 reason);
	ck_assert_ptr_null(context);
	ck_assert_ptr_eq(strstr(reason, "--alpn: "), reason);
}

START_TEST(test_bad_names_of_protocols_are_errors)
{
	char name[301];

	memset(name, 'a', 300);
	name[300] = '\0';
	refuse_protocols(name);
	refuse_protocols("");
	refuse_protocols("a,,b");
	refuse_protocols("a,");
}
END_TEST

/* The server refuses the client's certificate, or that it has none. */
static void
refuse_client(struct probe_tls_options *options, int version, const char *text)
{
	struct tls_pair_server server = { .version = version,
					  .wants_certificate = true };
	struct tls_pair pair = tls_pair_new(options, "localhost", &server);
	enum tls_client_state state = tls_pair_shake_hands(&pair);
	char byte;
	size_t done;

	if (version == TLS1_3_VERSION) {
		/* Its alert comes after the handshake of this side. */
		ck_assert_int_eq(state, TLS_CLIENT_DONE);
		state = tls_client_read(pair.client, &byte, 1, &done);
		ck_assert_int_eq(errno, 0);
		tls_client_reason(pair.client, pair.reason);
	}
	ck_assert_int_eq(state, TLS_CLIENT_ERROR);
	ck_assert_int_eq(errno, 0);
	ck_assert_msg(strstr(pair.reason, text), "\"%s\" instead of \"%s\"",
		      pair.reason, text);
	tls_pair_free(&pair);
}

START_TEST(test_a_server_can_want_a_certificate)
{
	static const char *const without[] = { "alert handshake failure",
					       "alert certificate required" };
	struct probe_tls_options options = tls_pair_trusting("server.pem");

	tls_enter_directory();
	for (int i = 0; i < 2; i++) {
		struct tls_pair_server server = { .version =
							  tls_pair_versions[i],
						  .wants_certificate = true };

		options.certificate = options.key = NULL;
		refuse_client(&options, tls_pair_versions[i], without[i]);
		options.certificate = "stranger.pem";
		options.key = "stranger.key";
		refuse_client(&options, tls_pair_versions[i],
			      "alert unknown ca");
		options.certificate = "client.pem";
		options.key = "client.key";
		accept_as(&options, "localhost", &server, ciphers[i]);
	}
	tls_clean();
}
END_TEST

START_TEST(test_wrong_files_are_errors_with_their_option)
{
	/* CA, certificate, key; the reason. */
	static const char *const wrong[][4] = {
		{ "none.pem", NULL, NULL,
		  "--ca: none.pem: No such file or directory" },
		{ "ca.key", NULL, NULL,
		  "--ca: ca.key: no certificate or crl found" },
		{ NULL, "none.pem", "client.key",
		  "--cert: none.pem: No such file or directory" },
		{ NULL, "client.key", "client.key",
		  "--cert: client.key: no start line" },
		{ NULL, "client.pem", "none.key",
		  "--key: none.key: No such file or directory" },
		{ NULL, "client.pem", NULL,
		  "--cert: client.pem: there is no private key in this file" },
		{ NULL, "client.pem", "server.key",
		  "--key: server.key: key values mismatch" },
		{ NULL, "client.pem", "rsa.key",
		  "--key: rsa.key: no certificate assigned" },
		{ NULL, "server.pem", "locked.key",
		  "--key: locked.key: the key is encrypted; echoprobe asks for "
		  "no passphrase" },
	};

	tls_enter_directory();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const char *const *row = wrong[i];
		struct probe_tls_options options = {
			.ca = row[0],
			.certificate = row[1],
			.key = row[2],
		};
		struct ssl_ctx_st *context;
		char reason[TLS_CLIENT_REASON_SIZE];

		ck_assert_ptr_eq(tls_client_context(&options, &context, reason),
				 reason);
		ck_assert_str_eq(reason, row[3]);
		ck_assert_ptr_null(context);
		ck_assert_uint_eq(ERR_peek_error(), 0);
	}
	tls_clean();
}
END_TEST

START_TEST(test_a_server_without_tls_is_recognized)
{
	static const char banner[] = "220 mail.example ESMTP\r\n";
	struct probe_tls_options options = { .insecure = true };
	struct tls_pair pair = tls_pair_new(&options, "localhost", NULL);

	ck_assert_int_eq(tls_client_handshake(pair.client, pair.reason),
			 TLS_CLIENT_WANTS_READ);
	ck_assert_int_eq(write(pair.fds[1], banner, sizeof(banner)),
			 sizeof(banner));
	ck_assert_int_eq(tls_client_handshake(pair.client, pair.reason),
			 TLS_CLIENT_ERROR);
	ck_assert_int_eq(errno, 0);
	ck_assert_str_eq(pair.reason, "wrong version number: perhaps the "
				      "server does not use TLS here");
	tls_pair_free(&pair);
}
END_TEST

SUITE(test_the_certificate_must_have_the_name,
      test_the_server_gets_the_name_but_no_address,
      test_a_name_that_is_too_long_has_no_connection,
      test_the_server_must_be_trusted, test_an_expired_certificate_is_refused,
      test_a_protocol_is_agreed_or_refused,
      test_bad_names_of_protocols_are_errors,
      test_a_server_can_want_a_certificate,
      test_wrong_files_are_errors_with_their_option,
      test_a_server_without_tls_is_recognized)
