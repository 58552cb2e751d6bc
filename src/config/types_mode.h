/*
 * types_mode: the type of permissions of a file (config/types.h).  Pure.
 */
#ifndef ECHOD_CONFIG_TYPES_MODE_H
#define ECHOD_CONFIG_TYPES_MODE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/types.h"

extern const struct option_type type_mode; /* unsigned; "0660" of a file */

/* Permissions in octal digits, 0 to 0777; false if `text` is anything else. */
bool type_parse_mode(const char *text, unsigned *mode);

/* For errors: why digits without quotes are no mode; can be in `buffer`. */
const char *type_mode_reason(const char *digits, char *buffer, size_t size);

#endif
