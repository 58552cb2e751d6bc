/*
 * lint: what libconfig does not look at, or looks at and gets wrong, found in
 * the raw text of a configuration file before libconfig sees it.  Pure.
 *
 * libconfig 1.5 reads 0x100000050 as 80, drops what follows an unclosed comment,
 * cuts a string at \x00, calls exit() where @include names a directory, takes
 * time by the square of the number of settings, and does not name the setting
 * that is there twice.
 */
#ifndef ECHOD_CONFIG_LINT_H
#define ECHOD_CONFIG_LINT_H

#include <stdbool.h>
#include <stddef.h>

struct error_list;

#define LINT_SETTINGS_MAX 4096
#define LINT_DEPTH_MAX 16

/*
 * Adds an error for each finding in the text, which has to be followed by a NUL
 * at `length`.  False where it must not be handed to libconfig at all.
 */
bool lint_check(const char *text, size_t length, struct error_list *errors);

#endif
