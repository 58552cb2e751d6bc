/*
 * replace_file: writes a file so that a reader sees the old contents or the new
 * ones, never a part: the new file gets its name when it is complete.
 *
 * One thread: the umask of the process is read, which means setting it.
 */
#ifndef ECHOD_BASE_REPLACE_FILE_H
#define ECHOD_BASE_REPLACE_FILE_H

#include <stdio.h>

struct replace_file {
	FILE *out; /* for the new contents; close-on-exec */
	/* Private: */
	const char *path;
	char *temporary;
};

/*
 * Tries whether `path` can be replaced: a regular file, or none.  0, or -1:
 * errno is the cause.
 */
int replace_file_check(const char *path);

/*
 * Creates a temporary file beside `path`: its name is followed by a point and
 * six characters.  Its mode is 0644 without the bits of the umask.  `path` is
 * borrowed until the end.  0, or -1: errno is the cause.
 */
int replace_file_begin(struct replace_file *file, const char *path);

/*
 * Renames the temporary file to `path`.  0, or -1: it was removed, the old file
 * is as it was, and errno is the cause.
 */
int replace_file_commit(struct replace_file *file);

/* Removes the temporary file.  Keeps errno. */
void replace_file_discard(struct replace_file *file);

#endif
