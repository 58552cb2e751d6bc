/*
 * stream_socket: what the kernel knows of a connected TCP or unix socket.
 */
#ifndef ECHOD_TCP_STREAM_SOCKET_H
#define ECHOD_TCP_STREAM_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

struct address;

/*
 * Sets `peer` to the process at the other end of a unix socket, as it was when
 * it connected.  0 or a negated errno.
 */
int socket_get_process(int fd, struct address *peer);

/* Bytes that can be read without waiting; 0 if that is unknown. */
size_t socket_readable(int fd);

/*
 * Bytes sent that the peer's host has not acknowledged; for a unix socket, that
 * the peer has not read.  0 if that is unknown.
 */
size_t socket_unacknowledged(int fd);

/*
 * True if the kernel has sent a segment again, or probed a closed window, and
 * the peer's host has not answered.
 */
bool socket_is_unanswered(int fd);

/*
 * 0 while the connection is open, even if the peer has shut down its sending
 * side; otherwise the errno that it has ended with: ECONNRESET if there is
 * none.
 */
int socket_end(int fd);

#endif
