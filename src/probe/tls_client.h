/*
 * tls_client: TLS on one connection, client side.
 *
 * Built without TLS, making a context fails with a reason.
 */
#ifndef ECHOD_PROBE_TLS_CLIENT_H
#define ECHOD_PROBE_TLS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "probe/probe_options.h"

struct ssl_ctx_st;
struct ssl_st;

#define TLS_CLIENT_REASON_SIZE 256

/*
 * The context of all connections.  Reads the files.  Returns NULL, or the
 * reason, which names the option and the file.
 */
const char *tls_client_context(const struct probe_tls_options *options,
			       struct ssl_ctx_st **context,
			       char reason[TLS_CLIENT_REASON_SIZE]);
void tls_client_context_free(struct ssl_ctx_st *context); /* NULL allowed */

/*
 * `fd` is borrowed, and must not block.  `host` is the name in the URL: SNI and
 * the name that the certificate must have, unless --server-name gives another;
 * no SNI if it is an address (RFC 6066, 3).  NULL: out of memory, or a name
 * of more than 255 bytes.
 */
struct ssl_st *tls_client_new(struct ssl_ctx_st *context,
			      const struct probe_tls_options *options,
			      const char *host, int fd);
void tls_client_free(struct ssl_st *tls); /* NULL is allowed */

enum tls_client_state {
	TLS_CLIENT_DONE,
	TLS_CLIENT_WANTS_READ,
	TLS_CLIENT_WANTS_WRITE,
	TLS_CLIENT_FIN,	   /* a FIN without close_notify */
	TLS_CLIENT_CLOSED, /* close_notify of the server */
	TLS_CLIENT_ERROR,  /* errno is the cause, or 0: an error of TLS */
};

/* Continues the handshake.  If it fails, `reason` is set. */
enum tls_client_state tls_client_handshake(struct ssl_st *tls,
					   char reason[TLS_CLIENT_REASON_SIZE]);

/* The most bytes of one record, and so of one read (RFC 8446, 5.1). */
#define TLS_CLIENT_RECORD 16384

/*
 * Reads up to `size` bytes, of one record, or writes some of them; sets `done`.
 * With a `size` of TLS_CLIENT_RECORD or more, OpenSSL holds nothing back: what
 * is left to read makes the socket readable.
 */
enum tls_client_state tls_client_read(struct ssl_st *tls, void *data,
				      size_t size, size_t *done);
enum tls_client_state tls_client_write(struct ssl_st *tls, const void *data,
				       size_t size, size_t *done);

/*
 * Right after one of them has returned TLS_CLIENT_ERROR: the reason.  In TLS
 * 1.3 a server that refuses the client's certificate says so when the first
 * bytes are read.
 */
void tls_client_reason(const struct ssl_st *tls,
		       char reason[TLS_CLIENT_REASON_SIZE]);

/*
 * Sends close_notify; then the caller shuts the socket down.  False: the socket
 * has no room for it now.
 */
bool tls_client_shutdown(struct ssl_st *tls);

/*
 * After the handshake: "TLSv1.3 TLS_AES_256_GCM_SHA384 h2" (the last one is the
 * ALPN protocol, if any), the subject of the certificate, and its expiry in
 * seconds since 1970 (the earliest of the chain).
 */
void tls_client_describe(struct ssl_st *tls, char *text, size_t size,
			 char *subject, size_t subject_size, double *expires);

/* Built without TLS, there is no context, and so no connection. */
#ifndef HAVE_TLS
#define tls_client_context_free(context) ((void)(context))
#define tls_client_new(context, options, host, fd) \
	((void)(context), (void)(options), (void)(host), (void)(fd), NULL)
#define tls_client_free(tls) ((void)(tls))
#define tls_client_handshake(tls, reason) \
	((void)(tls), (void)(reason), TLS_CLIENT_ERROR)
#define tls_client_read(tls, data, size, done) \
	((void)(tls), (void)(data), (void)(size), (void)(done), \
	 TLS_CLIENT_ERROR)
#define tls_client_write(tls, data, size, done) \
	((void)(tls), (void)(data), (void)(size), (void)(done), \
	 TLS_CLIENT_ERROR)
#define tls_client_reason(tls, reason) ((void)(tls), *(reason) = '\0')
#define tls_client_shutdown(tls) ((void)(tls), true)
#define tls_client_describe(tls, text, size, subject, subject_size, expires) \
	((void)(tls), (void)(text), (void)(size), (void)(subject), \
	 (void)(subject_size), (void)(expires))
#endif

#endif
