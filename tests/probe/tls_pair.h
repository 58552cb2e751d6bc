/*
 * tls_pair: a tls_client and a server of OpenSSL on both ends of a socket pair,
 * in one thread.  Any error of the test itself fails it.
 */
#ifndef ECHOD_TESTS_TLS_PAIR_H
#define ECHOD_TESTS_TLS_PAIR_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "probe/tls_client.h"

/* The settings of the server; all zero: any client, the newest version. */
struct tls_pair_server {
	const char *chain; /* NULL: server.pem */
	int version;	   /* 0: any */
	bool wants_certificate;
	const char *alpn; /* one protocol, as on the wire; NULL: none */
};

/* TLS 1.2 and 1.3. */
extern const int tls_pair_versions[2];

struct tls_pair {
	int fds[2]; /* client, server; -1: closed */
	struct ssl_ctx_st *context;
	struct ssl_st *client;
	SSL *server;
	char reason[TLS_CLIENT_REASON_SIZE];
};

/*
 * The files of certificates.h can be named without a directory from here on.
 * tls_clean() removes them.
 */
void tls_enter_directory(void);

struct probe_tls_options tls_pair_trusting(const char *ca);

/* Before the handshake; without a server's TLS if `settings` are NULL. */
struct tls_pair tls_pair_new(const struct probe_tls_options *options,
			     const char *host,
			     const struct tls_pair_server *settings);
void tls_pair_free(struct tls_pair *pair);

/* The handshake to its end on the client's side; the server's follows. */
enum tls_client_state tls_pair_shake_hands(struct tls_pair *pair);

/* tls_enter_directory(), and a successful handshake. */
struct tls_pair tls_pair_connected(const struct tls_pair_server *settings);

#endif
