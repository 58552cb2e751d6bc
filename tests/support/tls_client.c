#include "support/tls_client.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "support/certificates.h"
#include "support/client.h"
#include "support/daemon.h"
#include "support/suite.h"

/* Time-out for a peer that takes no more. */
#define STUCK_MS 300
#define DEADLINE_MS 40000

const struct tls_options tls_any;
const struct tls_options tls_old = { .version = TLS1_2_VERSION };

static void
show_certificate(SSL *client, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s.pem", tls_directory(), name);
	ck_assert_int_eq(
		SSL_use_certificate_file(client, path, SSL_FILETYPE_PEM), 1);
	snprintf(path, sizeof(path), "%s/%s.key", tls_directory(), name);
	ck_assert_int_eq(
		SSL_use_PrivateKey_file(client, path, SSL_FILETYPE_PEM), 1);
}

SSL *
tls_client(int fd, const struct tls_options *options)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *client = SSL_new(context);

	/* OpenSSL does not know MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	SSL_CTX_free(context);
	ck_assert_int_eq(SSL_set_fd(client, fd), 1);
	SSL_set_connect_state(client);
	SSL_set_mode(client, SSL_MODE_ENABLE_PARTIAL_WRITE |
				     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (options->certificate)
		show_certificate(client, options->certificate);
	if (options->alpn)
		SSL_set_alpn_protos(client,
				    (const unsigned char *)options->alpn,
				    (unsigned)strlen(options->alpn));
	if (options->sni)
		SSL_set_tlsext_host_name(client, options->sni);
	if (options->version) {
		SSL_set_min_proto_version(client, options->version);
		SSL_set_max_proto_version(client, options->version);
	}
	return client;
}

SSL *
tls_open(int fd, const struct tls_options *options)
{
	SSL *client = tls_client(fd, options);

	ck_assert_msg(SSL_connect(client) == 1, "handshake: %s",
		      ERR_reason_error_string(ERR_get_error()));
	return client;
}

void
tls_drop(SSL *client)
{
	close(SSL_get_fd(client));
	SSL_free(client);
}

void
tls_say(SSL *client, const char *text)
{
	ck_assert_int_eq(SSL_write(client, text, (int)strlen(text)),
			 (int)strlen(text));
}

void
tls_hear(SSL *client, const char *text)
{
	char got[4096];
	int have = 0;
	int length = (int)strlen(text);

	while (have < length) {
		int more = SSL_read(client, got + have, length - have);

		ck_assert_msg(more > 0, "%d of %d bytes, then error %d", have,
			      length, SSL_get_error(client, more));
		have += more;
	}
	ck_assert_msg(memcmp(got, text, (size_t)length) == 0,
		      "\"%.*s\" instead of \"%s\"", length, got, text);
}

void
tls_say_hello(SSL *client)
{
	tls_say(client, "Hello\n");
	tls_hear(client, "GOT:Hello\n");
}

void
tls_finish(SSL *client)
{
	ck_assert_int_eq(SSL_shutdown(client), 0);
}

void
tls_expect_end(SSL *client)
{
	char byte;
	int got = SSL_read(client, &byte, 1);

	ck_assert_int_le(got, 0);
	ck_assert_int_eq(SSL_get_error(client, got), SSL_ERROR_ZERO_RETURN);
	client_expect_eof(SSL_get_fd(client));
}

void
tls_expect_reset(SSL *client)
{
	char byte;
	int got = SSL_read(client, &byte, 1);

	ck_assert_int_le(got, 0);
	ck_assert_int_eq(SSL_get_error(client, got), SSL_ERROR_SYSCALL);
	ck_assert_int_eq(errno, ECONNRESET);
	ERR_clear_error();
}

const char *
tls_server_name(SSL *client)
{
	static char name[128];

	X509_NAME_oneline(
		X509_get_subject_name(SSL_get0_peer_certificate(client)), name,
		sizeof(name));
	return name + strlen("/CN=");
}

int
tls_expect_alert(SSL *client)
{
	int done = SSL_connect(client);
	unsigned long error;
	char byte;

	/*
	 * In TLS 1.3 the server's error comes after the client's handshake is
	 * done.
	 */
	if (done == 1)
		done = SSL_read(client, &byte, 1);
	ck_assert_int_le(done, 0);
	ck_assert_int_eq(SSL_get_error(client, done), SSL_ERROR_SSL);
	error = ERR_peek_error();
	ERR_clear_error();
	ck_assert_int_ge(ERR_GET_REASON(error), SSL_AD_REASON_OFFSET);
	return ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;
}

