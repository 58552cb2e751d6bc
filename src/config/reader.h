/*
 * reader: reads libconfig's tree into the structures of a snapshot.
 *
 * The option table (config/schema.h) has a row for each setting, which says
 * which member it sets.  The row of its type (config/types.h) reads the value.
 * A wrong value adds an error.  An unknown setting adds one, too, with the name
 * that was probably meant.
 *
 * Control thread.
 */
#ifndef ECHOD_CONFIG_READER_H
#define ECHOD_CONFIG_READER_H

#include <libconfig.h>
#include <stdbool.h>

#include "config/schema.h"

struct error_list;

/*
 * Reads the top level except `listeners`.  Global settings go into `config`.
 * Those that listeners inherit go into `base`; so does `listen`, which belongs
 * to the listener `main`.
 */
void reader_read_top_level(config_setting_t *root, struct config *config,
			   struct config_entry *base,
			   struct error_list *errors);

/* Reads one group of the list `listeners`; `path` names it in errors. */
void reader_read_listener(config_setting_t *group, const char *path,
			  struct config_entry *entry,
			  struct error_list *errors);

#endif
