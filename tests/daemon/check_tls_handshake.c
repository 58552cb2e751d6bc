/* TLS: handshakes, what they agree on, and their errors. */
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/certificates.h"
#include "support/client.h"
#include "support/daemon.h"
#include "support/http_client.h"
#include "support/proxy_headers.h"
#include "support/suite.h"
#include "support/tls_client.h"

static int
connect_to(struct daemon *daemon)
{
	return client_connect(daemon_port(daemon, 0));
}

static void
expect_alert(struct daemon *daemon, const struct tls_options *options,
	     int alert, const char *why)
{
	SSL *client = tls_client(connect_to(daemon), options);

	ck_assert_int_eq(tls_expect_alert(client), alert);
	client_expect_failed(SSL_get_fd(client), daemon, "tls_failed", why);
	tls_drop(client);
}

/* Writes the first flight of a client. */
static size_t
client_hello(unsigned char *bytes, size_t size)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *client = SSL_new(context);
	BIO *out = BIO_new(BIO_s_mem());
	int length;

	SSL_set_bio(client, BIO_new(BIO_s_mem()), out);
	ck_assert_int_eq(SSL_connect(client), -1);
	length = BIO_read(out, bytes, (int)size);
	ck_assert_int_gt(length, 100);
	SSL_free(client);
	SSL_CTX_free(context);
	return (size_t)length;
}

static bool
is_readable(int fd, int ms)
{
	struct pollfd pollfd = { fd, POLLIN, 0 };

	return poll(&pollfd, 1, ms) > 0;
}

START_TEST(test_handshake_timeout)
{
	struct daemon *daemon = tls_start("handshake_timeout = 1.0;", "");
	unsigned char hello[4096];
	size_t length = client_hello(hello, sizeof(hello));
	int silent = connect_to(daemon);
	int dripping = connect_to(daemon);

	/* Ten bytes a second must not extend the time-out. */
	for (size_t i = 0; i < length - 1 && !is_readable(dripping, 100); i++)
		client_send(dripping, hello + i, 1);
	ck_assert(is_readable(dripping, 0));
	client_expect_failed(dripping, daemon, "tls_timeout",
			     "TLS handshake incomplete");
	client_expect_failed(silent, daemon, "tls_timeout", "no TLS handshake");
	ck_assert_uint_eq(daemon_counter(daemon, "closed.tls_timeout"), 2);
	/* Only complete ones count. */
	ck_assert_uint_eq(daemon_counter(daemon, "handshakes"), 0);
	SSL_free(tls_connect(daemon, &tls_any));
	daemon_wait_counter(daemon, "handshakes", 1);
	close(dripping);
	close(silent);
	tls_stop(daemon);
}
END_TEST
FAULT(44, test_handshake_timeout)

START_TEST(test_fragmented_handshake)
{
	struct daemon *daemon = tls_start("", "");
	unsigned char hello[4096];
	size_t length = client_hello(hello, sizeof(hello));
	int fd = connect_to(daemon);
	char type;

	for (size_t i = 0; i < length; i++)
		client_send(fd, hello + i, 1);
	/* A record of the handshake, and not an alert: RFC 8446, 5.1. */
	ck_assert_int_eq(recv(fd, &type, 1, 0), 1);
	ck_assert_int_eq(type, 22);
	client_finish(fd);
	client_expect_failed(fd, daemon, "tls_failed",
			     "connection ended during the handshake");
	close(fd);
	tls_stop(daemon);
}
END_TEST

START_TEST(test_plain_text_is_refused)
{
	struct daemon *daemon = tls_start("", "log = { rate = 5; };");
	SSL *client = tls_connect(daemon, &tls_any);
	size_t lines;

	for (int i = 0; i < 100; i++) {
		int fd = connect_to(daemon);

		client_say(fd, i % 2 ? "GET / HTTP/1.0\r\n\r\n" :
				       "Hello, is anybody there?\n");
		client_wait_closed(fd);
		close(fd);
	}
	daemon_wait_counter(daemon, "closed.tls_failed", 100);
	daemon_wait_line(daemon, "tls_failed .*: http request$");
	daemon_wait_line(daemon, "tls_failed .*: wrong version number$");
	/* The lines within the rate limit, and one that counts the others. */
	daemon_wait_line(daemon, "suppressed");
	lines = daemon_count_lines(daemon, "tls_failed .*: ");
	ck_assert_uint_le(lines, 80);
	/* No error is left in OpenSSL's queue for later connections. */
	tls_say_hello(client);
	tls_drop(client);
	tls_stop(daemon);
}
END_TEST
FAULT(45, test_plain_text_is_refused)

