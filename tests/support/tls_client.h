/*
 * tls_client: the peers of the daemon in tests of TLS, in this process.  What is
 * not expected fails the test.
 */
#ifndef ECHOD_TESTS_TLS_CLIENT_H
#define ECHOD_TESTS_TLS_CLIENT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

struct daemon;

/* How a client is to be; zeroed, it takes whatever comes. */
struct tls_options {
	const char *certificate; /* "client"; NULL: none */
	const char *alpn;	 /* as SSL_set_alpn_protos() has it */
	const char *sni;
	int version; /* TLS1_2_VERSION; 0: any */
};

/* Whatever comes, which is the newest version; and the old one. */
extern const struct tls_options tls_any, tls_old;

/* A client on a connected socket, before its handshake. */
SSL *tls_client(int fd, const struct tls_options *options);

/* The same, and the handshake, which has to be fine. */
SSL *tls_open(int fd, const struct tls_options *options);

/*
 * A daemon with one listener, that of TLS_SERVER (certificates.h), with these
 * settings of its group tls and these others.  tls_stop() removes the files, too.
 */
struct daemon *tls_start(const char *tls, const char *others);
void tls_stop(struct daemon *daemon);

/* tls_open(), connected to the first address of the daemon. */
SSL *tls_connect(struct daemon *daemon, const struct tls_options *options);

/*
 * A daemon with these other settings, and a client of each version that talks to
 * it, one after the other; it logs as many of that line, and no error.
 */
void tls_check(const char *others, void (*talk)(SSL *client), const char *line);

/* Frees it and closes its socket, without a word. */
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
 * Sends the pattern (client.h), at most `piece` bytes at a time, then close_notify,
 * and reads all of the echo, which is framed "GOT:" by 1000 bytes, at most
 * `piece` bytes at a time, to the end.  `late`: nothing is read as long as the
 * server takes more.
 */
void tls_exchange(SSL *client, size_t length, size_t piece, bool late);

/*
 * The handshake fails, or what is read first after it: the description of the
 * alert that the server has sent.
 */
int tls_expect_alert(SSL *client);

#endif
