/*
 * context: the TLS context of a listener: certificates, keys, CA certificates
 * and protocol rules, read from files and checked.  Immutable.  For a
 * connection see tls/connection.h.
 *
 * A file name is an absolute path, or else the name of a systemd credential
 * (LoadCredential=, in $CREDENTIALS_DIRECTORY).
 *
 * Contexts are made by the control thread.  They have counted references,
 * which any thread can drop.
 *
 * Without OpenSSL (configure --without-tls), making a context fails.
 */
#ifndef ECHOD_TLS_CONTEXT_H
#define ECHOD_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/string_list.h"

struct ssl_ctx_st;
struct tls_context;

enum tls_minimum {
	TLS_1_2,
	TLS_1_3,
};

/* Longest name of a protocol, and of all in a list (RFC 7301, 3.1). */
#define TLS_PROTOCOL_MAX 255
#define TLS_PROTOCOLS_MAX 65535

/* The settings of a context; the strings are borrowed. */
struct tls_params {
	/* PEM, each with its chain, of different key types; empty: no TLS */
	struct string_list certificate;
	/* PEM, one for each certificate; empty: in their files */
	struct string_list key;
	char *client_ca; /* PEM, CA certificates for mutual TLS; "": none */
	bool require_client_certificate;
	enum tls_minimum minimum;
	/* Protocols for ALPN, in order of preference; empty: no ALPN */
	struct string_list alpn;
	double handshake_timeout; /* seconds; enforced by the caller */
};

#define TLS_REASON_SIZE 512

enum tls_finding {
	TLS_ERROR,
	TLS_OUT_OF_MEMORY, /* an error without a setting and a reason */
	TLS_WARNING,	   /* the context can be used */
	/* A credential of a unit, and CREDENTIALS_DIRECTORY is not set. */
	TLS_NO_CREDENTIAL,
};

/*
 * What is found in the settings of a context.  `setting` is the offset of the
 * member in struct tls_params; `reason` is borrowed.
 */
typedef void tls_report(void *owner, enum tls_finding finding, size_t setting,
			const char *reason);

/*
 * Returns a new context, to which the caller has a reference.  NULL if `params`
 * have no certificate, or if an error or TLS_NO_CREDENTIAL has been reported.
 * After TLS_NO_CREDENTIAL the other files are checked as far as possible.
 */
struct tls_context *tls_context_new(const struct tls_params *params,
				    tls_report *report, void *owner);

/*
 * True if `minimum`, `require_client_certificate`, `alpn` and the contents of
 * the files were equal, or if both are NULL.  The names of the files do not
 * count.
 */
bool tls_context_equal(const struct tls_context *a,
		       const struct tls_context *b);

/*
 * If they are equal, drops the reference in `*context` and replaces it by a new
 * one to `other`.  NULL is allowed.
 */
void tls_context_share(struct tls_context **context, struct tls_context *other);

/*
 * The earliest expiry of the certificates in a file, in seconds since 1970; NAN
 * if none is known.  `file` is an index of `certificate` in the params, or
 * their number for `client_ca`.
 */
double tls_context_not_after(const struct tls_context *context, size_t file);

/* OpenSSL's context, which belongs to `context`. */
struct ssl_ctx_st *tls_context_ssl(const struct tls_context *context);

void tls_context_unref(struct tls_context *context); /* NULL is allowed */

/* The version of OpenSSL, such as "3.0.2"; NULL without OpenSSL. */
const char *tls_library(void);

/*
 * The reason why the last call into OpenSSL on this thread failed, or "" if
 * there is none.  Clears OpenSSL's error queue.
 */
const char *tls_reason(void);

#ifndef HAVE_TLS
#define tls_context_equal(a, b) ((a) == (b))
#define tls_context_share(context, other) ((void)(context))
#define tls_context_unref(context) ((void)(context))
#define tls_library() ((const char *)NULL)
#endif

#endif
