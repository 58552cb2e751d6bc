/*
 * suggest: which setting was probably meant by a name that is unknown in its
 * place.  Pure.
 */
#ifndef ECHOD_CONFIG_SUGGEST_H
#define ECHOD_CONFIG_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The option or group of that place most similar to `name`; NULL if none is.
 * The place is as for schema_find().
 */
const char *suggest_similar(bool in_listener, const char *group,
			    const char *name);

/*
 * Writes the full names of the options with this name in other groups, or at
 * top level, of the same place: "log.rate", "fault.rate" or "udp.rate".
 * Returns their number.
 */
size_t suggest_elsewhere(bool in_listener, const char *group, const char *name,
			 char *text, size_t size);

#endif
