/*
 * udp_batch: receives many datagrams in one system call, each with the local
 * address that it was sent to.  Sends the answers in one system call, from
 * these addresses.
 *
 * With UDP_GRO (udp(7)), the kernel can join successive datagrams with the same
 * ends, TOS and length into one message; the last can be shorter.  The batch
 * cuts them apart again.
 *
 * A worker has one batch for all of its UDP sockets, for its thread only.
 * Datagrams last until the next udp_batch_receive().  Memory pages are used
 * only as far as datagrams fill them.
 */
#ifndef ECHOD_UDP_UDP_BATCH_H
#define ECHOD_UDP_UDP_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "addr/address.h"

/* Messages at a time. */
#define UDP_BATCH_SIZE 64

/* Space for a prefix, in bytes. */
#define UDP_BATCH_PREFIX_MAX 1024

/* The most that UDP over IPv4 carries: 65535 less the headers. */
#define UDP_BATCH_DATAGRAM_MAX 65507

struct udp_batch;

/* A socket's state; its descriptor stays the caller's. */
struct udp_batch_socket {
	int fd;
	bool segments;	   /* UDP_SEGMENT works */
	bool bound;	   /* to an address: all answers leave from there */
	bool header;	   /* datagrams come with TTL and TOS */
	uint32_t overflow; /* messages that found its queue full, in all */
};

struct udp_batch_datagram {
	struct iovec data; /* cut to `most` of udp_batch_receive() */
	bool truncated;
	bool broadcast; /* sent to more than this host */
	struct address peer;
	/* Of the IP header, if udp_batch_set_header() is on; else -1. */
	int ttl;
	int tos;
};

struct udp_batch_result {
	unsigned sent; /* datagrams */
	unsigned unsent;
	uint64_t bytes; /* of those that were sent */
	int error;	/* of the last unsent one; an errno */
};

/* NULL: out of memory. */
struct udp_batch *udp_batch_new(void);
void udp_batch_free(struct udp_batch *batch); /* NULL is fine */

/*
 * Initializes `socket` and sets the options that a batch needs.  0 or a negated
 * errno.
 */
int udp_batch_open(struct udp_batch_socket *socket, int fd);

/*
 * From now on the kernel can join datagrams, if it has UDP_GRO.  Not for a
 * socket that another program reads later: it would take them for one datagram.
 */
void udp_batch_join(const struct udp_batch_socket *socket);

/*
 * Whether datagrams come with fields of their IP headers, also those that are
 * queued; off at first.  0 or a negated errno.
 */
int udp_batch_set_header(struct udp_batch_socket *socket, bool on);

/*
 * Receives queued datagrams, at most `most` bytes of each, to be taken with
 * udp_batch_next().  Does not wait.  0 or a negated errno, -EAGAIN if none is
 * queued.
 */
int udp_batch_receive(struct udp_batch *batch, struct udp_batch_socket *socket,
		      size_t most);

/*
 * The next datagram, until the next call; NULL after the last.  The following
 * functions are about this datagram.
 */
const struct udp_batch_datagram *udp_batch_next(struct udp_batch *batch);

/* The local address that it was sent to, with port 0. */
struct address udp_batch_local(struct udp_batch *batch);

/* Space for its prefix, until it is answered. */
char *udp_batch_space(struct udp_batch *batch);

/*
 * Answers it with a prefix, which is copied, and its own bytes.  The prefix has
 * at most UDP_BATCH_PREFIX_MAX bytes, the answer at most
 * UDP_BATCH_DATAGRAM_MAX.  `dscp`: of the answer, 0 to 63; negative: that of
 * the socket.  It must be the same for datagrams that can have been joined: of
 * one peer, local address and TOS.
 */
void udp_batch_answer(struct udp_batch *batch, const struct iovec *prefix,
		      int dscp);

/*
 * Sends the answers that have not been sent yet.  Those that cannot be sent at
 * once are dropped.  The result is that of all answers of the batch.
 */
struct udp_batch_result udp_batch_send(struct udp_batch *batch);

#endif
