/*
 * read: libconfig's tree into the structures of a snapshot.  The option table
 * tells where each setting goes; one that goes nowhere is added to the errors,
 * with a guess at what was meant, and so is a value that does not fit
 * (setting.h).
 */
#ifndef ECHOD_READ_H
#define ECHOD_READ_H

#include <libconfig.h>
#include <stdbool.h>

#include "schema.h"

struct error_list;

/*
 * Everything at top level but `listeners`: what is global goes into `config`,
 * what listeners inherit and what `main` is made of into `base`.
 */
void read_top(config_setting_t *root, struct config *config,
	      struct config_entry *base, struct error_list *errors);

/* A group of `listeners`; `path` names it in errors. */
void read_listener(config_setting_t *group, const char *path,
		   struct config_entry *listener, struct error_list *errors);

#endif
