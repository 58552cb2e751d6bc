#include "probe/tls_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tls/context.h"

#ifdef HAVE_TLS

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <time.h>

/* ---- the context */

/* Why the last call into OpenSSL failed; "" if it does not say. */
static const char *
first_reason(void)
{
	/* OpenSSL has no text for an error of the system. */
	unsigned long error = ERR_peek_error();

	if (!ERR_SYSTEM_ERROR(error))
		return tls_reason();
	ERR_clear_error();
	return strerror(ERR_GET_REASON(error));
}

static const char *
wrong_file(const char *option, const char *file, char *reason)
{
	const char *said = first_reason();

	snprintf(reason, TLS_CLIENT_REASON_SIZE, "%s: %s: %s", option, file,
		 *said ? said : "cannot be read");
	return reason;
}

/* A call of OpenSSL that fails only if memory or its configuration is bad. */
static const char *
wrong_library(char *reason)
{
	const char *said = first_reason();

	snprintf(reason, TLS_CLIENT_REASON_SIZE, "OpenSSL: %s",
		 *said ? said : strerror(ENOMEM));
	return reason;
}

/* OpenSSL's pem_password_cb; its own asks on the terminal. */
static int
no_passphrase(char *out, int size, int writing, void *asked)
{
	(void)out;
	(void)size;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

static const char *
load_key(SSL_CTX *context, const struct probe_tls_options *options,
	 char *reason)
{
	const char *option = options->key ? "--key" : "--cert";
	const char *key = options->key ? options->key : options->certificate;
	bool encrypted = false;
	bool done;

	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(context, &encrypted);
	done = SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) ==
		       1 &&
	       SSL_CTX_check_private_key(context) == 1;
	SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
	if (done)
		return NULL;
	/* OpenSSL says "unsupported" if there is none. */
	if (!encrypted && ERR_GET_REASON(ERR_peek_error()) != ERR_R_UNSUPPORTED)
		return wrong_file(option, key, reason);
	ERR_clear_error();
	snprintf(reason, TLS_CLIENT_REASON_SIZE, "%s: %.160s: %s", option, key,
		 encrypted ? "the key is encrypted; echoprobe asks for no "
			     "passphrase" :
			     "there is no private key in this file");
	return reason;
}

static const char *
load_files(SSL_CTX *context, const struct probe_tls_options *options,
	   char *reason)
{
	if (options->ca && SSL_CTX_load_verify_file(context, options->ca) != 1)
		return wrong_file("--ca", options->ca, reason);
	if (!options->ca && !options->insecure &&
	    SSL_CTX_set_default_verify_paths(context) != 1)
		return wrong_library(reason);
	if (!options->certificate)
		return NULL;
	if (SSL_CTX_use_certificate_chain_file(context, options->certificate) !=
	    1)
		return wrong_file("--cert", options->certificate, reason);
	return load_key(context, options, reason);
}

/* Names with commas become names with lengths: RFC 7301, 3.1. */
static const char *
set_alpn(SSL_CTX *context, const char *names, char *reason)
{
	unsigned char list[1024];
	size_t at = 0;

	for (const char *name = names; name;) {
		size_t length = strcspn(name, ",");

		if (length == 0 || length > TLS_PROTOCOL_MAX ||
		    at + 1 + length > sizeof(list)) {
			snprintf(reason, TLS_CLIENT_REASON_SIZE,
				 "--alpn: \"%s\": each name must have 1 to %d "
				 "bytes, and all %zu at most",
				 names, TLS_PROTOCOL_MAX, sizeof(list));
			return reason;
		}
		list[at++] = (unsigned char)length;
		memcpy(list + at, name, length);
		at += length;
		name = name[length] ? name + length + 1 : NULL;
	}
	return SSL_CTX_set_alpn_protos(context, list, (unsigned)at) == 0 ?
		       NULL :
		       wrong_library(reason);
}

