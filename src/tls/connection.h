/*
 * connection: TLS on one connection, the server's side: the handshake, what it has
 * told, and what libevent's bufferevent for it leaves to be done.
 *
 * A link is OpenSSL's SSL.  It belongs to the thread that uses it, and does not
 * own its descriptor until it is given to a bufferevent.
 */
#ifndef ECHOD_TLS_CONNECTION_H
#define ECHOD_TLS_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

struct bufferevent;
struct event_base;
struct ssl_st;
struct tls_context;

enum tls_connection_state {
	TLS_CONNECTION_READS,  /* the handshake goes on once there is input, */
	TLS_CONNECTION_WRITES, /* or room for output */
	TLS_CONNECTION_OPEN,   /* it is done */
	TLS_CONNECTION_ENDED,  /* the peer has closed, or errno tells */
	TLS_CONNECTION_FAILED, /* see the reason */
};

/* Enough for any reason. */
#define TLS_CONNECTION_REASON_SIZE 256

/* NULL where memory is out. */
struct ssl_st *tls_connection_new(const struct tls_context *context, int fd);
void tls_connection_free(struct ssl_st *link); /* NULL is fine */

/*
 * As much of the handshake as can be done now.  Where it has failed the peer has
 * been sent an alert, and `reason` is set.  With TLS_CONNECTION_ENDED, errno is 0 where
 * the peer has sent FIN.
 */
enum tls_connection_state
tls_connection_shake(struct ssl_st *link,
		     char reason[TLS_CONNECTION_REASON_SIZE]);

/* Of an open link.  "TLSv1.3". */
const char *tls_connection_version(const struct ssl_st *link);

/* Enough for a common name (RFC 5280, A.1), whatever its letters. */
#define TLS_CONNECTION_NAME_SIZE 512

/* What the peer has asked for, or the name in its certificate, or "". */
const char *tls_connection_sni(const struct ssl_st *link);
const char *tls_connection_cn(const struct ssl_st *link,
			      char name[TLS_CONNECTION_NAME_SIZE]);

/*
 * A bufferevent over an open link, which owns it and the descriptor from now on.
 * NULL where memory is out: the descriptor is the caller's, and the link is gone.
 */
struct bufferevent *tls_connection_bufferevent(struct ssl_st *link,
					       struct event_base *base);
struct ssl_st *tls_connection_of(struct bufferevent *bev);

/* Bytes of TLS that have gone through the socket so far. */
uint64_t tls_connection_received(const struct ssl_st *link);
uint64_t tls_connection_sent(const struct ssl_st *link);

/* True where part of a record is here, which cannot be read without the rest. */
bool tls_connection_is_amid(const struct ssl_st *link);

/*
 * After BEV_EVENT_ERROR: EPROTO where that is TLS's, else the errno that it was
 * before.
 */
int tls_connection_error(struct bufferevent *bev, int error);

/*
 * Sends close_notify, once all output is out.  False where the socket has no
 * room: to be called again when it has.
 */
bool tls_connection_take_leave(struct ssl_st *link);

#endif
