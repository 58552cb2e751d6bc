/*
 * udp_peers_fixture: UDP peers with a server on the loopback, in one loop and
 * one thread.
 */
#ifndef ECHOD_TESTS_UDP_PEERS_FIXTURE_H
#define ECHOD_TESTS_UDP_PEERS_FIXTURE_H

#include <event2/event_struct.h>
#include <netinet/in.h>

#include "probe/run.h"
#include "probe/udp_peers.h"
#include "support/suite.h"

#define SECOND INT64_C(1000000000)

/* What the server does with a datagram. */
enum behaviour {
	ECHO,
	ECHO_TWICE,
	KEEP, /* `kept` */
	CORRUPT,
	CUT,
	LENGTHEN,
	WRONG_PREFIX,
	FROM_ELSEWHERE, /* echoes from another socket */
	TO_FIRST_PEER,	/* the echo of all peers */
};

struct server {
	int fd, other;
	struct event readable;
	enum behaviour behaviour;
	unsigned received;
	struct sockaddr_storage first; /* sender */
	socklen_t length;
	/* With KEEP: */
	unsigned char kept[4][2048];
	size_t kept_length[4];
	unsigned kept_count;
	struct sockaddr_storage kept_from;
	struct in_addr senders[512]; /* of the first ones; IPv4 */
};

extern struct server server;
extern struct run run;
extern struct probe_options options;  /* can be set before begin() */
extern struct target_address address; /* of the server */
extern struct load load;
extern struct udp_peers *peers;

/* Of the last failure of each outcome. */
extern char details[OUTCOME_COUNT][512];
extern int64_t began[OUTCOME_COUNT];

/* `count` peers and a server; IPv4, or another `family`. */
void begin(unsigned count, double rate, uint64_t messages);
void begin_family(int family, unsigned count, double rate, uint64_t messages);
void finish(void);

/* On the loopback; `to` is its address. */
int bound_socket(struct target_address *to, int family);

/* Echoes `data` through a socket of the server, as it behaves. */
void server_send(int fd, const void *data, size_t length,
		 const struct sockaddr_storage *to);

uint64_t outcomes(enum outcome outcome);

/* Run the loop, until there are `least` of them, or `count` are kept. */
void await_outcome(enum outcome outcome, uint64_t least);
void await_kept(unsigned count);

/* `number` messages, and all had this outcome. */
void expect_only(enum outcome outcome, uint64_t number);

#endif
