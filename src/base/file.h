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
 * Returns the contents and a NUL after them; the caller frees them.  `length`
 * does not count the NUL.  On failure returns NULL and writes the reason, which
 * is empty if memory is out.
 *
 * A file that is written to or replaced during the read is read a second time.
 * If it is written to during the second read, the result is an error.  If it is
 * replaced, the contents are those of the file that was opened.
 */
char *file_read(const char *path, size_t *length,
		char reason[FILE_REASON_SIZE]);

#endif
