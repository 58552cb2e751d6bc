/*
 * file: reads a whole file, or a stream to its end, into memory.  Any thread.
 */
#ifndef ECHOD_BASE_FILE_H
#define ECHOD_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes; a larger file is an error. */
#define FILE_SIZE_MAX (1024 * 1024)

/* Holds any reason. */
#define FILE_REASON_SIZE 128

/*
 * For a regular file.  Returns the contents and a NUL after them; the caller
 * frees them.  `length` does not count the NUL.  On failure returns NULL and
 * writes the reason, which is empty if memory is out.
 *
 * A file that is written to or replaced during the read is read a second time.
 * If it is written to during the second read, the result is an error.  If it is
 * replaced, the contents are those of the file that was opened.
 */
char *file_read(const char *path, size_t *length,
		char reason[FILE_REASON_SIZE]);

/*
 * The same for a pipe, a terminal or a socket that is open: waits for bytes,
 * and reads until the end.  During the wait SIGINT and SIGTERM are not blocked.
 */
char *file_read_stream(int fd, size_t *length, char reason[FILE_REASON_SIZE]);

/*
 * Reads a file of any kind.  If it is regular, sets `regular` and does what
 * file_read() does; if not, what file_read_stream() does.
 */
char *file_read_any(const char *path, bool *regular, size_t *length,
		    char reason[FILE_REASON_SIZE]);

#endif
