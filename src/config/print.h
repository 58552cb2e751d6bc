/*
 * print: writes a snapshot as a configuration file, with every setting and its
 * value (echod -T).  Loading that file gives an equal snapshot.  It is valid
 * UTF-8, whatever the bytes of the values.
 */
#ifndef ECHOD_CONFIG_PRINT_H
#define ECHOD_CONFIG_PRINT_H

#include <stdio.h>

struct config;

/* Returns 0, or a negative errno if writing to `out` failed. */
int print_config(const struct config *config, FILE *out);

#endif
