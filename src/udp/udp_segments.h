/*
 * udp_segments: sends the answers to a batch of datagrams.  Successive answers
 * of one length to one peer leave as one message, which the kernel or the
 * network card cuts into datagrams (UDP_SEGMENT, udp(7)).
 *
 * Part of a batch (udp/udp_batch.h): no memory of its own, one thread.
 */
#ifndef ECHOD_UDP_UDP_SEGMENTS_H
#define ECHOD_UDP_UDP_SEGMENTS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "udp/udp_batch.h"

/*
 * A datagram's peer, the packet info with its local address, and the TOS byte
 * of its answer.
 */
struct udp_ends {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} peer;
	socklen_t peer_length;
	int info_level; /* of the control message; -1: none came */
	union {
		struct in_pktinfo four;
		struct in6_pktinfo six;
	} info;
	int tos; /* negative: that of the socket */
};

/* The packet info of either family, TOS, and the length of a segment. */
#define UDP_SEGMENTS_CONTROL \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) + \
	 CMSG_SPACE(sizeof(uint16_t)))

/* Answers that leave as one message. */
struct udp_segments_message {
	const struct udp_ends *ends;
	unsigned count;
	size_t length;	       /* of each answer, all its parts */
	size_t control_length; /* without the length of a segment */
	_Alignas(struct cmsghdr) unsigned char control[UDP_SEGMENTS_CONTROL];
};

/* The most that wait to be sent. */
#define UDP_SEGMENTS_MESSAGES 64
#define UDP_SEGMENTS_PARTS 512

struct udp_segments {
	struct mmsghdr out[UDP_SEGMENTS_MESSAGES];
	struct udp_segments_message messages[UDP_SEGMENTS_MESSAGES];
	unsigned count; /* of messages */
	struct iovec parts[UDP_SEGMENTS_PARTS];
	unsigned part_count;
	bool enabled;
	bool bound;
};

/*
 * True if the kernel has UDP_SEGMENT.  A kernel before 4.18 would send the
 * answers as one long datagram.
 */
bool udp_segments_work(int fd);

/*
 * Forgets all answers.  `enabled`: answers can leave as one message.  `bound`:
 * the socket is bound to one local address, which the messages then leave out.
 */
void udp_segments_begin(struct udp_segments *segments, bool enabled,
			bool bound);

/*
 * One more answer, in two parts; one can be empty.  `ends` and the bytes must
 * last until it is sent.  Returns false if there is no space for another one:
 * send first.
 */
bool udp_segments_add(struct udp_segments *segments,
		      const struct udp_ends *ends, struct iovec first,
		      struct iovec second);

/*
 * Sends all answers, and adds what became of them to `result`.  Those that
 * cannot be sent at once are dropped.  `enabled` is set to false if the kernel
 * refuses to send segments on this socket.
 */
void udp_segments_send(struct udp_segments *segments, int fd, bool *enabled,
		       struct udp_batch_result *result);

#endif
