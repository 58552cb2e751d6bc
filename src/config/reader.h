/*
 * reader: libconfig's tree into the structures of a snapshot.  The option table
 * tells where each setting goes; one that goes nowhere is added to the errors,
 * with a guess at what was meant, and so is a value that does not fit
 * (config/setting.h).
 */
#ifndef ECHOD_CONFIG_READER_H
#define ECHOD_CONFIG_READER_H

#include <libconfig.h>
#include <stdbool.h>

#include "config/schema.h"

struct error_list;

/*
 * Everything at top level but `listeners`: what is global goes into `config`,
 * what listeners inherit and what `main` is made of into `base`.
 */
void reader_read_globals(config_setting_t *root, struct config *config,
			 struct config_entry *base, struct error_list *errors);

/* A group of `listeners`; `path` names it in errors. */
void reader_read_listener(config_setting_t *group, const char *path,
			  struct config_entry *listener,
			  struct error_list *errors);

#endif
