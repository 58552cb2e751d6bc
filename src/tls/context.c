#include "tls/context.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_TLS

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#include "tls/certificates.h"

struct tls_context {
	atomic_uint references;
	SSL_CTX *ssl;
	/* The list for ALPN, as on the wire: RFC 7301, 3.1. */
	unsigned char *protocols;
	unsigned protocols_length;
	/* Of the settings and the file contents. */
	unsigned char digest[SHA256_DIGEST_LENGTH];
	double not_after[]; /* see tls_context_not_after() */
};

const char *
tls_library(void)
{
	return OpenSSL_version(OPENSSL_VERSION_STRING);
}

const char *
tls_reason(void)
{
	/* The first error is the cause of the others. */
	unsigned long error = ERR_get_error();
	const char *reason = error ? ERR_reason_error_string(error) : NULL;

	ERR_clear_error();
	return reason ? reason : "";
}

/* A client that offers protocols must offer one of these (RFC 7301, 3.2). */
static int
choose_protocol(SSL *link, const unsigned char **out, unsigned char *length,
		const unsigned char *offered, unsigned offered_length,
		void *argument)
{
	const struct tls_context *context = argument;
	unsigned char *chosen;

	(void)link;
	if (SSL_select_next_proto(&chosen, length, context->protocols,
				  context->protocols_length, offered,
				  offered_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/*
 * Without protocols, OpenSSL ignores those of a client.  A handshake has a
 * reference to the settings, so the callback's context outlives it.
 */
static bool
set_protocols(const struct tls_loader *loader, struct tls_context *context)
{
	const struct string_list *names = &loader->params->alpn;
	size_t size = 0;
	unsigned char *to;

	if (names->count == 0)
		return true;
	for (size_t i = 0; i < names->count; i++)
		size += 1 + strlen(names->items[i]);
	to = malloc(size);
	if (!to)
		return false;
	context->protocols = to;
	for (size_t i = 0; i < names->count; i++) {
		size_t length = strlen(names->items[i]);

		*to = (unsigned char)length;
		memcpy(to + 1, names->items[i], length);
		to += 1 + length;
	}
	context->protocols_length = (unsigned)size;
	SSL_CTX_set_alpn_select_cb(context->ssl, choose_protocol, context);
	return certificates_add_to_digest(loader, context->protocols,
					  context->protocols_length);
}

/*
 * Switches off what an echo does not need and an attacker could use:
 * renegotiation, compression and resumption.  The end of a stream without
 * close_notify is accepted: the client gets the echo of what it sent.
 */
static bool
set_rules(const struct tls_loader *loader)
{
	static const int versions[] = {
		[TLS_1_2] = TLS1_2_VERSION,
		[TLS_1_3] = TLS1_3_VERSION,
	};
	SSL_CTX *context = loader->context;

	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION |
					     SSL_OP_NO_COMPRESSION |
					     SSL_OP_NO_TICKET |
					     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	return SSL_CTX_set_num_tickets(context, 0) == 1 &&
	       SSL_CTX_set_min_proto_version(
		       context, versions[loader->params->minimum]) == 1;
}

/* Adds the settings; the contents of the files follow. */
static bool
begin_digest(const struct tls_loader *loader)
{
	const struct tls_params *params = loader->params;
	const int rules[] = {
		params->minimum,
		params->require_client_certificate,
		(int)params->certificate.count,
		(int)params->key.count,
		(int)params->alpn.count,
	};

	return EVP_DigestInit_ex(loader->digest, EVP_sha256(), NULL) == 1 &&
	       certificates_add_to_digest(loader, rules, sizeof(rules));
}

static bool
make(struct tls_loader *loader, struct tls_context *context)
{
	if (!loader->context || !loader->digest || !set_rules(loader) ||
	    !begin_digest(loader) || !set_protocols(loader, context))
		return certificates_out_of_memory(loader);
	if (!certificates_load(loader))
		return false;
	return EVP_DigestFinal_ex(loader->digest, context->digest, NULL) == 1 ||
	       certificates_out_of_memory(loader);
}

struct tls_context *
tls_context_new(const struct tls_params *params, tls_report *report,
		void *owner)
{
	struct tls_context *context;
	size_t files = params->certificate.count + 1; /* client_ca */
	struct tls_loader loader = {
		.params = params,
		.report = report,
		.owner = owner,
	};

	if (params->certificate.count == 0)
		return NULL;
	context = calloc(1, sizeof(*context) +
				    files * sizeof(*context->not_after));
	if (!context) {
		certificates_out_of_memory(&loader);
		return NULL;
	}
	atomic_init(&context->references, 1);
	context->ssl = SSL_CTX_new(TLS_server_method());
	for (size_t i = 0; i < files; i++)
		context->not_after[i] = NAN;
	loader.not_after = context->not_after;
	loader.context = context->ssl;
	loader.digest = EVP_MD_CTX_new();
	if (!make(&loader, context)) {
		tls_context_unref(context);
		context = NULL;
	}
	EVP_MD_CTX_free(loader.digest);
	return context;
}

bool
tls_context_equal(const struct tls_context *a, const struct tls_context *b)
{
	return a == b ||
	       (a && b && memcmp(a->digest, b->digest, sizeof(a->digest)) == 0);
}

void
tls_context_share(struct tls_context **context, struct tls_context *other)
{
	if (*context == other || !tls_context_equal(*context, other))
		return;
	tls_context_unref(*context);
	*context = other;
	atomic_fetch_add_explicit(&other->references, 1, memory_order_relaxed);
}

void
tls_context_unref(struct tls_context *context)
{
	if (!context || atomic_fetch_sub_explicit(&context->references, 1,
						  memory_order_acq_rel) > 1)
		return;
	SSL_CTX_free(context->ssl);
	free(context->protocols);
	free(context);
}

double
tls_context_not_after(const struct tls_context *context, size_t file)
{
	return context->not_after[file];
}

struct ssl_ctx_st *
tls_context_ssl(const struct tls_context *context)
{
	return context->ssl;
}

#else

struct tls_context *
tls_context_new(const struct tls_params *params, tls_report *report,
		void *owner)
{
	if (params->certificate.count > 0)
		report(owner, TLS_ERROR,
		       offsetof(struct tls_params, certificate),
		       "echod was built without TLS");
	return NULL;
}

/* Not called: there is no context. */
double
tls_context_not_after(const struct tls_context *context, size_t file)
{
	(void)context;
	(void)file;
	return NAN;
}

#endif
