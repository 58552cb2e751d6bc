/*
 * certificates: for tests of TLS, as openssl(1) makes them, in a directory.
 */
#ifndef ECHOD_TESTS_CERTIFICATES_H
#define ECHOD_TESTS_CERTIFICATES_H

/*
 * A directory with these in it, each NAME.pem with its NAME.key: `server`,
 * `renewed` and `ca` sign themselves; `client` (its common name is "client 9") is
 * signed by `ca`, and `stranger` by nobody that it knows of.  `both.pem` has the
 * server's certificate and key; locked.key is its key, encrypted.
 *
 * Skips the test where openssl(1) is missing.  To be removed by tls_clean().
 */
const char *tls_directory(void);
void tls_clean(void);

/* Reads as printf(3) does; "DIR" stands for the directory, which
 * is its only use but for CREDENTIALS_DIRECTORY. */
const char *tls_config(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* The settings of one listener with the certificate of `server`. */
#define TLS_LISTEN "listen = \"127.0.0.1:0\"; "
#define TLS_SERVER \
	"certificate = \"DIR/server.pem\"; key = \"DIR/server.key\"; "

#endif
