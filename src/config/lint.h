/*
 * lint: checks the raw text of a configuration file, before libconfig reads
 * it, for what libconfig ignores or misreads.  Pure.
 *
 * libconfig 1.5 reads 0x100000050 as 80, drops the text after an unclosed
 * comment, and cuts a string at \x00.  It calls exit() if @include names a
 * directory.  Its time grows with the square of the number of settings.  It
 * does not say which setting is set twice.
 */
#ifndef ECHOD_CONFIG_LINT_H
#define ECHOD_CONFIG_LINT_H

#include <stdbool.h>
#include <stddef.h>

struct error_list;

/* A file with more settings and list items, or nested deeper, is refused. */
#define LINT_SETTINGS_MAX 4096
#define LINT_DEPTH_MAX 16

/*
 * Adds an error for each finding.  The text must have a NUL at `length`.
 * False: libconfig must not read it, and the check has stopped at the last
 * finding.
 */
bool lint_check(const char *text, size_t length, struct error_list *errors);

#endif
