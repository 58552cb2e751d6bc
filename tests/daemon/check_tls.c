/* TLS: the echo, also after a PROXY header and over a unix socket. */
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/proxy_headers.h"
#include "support/suite.h"
#include "support/tls_client.h"

#define LENGTH 3000000

static int
connect_to(struct daemon *daemon)
{
	return client_connect(daemon_port(daemon, 0));
}

START_TEST(test_both_versions)
{
	static const struct tls_options choices[] = {
		{ .version = TLS1_2_VERSION },
		{ .version = TLS1_3_VERSION },
	};
	struct daemon *daemon = tls_start("", "");

	for (size_t i = 0; i < 2; i++) {
		SSL *client = tls_connect(daemon, &choices[i]);
		char pattern[128];

		tls_say_hello(client);
		snprintf(pattern, sizeof(pattern),
			 "^Connection from 127\\.0\\.0\\.1:%u listener=main "
			 "conn=[0-9]+ tls=TLSv1\\.%zu peer=",
			 client_port(SSL_get_fd(client)), i + 2);
		daemon_wait_line(daemon, pattern);
		tls_finish(client);
		tls_expect_end(client);
		daemon_wait_line(daemon, "^Connection closed .* reason=eof "
					 "in=6 out=10 ");
		daemon_forget(daemon);
		tls_drop(client);
	}
	tls_stop(daemon);
}
END_TEST

START_TEST(test_every_byte_is_echoed)
{
	struct daemon *daemon = tls_start("", "");
	static const size_t pieces[] = { 100, 5000, 65536 };

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		SSL *client = tls_connect(daemon, i % 2 ? &tls_old : &tls_any);

		tls_exchange(client, LENGTH, pieces[i], false);
		tls_drop(client);
	}
	daemon_wait_lines(daemon, " reason=eof in=3000000 ", 3);
	tls_stop(daemon);
}
END_TEST

/* The kernel's buffers are small: the output waits in the daemon. */
START_TEST(test_slow_reader)
{
	struct daemon *daemon = tls_start("", "output_limit = 65536;");
	long before = daemon_status_kib(daemon, "VmHWM");

	for (int i = 0; i < 2; i++) {
		int fd = client_connect_small(daemon_port(daemon, 0), 4096);
		SSL *client = tls_open(fd, i ? &tls_old : &tls_any);

		tls_exchange(client, LENGTH, 16384, true);
		tls_drop(client);
	}
	daemon_wait_lines(daemon, " reason=eof in=3000000 ", 2);
#ifndef SUITE_SANITIZED
	ck_assert_int_lt(daemon_status_kib(daemon, "VmHWM") - before, 2048);
#else
	(void)before;
#endif
	tls_stop(daemon);
}
END_TEST

/*
 * RFC 8446, 4.6.3: either side may update its keys at any time, and request
 * the same of the other.
 */
START_TEST(test_key_update)
{
	struct daemon *daemon = tls_start("", "");
	SSL *client = tls_connect(daemon, &tls_any);

	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(
			SSL_key_update(client,
				       i % 2 ? SSL_KEY_UPDATE_REQUESTED :
					       SSL_KEY_UPDATE_NOT_REQUESTED),
			1);
		tls_say_hello(client);
	}
	/* Also after the last input. */
	ck_assert_int_eq(SSL_key_update(client, SSL_KEY_UPDATE_REQUESTED), 1);
	tls_say(client, "Bye\n");
	tls_finish(client);
	tls_hear(client, "GOT:Bye\n");
	tls_expect_end(client);
	tls_drop(client);
	tls_stop(daemon);
}
END_TEST

/* What a peer supplies is escaped. */
START_TEST(test_prefix_variables)
{
	static const struct tls_options named = { .version = TLS1_2_VERSION,
						  .sni = "a\n\\.example" };
	struct daemon *daemon = tls_start(
		"", "prefix = \"%{tls.version},%{tls.sni},%{tls.cn}:\";");
	SSL *client = tls_connect(daemon, &tls_any);

	tls_say(client, "x");
	tls_hear(client, "TLSv1.3,-,-:x");
	tls_drop(client);
	client = tls_connect(daemon, &named);
	tls_say(client, "x");
	tls_hear(client, "TLSv1.2,a\\x0a\\x5c.example,-:x");
	tls_drop(client);
	tls_stop(daemon);
}
END_TEST

/* The handshake follows the header in one segment, and no byte is lost. */
START_TEST(test_proxy_header_before_handshake)
{
	struct daemon *daemon =
		tls_start("", "prefix = \"%{peer}:\"; "
			      "proxy_protocol = { from = \"127.0.0.1\"; };");
	const struct header *const headers[] = { &header_v1, &header_v2 };

	for (size_t i = 0; i < 2; i++) {
		int fd = connect_to(daemon);
		SSL *client = tls_client(fd, &tls_any);

		ck_assert_int_eq(send(fd, headers[i]->bytes, headers[i]->length,
				      MSG_MORE),
				 (ssize_t)headers[i]->length);
		ck_assert_int_eq(SSL_connect(client), 1);
		tls_say(client, "x");
		tls_hear(client, "192.0.2.7:51234:x");
		daemon_wait_line(
			daemon,
			"^Connection from 192\\.0\\.2\\.7:51234 .* "
			"via=127\\.0\\.0\\.1:[0-9]+ tls=TLSv1\\.3 peer=");
		daemon_forget(daemon);
		tls_drop(client);
	}
	/* Without the header no handshake begins. */
	SSL *bare = tls_client(connect_to(daemon), &tls_any);
	ck_assert_int_ne(SSL_connect(bare), 1);
	daemon_wait_line(daemon, "reason=proxy_invalid ");
	ERR_clear_error();
	tls_drop(bare);
	tls_stop(daemon);
}
END_TEST

START_TEST(test_unix_socket)
{
	char name[40], config[128];

	snprintf(name, sizeof(name), "@echod-check-tls-%d", getpid());
	snprintf(config, sizeof(config),
		 "listeners = ( { name = \"unix\"; "
		 "listen = \"unix:%s\"; } );",
		 name);

	struct daemon *daemon = tls_start("", config);
	SSL *client = tls_open(client_connect_unix(name), &tls_any);

	tls_say_hello(client);
	tls_finish(client);
	tls_expect_end(client);
	tls_drop(client);
	tls_stop(daemon);
}
END_TEST

SUITE(test_both_versions, test_every_byte_is_echoed, test_slow_reader,
      test_key_update, test_prefix_variables,
      test_proxy_header_before_handshake, test_unix_socket)
