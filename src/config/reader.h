/*
 * reader: reads libconfig's tree into the structures of a snapshot.  The row of
 * each setting in the option table (config/schema.h) says which member it
 * belongs to, and the row of its type (config/types.h) reads the value.  An
 * unknown setting adds an error, with the name that was probably meant; a wrong
 * value adds one, too, and leaves the member as it was.
 */
#ifndef ECHOD_CONFIG_READER_H
#define ECHOD_CONFIG_READER_H

#include <libconfig.h>
#include <stdbool.h>

#include "config/schema.h"

struct error_list;

/*
 * Reads the top level except `listeners`: global settings into `config`, and
 * those that listeners inherit or that the listener `main` has into `base`.
 */
void reader_read_top_level(config_setting_t *root, struct config *config,
			   struct config_entry *base,
			   struct error_list *errors);

/* Reads one group of the list `listeners`; `path` names it in errors. */
void reader_read_listener(config_setting_t *group, const char *path,
			  struct config_entry *entry,
			  struct error_list *errors);

#endif
