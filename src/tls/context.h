/*
 * context: what a listener needs to speak TLS: its certificate, key and rules, read
 * from files and checked, as one context that never changes.  tls/connection.h is for
 * each connection.
 *
 * A file is named by its absolute path, or, with any other name, as one of the
 * credentials that systemd has for the daemon (LoadCredential=, in
 * $CREDENTIALS_DIRECTORY).
 *
 * Contexts are counted by reference, and dropped on any thread.
 *
 * Without OpenSSL (configure --without-tls) there is no context, and any request
 * for one is a problem.
 */
#ifndef ECHOD_TLS_CONTEXT_H
#define ECHOD_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

struct ssl_ctx_st;
struct tls_context;

enum tls_minimum {
	TLS_1_2,
	TLS_1_3,
};

/* The settings of a context; strings are the caller's. */
struct tls_params {
	char *certificate; /* PEM, with its chain; "": no TLS */
	char *key;	   /* "": in the file of the certificate */
	char *client_ca;   /* "": no client certificates (mutual TLS) */
	bool require_client_certificate;
	enum tls_minimum minimum;
	double handshake_timeout; /* seconds; the caller's to enforce */
};

#define TLS_REASON_SIZE 512

/* What is wrong, and with which setting. */
struct tls_problem {
	size_t setting; /* the offset of its member in struct tls_params */
	char reason[TLS_REASON_SIZE];
};

/*
 * Makes a context as `params` ask for it, or NULL if they ask for no TLS.
 * Returns false, and the problem, on failure; the reason is empty if memory is
 * out.
 */
bool tls_context_new(const struct tls_params *params,
		     struct tls_context **context, struct tls_problem *problem);

/*
 * True if both are made of the same settings and the same file contents, or if
 * both are NULL.
 */
bool tls_context_equal(const struct tls_context *a,
		       const struct tls_context *b);

/* Replaces `*context` by a reference to `other` if they are equal. */
void tls_context_share(struct tls_context **context, struct tls_context *other);

/* OpenSSL's context, which is the context's. */
struct ssl_ctx_st *tls_context_ssl(const struct tls_context *context);

void tls_context_unref(struct tls_context *context); /* NULL is fine */

/* "OpenSSL 3.0.2", or NULL without. */
const char *tls_library(void);

/*
 * Why the last call into OpenSSL of this thread has failed, or "" where it has
 * not said.  The queue of errors is empty afterwards.
 */
const char *tls_reason(void);

#endif