/* A port check is not logged. */
START_TEST(test_silent_connection_is_not_logged)
{
	struct daemon *daemon = tls_start("", "");
	int fd = connect_to(daemon);

	client_finish(fd);
	client_wait_closed(fd);
	close(fd);
	client_reset(connect_to(daemon));
	daemon_wait_counter(daemon, "closed.no_data", 2);
	ck_assert_uint_eq(daemon_count_lines(daemon, "^Connection"), 0);
	tls_stop(daemon);
}
END_TEST

START_TEST(test_renegotiation_is_refused)
{
	struct daemon *daemon = tls_start("", "");
	SSL *client = tls_connect(daemon, &tls_old);
	SSL *other = tls_connect(daemon, &tls_any);

	tls_say_hello(client);
	ck_assert_int_eq(SSL_renegotiate(client), 1);
	ck_assert_int_ne(SSL_do_handshake(client), 1);
	ck_assert_int_eq(ERR_GET_REASON(ERR_peek_error()),
			 SSL_R_NO_RENEGOTIATION);
	ERR_clear_error();
	tls_drop(client);
	tls_say_hello(other);
	tls_drop(other);
	tls_stop(daemon);
}
END_TEST
FAULT(46, test_renegotiation_is_refused)

START_TEST(test_no_session_resumption)
{
	struct daemon *daemon = tls_start("", "");
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (size_t i = 0; i < 2; i++) {
		struct tls_options options = { .version = versions[i] };
		SSL *first = tls_connect(daemon, &options);
		SSL *second = tls_client(connect_to(daemon), &options);

		/* A session ticket would arrive before this. */
		tls_say_hello(first);
		ck_assert_int_eq(SSL_SESSION_has_ticket(SSL_get_session(first)),
				 0);
		SSL_set_session(second, SSL_get_session(first));
		ck_assert_int_eq(SSL_connect(second), 1);
		ck_assert_int_eq(SSL_session_reused(second), 0);
		tls_drop(first);
		tls_drop(second);
	}
	tls_stop(daemon);
}
END_TEST

static const struct tls_options stranger = { .certificate = "stranger" };

START_TEST(test_client_certificate_is_required)
{
	struct daemon *daemon =
		tls_start("client_ca = \"DIR/ca.pem\"; minimum = \"1.3\"; "
			  "require_client_certificate = true;",
			  "prefix = \"<%{tls.cn}>\";");
	static const struct tls_options client_9 = { .certificate = "client" };
	SSL *client = tls_connect(daemon, &client_9);

	tls_say(client, "x");
	tls_hear(client, "<client 9>x");
	tls_drop(client);
	expect_alert(daemon, &tls_any, SSL_AD_CERTIFICATE_REQUIRED,
		     "peer did not return a certificate");
	expect_alert(daemon, &stranger, SSL_AD_UNKNOWN_CA,
		     "certificate verify failed: self-signed certificate");
	tls_stop(daemon);
}
END_TEST

START_TEST(test_client_certificate_is_optional)
{
	struct daemon *daemon = tls_start("client_ca = \"DIR/ca.pem\";",
					  "prefix = \"<%{tls.cn}>\";");
	SSL *client = tls_connect(daemon, &tls_old);

	tls_say(client, "x");
	tls_hear(client, "<->x");
	tls_drop(client);
	expect_alert(daemon, &stranger, SSL_AD_UNKNOWN_CA,
		     "certificate verify failed: self-signed certificate");
	tls_stop(daemon);
}
END_TEST

START_TEST(test_minimum_version)
{
	struct daemon *daemon = tls_start("minimum = \"1.3\";", "");
	SSL *client;

	expect_alert(daemon, &tls_old, SSL_AD_PROTOCOL_VERSION,
		     "unsupported protocol");
	client = tls_connect(daemon, &tls_any);
	tls_say_hello(client);
	tls_drop(client);
	tls_stop(daemon);
}
END_TEST

START_TEST(test_alpn)
{
	static const struct tls_options others = { .alpn = "\2h2\10http/1.1" };
	static const struct tls_options ours = { .alpn = "\2h2\4echo" };
	struct daemon *daemon = tls_start("", "");
	SSL *client = tls_connect(daemon, &ours);
	const unsigned char *chosen;
	unsigned length;

	SSL_get0_alpn_selected(client, &chosen, &length);
	ck_assert_uint_eq(length, 4);
	ck_assert_mem_eq(chosen, "echo", 4);
	tls_say_hello(client);
	tls_drop(client);
	expect_alert(daemon, &others, SSL_AD_NO_APPLICATION_PROTOCOL,
		     "no application protocol");
	client = tls_connect(daemon, &tls_any);
	SSL_get0_alpn_selected(client, &chosen, &length);
	ck_assert_uint_eq(length, 0);
	tls_drop(client);
	tls_stop(daemon);
}
END_TEST

