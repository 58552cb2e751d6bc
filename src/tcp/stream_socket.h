/*
 * stream_socket: the state of a connected TCP or unix socket, from the kernel.
 * The descriptor stays the caller's.  No function waits.  Any thread.
 */
#ifndef ECHOD_TCP_STREAM_SOCKET_H
#define ECHOD_TCP_STREAM_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address;

/*
 * Sets `peer` to the process that connected a unix socket: its process and user
 * IDs at that time.  0 or a negated errno.
 */
int socket_get_process(int fd, struct address *peer);

/*
 * Whether a listening TCP socket keeps the SYN of each connection for
 * socket_get_syn().  No effect on a unix socket; -ENOPROTOOPT for Multipath
 * TCP.  0 or a negated errno.
 */
int socket_save_syn(int fd, bool on);

/*
 * Gets fields of the IP header of the SYN that began the connection; -1: the
 * kernel has not kept it.  It keeps it until this is called.
 */
void socket_get_syn(int fd, int16_t *ttl, int16_t *tos);

/*
 * Sets the DSCP, 0 to 63, of what is sent to the TCP peer.  The kernel keeps
 * the ECN bits for itself.  Does nothing for Multipath TCP over IPv6, where
 * Linux does not support it.  0 or a negated errno.
 */
int socket_set_dscp(int fd, const struct address *peer, int dscp);

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
 * side.  Otherwise the errno that the connection ended with, or ECONNRESET if
 * the kernel has none.
 */
int socket_end(int fd);

#endif
