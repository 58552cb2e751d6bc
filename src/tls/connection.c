#include "tls/connection.h"

#include <errno.h>
#include <stddef.h>

#ifdef HAVE_TLS

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "tls/context.h"

struct ssl_st *
tls_connection_new(const struct tls_context *context, int fd)
{
	/* SSL_new() only adds a reference to the context. */
	SSL *tls = SSL_new(tls_context_ssl(context));

	if (tls && SSL_set_fd(tls, fd) != 1) {
		SSL_free(tls);
		tls = NULL;
	}
	if (tls)
		SSL_set_accept_state(tls);
	ERR_clear_error();
	return tls;
}

void
tls_connection_free(struct ssl_st *tls)
{
	SSL_free(tls);
}

/* The reason from OpenSSL, and what is wrong with the certificate. */
static void
tell_reason(const SSL *tls, char reason[TLS_CONNECTION_REASON_SIZE])
{
	long verified = SSL_get_verify_result(tls);
	const char *said = tls_reason();

	if (verified == X509_V_OK)
		snprintf(reason, TLS_CONNECTION_REASON_SIZE, "%s",
			 *said ? said : "the handshake has failed");
	else
		snprintf(reason, TLS_CONNECTION_REASON_SIZE, "%s: %s", said,
			 X509_verify_cert_error_string(verified));
}

enum tls_connection_state
tls_connection_handshake(struct ssl_st *tls,
			 char reason[TLS_CONNECTION_REASON_SIZE])
{
	int done;

	/* An old error of another connection would be taken for this one's. */
	ERR_clear_error();
	errno = 0;
	done = SSL_accept(tls);
	if (done == 1)
		return TLS_CONNECTION_OPEN;
	switch (SSL_get_error(tls, done)) {
	case SSL_ERROR_WANT_READ:
		return TLS_CONNECTION_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_CONNECTION_WANTS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		errno = 0;
		return TLS_CONNECTION_ENDED;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return TLS_CONNECTION_ENDED;
	default:
		tell_reason(tls, reason);
		return TLS_CONNECTION_FAILED;
	}
}

const char *
tls_connection_version(const struct ssl_st *tls)
{
	return SSL_get_version(tls);
}

const char *
tls_connection_sni(const struct ssl_st *tls)
{
	const char *name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);

	return name ? name : "";
}

/* A name with a NUL is not used: a C string would be only a part of it. */
static void
copy_name(const ASN1_STRING *string, char name[TLS_CONNECTION_NAME_SIZE])
{
	unsigned char *text;
	int length = ASN1_STRING_to_UTF8(&text, string);

	if (length < 0)
		return;
	if (!memchr(text, '\0', (size_t)length))
		snprintf(name, TLS_CONNECTION_NAME_SIZE, "%.*s", length,
			 (const char *)text);
	OPENSSL_free(text);
}

const char *
tls_connection_cn(const struct ssl_st *tls, char name[TLS_CONNECTION_NAME_SIZE])
{
	const X509 *certificate = SSL_get0_peer_certificate(tls);
	const X509_NAME *subject =
		certificate ? X509_get_subject_name(certificate) : NULL;
	int at = subject ? X509_NAME_get_index_by_NID(subject, NID_commonName,
						      -1) :
			   -1;

	name[0] = '\0';
	if (at >= 0)
		copy_name(X509_NAME_ENTRY_get_data(
				  X509_NAME_get_entry(subject, at)),
			  name);
	ERR_clear_error();
	return name;
}

struct bufferevent *
tls_connection_bufferevent(struct ssl_st *tls, struct event_base *base)
{
	/* Deferred callbacks could report the end before the last bytes. */
	struct bufferevent *bev = bufferevent_openssl_socket_new(
		base, SSL_get_fd(tls), tls, BUFFEREVENT_SSL_OPEN,
		BEV_OPT_CLOSE_ON_FREE);

	if (bev)
		bufferevent_disable(bev, EV_READ);
	return bev;
}

struct ssl_st *
tls_connection_of(struct bufferevent *bev)
{
	return bufferevent_openssl_get_ssl(bev);
}

uint64_t
tls_connection_received(const struct ssl_st *tls)
{
	return BIO_number_read(SSL_get_rbio(tls));
}

uint64_t
tls_connection_sent(const struct ssl_st *tls)
{
	return BIO_number_written(SSL_get_wbio(tls));
}

/* If only the header of a record has been read, only the state shows it. */
bool
tls_connection_holds_input(const struct ssl_st *tls)
{
	return SSL_has_pending(tls) ||
	       strcmp(SSL_rstate_string(tls), "RB") == 0;
}

int
tls_connection_error(struct bufferevent *bev, int error)
{
	/* From OpenSSL's error queue, or the result of SSL_get_error(). */
	unsigned long said = bufferevent_get_openssl_error(bev);

	if (said == 0 || said == SSL_ERROR_SYSCALL)
		return error;
	return ERR_SYSTEM_ERROR(said) ? ERR_GET_REASON(said) : EPROTO;
}

bool
tls_connection_close_notify(struct ssl_st *tls)
{
	int said;
	bool waits;

	ERR_clear_error();
	said = SSL_shutdown(tls);
	waits = said < 0 && SSL_get_error(tls, said) == SSL_ERROR_WANT_WRITE;
	ERR_clear_error();
	return !waits;
}

#endif
