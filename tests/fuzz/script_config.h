/*
 * wish: a configuration that a script asks a reload for, as its text and as what
 * it means.
 */
#ifndef ECHOD_TESTS_FUZZ_WISH_H
#define ECHOD_TESTS_FUZZ_WISH_H

#include <stdbool.h>

struct script;

#define WISH_LISTENERS 3
#define WISH_PLACES 12

/* An address by its letter in scripts; 'n' is in use by another socket. */
struct wish_place {
	char letter;
	const char *text; /* "%d" is the process id, "%u" wish_port() */
};
extern const struct wish_place wish_places[WISH_PLACES];

/* Names of the listeners; each has its name and ':' for a prefix. */
extern const char *const wish_names[WISH_LISTENERS];

/* What has a place: that listener, or nothing, or status. */
enum { NOBODY = -1, STATUS = WISH_LISTENERS };

struct wish {
	char text[4096];
	signed char by[WISH_PLACES];
	bool is_plain; /* echod has no reason to refuse it */
};

/*
 * Reads one word of the script, up to a blank: letters of places for the first
 * listener, after '|' for the next one; 's' gives the place that follows to
 * status, '!' adds a mistake.
 */
void wish_read(struct wish *wish, struct script *script);

/* The port of all places that have a fixed one. */
void wish_set_port(unsigned number);
unsigned wish_port(void);

/* The address of a place as text, in `text`, which it returns. */
const char *wish_place(unsigned at, char text[64]);

/* The place of this letter, or -1. */
int wish_find(char letter);

#endif
