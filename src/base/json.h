/*
 * json: strings of JSON (RFC 8259, section 7).  Pure.  Any thread.
 */
#ifndef ECHOD_BASE_JSON_H
#define ECHOD_BASE_JSON_H

#include <stddef.h>
#include <stdio.h>

/*
 * Writes the bytes with quotes around them.  Control characters, also those of
 * two bytes, become \u00NN.  A byte that is not valid UTF-8 becomes the text
 * \xNN.  An error of `out` is for the caller to notice.
 */
void json_string(FILE *out, const char *bytes, size_t length);

#endif
