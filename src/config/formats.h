/*
 * formats: tells that a text is INI, TOML, YAML or JSON, and what its first
 * setting would be in the syntax of echod.conf(5).  Pure.  For the error about
 * a file that is no configuration of echod; it can be wrong about other text.
 */
#ifndef ECHOD_CONFIG_FORMATS_H
#define ECHOD_CONFIG_FORMATS_H

#include <stdbool.h>

#define FORMATS_STEP_SIZE 128

struct format {
	const char *name;
	bool is_json;
	int line;		      /* of the first setting */
	char step[FORMATS_STEP_SIZE]; /* that line in the right form */
};

/* The text ends with a NUL.  False: it is none of them. */
bool formats_find(const char *text, struct format *format);

#endif
