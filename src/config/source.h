/*
 * source: where a configuration comes from: a file or a stream, and the options
 * of the command line, which override it.
 *
 * Control thread.
 */
#ifndef ECHOD_CONFIG_SOURCE_H
#define ECHOD_CONFIG_SOURCE_H

#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>

struct error_list;

/* The largest number of addresses on the command line. */
#define SOURCE_LISTEN_MAX 64

struct config_source {
	/* Set by the owner; the strings are borrowed.  NULL: not given. */
	const char *file; /* "-": standard input */
	const char *listen[SOURCE_LISTEN_MAX];
	size_t listen_count;
	const char *prefix;
	const char *status; /* status.listen */

	/* Its own, zeroed at first. */
	bool was_read;
	char *text; /* of a stream; NULL: a regular file */
	size_t length;
};

/* Frees what the source owns. */
void source_free(struct config_source *source);

/*
 * Without a file there are only options: if there are listen addresses, but no
 * `file`.  If there is neither, the file is the default one.
 */
bool source_has_file(const struct config_source *source);

/* Names it in errors: the file, "standard input" or "command line". */
const char *source_name(const struct config_source *source);

/*
 * Returns the text of the file, and a NUL after it, for the caller to free.
 * `length` does not count the NUL.  Without a file the text is empty.  On
 * failure adds an error and returns NULL.
 *
 * The first call can wait for a stream (base/file.h).  A stream can be read
 * once only: later calls return the same text.  A regular file is read anew by
 * each call.
 */
char *source_read(struct config_source *source, size_t *length,
		  struct error_list *errors);

/* The next source_read() does not read a file. */
bool source_is_fixed(const struct config_source *source);

/*
 * Replaces settings of the top level by those of the command line.  Their line
 * is 0.
 */
void source_override(const struct config_source *source,
		     config_setting_t *root);

#endif
