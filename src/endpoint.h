/*
 * endpoint: the sockets that a configuration asks for, opened before anything
 * of the running one is given up.
 *
 * An endpoint is one bound address with one listening socket a worker; of a unix
 * socket, which is one alone, or of one that was handed over, each has a
 * duplicate.  A set is made by the control thread beside the set in force: what both ask for is
 * kept, the rest is opened.  Freeing a set closes what has not been taken.
 */
#ifndef ECHOD_ENDPOINT_H
#define ECHOD_ENDPOINT_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

struct error_list;
struct inherited;
struct unixfile;
struct withdrawal;

struct endpoint {
	unsigned id;	    /* the same for as long as the sockets live */
	size_t listener;    /* which of the configuration's listeners */
	struct place asked; /* as configured, `*` expanded */
	struct place bound; /* port 0 resolved */
	int *fds;	    /* one a worker */
	unsigned taken;	    /* so many, from the first on, are others' */
	bool kept;	    /* all are, as in the set before */
	bool inherited; /* see inherited.h: its queue is not ours to empty */
	struct unixfile *file; /* of a unix socket with a path, or NULL */
};

struct endpoint_set {
	const struct config *config; /* borrowed */
	unsigned workers;
	struct endpoint *items;
	size_t count;
};

/*
 * `before` and `inherited` may be NULL.  Where an address cannot be had, the reason is added to
 * `errors`, NULL is returned and `error` holds the errno.
 */
struct endpoint_set *endpoint_set_open(const struct config *config,
				       const struct endpoint_set *before,
				       const struct inherited *inherited,
				       unsigned workers,
				       struct error_list *errors, int *error);
void endpoint_set_free(struct endpoint_set *set); /* NULL is fine */

/*
 * Withdraws what `after` has not kept, or all where that is NULL: TCP sockets,
 * for nothing else has a handshake, and of them those that are ours to close.
 * Who has taken them must not have closed them yet.
 */
void endpoint_set_withdraw(const struct endpoint_set *set,
			   const struct endpoint_set *after,
			   struct withdrawal *withdrawal);

/* "tcp:0.0.0.0:25000", to be freed; NULL where memory is out. */
char *endpoint_text(const struct endpoint *endpoint);

/* Writes "tcp:0.0.0.0:25000,tcp:[::]:25000". */
void endpoint_set_print(const struct endpoint_set *set, FILE *out);

#endif
