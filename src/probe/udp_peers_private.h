/*
 * udp_peers_private: the peers and sockets from the inside, for the files of
 * udp_peers.h.
 */
#ifndef ECHOD_PROBE_UDP_PEERS_PRIVATE_H
#define ECHOD_PROBE_UDP_PEERS_PRIVATE_H

#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "probe/datagrams.h"
#include "probe/outcome.h"
#include "probe/run.h"
#include "probe/udp_peers.h"

/* Datagrams that one call sends or receives. */
#define UDP_BATCH 128

#define UDP_DETAIL_SIZE 320

#define UDP_CONTROL_SIZE CMSG_SPACE(sizeof(struct in6_pktinfo))

struct udp_port;

struct udp_peer {
	struct udp_port *port;
	struct datagrams *datagrams;
	bool echoed; /* anything */
	/* Only if the socket is shared; `control` is the source as sent. */
	_Alignas(struct cmsghdr) unsigned char control[UDP_CONTROL_SIZE];
	size_t control_length;
	const struct target_address *source; /* of the options */
};

/*
 * A socket.  Its peers take turns: its datagram number m is one of peer
 * first + m % count.
 */
struct udp_port {
	struct udp_peers *owner;
	int fd;
	unsigned first, count;
	uint64_t due;	  /* datagrams that may have been sent */
	uint64_t sent;	  /* of these */
	uint64_t awaited; /* of these */
	bool echoed;	  /* anything of the current burst */
	bool waiting;	  /* for `resume` */
	struct event readable, resume;
};

/* What is sent or received by one call. */
struct udp_batch {
	struct mmsghdr messages[UDP_BATCH];
	struct iovec parts[UDP_BATCH];
	struct udp_peer *peers[UDP_BATCH];
	uint32_t numbers[UDP_BATCH];
	/* Received: */
	struct sockaddr_storage names[UDP_BATCH];
	_Alignas(struct cmsghdr) unsigned char controls[UDP_BATCH]
						       [UDP_CONTROL_SIZE];
};

struct udp_peers {
	struct run *run;
	struct target *target;
	const struct load *load;
	struct udp_peer *peers; /* `load->peers` */
	struct udp_port *ports;
	unsigned port_count;
	uint64_t due;	/* datagrams of all */
	bool is_shared; /* one port for all peers */
	bool has_ended; /* a datagram, since the last udp_peers_report() */
	size_t offset;	/* of the head in the last reply to the shared port */
	/* Local address of the ports, without port; length 0: not known. */
	struct target_address local;
	size_t slot_size; /* of what is received, in run->buffer */
	unsigned slot_count;
	unsigned char *send_buffer; /* RUN_BUFFER_SIZE */
	unsigned send_count;	    /* datagrams that it holds */
	struct udp_batch out, in;
};

/* Sends what may be sent now; without a rate, begins the next burst. */
void udp_port_continue(struct udp_port *port);

/* The datagram of `peer` has ended with this failure. */
void udp_peer_fail(struct udp_peer *peer, const struct datagram *datagram,
		   enum outcome outcome, struct backend *backend,
		   const char *detail);

/* The same for an observation. */
void udp_peer_observe(struct udp_peer *peer, size_t size, enum outcome outcome,
		      struct backend *backend, const char *detail);

/* Tells the run if datagrams have ended. */
void udp_peers_report(struct udp_peers *peers);

/* `resume` comes if the socket is writable, or after `delay`. */
void udp_port_wait(struct udp_port *port, int64_t delay);

#endif
