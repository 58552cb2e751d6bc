/*
 * udp_socket: UDP echo on one socket, in one worker.  One datagram in, at most one
 * out: the prefix and the whole of it, or nothing; from the address that was hit.
 * What is not answered is counted by reason, and told of in the log.
 *
 * Made on any thread, it belongs to the worker that starts it.  It owns its
 * descriptor and references to its settings and its guard.
 */
#ifndef ECHOD_UDP_UDP_SOCKET_H
#define ECHOD_UDP_UDP_SOCKET_H

#include <stddef.h>

struct binding;
struct event_base;
struct stats;
struct udp_batch;
struct udp_socket;

/* What a worker lends to its UDP sockets. */
struct udp_socket_context {
	struct event_base *base;
	struct stats *stats;
	struct udp_batch *batch;
};

/*
 * Takes the socket `fd`, which is bound and non-blocking.  `binding` must last as
 * long as the UDP socket, or until udp_socket_change().  NULL with errno set: `fd`
 * is still the caller's.
 */
struct udp_socket *udp_socket_new(int fd, const struct binding *binding);
void udp_socket_free(struct udp_socket *udp); /* NULL is fine */

/* Answers from now on; where that cannot be, the log says so. */
void udp_socket_start(struct udp_socket *udp,
		      struct udp_socket_context *context);

/* Another binding, from the next datagram on. */
void udp_socket_change(struct udp_socket *udp, const struct binding *binding);

/* Answers what the kernel has queued: what is due before closing. */
void udp_socket_answer_queued(struct udp_socket *udp);

#endif
