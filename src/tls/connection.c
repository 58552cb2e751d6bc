#include "tls/connection.h"

#include <errno.h>
#include <stddef.h>

#ifdef HAVE_TLS

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "tls/context.h"

struct ssl_st *
tls_connection_new(const struct tls_context *context, int fd)
{
	/* SSL_new() counts a reference, no more. */
	SSL *link = SSL_new(tls_context_ssl(context));

	if (link && SSL_set_fd(link, fd) != 1) {
		SSL_free(link);
		link = NULL;
	}
	if (link)
		SSL_set_accept_state(link);
	ERR_clear_error();
	return link;
}

void
tls_connection_free(struct ssl_st *link)
{
	SSL_free(link);
}

/* What OpenSSL says, and of a certificate what is wrong with it. */
static void
tell_reason(const SSL *link, char reason[TLS_CONNECTION_REASON_SIZE])
{
	long verified = SSL_get_verify_result(link);
	const char *said = tls_reason();

	if (verified == X509_V_OK)
		snprintf(reason, TLS_CONNECTION_REASON_SIZE, "%s",
			 *said ? said : "the handshake has failed");
	else
		snprintf(reason, TLS_CONNECTION_REASON_SIZE, "%s: %s", said,
			 X509_verify_cert_error_string(verified));
}

enum tls_connection_state
tls_connection_shake(struct ssl_st *link,
		     char reason[TLS_CONNECTION_REASON_SIZE])
{
	int done;

	/* What is left of another connection would be taken for an error. */
	ERR_clear_error();
	errno = 0;
	done = SSL_accept(link);
	if (done == 1)
		return TLS_CONNECTION_OPEN;
	switch (SSL_get_error(link, done)) {
	case SSL_ERROR_WANT_READ:
		return TLS_CONNECTION_READS;
	case SSL_ERROR_WANT_WRITE:
		return TLS_CONNECTION_WRITES;
	case SSL_ERROR_ZERO_RETURN:
		errno = 0;
		return TLS_CONNECTION_ENDED;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return TLS_CONNECTION_ENDED;
	default:
		tell_reason(link, reason);
		return TLS_CONNECTION_FAILED;
	}
}

const char *
tls_connection_version(const struct ssl_st *link)
{
	return SSL_get_version(link);
}

const char *
tls_connection_sni(const struct ssl_st *link)
{
	const char *name = SSL_get_servername(link, TLSEXT_NAMETYPE_host_name);

	return name ? name : "";
}

/* One with a NUL in it is somebody who wants to pass for somebody else. */
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
tls_connection_cn(const struct ssl_st *link,
		  char name[TLS_CONNECTION_NAME_SIZE])
{
	const X509 *certificate = SSL_get0_peer_certificate(link);
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
tls_connection_bufferevent(struct ssl_st *link, struct event_base *base)
{
	/* No deferred callbacks: the end would overtake what came before it. */
	return bufferevent_openssl_socket_new(base, SSL_get_fd(link), link,
					      BUFFEREVENT_SSL_OPEN,
					      BEV_OPT_CLOSE_ON_FREE);
}

struct ssl_st *
tls_connection_of(struct bufferevent *bev)
{
	return bufferevent_openssl_get_ssl(bev);
}

uint64_t
tls_connection_received(const struct ssl_st *link)
{
	return BIO_number_read(SSL_get_rbio(link));
}

uint64_t
tls_connection_sent(const struct ssl_st *link)
{
	return BIO_number_written(SSL_get_wbio(link));
}

/* A header that has been taken off its record shows in the state alone. */
bool
tls_connection_is_amid(const struct ssl_st *link)
{
	return SSL_has_pending(link) ||
	       strcmp(SSL_rstate_string(link), "RB") == 0;
}

int
tls_connection_error(struct bufferevent *bev, int error)
{
	/* The last of a few: from OpenSSL's queue, or else of SSL_get_error(). */
	unsigned long said = bufferevent_get_openssl_error(bev);

	if (said == 0 || said == SSL_ERROR_SYSCALL)
		return error;
	return ERR_SYSTEM_ERROR(said) ? ERR_GET_REASON(said) : EPROTO;
}

bool
tls_connection_take_leave(struct ssl_st *link)
{
	int said;
	bool waits;

	ERR_clear_error();
	said = SSL_shutdown(link);
	waits = said < 0 && SSL_get_error(link, said) == SSL_ERROR_WANT_WRITE;
	ERR_clear_error();
	return !waits;
}

#else

/* Where there is no context, nothing of this is ever called. */

struct ssl_st *
tls_connection_new(const struct tls_context *context, int fd)
{
	(void)context;
	(void)fd;
	return NULL;
}

void
tls_connection_free(struct ssl_st *link)
{
	(void)link;
}

enum tls_connection_state
tls_connection_shake(struct ssl_st *link,
		     char reason[TLS_CONNECTION_REASON_SIZE])
{
	(void)link;
	reason[0] = '\0';
	return TLS_CONNECTION_FAILED;
}

const char *
tls_connection_version(const struct ssl_st *link)
{
	(void)link;
	return "";
}

const char *
tls_connection_sni(const struct ssl_st *link)
{
	(void)link;
	return "";
}

const char *
tls_connection_cn(const struct ssl_st *link,
		  char name[TLS_CONNECTION_NAME_SIZE])
{
	(void)link;
	name[0] = '\0';
	return name;
}

struct bufferevent *
tls_connection_bufferevent(struct ssl_st *link, struct event_base *base)
{
	(void)link;
	(void)base;
	return NULL;
}

struct ssl_st *
tls_connection_of(struct bufferevent *bev)
{
	(void)bev;
	return NULL;
}

uint64_t
tls_connection_received(const struct ssl_st *link)
{
	(void)link;
	return 0;
}

uint64_t
tls_connection_sent(const struct ssl_st *link)
{
	(void)link;
	return 0;
}

bool
tls_connection_is_amid(const struct ssl_st *link)
{
	(void)link;
	return false;
}

int
tls_connection_error(struct bufferevent *bev, int error)
{
	(void)bev;
	return error;
}

bool
tls_connection_take_leave(struct ssl_st *link)
{
	(void)link;
	return true;
}

#endif
