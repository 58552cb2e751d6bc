#include "probe/tls_client.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/certificates.h"
#include "support/suite.h"
#include "probe/tls_pair.h"

#define DAY 86400.0

START_TEST(test_a_server_can_close_during_the_handshake)
{
	struct probe_tls_options options = { .insecure = true };
	struct tls_pair pair = tls_pair_new(&options, "localhost", NULL);

	ck_assert_int_eq(tls_client_handshake(pair.client, pair.reason),
			 TLS_CLIENT_WANTS_READ);
	ck_assert_int_eq(shutdown(pair.fds[1], SHUT_WR), 0);
	ck_assert_int_eq(tls_client_handshake(pair.client, pair.reason),
			 TLS_CLIENT_FIN);
	tls_pair_free(&pair);
}
END_TEST

START_TEST(test_a_reset_during_the_handshake_is_an_error_of_the_socket)
{
	struct probe_tls_options options = { .insecure = true };
	struct tls_pair pair = tls_pair_new(&options, "localhost", NULL);

	ck_assert_int_eq(tls_client_handshake(pair.client, pair.reason),
			 TLS_CLIENT_WANTS_READ);
	/* What it has not read makes it a reset. */
	close(pair.fds[1]);
	pair.fds[1] = -1;
	ck_assert_int_eq(tls_client_handshake(pair.client, pair.reason),
			 TLS_CLIENT_ERROR);
	ck_assert_int_eq(errno, ECONNRESET);
	ck_assert_str_eq(pair.reason, strerror(ECONNRESET));
	tls_pair_free(&pair);
}
END_TEST

static void
expect_read(struct tls_pair *pair, enum tls_client_state expected)
{
	char byte;
	size_t done;

	ck_assert_int_eq(tls_client_read(pair->client, &byte, 1, &done),
			 expected);
	ck_assert_uint_eq(done, 0);
}

START_TEST(test_close_notify_and_fin_are_told_apart)
{
	for (int i = 0; i < 2; i++) {
		struct tls_pair_server server = {
			.version = tls_pair_versions[i]
		};
		struct tls_pair pair = tls_pair_connected(&server);

		expect_read(&pair, TLS_CLIENT_WANTS_READ);
		ck_assert_int_eq(SSL_shutdown(pair.server), 0);
		ck_assert_int_eq(shutdown(pair.fds[1], SHUT_WR), 0);
		expect_read(&pair, TLS_CLIENT_CLOSED);
		tls_pair_free(&pair);

		pair = tls_pair_connected(&server);
		ck_assert_int_eq(shutdown(pair.fds[1], SHUT_WR), 0);
		expect_read(&pair, TLS_CLIENT_FIN);
		tls_pair_free(&pair);
	}
	tls_clean();
}
END_TEST

START_TEST(test_a_reset_is_an_error_of_the_socket)
{
	struct tls_pair_server server = { 0 };
	struct tls_pair pair = tls_pair_connected(&server);
	size_t done;

	ck_assert_int_eq(tls_client_write(pair.client, "x", 1, &done),
			 TLS_CLIENT_DONE);
	close(pair.fds[1]);
	pair.fds[1] = -1;
	expect_read(&pair, TLS_CLIENT_ERROR);
	ck_assert_int_eq(errno, ECONNRESET);
	tls_client_reason(pair.client, pair.reason);
	ck_assert_int_eq(errno, ECONNRESET);
	ck_assert_str_eq(pair.reason, strerror(ECONNRESET));
	tls_pair_free(&pair);
	tls_clean();
}
END_TEST

START_TEST(test_an_error_of_another_connection_is_forgotten)
{
	struct tls_pair_server server = { 0 };
	struct tls_pair pair = tls_pair_connected(&server);

	ERR_raise(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER);
	expect_read(&pair, TLS_CLIENT_WANTS_READ);
	tls_pair_free(&pair);
	tls_clean();
}
END_TEST

START_TEST(test_the_echo_comes_after_the_end_of_the_client)
{
	for (int i = 0; i < 2; i++) {
		struct tls_pair_server server = {
			.version = tls_pair_versions[i]
		};
		struct tls_pair pair = tls_pair_connected(&server);
		char data[8];
		size_t done;

		ck_assert_int_eq(tls_client_write(pair.client, "Hello", 5,
						  &done),
				 TLS_CLIENT_DONE);
		ck_assert_uint_eq(done, 5);
		tls_client_shutdown(pair.client);
		ck_assert_int_eq(SSL_read(pair.server, data, sizeof(data)), 5);
		ck_assert_int_eq(SSL_read(pair.server, data + 5, 1), 0);
		ck_assert_int_eq(SSL_get_error(pair.server, 0),
				 SSL_ERROR_ZERO_RETURN);
		ck_assert_int_eq(SSL_write(pair.server, data, 5), 5);
		memset(data, 0, sizeof(data));
		ck_assert_int_eq(tls_client_read(pair.client, data,
						 sizeof(data), &done),
				 TLS_CLIENT_DONE);
		ck_assert_uint_eq(done, 5);
		ck_assert_mem_eq(data, "Hello", 5);
		tls_pair_free(&pair);
	}
	tls_clean();
}
END_TEST

