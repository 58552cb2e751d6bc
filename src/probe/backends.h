/*
 * backends: which backends have answered.  A backend is known by the prefix of
 * its echo: by the part that a regular expression finds in it, or else by the
 * whole prefix, without spaces at its ends and with "CLIENT" for the address of
 * the client.
 *
 * One thread.
 */
#ifndef ECHOD_PROBE_BACKENDS_H
#define ECHOD_PROBE_BACKENDS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of a name with its NUL; longer ones are cut off and end in "...". */
#define BACKEND_NAME_SIZE 128

/* Backends that are told apart; all later ones are the last, "other". */
#define BACKENDS_MAX 64

struct backend {
	char name[BACKEND_NAME_SIZE]; /* valid UTF-8, no control characters */
	unsigned index;	 /* 0, 1, ... in the order of their appearance */
	uint64_t echoed; /* messages; counted by tally.h */
	uint64_t failed;
	uint64_t connections;	     /* UDP: 0 */
	uint64_t last_second_echoed; /* for the line of each second */
};

struct backends;

/*
 * `expression`: an extended regular expression (regex(7)); its first group, or
 * all that it finds, is the name.  NULL: none.  Returns NULL, or the reason why
 * it is not valid, which is `reason`.
 */
const char *backends_new(const char *expression, struct backends **backends,
			 char *reason, size_t size);
void backends_free(struct backends *backends); /* NULL is allowed */

/*
 * The backend with this prefix.  `client`: the text of the client's address,
 * "192.0.2.1:4242", that is replaced by "CLIENT"; NULL: unknown.  An empty
 * prefix, or one of spaces only, has the name "(no prefix)".  If the expression
 * finds nothing, the whole prefix is the name.
 *
 * Never NULL: if memory or places are out, the backend is "other".
 */
struct backend *backends_find(struct backends *backends, const char *prefix,
			      size_t length, const char *client);

/*
 * A backend that was found for exactly these bytes, whatever the client was, or
 * NULL: then backends_find() is needed.  This is much faster, and the caller
 * does without the client's address.
 */
struct backend *backends_known(struct backends *backends, const char *prefix,
			       size_t length);

size_t backends_count(const struct backends *backends);

/* The backend with this index. */
struct backend *backends_at(const struct backends *backends, size_t index);

#endif
