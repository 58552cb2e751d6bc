/*
 * unix_socket: opens listening unix sockets, and creates and removes the files
 * of those with a path.  Functions return 0 (or a descriptor) or a negated
 * errno.
 *
 * References to a file are counted.  Dropping the last one deletes the file,
 * unless another file has replaced it.  Control thread only.
 */
#ifndef ECHOD_LISTEN_UNIX_SOCKET_H
#define ECHOD_LISTEN_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

struct listen_address;
struct unix_socket;

/* Mode and owner of a file.  The ids can be USER_UNCHANGED. */
struct unix_socket_rights {
	unsigned mode;
	uid_t owner;
	gid_t group;
};

/*
 * Opens a socket that listens on a unix address; non-blocking and
 * close-on-exec.  Returns the descriptor, which the caller closes.  With a
 * path, `file` is set to a new reference; the file has these rights before a
 * client can connect.  With an abstract name, `file` is set to NULL.
 *
 * A socket file without a listener is replaced.  -EADDRINUSE: it has one.
 * -EEXIST: the file is not a socket.
 */
int unix_socket_listen(const struct listen_address *listen, int backlog,
		       const struct unix_socket_rights *rights,
		       struct unix_socket **file);

/* False if the file was replaced or removed.  True for NULL. */
bool unix_socket_is_in_place(const struct unix_socket *file);

struct unix_socket *unix_socket_ref(struct unix_socket *file); /* or NULL */
void unix_socket_unref(struct unix_socket *file); /* NULL is fine */

/*
 * Changes the rights of the file, if they differ from those last set.
 * -ENOTSUP: the mode cannot be changed without /proc.
 */
int unix_socket_set_rights(struct unix_socket *file,
			   const struct unix_socket_rights *rights);

/* Undoes the last unix_socket_set_rights(), also if that failed halfway. */
void unix_socket_restore_rights(struct unix_socket *file);

#endif
