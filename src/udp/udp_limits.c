#include "udp/udp_limits.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

/*
 * A slot is one word, for compare-and-swap: a tag, which tells networks apart,
 * and the time until which the admitted datagrams use up the rate (the
 * "theoretical arrival time" of ITU-T I.371).  A set of slots is a cache line.
 */
#define WAYS 8
#define SETS (UDP_LIMITS_NETWORKS / WAYS)
#define TIME_BITS 44
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)

/*
 * A debt is how far a slot's time is ahead of the clock: a second at most.  A
 * thread that was delayed after it read the clock can see up to twice as much.
 * More is a time long past: 44 bits of nanoseconds last five hours.
 */
#define DEBT_MAX SECOND
#define DEBT_STALE (2 * SECOND)

#define PORT_WORDS (65536 / 64)

struct udp_limits {
	_Alignas(64) _Atomic uint64_t slots[SETS][WAYS];
	_Atomic uint64_t own[PORT_WORDS]; /* a bit a port */
	uint64_t secret[2];
	atomic_uint references;
};

struct udp_limits *
udp_limits_new(const unsigned char secret[UDP_LIMITS_SECRET_SIZE])
{
	struct udp_limits *udp_limits = aligned_alloc(64, sizeof(*udp_limits));

	if (!udp_limits)
		return NULL;
	memset(udp_limits, 0, sizeof(*udp_limits));
	memcpy(udp_limits->secret, secret, sizeof(udp_limits->secret));
	atomic_init(&udp_limits->references, 1);
	return udp_limits;
}

struct udp_limits *
udp_limits_ref(struct udp_limits *udp_limits)
{
	atomic_fetch_add(&udp_limits->references, 1);
	return udp_limits;
}

void
udp_limits_unref(struct udp_limits *udp_limits)
{
	if (udp_limits && atomic_fetch_sub(&udp_limits->references, 1) == 1)
		free(udp_limits);
}

void
udp_limits_set_own_ports(struct udp_limits *udp_limits, const uint16_t *ports,
			 size_t count)
{
	uint64_t own[PORT_WORDS] = { 0 };

	for (size_t i = 0; i < count; i++)
		own[ports[i] / 64] |= UINT64_C(1) << ports[i] % 64;
	for (size_t i = 0; i < PORT_WORDS; i++)
		atomic_store_explicit(&udp_limits->own[i], own[i],
				      memory_order_relaxed);
}

static bool
is_own(const struct udp_limits *udp_limits, uint16_t port)
{
	uint64_t word = atomic_load_explicit(&udp_limits->own[port / 64],
					     memory_order_relaxed);

	return word >> port % 64 & 1;
}

static bool
is_among(const struct config_ports *ports, uint16_t port)
{
	for (size_t i = 0; i < ports->count; i++)
		if (port >= ports->items[i].low && port <= ports->items[i].high)
			return true;
	return false;
}

/* RFC 1122, 3.2.1.3: 0/8 is "this network", 224/4 groups, 240/4 broadcast. */
bool
udp_limits_is_unicast(const struct address *address)
{
	uint32_t four;

	if (address_family(address) == AF_INET6)
		return !IN6_IS_ADDR_MULTICAST(&address->in6.sin6_addr) &&
		       !IN6_IS_ADDR_UNSPECIFIED(&address->in6.sin6_addr);
	if (address_family(address) != AF_INET)
		return false;
	four = ntohl(address->in.sin_addr.s_addr);
	return four >> 24 != 0 && four >> 28 < 14;
}

bool
udp_limits_trusts(const struct udp_limits *udp_limits,
		  const struct config_ports *denied, const struct address *peer,
		  enum drop_reason *reason)
{
	uint16_t port = address_port(peer);

	/* Nothing can be sent to port 0, whatever the settings say. */
	if (port == 0 || is_among(denied, port))
		*reason = DROP_source_port;
	else if (is_own(udp_limits, port))
		*reason = DROP_own_port;
	else if (!udp_limits_is_unicast(peer))
		*reason = DROP_source_address;
	else
		return true;
	return false;
}

/* The network as a number: 24 bits of IPv4 or 56 of IPv6, and which of them. */
static uint64_t
network_of(const struct address *peer)
{
	uint64_t high;

	if (address_family(peer) == AF_INET)
		return UINT64_C(4) << 56 | ntohl(peer->in.sin_addr.s_addr) >> 8;
	memcpy(&high, peer->in6.sin6_addr.s6_addr, sizeof(high));
	high = (uint64_t)ntohl((uint32_t)high) << 32 |
	       ntohl((uint32_t)(high >> 32));
	return UINT64_C(6) << 56 | high >> 8;
}

static inline uint64_t
rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void
sip_rounds(uint64_t v[4], unsigned count)
{
	while (count-- > 0) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

/* SipHash-1-3 (Aumasson and Bernstein, 2012) of two words. */
static uint64_t
hash(const struct udp_limits *udp_limits, uint64_t one, uint64_t two)
{
	const uint64_t words[] = { one, two, UINT64_C(16) << 56 };
	uint64_t v[4] = {
		udp_limits->secret[0] ^ UINT64_C(0x736f6d6570736575),
		udp_limits->secret[1] ^ UINT64_C(0x646f72616e646f6d),
		udp_limits->secret[0] ^ UINT64_C(0x6c7967656e657261),
		udp_limits->secret[1] ^ UINT64_C(0x7465646279746573),
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		v[3] ^= words[i];
		sip_rounds(v, 1);
		v[0] ^= words[i];
	}
	v[2] ^= 0xff;
	sip_rounds(v, 3);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t
debt_of(uint64_t slot, uint64_t now)
{
	uint64_t ahead = (slot - now) & TIME_MASK;

	if (ahead > DEBT_STALE)
		return 0;
	return ahead < DEBT_MAX ? ahead : DEBT_MAX;
}

/*
 * The slot of the tag, or else the one with the least debt, to be taken over.
 */
static _Atomic uint64_t *
find_slot(_Atomic uint64_t *set, uint64_t tag, uint64_t now, uint64_t *found)
{
	_Atomic uint64_t *best = NULL;
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < WAYS; i++) {
		uint64_t slot =
			atomic_load_explicit(&set[i], memory_order_relaxed);
		uint64_t debt = debt_of(slot, now);

		if (slot >> TIME_BITS == tag) {
			*found = slot;
			return &set[i];
		}
		if (debt < least) {
			least = debt;
			best = &set[i];
			*found = slot;
		}
	}
	return best;
}

unsigned
udp_limits_admit(struct udp_limits *udp_limits, unsigned id,
		 const struct address *peer, unsigned rate, uint64_t now,
		 unsigned count)
{
	uint64_t hashed, tag, price, next, debt, room, found = 0;
	_Atomic uint64_t *slot;

	if (rate == 0)
		return count;
	hashed = hash(udp_limits, network_of(peer), id);
	tag = hashed >> TIME_BITS;
	price = SECOND / rate;
	do {
		slot = find_slot(udp_limits->slots[hashed % SETS], tag, now,
				 &found);
		debt = debt_of(found, now);
		room = (DEBT_MAX - debt) / price;
		if (room == 0)
			return 0;
		if (room > count)
			room = count;
		next = tag << TIME_BITS |
		       ((now + debt + room * price) & TIME_MASK);
	} while (!atomic_compare_exchange_weak_explicit(slot, &found, next,
							memory_order_relaxed,
							memory_order_relaxed));
	return (unsigned)room;
}
