/*
 * listening_set: all sockets that a configuration asks for, opened before anything
 * of the running one is given up: those of the listeners, and those of
 * `status.listen`.
 *
 * An endpoint is one bound address.  One of a listener has a socket for each
 * worker: a duplicate each if it is a unix socket or was handed over.  One of the
 * status port has a single socket.
 *
 * A set is made by the control thread beside the set in force.  What both ask for
 * is kept; the rest is opened.  An address may pass from a listener to the status
 * port and back.  A unix socket whose file was deleted or replaced is opened anew.
 * Freeing a set closes what has not been taken.
 */
#ifndef ECHOD_LISTEN_LISTENING_SET_H
#define ECHOD_LISTEN_LISTENING_SET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"

struct error_list;
struct socket_activation;
struct unix_socket;
struct graceful_close;

/* Stands for a listener: the endpoint is the status port's. */
#define ENDPOINT_STATUS SIZE_MAX

struct endpoint {
	unsigned id;	 /* the same for as long as the sockets live */
	size_t listener; /* which of the configuration's, or ENDPOINT_STATUS */
	struct listen_address asked; /* as configured, `*` expanded */
	struct listen_address bound; /* port 0 resolved */
	int *fds;
	unsigned sockets; /* descriptors in `fds` */
	unsigned taken;	  /* the first `taken` of them have other owners */
	bool kept;	  /* all are taken, by the owners in the set before */
	bool inherited; /* see listen/socket_activation.h: its queue is not ours to empty */
	/* A unix socket passes between a listener and the status port: the id of
	 * the endpoint that had it, and shares it until it is closed; or 0. */
	unsigned passed_from;
	struct unix_socket *file; /* of a unix socket with a path, or NULL */
};

struct listening_set {
	const struct config *config; /* borrowed */
	unsigned workers;
	struct endpoint *items; /* those of listeners, then the status port's */
	size_t count;		/* of listeners */
	size_t total;		/* of both */
};

/*
 * `before` and `inherited` may be NULL.  Where an address cannot be had, the reason is added to
 * `errors`, NULL is returned and `error` holds the errno.
 */
struct listening_set *
listening_set_open(const struct config *config,
		   const struct listening_set *before,
		   const struct socket_activation *activation, unsigned workers,
		   struct error_list *errors, int *error);
void listening_set_free(struct listening_set *set); /* NULL is fine */

/*
 * Withdraws what `after` has not kept: TCP sockets, for nothing else has a
 * handshake, and of them those that are ours to close.  With NULL, at the end,
 * all of the listeners; the status port is served until then.  Who has taken them
 * must not have closed them yet.
 */
void listening_set_close_dropped(const struct listening_set *set,
				 const struct listening_set *after,
				 struct graceful_close *graceful_close);

/* "tcp:0.0.0.0:25000", to be freed; NULL where memory is out. */
char *endpoint_text(const struct endpoint *endpoint);

/* Writes "tcp:0.0.0.0:25000,tcp:[::]:25000", without the status port. */
void listening_set_print(const struct listening_set *set, FILE *out);

#endif