START_TEST(test_a_full_socket_takes_the_rest_later)
{
	enum { SIZE = 4 * 1024 * 1024 };
	static char data[SIZE], other_place[SIZE], got[SIZE];
	struct tls_pair_server server = { 0 };
	struct tls_pair pair = tls_pair_connected(&server);
	size_t sent = 0, received = 0, done;
	bool was_full = false;

	for (size_t i = 0; i < SIZE; i++)
		data[i] = other_place[i] = (char)(i % 251);
	while (received < SIZE) {
		const char *from = was_full ? other_place : data;
		enum tls_client_state state = TLS_CLIENT_DONE;

		while (sent < SIZE && state == TLS_CLIENT_DONE) {
			state = tls_client_write(pair.client, from + sent,
						 SIZE - sent, &done);
			sent += done;
		}
		was_full |= state == TLS_CLIENT_WANTS_WRITE;
		ck_assert(state == TLS_CLIENT_DONE ||
			  state == TLS_CLIENT_WANTS_WRITE);
		while (SSL_read_ex(pair.server, got + received, SIZE - received,
				   &done) == 1)
			received += done;
	}
	ck_assert(was_full);
	ck_assert_mem_eq(got, data, SIZE);
	tls_pair_free(&pair);
	tls_clean();
}
END_TEST

START_TEST(test_close_notify_waits_for_room)
{
	struct tls_pair_server server = { 0 };
	struct tls_pair pair = tls_pair_connected(&server);
	enum tls_client_state state = TLS_CLIENT_DONE;
	char byte = 'x';
	size_t done;

	while (state == TLS_CLIENT_DONE)
		state = tls_client_write(pair.client, &byte, 1, &done);
	ck_assert_int_eq(state, TLS_CLIENT_WANTS_WRITE);
	/* Room for the record that waits, and for no other. */
	ck_assert_int_eq(SSL_read(pair.server, &byte, 1), 1);
	ck_assert_int_eq(tls_client_write(pair.client, &byte, 1, &done),
			 TLS_CLIENT_DONE);
	ck_assert(!tls_client_shutdown(pair.client));
	while (SSL_read_ex(pair.server, &byte, 1, &done) == 1)
		;
	ck_assert_int_eq(SSL_get_error(pair.server, 0), SSL_ERROR_WANT_READ);
	ck_assert(tls_client_shutdown(pair.client));
	ck_assert_int_eq(SSL_read_ex(pair.server, &byte, 1, &done), 0);
	ck_assert_int_eq(SSL_get_error(pair.server, 0), SSL_ERROR_ZERO_RETURN);
	tls_pair_free(&pair);
	tls_clean();
}
END_TEST

static void
check_expiry(struct tls_pair_server *server, const char *subject, double days)
{
	struct tls_pair pair = tls_pair_connected(server);
	char text[128], got[128];
	double expires, now = (double)time(NULL);

	tls_client_describe(pair.client, text, sizeof(text), got, sizeof(got),
			    &expires);
	ck_assert_str_eq(got, subject);
	ck_assert_double_gt(expires, now + (days - 1) * DAY);
	ck_assert_double_le(expires, now + days * DAY);
	tls_pair_free(&pair);
}

START_TEST(test_the_earliest_expiry_of_the_chain_is_told)
{
	struct tls_pair_server server = { 0 };

	tls_enter_directory();
	tls_set_dates("server", -1, 100);
	tls_set_dates("renewed", -1, 10);
	check_expiry(&server, "/CN=localhost", 100);
	ck_assert_int_eq(system("cat server.pem renewed.pem >chain.pem"), 0);
	server.chain = "chain.pem";
	check_expiry(&server, "/CN=localhost", 10);
	tls_clean();
}
END_TEST

START_TEST(test_a_small_buffer_is_not_overrun)
{
	struct tls_pair_server server = { 0 };
	struct tls_pair pair = tls_pair_connected(&server);
	char text[9] = "........", subject[6] = ".....";
	double expires;

	tls_client_describe(pair.client, text, 8, subject, 5, &expires);
	ck_assert_str_eq(text, "TLSv1.3");
	ck_assert_str_eq(subject, "");
	ck_assert_int_eq(subject[5], '\0');
	tls_pair_free(&pair);
	tls_clean();
}
END_TEST

SUITE(test_a_server_can_close_during_the_handshake,
      test_a_reset_during_the_handshake_is_an_error_of_the_socket,
      test_close_notify_and_fin_are_told_apart,
      test_a_reset_is_an_error_of_the_socket,
      test_an_error_of_another_connection_is_forgotten,
      test_the_echo_comes_after_the_end_of_the_client,
      test_a_full_socket_takes_the_rest_later, test_close_notify_waits_for_room,
      test_the_earliest_expiry_of_the_chain_is_told,
      test_a_small_buffer_is_not_overrun)