/* State of an exchange. */
struct exchange {
	SSL *client;
	size_t length;
	size_t piece;
	size_t sent;
	bool finished; /* close_notify is out */
	bool ended;    /* the server's close_notify has arrived */
	struct framing framing;
};

/* False if it would block. */
static bool
is_done(const struct exchange *exchange, int result)
{
	int error;

	if (result > 0)
		return true;
	error = SSL_get_error(exchange->client, result);
	ck_assert_msg(
		error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE,
		"after %zu bytes sent, %llu back: error %d, %s", exchange->sent,
		(unsigned long long)exchange->framing.position, error,
		ERR_reason_error_string(ERR_peek_error()));
	return false;
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void
give(struct exchange *exchange)
{
	int result;

	while (exchange->sent < exchange->length) {
		size_t left = exchange->length - exchange->sent;
		size_t piece = smaller(exchange->piece, PATTERN_RUN);

		result = SSL_write(exchange->client,
				   pattern_from(exchange->sent),
				   (int)smaller(left, piece));
		if (!is_done(exchange, result))
			return;
		exchange->sent += (size_t)result;
	}
	if (exchange->finished)
		return;
	result = SSL_shutdown(exchange->client);
	exchange->finished = result >= 0 || is_done(exchange, result);
}

static void
take(struct exchange *exchange)
{
	char data[65536];

	for (;;) {
		int got = SSL_read(exchange->client, data,
				   (int)smaller(exchange->piece, sizeof(data)));

		if (got <= 0 && SSL_get_error(exchange->client, got) ==
					SSL_ERROR_ZERO_RETURN) {
			exchange->ended = true;
			return;
		}
		if (!is_done(exchange, got))
			return;
		framing_feed(&exchange->framing, data, (size_t)got);
	}
}

static bool
wait_for(const struct exchange *exchange, short what, int ms)
{
	struct pollfd pollfd = { SSL_get_fd(exchange->client), what, 0 };

	return poll(&pollfd, 1, ms) > 0;
}

void
tls_exchange(SSL *client, size_t length, size_t piece, bool late)
{
	struct exchange exchange = {
		.client = client,
		.length = length,
		.piece = piece,
		.framing = framing_of("GOT:", 1000),
	};
	int fd = SSL_get_fd(client);

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	do
		give(&exchange);
	while (late && !exchange.finished &&
	       wait_for(&exchange, POLLOUT, STUCK_MS));
	while (!exchange.ended) {
		give(&exchange);
		take(&exchange);
		if (!exchange.ended)
			ck_assert(wait_for(&exchange,
					   exchange.finished ? POLLIN :
							       POLLIN | POLLOUT,
					   DEADLINE_MS));
	}
	framing_end(&exchange.framing, length);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	client_expect_eof(fd);
}

struct daemon *
tls_start(const char *tls, const char *others)
{
	return daemon_start(tls_config(
		TLS_LISTEN "tls = { " TLS_SERVER "%s }; %s", tls, others));
}

void
tls_stop(struct daemon *daemon)
{
	ck_assert_int_eq(daemon_stop(daemon), 0);
	tls_clean();
}

SSL *
tls_connect(struct daemon *daemon, const struct tls_options *options)
{
	return tls_open(client_connect(daemon_port(daemon, 0)), options);
}

void
tls_check(const char *others, void (*talk)(SSL *client), const char *line)
{
	static const struct tls_options *const versions[] = { &tls_old,
							      &tls_any };
	enum { VERSIONS = sizeof(versions) / sizeof(*versions) };
	struct daemon *daemon = tls_start("", others);

	for (int i = 0; i < VERSIONS; i++) {
		SSL *client = tls_connect(daemon, versions[i]);

		talk(client);
		tls_drop(client);
	}
	daemon_wait_lines(daemon, line, VERSIONS);
	ck_assert_uint_eq(daemon_count_lines(daemon, "[Ee]rror"), 0);
	tls_stop(daemon);
}
