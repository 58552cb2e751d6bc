/*
 * udp_limits: which datagrams may be answered: reflection rules and a rate
 * limit for each network.  The sender of a datagram can forge its source.
 * Without these rules, forged datagrams make an echo service flood another
 * host, or exchange datagrams with another echo service forever (CERT
 * CA-1996-01, CVE-2024-2169).
 *
 * Pure: the time and the secret are arguments.  Counted; shared by all threads
 * without locks.
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

/* Replaces the ports that echod itself has.  By one thread at a time. */
void udp_limits_set_own_ports(struct udp_limits *udp_limits,
			      const uint16_t *ports, size_t count);

/*
 * True if a reply goes to one host, and to no port in `denied` and none of
 * echod itself.  Otherwise `reason` is set.
 */
bool udp_limits_trusts(const struct udp_limits *udp_limits,
		       const struct config_ports *denied,
		       const struct address *peer, enum drop_reason *reason);

/* True for an address of one host, as far as the address alone shows. */
bool udp_limits_is_unicast(const struct address *address);

/*
 * Returns how many of `count` datagrams at endpoint `id` may be answered, with
 * a limit of `rate` a second for the peer's network, a /24 or a /56.  In T
 * seconds these are at most rate * (T + 1); an idle network may have a second's
 * worth at once.  `rate` is at most 1,000,000; 0 is no limit.  `now` is in
 * nanoseconds from any start.
 *
 * If the table is full, a new network takes the slot of the quietest one with
 * what that has used up.  A flood of sources can slow others down, but no
 * network gets more than the rate.
 */
unsigned udp_limits_admit(struct udp_limits *udp_limits, unsigned id,
			  const struct address *peer, unsigned rate,
			  uint64_t now, unsigned count);

#endif
