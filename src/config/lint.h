/*
 * lint: checks the raw text of a configuration file, before libconfig reads
 * it, for what libconfig misreads although the syntax is right.  Pure.
 *
 * libconfig 1.5 reads 0x100000050 as 80 and cuts a string at \x00.  It does not
 * say which setting is set twice.
 */
#ifndef ECHOD_CONFIG_LINT_H
#define ECHOD_CONFIG_LINT_H

#include <stddef.h>

struct error_list;

/*
 * Adds an error for each finding, with the plain name of the setting.  The text
 * must be one that syntax_check() accepts (config/syntax.h).
 */
void lint_check(const char *text, size_t length, struct error_list *errors);

#endif
