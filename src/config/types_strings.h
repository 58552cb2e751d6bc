/*
 * types_strings: the types of options whose value is a list of strings, struct
 * string_list (config/types.h).  A setting that is no list is read as a list
 * with one item.  The default is one string, or "" for an empty list.  A list
 * that has an error is empty.
 */
#ifndef ECHOD_CONFIG_TYPES_STRINGS_H
#define ECHOD_CONFIG_TYPES_STRINGS_H

#include "config/types.h"

extern const struct option_type type_hosts;	/* patterns: addr/host_name.h */
extern const struct option_type type_files;	/* the string "" is no file */
extern const struct option_type type_protocols; /* names for ALPN */

#endif
