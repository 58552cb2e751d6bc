/*
 * file: a regular file, whole, in memory.
 */
#ifndef ECHOD_BASE_FILE_H
#define ECHOD_BASE_FILE_H

#include <stddef.h>

/* The largest file that is read, in bytes. */
#define FILE_SIZE_MAX (1024 * 1024)

/* Enough for any reason. */
#define FILE_REASON_SIZE 128

/*
 * The contents, followed by a NUL, to be given to free(); or NULL, and in
 * `reason` why not, which is empty where memory is out.  A file that is written
 * to or replaced while it is read is read once more.  If it is written to again
 * that is an error; one that is replaced again was whole when it was opened.
 */
char *file_read(const char *path, size_t *length,
		char reason[FILE_REASON_SIZE]);

#endif
