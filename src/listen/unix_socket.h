/*
 * unix_socket: listening unix sockets, and the files that those with a path have
 * in the file system: made, given their rights, removed.  Results are 0 (or a
 * descriptor) or a negated errno.
 *
 * A file is counted: it is removed with its last reference, unless something
 * else has been put in its place by then.  For the control thread alone.
 */
#ifndef ECHOD_LISTEN_UNIX_SOCKET_H
#define ECHOD_LISTEN_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

struct listen_address;
struct unix_socket;

/* Who may connect; the ids may be USER_UNCHANGED. */
struct unix_socket_rights {
	unsigned mode;
	uid_t owner;
	gid_t group;
};

/*
 * Listens at a unix place, non-blocking and close-on-exec.  With a path, `file`
 * is set to a reference to what then stands there, with these rights since before
 * anybody could connect; with an abstract name, to NULL.
 *
 * A socket that nobody listens on any more is replaced.  -EADDRINUSE: one that
 * is alive; -EEXIST: a file that is none.
 */
int unix_socket_listen(const struct listen_address *listen_address, int backlog,
		       const struct unix_socket_rights *rights,
		       struct unix_socket **file);

/* False: another file stands there now, or none.  True of NULL. */
bool unix_socket_is_in_place(const struct unix_socket *file);

struct unix_socket *unix_socket_ref(struct unix_socket *file);
void unix_socket_unref(struct unix_socket *file); /* NULL is fine */

/*
 * Gives the file these rights from now on, if they are others.  -ENOTSUP: the
 * mode cannot be changed without /proc.
 */
int unix_socket_set_rights(struct unix_socket *file,
			   const struct unix_socket_rights *rights);

/* Undoes the last unix_socket_set_rights(), also one that failed halfway. */
void unix_socket_restore_rights(struct unix_socket *file);

#endif
