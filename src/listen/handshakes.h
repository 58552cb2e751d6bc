/*
 * handshakes: finds incoming TCP connections whose three-way handshake has not
 * ended: state SYN-RECEIVED (RFC 9293, 3.5).
 */
#ifndef ECHOD_LISTEN_HANDSHAKES_H
#define ECHOD_LISTEN_HANDSHAKES_H

#include <stddef.h>

struct address;

/*
 * 1 if there are any to one of these local addresses; a wildcard stands for all
 * addresses at its port.  0 if there are none.  A negated errno if the table
 * cannot be read.
 *
 * Reads the table of all TCP connections of the network namespace: about two
 * microseconds for each.
 */
int handshakes_pending(const struct address *local, size_t count);

#endif