const char *
tls_client_context(const struct probe_tls_options *options,
		   struct ssl_ctx_st **context,
		   char reason[TLS_CLIENT_REASON_SIZE])
{
	const char *error = NULL;

	ERR_clear_error();
	*context = SSL_CTX_new(TLS_client_method());
	if (!*context)
		return wrong_library(reason);
	/* What is written again can be at another place. */
	SSL_CTX_set_mode(*context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(
		*context, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
		NULL);
	if (SSL_CTX_set_min_proto_version(*context, TLS1_2_VERSION) != 1)
		error = wrong_library(reason);
	if (!error)
		error = load_files(*context, options, reason);
	if (!error && options->alpn)
		error = set_alpn(*context, options->alpn, reason);
	if (!error)
		return NULL;
	SSL_CTX_free(*context);
	*context = NULL;
	return error;
}

void
tls_client_context_free(struct ssl_ctx_st *context)
{
	SSL_CTX_free(context);
}

/* ---- a connection */

#define HOST_SIZE 256

static bool
is_address(const char *host)
{
	unsigned char address[16];

	return inet_pton(AF_INET, host, address) == 1 ||
	       inet_pton(AF_INET6, host, address) == 1;
}

/*
 * An address has no SNI, and a name has no dot at its end, neither in SNI nor
 * in a certificate: RFC 6066, section 3.
 */
static bool
set_name(SSL *tls, const char *name)
{
	char text[HOST_SIZE];
	size_t length = strlen(name);

	if (is_address(name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls),
						     name) == 1;
	if (length > 1 && name[length - 1] == '.')
		length--;
	if (length >= sizeof(text))
		return false;
	memcpy(text, name, length);
	text[length] = '\0';
	return SSL_set_tlsext_host_name(tls, text) == 1 &&
	       SSL_set1_host(tls, text) == 1;
}

struct ssl_st *
tls_client_new(struct ssl_ctx_st *context,
	       const struct probe_tls_options *options, const char *host,
	       int fd)
{
	SSL *tls = SSL_new(context);
	const char *name = options->server_name ? options->server_name : host;

	if (tls && (SSL_set_fd(tls, fd) != 1 || !set_name(tls, name))) {
		SSL_free(tls);
		tls = NULL;
	}
	if (tls)
		SSL_set_connect_state(tls);
	ERR_clear_error();
	return tls;
}

void
tls_client_free(struct ssl_st *tls)
{
	SSL_free(tls);
}

static enum tls_client_state
state_of(SSL *tls, int result)
{
	switch (SSL_get_error(tls, result)) {
	case SSL_ERROR_NONE:
		return TLS_CLIENT_DONE;
	case SSL_ERROR_WANT_READ:
		return TLS_CLIENT_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_CLIENT_WANTS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLIENT_CLOSED;
	case SSL_ERROR_SYSCALL:
		return errno == 0 ? TLS_CLIENT_FIN : TLS_CLIENT_ERROR;
	default:
		/* OpenSSL 3 has an error of TLS for a FIN. */
		errno = 0;
		return ERR_GET_REASON(ERR_peek_error()) ==
				       SSL_R_UNEXPECTED_EOF_WHILE_READING ?
			       TLS_CLIENT_FIN :
			       TLS_CLIENT_ERROR;
	}
}

/* An old error of another connection would be taken for this one's. */
static void
forget_errors(void)
{
	ERR_clear_error();
	errno = 0;
}

static void
tell_reason(const SSL *tls, int error, char *reason)
{
	long verified = SSL_get_verify_result(tls);
	const char *said = tls_reason();

	if (error != 0)
		snprintf(reason, TLS_CLIENT_REASON_SIZE, "%s", strerror(error));
	else if (verified != X509_V_OK && strstr(said, "verify"))
		snprintf(reason, TLS_CLIENT_REASON_SIZE, "%s: %s", said,
			 X509_verify_cert_error_string(verified));
	else if (strcmp(said, "wrong version number") == 0)
		snprintf(reason, TLS_CLIENT_REASON_SIZE,
			 "%s: perhaps the server does not use TLS here", said);
	else
		snprintf(reason, TLS_CLIENT_REASON_SIZE, "%s",
			 *said ? said : "an error that OpenSSL does not name");
}

enum tls_client_state
tls_client_handshake(struct ssl_st *tls, char reason[TLS_CLIENT_REASON_SIZE])
{
	enum tls_client_state state;
	int error;

	forget_errors();
	state = state_of(tls, SSL_connect(tls));
	error = errno;
	if (state == TLS_CLIENT_ERROR)
		tell_reason(tls, error, reason);
	ERR_clear_error();
	errno = error;
	return state;
}

void
tls_client_reason(const struct ssl_st *tls, char reason[TLS_CLIENT_REASON_SIZE])
{
	int error = errno;

	tell_reason(tls, error, reason);
	errno = error;
}

enum tls_client_state
tls_client_read(struct ssl_st *tls, void *data, size_t size, size_t *done)
{
	*done = 0;
	forget_errors();
	return state_of(tls, SSL_read_ex(tls, data, size, done));
}

enum tls_client_state
tls_client_write(struct ssl_st *tls, const void *data, size_t size,
		 size_t *done)
{
	*done = 0;
	forget_errors();
	return state_of(tls, SSL_write_ex(tls, data, size, done));
}

bool
tls_client_shutdown(struct ssl_st *tls)
{
	int result;
	bool full;

	forget_errors();
	result = SSL_shutdown(tls);
	full = result < 0 && SSL_get_error(tls, result) == SSL_ERROR_WANT_WRITE;
	ERR_clear_error();
	return !full;
}

/* ---- what was negotiated */

/* Seconds since 1970. */
static double
expiry_of(const X509 *certificate)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
		return 0;
	return (double)timegm(&tm);
}

static double
earliest_expiry(SSL *tls)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(tls);
	double earliest = 0;

	for (int i = 0; i < sk_X509_num(chain); i++) {
		double expiry = expiry_of(sk_X509_value(chain, i));

		if (earliest == 0 || expiry < earliest)
			earliest = expiry;
	}
	return earliest;
}

static void
describe_subject(SSL *tls, char *subject, size_t size)
{
	X509 *certificate = SSL_get0_peer_certificate(tls);

	*subject = '\0';
	if (certificate)
		X509_NAME_oneline(X509_get_subject_name(certificate), subject,
				  (int)size);
}

void
tls_client_describe(struct ssl_st *tls, char *text, size_t size, char *subject,
		    size_t subject_size, double *expires)
{
	const unsigned char *protocol;
	unsigned length;

	SSL_get0_alpn_selected(tls, &protocol, &length);
	snprintf(text, size, "%s %s%s%.*s", SSL_get_version(tls),
		 SSL_get_cipher_name(tls), length > 0 ? " " : "", (int)length,
		 length > 0 ? (const char *)protocol : "");
	describe_subject(tls, subject, subject_size);
	*expires = earliest_expiry(tls);
	ERR_clear_error();
}

#else

const char *
tls_client_context(const struct probe_tls_options *options,
		   struct ssl_ctx_st **context,
		   char reason[TLS_CLIENT_REASON_SIZE])
{
	(void)options;
	*context = NULL;
	snprintf(reason, TLS_CLIENT_REASON_SIZE,
		 "this echoprobe was built without TLS");
	return reason;
}

#endif
