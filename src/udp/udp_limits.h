/*
 * udp_limits: which datagrams may be answered: reflection rules and a rate
 * limit for each network.  The sender of a datagram can forge its source.
 * Without these rules, forged datagrams make an echo service flood another
 * host, or exchange datagrams with another echo service forever (CERT
 * CA-1996-01, CVE-2024-2169).
 *
 * Pure: the time and the secret are arguments.  Reference-counted; all threads
 * share one, without locks.
 */
#ifndef ECHOD_UDP_UDP_LIMITS_H
#define ECHOD_UDP_UDP_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stats.h"
#include "config/schema.h"

#define UDP_LIMITS_SECRET_SIZE 16

/* Networks in the table, at most; 8 bytes each. */
#define UDP_LIMITS_NETWORKS 16384

struct udp_limits;

/*
 * The secret keeps others from choosing networks that share a slot of the
 * table.  NULL: out of memory.
 */
struct udp_limits *
udp_limits_new(const unsigned char secret[UDP_LIMITS_SECRET_SIZE]);
struct udp_limits *udp_limits_ref(struct udp_limits *udp_limits);
void udp_limits_unref(struct udp_limits *udp_limits); /* NULL is fine */

/*
 * Replaces the ports that echod itself listens on.  Only one thread at a time
 * can call it; the others can use `udp_limits` meanwhile.
 */
void udp_limits_set_own_ports(struct udp_limits *udp_limits,
			      const uint16_t *ports, size_t count);

/*
 * True if `peer` is an address of one host, and its port is not 0, not in
 * `denied` and none of echod itself.  Otherwise `reason` is set.
 */
bool udp_limits_trusts(const struct udp_limits *udp_limits,
		       const struct config_ports *denied,
		       const struct address *peer, enum drop_reason *reason);

/* True for an address of one host, as far as the address alone shows. */
bool udp_limits_is_unicast(const struct address *address);

/*
 * Returns how many of `count` datagrams at endpoint `id` may be answered.  The
 * peer's network, an IPv4 /24 or IPv6 /56, gets `rate` answers a second.  An
 * idle network can get those of one second at once: in T seconds, at most
 * rate * (T + 1).  `rate` is at most 1,000,000; 0 is no limit.  `now` is in
 * nanoseconds from any start.
 *
 * If all slots for a new network are in use, it takes over that of the network
 * which has used least of its rate.  That use counts for the new network.  So a
 * flood of sources can slow others down, but no network exceeds the rate.
 */
unsigned udp_limits_admit(struct udp_limits *udp_limits, unsigned id,
			  const struct address *peer, unsigned rate,
			  uint64_t now, unsigned count);

#endif
