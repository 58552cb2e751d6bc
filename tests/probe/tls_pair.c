#include "probe/tls_pair.h"

#include <openssl/err.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/certificates.h"
#include "support/suite.h"

const int tls_pair_versions[2] = { TLS1_2_VERSION, TLS1_3_VERSION };

void
tls_enter_directory(void)
{
	ck_assert_int_eq(chdir(tls_directory()), 0);
}

struct probe_tls_options
tls_pair_trusting(const char *ca)
{
	return (struct probe_tls_options){ .ca = ca };
}

static int
choose_protocol(SSL *tls, const unsigned char **out, unsigned char *length,
		const unsigned char *offered, unsigned offered_length,
		void *argument)
{
	const char *wanted = argument;
	unsigned char *chosen;

	(void)tls;
	if (SSL_select_next_proto(&chosen, length,
				  (const unsigned char *)wanted,
				  (unsigned)strlen(wanted), offered,
				  offered_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static SSL *
server_new(const struct tls_pair_server *settings, int fd)
{
	const char *chain = settings->chain ? settings->chain : "server.pem";
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	SSL *tls;

	ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(context, chain), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(context, "server.key",
						     SSL_FILETYPE_PEM),
			 1);
	if (settings->wants_certificate) {
		ck_assert_int_eq(SSL_CTX_load_verify_file(context, "ca.pem"),
				 1);
		SSL_CTX_set_verify(context,
				   SSL_VERIFY_PEER |
					   SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
				   NULL);
	}
	if (settings->alpn)
		SSL_CTX_set_alpn_select_cb(context, choose_protocol,
					   (void *)settings->alpn);
	SSL_CTX_set_max_proto_version(context, settings->version);
	/* No bytes but those of the test. */
	SSL_CTX_set_num_tickets(context, 0);
	tls = SSL_new(context);
	SSL_CTX_free(context);
	ck_assert_int_eq(SSL_set_fd(tls, fd), 1);
	SSL_set_accept_state(tls);
	return tls;
}

struct tls_pair
tls_pair_new(const struct probe_tls_options *options, const char *host,
	     const struct tls_pair_server *settings)
{
	struct tls_pair pair = { .server = NULL };
	const char *error;

	/* OpenSSL does not know MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    pair.fds),
			 0);
	error = tls_client_context(options, &pair.context, pair.reason);
	ck_assert_msg(!error, "%s", error);
	pair.client = tls_client_new(pair.context, options, host, pair.fds[0]);
	ck_assert_ptr_nonnull(pair.client);
	if (settings)
		pair.server = server_new(settings, pair.fds[1]);
	return pair;
}

void
tls_pair_free(struct tls_pair *pair)
{
	tls_client_free(pair->client);
	tls_client_context_free(pair->context);
	SSL_free(pair->server);
	close(pair->fds[0]);
	if (pair->fds[1] >= 0)
		close(pair->fds[1]);
}

enum tls_client_state
tls_pair_shake_hands(struct tls_pair *pair)
{
	enum tls_client_state state;

	for (int i = 0; i < 100; i++) {
		state = tls_client_handshake(pair->client, pair->reason);
		SSL_accept(pair->server);
		ERR_clear_error();
		if (state != TLS_CLIENT_WANTS_READ)
			return state;
	}
	ck_abort_msg("the handshake does not end");
}

struct tls_pair
tls_pair_connected(const struct tls_pair_server *settings)
{
	struct probe_tls_options options = tls_pair_trusting("server.pem");
	struct tls_pair pair;

	tls_enter_directory();
	pair = tls_pair_new(&options, "localhost", settings);
	ck_assert_int_eq(tls_pair_shake_hands(&pair), TLS_CLIENT_DONE);
	return pair;
}
