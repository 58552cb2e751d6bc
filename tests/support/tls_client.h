/*
 * tls_client: TLS clients of the daemon in tests, in this process. Any error
 * fails the test.
 */
#ifndef ECHOD_TESTS_TLS_CLIENT_H
#define ECHOD_TESTS_TLS_CLIENT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

struct daemon;

/* Options of a client; all zero: accept anything. */
struct tls_options {
	const char *certificate; /* "client"; NULL: none */
	const char *alpn;	 /* as SSL_set_alpn_protos() has it */
	const char *sni;
	int version; /* TLS1_2_VERSION; 0: any */
};

/* Any version, which gives the newest; and TLS 1.2 only. */
extern const struct tls_options tls_any, tls_old;

/* A client on a connected socket, before its handshake. */
SSL *tls_client(int fd, const struct tls_options *options);

/* The same, after a successful handshake. */
SSL *tls_open(int fd, const struct tls_options *options);

/*
 * Starts a daemon with one TLS listener (TLS_SERVER of certificates.h). `tls`
 * are more settings of its group tls, `others` more settings of the listener.
 * tls_stop() also removes the certificates.
 */
struct daemon *tls_start(const char *tls, const char *others);
void tls_stop(struct daemon *daemon);

/* tls_open(), connected to the first address of the daemon. */
SSL *tls_connect(struct daemon *daemon, const struct tls_options *options);

/*
 * Starts a daemon with the settings `others` and runs `talk` with a client of
 * each TLS version, one after the other. The daemon must log `line` for each,
 * and no error.
 */
void tls_check(const char *others, void (*talk)(SSL *client), const char *line);

/* Frees it and closes its socket, without close_notify. */
void tls_drop(SSL *client);

void tls_say(SSL *client, const char *text);
void tls_hear(SSL *client, const char *text);
void tls_say_hello(SSL *client); /* and hears it, as it comes back by default */

/* close_notify; reading goes on. */
void tls_finish(SSL *client);

/* Reads close_notify, and then FIN. */
void tls_expect_end(SSL *client);

/* Reads RST. */
void tls_expect_reset(SSL *client);

/* The common name of the server's certificate. */
const char *tls_server_name(SSL *client);

/*
 * Sends the pattern (client.h), at most `piece` bytes at a time, then
 * close_notify. Reads the echo, in chunks of 1000 with the prefix "GOT:", at
 * most `piece` bytes at a time, to the end. `late`: reads nothing until the
 * server takes no more.
 */
void tls_exchange(SSL *client, size_t length, size_t piece, bool late);

/*
 * Expects the handshake, or the first read after it, to fail; returns the
 * description of the server's alert.
 */
int tls_expect_alert(SSL *client);

#endif