static void
expect_protocol(struct daemon *daemon, const struct tls_options *options,
		const char *protocol)
{
	SSL *client = tls_connect(daemon, options);
	const unsigned char *chosen;
	unsigned length;

	SSL_get0_alpn_selected(client, &chosen, &length);
	ck_assert_uint_eq(length, strlen(protocol));
	/* Without a protocol it is NULL. */
	if (length > 0)
		ck_assert_mem_eq(chosen, protocol, length);
	tls_say_hello(client);
	tls_drop(client);
}

/* The order is the daemon's; a reload changes the list. */
START_TEST(test_alpn_has_a_list)
{
	static const struct tls_options both = { .alpn = "\2h2\10http/1.1" };
	static const struct tls_options first = { .alpn = "\2h2" };
	static const struct tls_options echo = { .alpn = "\4echo" };
	static const char config[] = TLS_LISTEN "tls = { " TLS_SERVER
						"alpn = [ %s ]; };";
	struct daemon *daemon =
		daemon_start(tls_config(config, "\"http/1.1\", \"h2\""));

	expect_protocol(daemon, &both, "http/1.1");
	expect_protocol(daemon, &first, "h2");
	expect_alert(daemon, &echo, SSL_AD_NO_APPLICATION_PROTOCOL,
		     "no application protocol");
	expect_protocol(daemon, &tls_any, "");
	daemon_reload(daemon, tls_config(config, ""));
	expect_protocol(daemon, &both, "");
	expect_protocol(daemon, &echo, "");
	tls_stop(daemon);
}
END_TEST

START_TEST(test_handshake_timeout_starts_after_header)
{
	struct daemon *daemon =
		tls_start("handshake_timeout = 1.0;",
			  "proxy_protocol = { from = \"127.0.0.1\"; };");
	int fd = connect_to(daemon);

	client_send(fd, header_v1.bytes, header_v1.length);
	client_wait_closed(fd);
	daemon_wait_line(daemon, "^Connection closed 192\\.0\\.2\\.7:51234 .*"
				 "reason=tls_timeout .*: no TLS handshake$");
	close(fd);
	tls_stop(daemon);
}
END_TEST

START_TEST(test_handshakes_count_at_their_listener)
{
	struct daemon *daemon = daemon_start(
		tls_config(STATUS "listeners = ( "
				  "{ name = \"secure\"; " TLS_LISTEN
				  "tls = { " TLS_SERVER "}; }, "
				  "{ name = \"other\"; " TLS_LISTEN
				  "tls = { " TLS_SERVER "}; }, "
				  "{ name = \"plain\"; " TLS_LISTEN "} );"));
	unsigned port = status_port(daemon);
	SSL *client =
		tls_open(client_connect(daemon_port(daemon, 0)), &tls_any);
	int silent = client_connect(daemon_port(daemon, 1));
	int plain = client_connect(daemon_port(daemon, 2));
	const char *answer;

	tls_say_hello(client);
	client_say_hello(plain);
	close(silent);
	daemon_wait_counter(daemon, "closed.no_data", 1);
	answer = ask(port, GET("/metrics") CLOSE);
	contains(answer, "\nechod_handshakes_total 1\n");
	contains(answer, "\nechod_listener_handshakes_total{"
			 "listener=\"secure\"} 1\n");
	contains(answer, "\nechod_listener_handshakes_total{"
			 "listener=\"other\"} 0\n");
	contains(answer, "\nechod_listener_handshakes_total{"
			 "listener=\"plain\"} 0\n");
	contains(answer, "\nechod_listener_connections_closed_total{"
			 "listener=\"other\",reason=\"no_data\"} 1\n");
	contains(answer, ",kind=\"tcp\",tls=\"yes\",");
	tls_drop(client);
	close(plain);
	tls_stop(daemon);
}
END_TEST

SUITE(test_handshake_timeout, test_fragmented_handshake,
      test_plain_text_is_refused, test_silent_connection_is_not_logged,
      test_renegotiation_is_refused, test_no_session_resumption,
      test_client_certificate_is_required, test_client_certificate_is_optional,
      test_minimum_version, test_alpn, test_alpn_has_a_list,
      test_handshake_timeout_starts_after_header,
      test_handshakes_count_at_their_listener)
