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

/*
 * The length, 1 or 2, of the control character that `text` begins with: U+0001
 * to U+001F, or U+007F to U+009F, which terminals act upon as well (ECMA-48,
 * section 5.3).  0: it begins with another character, or is empty.
 */
size_t utf8_control(const char *text);

#endif
