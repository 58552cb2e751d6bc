/*
 * examples: the files of etc/examples, for "echod --example".  The build puts
 * them into the program (embed-examples), so a container has them as well.
 */
#ifndef ECHOD_CONTROL_EXAMPLES_H
#define ECHOD_CONTROL_EXAMPLES_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Writes the file with this name, with or without its suffix.  False if there
 * is none.  Errors of writing are left to the caller: see ferror(3).
 */
bool examples_print(const char *name, FILE *out);

/*
 * Writes a line for each file, "  NAME  TITLE".  The completions of the shells
 * read these lines.
 */
void examples_print_list(FILE *out);

#endif
