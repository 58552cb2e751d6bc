/*
 * connection: TLS on one connection, server side: the handshake, its results,
 * and what libevent's bufferevent for TLS does not do.
 *
 * A TLS connection is OpenSSL's SSL.  It is used by one thread only.  It
 * borrows its descriptor; a bufferevent for it owns both.
 */
#ifndef ECHOD_TLS_CONNECTION_H
#define ECHOD_TLS_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

struct bufferevent;
struct event_base;
struct ssl_st;
struct tls_context;

/* The handshake. */
enum tls_connection_state {
	TLS_CONNECTION_WANTS_READ,  /* continue when there is input */
	TLS_CONNECTION_WANTS_WRITE, /* continue when there is room for output */
	TLS_CONNECTION_OPEN,	    /* complete */
	TLS_CONNECTION_ENDED,	    /* errno is the cause; 0: a FIN */
	TLS_CONNECTION_FAILED,	    /* error of TLS, mostly with an alert */
};

#define TLS_CONNECTION_REASON_SIZE 256

/* `fd` is borrowed.  NULL: out of memory. */
struct ssl_st *tls_connection_new(const struct tls_context *context, int fd);
void tls_connection_free(struct ssl_st *tls); /* NULL is fine */

/*
 * Continues the handshake as far as possible.  TLS_CONNECTION_FAILED: `reason`
 * is set.
 */
enum tls_connection_state
tls_connection_handshake(struct ssl_st *tls,
			 char reason[TLS_CONNECTION_REASON_SIZE]);

/* The functions below need a completed handshake. */

/* For example "TLSv1.3"; static. */
const char *tls_connection_version(const struct ssl_st *tls);

/* Enough for a common name (RFC 5280, A.1) in any script. */
#define TLS_CONNECTION_NAME_SIZE 512

/* The server name that the client has requested, or "". */
const char *tls_connection_sni(const struct ssl_st *tls);

/* The common name in the client's certificate, or ""; returns `name`. */
const char *tls_connection_cn(const struct ssl_st *tls,
			      char name[TLS_CONNECTION_NAME_SIZE]);

/*
 * A bufferevent, which does not read yet.  It owns `tls` and its descriptor
 * from now on.  NULL: out of memory; `tls` has been freed, the descriptor is
 * still the caller's.
 */
struct bufferevent *tls_connection_bufferevent(struct ssl_st *tls,
					       struct event_base *base);

/* The TLS connection of such a bufferevent, borrowed. */
struct ssl_st *tls_connection_of(struct bufferevent *bev);

/* Bytes of TLS that were read from and written to the socket. */
uint64_t tls_connection_received(const struct ssl_st *tls);
uint64_t tls_connection_sent(const struct ssl_st *tls);

/*
 * True if OpenSSL has input that it has not returned yet, such as a part of a
 * record.
 */
bool tls_connection_holds_input(const struct ssl_st *tls);

/*
 * The errno of a BEV_EVENT_ERROR: EPROTO for an error of TLS.  For an error of
 * the socket, the errno from OpenSSL, or else `error`: errno in the callback.
 */
int tls_connection_error(struct bufferevent *bev, int error);

/*
 * Sends close_notify; call it after all output has been sent.  False: the
 * socket has no room; call it again when it is writable.  True also after an
 * error.
 */
bool tls_connection_close_notify(struct ssl_st *tls);

/* Built without TLS, there is no context, and so no connection. */
#ifndef HAVE_TLS
#define tls_connection_new(context, fd) ((void)(context), (void)(fd), NULL)
#define tls_connection_free(tls) ((void)(tls))
#define tls_connection_handshake(tls, reason) \
	((void)(tls), (void)(reason), TLS_CONNECTION_FAILED)
#define tls_connection_version(tls) ((void)(tls), "")
#define tls_connection_sni(tls) ((void)(tls), "")
#define tls_connection_cn(tls, name) ((void)(tls), (void)(name), "")
#define tls_connection_bufferevent(tls, base) ((void)(tls), (void)(base), NULL)
#define tls_connection_of(bev) ((void)(bev), NULL)
#define tls_connection_received(tls) ((void)(tls), (uint64_t)0)
#define tls_connection_sent(tls) ((void)(tls), (uint64_t)0)
#define tls_connection_holds_input(tls) ((void)(tls), false)
#define tls_connection_error(bev, error) ((void)(bev), (error))
#define tls_connection_close_notify(tls) ((void)(tls), true)
#endif

#endif
