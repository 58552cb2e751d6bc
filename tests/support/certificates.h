/* certificates: certificates for tests of TLS, made by openssl(1). */
#ifndef ECHOD_TESTS_CERTIFICATES_H
#define ECHOD_TESTS_CERTIFICATES_H

/*
 * Makes a directory with these certificates, each as NAME.pem and NAME.key:
 * `server`, `renewed`, `ca` and `rsa` are self-signed, the last with a key of
 * RSA, the others of ECDSA; `client`, with the common name
 * "client 9", is signed by `ca`; `stranger` by an unknown CA. both.pem has the
 * server's certificate and key, rsa-both.pem that of `rsa`; locked.key is the
 * server's encrypted key.
 * Returns its path. Skips the test if openssl(1) is missing. tls_clean()
 * removes it.
 */
const char *tls_directory(void);
void tls_clean(void);

/*
 * Makes the self-signed NAME.pem valid from `from` days to `to` days after now;
 * negative: before now.
 */
void tls_set_dates(const char *name, int from, int to);

/*
 * The formatted text, with "DIR" replaced by the directory, which is otherwise
 * only needed for CREDENTIALS_DIRECTORY. Valid until the next call.
 */
const char *tls_config(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* The settings of one listener with the certificate of `server`. */
#define TLS_LISTEN "listen = \"127.0.0.1:0\"; "
#define TLS_SERVER \
	"certificate = \"DIR/server.pem\"; key = \"DIR/server.key\"; "

#endif
