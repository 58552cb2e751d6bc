/*
 * endpoint: one bound address with its sockets.
 *
 * A listener's endpoint has one socket for each worker.  The sockets of a TCP
 * or UDP address that echod opens are an SO_REUSEPORT group.  Those of a unix
 * socket, and of one that was inherited, are duplicates.  An endpoint of the
 * status port has one socket.
 *
 * Functions return 0 or a negated errno.  Control thread only.
 */
#ifndef ECHOD_LISTEN_ENDPOINT_H
#define ECHOD_LISTEN_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr/listen_address.h"
#include "listen/socket.h"
#include "listen/unix_socket.h"

/* Instead of a listener: the endpoint is the status port's. */
#define ENDPOINT_STATUS SIZE_MAX

struct endpoint {
	unsigned id;	 /* stays the same while the sockets are open */
	size_t listener; /* index in the configuration, or ENDPOINT_STATUS */
	struct listen_address asked; /* as configured, `*` expanded */
	struct listen_address bound; /* port 0 resolved */
	int *fds;
	unsigned sockets; /* descriptors in `fds` */
	unsigned taken;	  /* the first ones, which other owners close */
	bool kept;	  /* from the set before; all are taken */
	bool inherited; /* of the service manager: listen/socket_activation.h */
	/*
	 * For a unix socket passed between a listener and the status port: the
	 * id of its old endpoint, which shares it until that is closed.  0: not
	 * passed.
	 */
	unsigned passed_from;
	struct unix_socket *file; /* of a unix socket with a path, or NULL */
};

struct endpoint_options {
	struct socket_options socket;
	struct unix_socket_rights rights; /* of a unix socket with a path */
};

/*
 * Opens `sockets` sockets at `bound` into `fds`, which the caller has
 * allocated; resolves port 0 in `bound`.  On failure none is open.
 */
int endpoint_open(struct endpoint *endpoint,
		  const struct endpoint_options *options);

/*
 * The same with duplicates of `original`, which stays the caller's.  Sets its
 * backlog, unless it is a UDP socket.
 */
int endpoint_duplicate(struct endpoint *endpoint, int original, int backlog);

/* Takes over id, address, file and descriptors of `old`: all are taken. */
void endpoint_keep(struct endpoint *endpoint, const struct endpoint *old);

/* Closes the sockets that are not taken, drops `file` and frees `fds`. */
void endpoint_close(struct endpoint *endpoint);

/* "tcp:0.0.0.0:25000".  The caller frees it.  NULL: out of memory. */
char *endpoint_text(const struct endpoint *endpoint);

#endif
