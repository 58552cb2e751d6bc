/*
 * value: the life of one option's member in a snapshot: its default, a copy, a
 * comparison, its end.  What a member owns depends on the type of its option alone.
 *
 * `base` is the structure of the option's scope (config/schema.h).
 */
#ifndef ECHOD_CONFIG_VALUE_H
#define ECHOD_CONFIG_VALUE_H

#include "config/schema.h"

/* Sets the default in `base`, where nothing was; false where memory is out. */
bool value_default(const struct schema_option *option, void *base);

/*
 * Makes what `base` holds as a plain copy of `from` its own; where memory is
 * out it holds nothing and false is returned.
 */
bool value_copy(const struct schema_option *option, void *base,
		const void *from);

/* Whether `one` and `other` hold the same value. */
bool value_equal(const struct schema_option *option, const void *one,
		 const void *other);

/* Frees what `base` owns, which may be nothing. */
void value_free(const struct schema_option *option, void *base);

/* A port or "LOW-HIGH"; false where it is neither. */
bool value_parse_ports(const char *text, struct config_port_range *range);

/* 0 to 0777 in octal digits; false where it is anything else. */
bool value_parse_mode(const char *text, unsigned *mode);

#endif
