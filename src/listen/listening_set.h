/*
 * listening_set: all sockets that a configuration asks for: those of its
 * listeners, and those of `status.listen`.  They are opened nowhere else.
 *
 * A set is made before anything of the running set is given up.  An endpoint
 * that both ask for is kept; the others are opened.  A unix socket can pass
 * from a listener to the status port and back.  A unix socket whose file was
 * deleted or replaced is opened anew.  Freeing a set closes the sockets without
 * another owner.
 *
 * Control thread only.
 */
#ifndef ECHOD_LISTEN_LISTENING_SET_H
#define ECHOD_LISTEN_LISTENING_SET_H

#include <stddef.h>
#include <stdio.h>

#include "config/config.h"
#include "listen/endpoint.h"

struct error_list;
struct socket_activation;
struct graceful_close;

struct listening_set {
	const struct config *config; /* borrowed */
	unsigned workers;
	struct endpoint *items; /* those of listeners, then the status port's */
	size_t count;		/* of listeners */
	size_t total;		/* of both */
};

/*
 * `before` and `activation` may be NULL.  On failure, the reasons are added to
 * `errors`, `error` is set to an errno and NULL is returned.
 */
struct listening_set *
listening_set_open(const struct config *config,
		   const struct listening_set *before,
		   const struct socket_activation *activation, unsigned workers,
		   struct error_list *errors, int *error);
void listening_set_free(struct listening_set *set); /* NULL is fine */

/*
 * Hands the sockets that `after` has not kept to the graceful close, before
 * their owners close them: those of TCP that are not inherited, since others
 * have no handshake.  With `after` NULL, at the end, all of the listeners; the
 * status port is served longer.
 */
void listening_set_close_dropped(const struct listening_set *set,
				 const struct listening_set *after,
				 struct graceful_close *graceful_close);

/* Writes "tcp:0.0.0.0:25000,tcp:[::]:25000", without the status port. */
void listening_set_print(const struct listening_set *set, FILE *out);

#endif
