/*
 * print: writes a snapshot as a configuration file that means the same, every
 * setting with its value.
 */
#ifndef ECHOD_CONFIG_PRINT_H
#define ECHOD_CONFIG_PRINT_H

#include <stdio.h>

struct config;

/* Returns 0, or a negated errno where `out` could not be written. */
int print_config(const struct config *config, FILE *out);

#endif
