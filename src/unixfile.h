/*
 * unixfile: listening unix sockets, and the files that those with a path have
 * in the file system: made, given their rights, removed.  Results are 0 (or a
 * descriptor) or a negated errno.
 *
 * A file is counted: it is removed with its last reference, unless something
 * else has been put in its place by then.  For the control thread alone.
 */
#ifndef ECHOD_UNIXFILE_H
#define ECHOD_UNIXFILE_H

#include <stdbool.h>
#include <sys/types.h>

struct place;
struct unixfile;

/* Who may connect; the ids may be ACCOUNT_UNCHANGED. */
struct unixfile_rights {
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
int unixfile_listen(const struct place *place, int backlog,
		    const struct unixfile_rights *rights,
		    struct unixfile **file);

/* False: another file stands there now, or none.  True of NULL. */
bool unixfile_is_in_place(const struct unixfile *file);

struct unixfile *unixfile_ref(struct unixfile *file);
void unixfile_unref(struct unixfile *file); /* NULL is fine */

/*
 * Gives the file these rights from now on, if they are others.  -ENOTSUP: the
 * mode cannot be changed without /proc.
 */
int unixfile_set_rights(struct unixfile *file,
			const struct unixfile_rights *rights);

/* Undoes the last unixfile_set_rights(), also one that failed halfway. */
void unixfile_restore_rights(struct unixfile *file);

#endif
