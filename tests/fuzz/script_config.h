/*
 * script_config: a configuration that a script asks a reload for, as its text and as what
 * it means.
 */
#ifndef ECHOD_TESTS_FUZZ_SCRIPT_CONFIG_H
#define ECHOD_TESTS_FUZZ_SCRIPT_CONFIG_H

#include <stdbool.h>

struct script;

#define SCRIPT_LISTENERS 3
#define SCRIPT_ADDRESSES 12

/* An address by its letter in scripts; 'n' is in use by another socket. */
struct script_address {
	char letter;
	const char *text; /* "%d" is the process id, "%u" script_port() */
};
extern const struct script_address script_addresses[SCRIPT_ADDRESSES];

/* Names of the listeners; each has its name and ':' for a prefix. */
extern const char *const script_listener_names[SCRIPT_LISTENERS];

/* What has a place: that listener, or nothing, or status. */
enum { NOBODY = -1, STATUS = SCRIPT_LISTENERS };

struct script_config {
	char text[4096];
	signed char by[SCRIPT_ADDRESSES];
	bool is_plain; /* echod has no reason to refuse it */
};

/*
 * Reads one word of the script, up to a blank: letters of places for the first
 * listener, after '|' for the next one; 's' gives the place that follows to
 * status, '!' adds a mistake.
 */
void script_config_read(struct script_config *config, struct script *script);

/* The port of all places that have a fixed one. */
void script_set_port(unsigned number);
unsigned script_port(void);

/* The address of a place as text, in `text`, which it returns. */
const char *script_address_text(unsigned at, char text[64]);

/* The place of this letter, or -1. */
int script_address_find(char letter);

#endif
