/*
 * datagram: UDP echo on one socket, in one worker.  One datagram in, at most one
 * out: the prefix and the whole of it, or nothing; from the address that was hit.
 * What is not answered is counted by reason, and told of in the log.
 *
 * Made on any thread, it belongs to the worker that starts it.  It owns its
 * descriptor and references to its settings and its guard.
 */
#ifndef ECHOD_DATAGRAM_H
#define ECHOD_DATAGRAM_H

#include <stddef.h>

struct batch;
struct config_listener;
struct datagram;
struct event_base;
struct guard;
struct stats;

/* What a worker lends to its UDP sockets. */
struct datagram_host {
	struct event_base *base;
	struct stats *stats;
	struct batch *batch;
};

/* What is served, replaced as a whole by a reload. */
struct datagram_terms {
	const struct config_listener *listener;
	unsigned id; /* of the endpoint, for the guard */
	struct guard *guard;
};

/*
 * A bound, non-blocking socket.  NULL with errno set where that cannot be: `fd`
 * is still the caller's then.
 */
struct datagram *datagram_new(int fd, const struct datagram_terms *terms);
void datagram_free(struct datagram *datagram); /* NULL is fine */

/* Answers from now on; where that cannot be, the log says so. */
void datagram_start(struct datagram *datagram, struct datagram_host *host);

/* Other terms from the next datagram on. */
void datagram_change(struct datagram *datagram,
		     const struct datagram_terms *terms);

/* Answers what the kernel has queued: what is due before closing. */
void datagram_answer_queued(struct datagram *datagram);

#endif
