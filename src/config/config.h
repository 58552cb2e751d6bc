/*
 * config: libconfig text -> a validated, immutable snapshot.
 *
 * A snapshot, and the settings of each of its listeners, are shared by
 * reference: the owner of a reference drops it, on any thread.  Errors go into
 * the list, all of them in one run, each with file, line, setting and reason.
 * Text that sets nothing is an error: it is what a full disk or an editor that
 * truncates first leaves.
 */
#ifndef ECHOD_CONFIG_CONFIG_H
#define ECHOD_CONFIG_CONFIG_H

#include "config/schema.h"

struct error_list;

/*
 * Reads and validates a regular file.  NULL, and at least one error added,
 * where anything is wrong with it; otherwise the caller owns a reference.
 */
struct config *config_load(const char *path, struct error_list *errors);

/* The same for text, which has to be followed by a NUL at `length`. */
struct config *config_parse(const char *text, size_t length,
			    struct error_list *errors);

struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* NULL is fine */

/* The same for the settings of one listener, which outlive the snapshot. */
struct config_listener *
config_listener_ref(const struct config_listener *listener);
void config_listener_unref(const struct config_listener *listener);

#endif
