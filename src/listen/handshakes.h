/*
 * handshakes: whether TCP connections are being set up with us: SYN received,
 * SYN-ACK sent, and the last ACK on its way (RFC 9293, 3.5).
 */
#ifndef ECHOD_LISTEN_HANDSHAKES_H
#define ECHOD_LISTEN_HANDSHAKES_H

#include <stddef.h>

struct address;

/*
 * 1 where there are any to one of these local addresses, or to any address at
 * the port of a wildcard; 0 where there are none.  A negated errno where the
 * kernel does not tell.
 *
 * Reads the table of all TCP connections of the network namespace: about
 * two microseconds for each.
 */
int handshakes_pending(const struct address *local, size_t count);

#endif
