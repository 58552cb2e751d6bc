/*
 * listening_set: all sockets that a configuration asks for: those of its
 * listeners, and those of `status.listen`.  They are opened nowhere else.
 *
 * At a reload, a new set is opened while the running one stays complete.  An
 * address that is in both keeps its endpoint; the others are opened.  A unix
 * socket can pass from a listener to the status port and back.  If its file was
 * deleted or replaced, it is opened again.
 *
 * Freeing a set closes the sockets that have not been taken.
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
	const struct config *config; /* borrowed; must outlive the set */
	unsigned workers;
	struct endpoint *items; /* those of listeners, then the status port's */
	size_t count;		/* endpoints of listeners */
	size_t total;		/* all endpoints */
};

/*
 * `before` is the running set, or NULL; `activation` can be NULL.  On failure
 * adds the reasons to `errors`, sets `error` to a positive errno and returns
 * NULL; mode and owner of unix sockets are restored.
 */
struct listening_set *
listening_set_open(const struct config *config,
		   const struct listening_set *before,
		   const struct socket_activation *activation, unsigned workers,
		   struct error_list *errors, int *error);
void listening_set_free(struct listening_set *set); /* NULL is fine */

/*
 * Adds the TCP sockets that `after` has not kept to the graceful close.  With
 * `after` NULL, at the end, adds those of all listeners; the status port is
 * served longer.  Inherited sockets are left out, because they stay open
 * (listen/socket_activation.h).  Must be called before the workers close
 * theirs.
 */
void listening_set_close_dropped(const struct listening_set *set,
				 const struct listening_set *after,
				 struct graceful_close *graceful_close);

/*
 * Writes "tcp:0.0.0.0:25000,tcp:[::]:25000", without the status port.  A space
 * in a path becomes \x20, because the text is a value in a line of the log.
 */
void listening_set_print(const struct listening_set *set, FILE *out);

#endif
