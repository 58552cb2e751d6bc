/*
 * config: turns the text of a configuration file and the options of the
 * command line into a snapshot, valid and immutable (config/schema.h).
 *
 * Loading is for the control thread.  References to a snapshot, and to the
 * settings of a listener, are counted: any thread can take and drop them.
 *
 * All errors of a file are added in one run, unless its syntax is wrong.  A
 * file without a setting is an error: a full disk leaves such a file, and so
 * does an editor that truncates before it writes.
 *
 * Warnings are added to `errors->warnings`, also about a valid file.
 */
#ifndef ECHOD_CONFIG_CONFIG_H
#define ECHOD_CONFIG_CONFIG_H

#include "config/schema.h"

struct config_source;
struct error_list;

/*
 * Loads a file or a stream, and the options that override it (config/source.h).
 * The first call with a source can wait; repeated calls are for a reload.  The
 * caller owns a reference to the result.  NULL if anything is wrong;
 * error_any(errors) is then true.  `errors` must be empty before.
 */
struct config *config_load(struct config_source *source,
			   struct error_list *errors);

/* The same for text, which must have a NUL at `length`. */
struct config *config_parse(const char *text, size_t length,
			    struct error_list *errors);

struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* NULL is allowed */

/*
 * References to the settings of one listener, which can outlive the snapshot.
 */
struct config_listener *
config_listener_ref(const struct config_listener *settings);
void config_listener_unref(const struct config_listener *settings);

#endif
