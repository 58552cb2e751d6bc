/*
 * udp_batch: receives many datagrams in one system call, each with the local
 * address that it was sent to.  Sends the answers in one system call, from
 * these addresses.
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

/* Datagrams at a time. */
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
	uint32_t overflow; /* datagrams that found its queue full, in all */
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
 * Whether datagrams come with fields of their IP headers, also those that are
 * queued; off at first.  0 or a negated errno.
 */
int udp_batch_set_header(struct udp_batch_socket *socket, bool on);

/*
 * Receives queued datagrams, at most UDP_BATCH_SIZE, and at most `most` bytes
 * of each.  Does not wait.  Returns their number or a negated errno, -EAGAIN if
 * none is queued.
 */
int udp_batch_receive(struct udp_batch *batch, struct udp_batch_socket *socket,
		      size_t most);

const struct udp_batch_datagram *udp_batch_at(const struct udp_batch *batch,
					      unsigned i);

/* The local address that datagram `i` was sent to, with port 0. */
struct address udp_batch_local(const struct udp_batch *batch, unsigned i);

/* Space for the prefix of datagram `i`, until the next batch. */
char *udp_batch_space(struct udp_batch *batch, unsigned i);

/*
 * Answers datagram `i` with a prefix, which is copied, and its own bytes.  The
 * prefix has at most UDP_BATCH_PREFIX_MAX bytes, the answer at most
 * UDP_BATCH_DATAGRAM_MAX.  Datagrams must be answered in ascending order.
 * `dscp`: of the answer, 0 to 63; negative: that of the socket.
 */
void udp_batch_answer(struct udp_batch *batch, unsigned i,
		      const struct iovec *prefix, int dscp);

/* Sends all answers.  Those that cannot be sent at once are dropped. */
struct udp_batch_result udp_batch_send(struct udp_batch *batch,
				       struct udp_batch_socket *socket);

#endif
