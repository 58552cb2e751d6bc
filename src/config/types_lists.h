/*
 * types_lists: the types of options whose value is a list of addresses,
 * networks or ports (config/types.h).  A setting that is no list is read as a
 * list with one item.
 */
#ifndef ECHOD_CONFIG_TYPES_LISTS_H
#define ECHOD_CONFIG_TYPES_LISTS_H

#include "config/types.h"

extern const struct option_type type_addresses; /* struct config_addresses */
extern const struct option_type type_networks;	/* struct acl */
extern const struct option_type type_ports;	/* struct config_ports */

/* A port or "LOW-HIGH"; false if `text` is neither. */
bool type_parse_ports(const char *text, struct config_port_range *range);

#endif
