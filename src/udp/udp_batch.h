/*
 * udp_batch: receives datagrams many at a time, each with the address that it was
 * sent to, and sends the answers many at a time, from there.  Successive answers
 * of one length to one peer leave as one (UDP_SEGMENT), where the kernel can.
 *
 * A worker has one batch for all of its UDP sockets.  What is received lasts
 * until the next time; its memory is touched only as far as datagrams are long.
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

/* What udp_batch_room() has for a prefix. */
#define UDP_BATCH_PREFIX_MAX 1024

/* The most that UDP over IPv4 carries: 65535 less the headers. */
#define UDP_BATCH_DATAGRAM_MAX 65507

struct udp_batch;

/* What is known of a socket; its descriptor stays the caller's. */
struct udp_batch_socket {
	int fd;
	bool segments;	   /* UDP_SEGMENT works */
	bool bound;	   /* to an address: answers leave from there anyway */
	uint32_t overflow; /* datagrams that found its queue full, in all */
};

struct udp_batch_datagram {
	struct iovec data; /* as much as there was room for */
	bool truncated;
	bool broadcast; /* sent to more than this host */
	struct address peer;
};

struct udp_batch_result {
	unsigned sent; /* datagrams */
	unsigned unsent;
	uint64_t bytes; /* of those that were sent */
	int error;	/* of the last that was not; an errno */
};

/* NULL where memory is out. */
struct udp_batch *udp_batch_new(void);
void udp_batch_free(struct udp_batch *batch); /* NULL is fine */

/* Has the kernel tell what is needed; 0 or a negated errno. */
int udp_batch_open(struct udp_batch_socket *socket, int fd);

/*
 * Receives what is there, each datagram at most `most` bytes of it.  Returns how
 * many, or a negated errno.
 */
int udp_batch_receive(struct udp_batch *batch, struct udp_batch_socket *socket,
		      size_t most);

const struct udp_batch_datagram *udp_batch_at(const struct udp_batch *batch,
					      unsigned i);

/* The address that datagram `i` was sent to, without its port. */
struct address udp_batch_local(const struct udp_batch *batch, unsigned i);

/* Room for a prefix of datagram `i` alone, until the next batch. */
char *udp_batch_room(struct udp_batch *batch, unsigned i);

/*
 * The answer to datagram `i`, in ascending order: a prefix, which is copied
 * and has at most UDP_BATCH_PREFIX_MAX bytes, and the datagram itself.  Together that
 * is at most UDP_BATCH_DATAGRAM_MAX bytes.
 */
void udp_batch_answer(struct udp_batch *batch, unsigned i,
		      const struct iovec *prefix);

/* Sends all answers.  Those that cannot be sent now are not sent at all. */
struct udp_batch_result udp_batch_send(struct udp_batch *batch,
				       struct udp_batch_socket *socket);

#endif
