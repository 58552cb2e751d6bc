/*
 * tls: what a listener needs to speak TLS: its certificate, key and rules, read
 * from files and checked, as one context that never changes.  tlslink.h is for
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
#ifndef ECHOD_TLS_H
#define ECHOD_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct config_listener;
struct config_tls;
struct tls_context;

#define TLS_REASON_SIZE 512

/* What is wrong, and with which setting. */
struct tls_problem {
	const char *setting; /* "tls.key" */
	size_t offset;	     /* of its member in struct config_tls */
	char reason[TLS_REASON_SIZE];
};

/*
 * Sets the listener's context as its settings ask for it, or NULL if they ask for
 * none, and the digest of all that the context is made of: those settings and the
 * contents of the files.  Returns false, and the problem, on failure; the reason
 * is empty if memory is out.
 */
bool tls_context_new(struct config_listener *listener,
		     struct tls_problem *problem);

/*
 * Replaces the context of `listener` by that of `other` if both are made of the
 * same; `listener` must not be in use yet.
 */
void tls_context_share(struct config_listener *listener,
		       const struct config_listener *other);
void tls_context_free(struct tls_context *context); /* NULL is fine */

/* "OpenSSL 3.0.2", or NULL without. */
const char *tls_library(void);

/*
 * Why the last call into OpenSSL of this thread has failed, or "" where it has
 * not said.  The queue of errors is empty afterwards.
 */
const char *tls_reason(void);

#endif
