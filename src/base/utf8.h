/*
 * utf8: finds the valid UTF-8 sequences in a string (RFC 3629, section 4).
 * Pure.  Any thread.
 */
#ifndef ECHOD_BASE_UTF8_H
#define ECHOD_BASE_UTF8_H

#include <stddef.h>

/*
 * The length, 1 to 4, of the valid sequence that the `length` bytes begin with.
 * 0: they are empty or do not begin with one; overlong forms, surrogates and
 * values beyond U+10FFFF are not valid.
 */
size_t utf8_sequence(const char *bytes, size_t length);

#endif
