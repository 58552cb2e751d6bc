/*
 * datagrams: what one UDP peer has sent and not got back yet, and what a
 * datagram that arrives is.
 *
 * A datagram begins with its number and a mark of the run and the peer, 4 bytes
 * each, big-endian.  The rest is the stream of a seed of its own.  So the parts
 * of a reply are found whatever precedes them.  A datagram of fewer than 4
 * bytes has the low bytes of its number.  Replies to datagrams of fewer than 8
 * bytes are compared with each that is awaited, from the oldest on.
 *
 * The prefix is given, or it is whatever precedes the payload: each reply can
 * come from another backend.  framing->lines does not matter.
 *
 * Pure.  One thread.  Times are in nanoseconds.
 */
#ifndef ECHOD_PROBE_DATAGRAMS_H
#define ECHOD_PROBE_DATAGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/outcome.h"
#include "probe/payload.h"
#include "probe/verifier.h"

/* The largest payload of UDP over IPv4; IPv6 can carry 20 bytes more. */
#define DATAGRAM_MAX 65507

/* The two words at the beginning. */
#define DATAGRAM_HEAD 8

/* Datagrams of which a peer remembers how they ended, at least. */
#define DATAGRAMS_HISTORY 1024

struct datagrams;

/* A datagram that is awaited or remembered. */
struct datagram {
	uint32_t number;
	size_t size;
	int64_t started; /* when it was sent, or should have been */
};

/*
 * `params` and `framing` are borrowed.  `run` is a random number, the same for
 * all peers of a run; `peer` is the index of the peer.  NULL: errno is ENOMEM,
 * or EMSGSIZE if a datagram would have more than PATTERN_PERIOD bytes.
 */
struct datagrams *datagrams_new(const struct payload_params *params,
				const struct framing *framing, uint32_t run,
				uint32_t peer);
void datagrams_free(struct datagrams *datagrams); /* NULL is allowed */

/*
 * The next datagram, whose echo is awaited from now on.  `sent`: the time-out
 * counts from then.  Writes it to `data`, which has room for the largest size,
 * and returns its size; 0: out of memory.
 */
size_t datagrams_next(struct datagrams *datagrams, int64_t started,
		      int64_t sent, unsigned char *data);

/* The last datagram of datagrams_next(), still awaited, was not sent. */
void datagrams_take_back(struct datagrams *datagrams);

/* Datagrams that are awaited. */
size_t datagrams_awaited(const struct datagrams *datagrams);

/*
 * The peer, one of `peers`, that a reply belongs to, from its mark; UINT32_MAX:
 * none.  It is a hint: a reply of another origin can have such bytes by chance.
 * `offset`: where the head is looked for first, and where it was found.
 */
uint32_t datagrams_peer_of(uint32_t run, uint32_t peers,
			   const unsigned char *reply, size_t length,
			   size_t *offset);

/*
 * Ends the oldest datagram that is awaited, if it was sent at `before` or
 * earlier.  False: there is none.
 */
bool datagrams_expire(struct datagrams *datagrams, int64_t before,
		      struct datagram *expired);

/*
 * Ends the datagram that `data`, its first bytes as they were sent, belongs to:
 * an ICMP error quotes them.  False: it is not awaited, or `length` is too
 * short to tell; the oldest one is then a good guess (datagrams_expire()).
 */
bool datagrams_end(struct datagrams *datagrams, const unsigned char *data,
		   size_t length, struct datagram *ended);

/* Ends the datagram with this number.  False: it is not awaited. */
bool datagrams_cancel(struct datagrams *datagrams, uint32_t number,
		      struct datagram *ended);

/* The number of the next datagram. */
uint32_t datagrams_number(const struct datagrams *datagrams);

#endif
