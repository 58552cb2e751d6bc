/*
 * syntax: checks that a text has the syntax of libconfig, before libconfig
 * reads it.  Pure.
 *
 * libconfig has one message for every mistake, "syntax error".  Here each
 * mistake has an error of its own (config/mistakes.h).  Besides, libconfig
 * drops the text after an unclosed comment, calls exit() if @include names a
 * directory, and its time grows with the square of the number of settings.
 *
 * A comma after the last value of a list is an error, as in libconfig 1.5;
 * later versions accept it.
 */
#ifndef ECHOD_CONFIG_SYNTAX_H
#define ECHOD_CONFIG_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

struct error_list;

/* A file with more settings and list items, or nested deeper, is refused. */
#define SYNTAX_SETTINGS_MAX 4096
#define SYNTAX_DEPTH_MAX 16

/* The length of the byte order mark that the text begins with, or 0. */
size_t syntax_mark_length(const char *text, size_t length);

/*
 * The text, without a byte order mark, must have a NUL at `length`.  False, and
 * one error, if its syntax is wrong; libconfig must not read it then.
 */
bool syntax_check(const char *text, size_t length, struct error_list *errors);

#endif
