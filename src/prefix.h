/*
 * prefix: what goes before the chunks or lines of one connection.
 *
 * Where it is the same for all connections of a listener they share its frame,
 * which costs nothing; where not, each has a frame of its own, and each datagram
 * a prefix of its own.
 */
#ifndef ECHOD_PREFIX_H
#define ECHOD_PREFIX_H

#include <stddef.h>
#include <stdint.h>

#include "template.h"

struct address;
struct config_listener;
struct frame;

/* What a prefix may speak of. */
struct prefix_subject {
	int fd; /* the end that is ours, whose address is %{local} */
	const struct address *peer;
	const struct address *local; /* NULL: that of the descriptor */
	uint64_t number;	     /* of the connection */
	const char *tls_version;     /* NULL, as the next ones: there is none */
	const char *tls_sni;
	const char *tls_cn;
};

/* The same for a datagram. */
struct prefix_datagram {
	const struct address *peer;
	const struct address *local;
	uint64_t number;
};

/* Writes the prefix of a datagram; returns its length. */
size_t prefix_write(const struct config_listener *listener,
		    const struct prefix_datagram *datagram,
		    char out[TEMPLATE_MAX]);

/*
 * The frame for a connection, to be given back before the listener's snapshot
 * is.  NULL where memory is out.
 */
const struct frame *prefix_frame(const struct config_listener *listener,
				 const struct prefix_subject *subject);
void prefix_release(const struct config_listener *listener,
		    const struct frame *frame); /* NULL is fine */

#endif
