/*
 * tls: what a listener needs to speak TLS: its certificate, key and rules, read
 * from files and checked, as one context that never changes.  tlslink.h is for
 * each connection.
 *
 * A file is named by its absolute path, or, with any other name, as one of the
 * credentials that systemd has for the daemon (LoadCredential=, in
 * $CREDENTIALS_DIRECTORY).
 *
 * Without OpenSSL (configure --without-tls) there is no context, and any request
 * for one is a problem.
 */
#ifndef ECHOD_TLS_H
#define ECHOD_TLS_H

#include <stdbool.h>
#include <stddef.h>

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
 * A context as the settings have it, NULL where they ask for none.  False, and
 * the problem, where they cannot be; the reason is empty where memory is out.
 */
bool tls_context_new(const struct config_tls *settings,
		     struct tls_context **context, struct tls_problem *problem);
void tls_context_free(struct tls_context *context); /* NULL is fine */

/* "OpenSSL 3.0.2", or NULL without. */
const char *tls_library(void);

/*
 * Why the last call into OpenSSL of this thread has failed, or "" where it has
 * not said.  The queue of errors is empty afterwards.
 */
const char *tls_reason(void);

#endif
