/*
 * script_config: a configuration that a fuzz script describes: its text, and
 * the owner of each address.
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

/* Owner of an address: the listener with this index, NOBODY, or STATUS. */
enum { NOBODY = -1, STATUS = SCRIPT_LISTENERS };

struct script_config {
	char text[4096];
	signed char by[SCRIPT_ADDRESSES];
	bool is_plain; /* valid: echod must accept it */
};

/*
 * Reads one word of the script, up to a blank: letters of addresses for the
 * first listener; after '|' those of the next; 's' gives the next address to
 * status; '!' adds a mistake.
 */
void script_config_read(struct script_config *config, struct script *script);

/* The port of all addresses with a fixed one. */
void script_set_port(unsigned number);
unsigned script_port(void);

/* Writes the address with this index to `text`; returns it. */
const char *script_address_text(unsigned at, char text[64]);

/* The index of the address with this letter, or -1. */
int script_address_find(char letter);

#endif
