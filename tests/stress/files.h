/*
 * files: the text of configuration files, good and bad.
 */
#ifndef ECHOD_STRESS_FILES_H
#define ECHOD_STRESS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "random.h"
#include "session_kinds.h"

#define FILE_SIZE 16384

struct run;

/* What all of them have in common. */
struct files {
	const char *directory;
	/* Reserved ports, by kind; 0: any. */
	const uint16_t *ports;
	uint16_t busy; /* a port in use by another socket */
};

/* A file that echod must accept; returns its length. */
size_t files_good(const struct run *run, const struct files *files,
		  unsigned version, char text[FILE_SIZE]);

/* A file that echod must refuse; `what` is the reason. */
size_t files_bad(const struct run *run, const struct files *files,
		 unsigned version, struct random *random, char text[FILE_SIZE],
		 const char **what);

#endif
