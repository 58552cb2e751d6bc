/*
 * handshakes: finds incoming TCP connections whose three-way handshake has not
 * ended: state SYN-RECEIVED (RFC 9293, 3.5).
 */
#ifndef ECHOD_LISTEN_HANDSHAKES_H
#define ECHOD_LISTEN_HANDSHAKES_H

#include <stddef.h>

struct address;

/*
 * 1 if there are any to one of these local IP addresses; a wildcard means any
 * address of its family at its port.  0 if there are none.  A negated errno if
 * the table cannot be read.
 *
 * Reads the table of all TCP connections of the network namespace: about two
 * microseconds for each.  Any thread.
 */
int handshakes_pending(const struct address *local, size_t count);

#endif
