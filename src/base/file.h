/*
 * file: reads a whole regular file into memory.  Any thread.
 */
#ifndef ECHOD_BASE_FILE_H
#define ECHOD_BASE_FILE_H

#include <stddef.h>

/* Bytes; a larger file is an error. */
#define FILE_SIZE_MAX (1024 * 1024)

/* Holds any reason. */
#define FILE_REASON_SIZE 128

/*
 * Returns the contents, followed by a NUL, which the caller frees.  `length`
 * does not count the NUL.  On failure returns NULL and writes the reason,
 * which is empty if memory is out.
 *
 * A file that is written to or replaced during the read is read once more.  If
 * it is written to again, that is an error.  If it is replaced again, the
 * contents are those of the file that was opened, which was complete.
 */
char *file_read(const char *path, size_t *length,
		char reason[FILE_REASON_SIZE]);

#endif
