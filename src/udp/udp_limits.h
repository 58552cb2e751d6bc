/*
 * udp_limits: which datagrams may be answered.  The source of a datagram is whatever
 * its sender says, so that an echo service without a guard can be set upon
 * another host, or another echo service upon it (CERT CA-1996-01,
 * CVE-2024-2169).
 *
 * Pure: the time and the secret are arguments.  A guard is shared by all
 * threads, without locks.
 */
#ifndef ECHOD_UDP_UDP_LIMITS_H
#define ECHOD_UDP_UDP_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stats.h"
#include "config/schema.h"

#define UDP_LIMITS_SECRET_SIZE 16

/* Networks that are remembered, whatever comes; 8 bytes each. */
#define UDP_LIMITS_NETWORKS 16384

struct udp_limits;

/*
 * The secret decides where a network is remembered, which nobody outside is to
 * foresee.  NULL where memory is out.
 */
struct udp_limits *
udp_limits_new(const unsigned char secret[UDP_LIMITS_SECRET_SIZE]);
struct udp_limits *udp_limits_ref(struct udp_limits *udp_limits);
void udp_limits_unref(struct udp_limits *udp_limits); /* NULL is fine */

/* The ports that echod itself has, from now on; by one thread at a time. */
void udp_limits_set_own_ports(struct udp_limits *udp_limits,
			      const uint16_t *ports, size_t count);

/*
 * True where a reply to this peer can go to nothing but one host that asked for
 * it; `reason` says why not.
 */
bool udp_limits_trusts(const struct udp_limits *udp_limits,
		       const struct config_ports *denied,
		       const struct address *peer, enum drop_reason *reason);

/* True for an address of one host, as far as can be told by itself. */
bool udp_limits_is_unicast(const struct address *address);

/*
 * Of `count` datagrams that have come to the endpoint `id`, the number that may
 * be answered at a `rate` for the network of the peer, a /24 or a /56.  In any
 * time of T seconds that is at most rate * (T + 1), and where all is quiet a
 * second's worth at once.  `rate` is at most 1,000,000; 0 is no limit.  `now` is
 * in nanoseconds from any beginning.
 *
 * With more networks than fit, the quietest make room, and who comes instead
 * takes over what they had used up: a flood of sources may make others wait, but
 * none gets more than the rate.
 */
unsigned udp_limits_admit(struct udp_limits *udp_limits, unsigned id,
			  const struct address *peer, unsigned rate,
			  uint64_t now, unsigned count);

#endif
