/*
 * udp_peers: all UDP peers of one target, and their sockets.
 *
 * Each peer has a socket of its own, so a port of its own.  With several
 * --source addresses and not more peers than these, all peers share one socket,
 * and each has one of the addresses (IP_PKTINFO, IPV6_PKTINFO).  With --gso
 * they do not: only datagrams of one peer can be joined.
 *
 * No socket is connected: a reply from another address must be seen.  ICMP
 * errors come through the error queue (IP_RECVERR, ip(7)).
 *
 * A reply that reaches the port or the address of another peer counts as
 * OUTCOME_WRONG_SOURCE of the peer that it answers: it is a reply between two
 * addresses that the peer did not use.
 *
 * Only the first address of the target is used.  One thread.
 */
#ifndef ECHOD_PROBE_UDP_PEERS_H
#define ECHOD_PROBE_UDP_PEERS_H

#include <stdint.h>

struct load;
struct run;
struct target;
struct udp_peers;

/* Everything is borrowed.  NULL: errno is the cause. */
struct udp_peers *udp_peers_new(struct run *run, struct target *target,
				const struct load *load);
void udp_peers_free(struct udp_peers *peers); /* NULL is allowed */

/* Sends what is due of `due` messages in all.  Only with a rate. */
void udp_peers_due(struct udp_peers *peers, uint64_t due);

/* Without a rate: sends the first burst; the others follow by themselves. */
void udp_peers_begin(struct udp_peers *peers);

/* Looks for time-outs. */
void udp_peers_tick(struct udp_peers *peers, int64_t now);

/* Datagrams that are awaited, and peers that were never answered. */
uint64_t udp_peers_awaited(const struct udp_peers *peers);
uint64_t udp_peers_silent(const struct udp_peers *peers);

#endif
