/*
 * certificates: reads the files of a TLS context (tls/context.h), its
 * certificates, keys and CA certificates, and checks them.
 *
 * Control thread.
 */
#ifndef ECHOD_TLS_CERTIFICATES_H
#define ECHOD_TLS_CERTIFICATES_H

#include <stdbool.h>
#include <stddef.h>

#include "tls/context.h"

struct evp_md_ctx_st;
struct ssl_ctx_st;
struct x509_st;

/* A certificate that expires earlier than this has a warning. */
#define CERTIFICATES_DAYS 14

/* A context that is being made; everything is borrowed. */
struct tls_loader {
	const struct tls_params *params;
	tls_report *report;
	void *owner; /* the argument of `report` */
	struct ssl_ctx_st *context;
	struct evp_md_ctx_st *digest; /* of the settings and the files */

	/*
	 * The earliest expiry in each file, in seconds since 1970, or NAN: of
	 * each certificate file in turn, then of client_ca.  Set by the owner.
	 */
	double *not_after;

	/* Its own. */
	size_t file; /* the one that is read, an index of `not_after` */
	struct x509_st *certificate; /* for the next key; NULL: unknown */
	bool incomplete;	     /* a credential is missing */
};

/*
 * Reads all files that the params name into the context and the digest.  False
 * if anything is wrong; it has been reported.
 */
bool certificates_load(struct tls_loader *loader);

/*
 * Adds bytes and their length to the digest, so that two different sequences
 * never have the same one.  False if memory is out.
 */
bool certificates_add_to_digest(const struct tls_loader *loader,
				const void *bytes, size_t length);

/* Reports that memory is out; returns false. */
bool certificates_out_of_memory(const struct tls_loader *loader);

#endif
