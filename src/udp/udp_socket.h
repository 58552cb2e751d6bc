/*
 * udp_socket: UDP echo on one socket, in one worker.  Each datagram is answered
 * by one datagram: the prefix and all of its bytes, from the address that it
 * was sent to.  Otherwise it is dropped, counted by reason and logged.
 *
 * It can be created on any thread.  From udp_socket_start() on, it belongs to
 * one worker and is used by its thread only.  It owns its descriptor.
 */
#ifndef ECHOD_UDP_UDP_SOCKET_H
#define ECHOD_UDP_UDP_SOCKET_H

#include <stdbool.h>

struct binding;
struct event_base;
struct udp_batch;
struct udp_socket;

/* What a worker lends to its UDP sockets. */
struct udp_socket_context {
	bool first; /* of the workers: it alone logs what concerns all */
	struct event_base *base;
	struct udp_batch *batch;
};

/*
 * Takes the socket `fd`, which is bound and non-blocking.  `binding` must last
 * as long as the UDP socket, or until udp_socket_change().  NULL with errno
 * set: `fd` is still the caller's.
 */
struct udp_socket *udp_socket_new(int fd, const struct binding *binding);
void udp_socket_free(struct udp_socket *udp); /* NULL is fine */

/*
 * Answers from now on.  If resources run out, logs that, pauses and tries
 * again.
 */
void udp_socket_start(struct udp_socket *udp,
		      struct udp_socket_context *context);

/* Replaces the binding, from the next datagram on. */
void udp_socket_change(struct udp_socket *udp, const struct binding *binding);

/*
 * Answers the datagrams in the kernel's queue, before the socket is closed.
 * Ends after a fixed number of batches if more keep arriving.  No effect unless
 * started.
 */
void udp_socket_answer_queued(struct udp_socket *udp);

#endif
