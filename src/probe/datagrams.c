#include "probe/datagrams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/datagrams_private.h"

/* It grows with what is awaited: there can be 10,000 peers. */
#define CAPACITY_FIRST 64

/* ---- what a datagram is made of */

/* Reversible, so that the peer can be computed from the mark. */
static uint32_t
mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352d;
	x ^= x >> 15;
	x *= 0x846ca68b;
	return x ^ x >> 16;
}

static uint32_t
unmix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x43021123;
	x ^= x >> 15 ^ x >> 30;
	x *= 0x1d69e2a5;
	return x ^ x >> 16;
}

static uint32_t
mark_of(uint32_t run, uint32_t peer)
{
	return run ^ mix(peer + 1);
}

static uint32_t
peer_of(uint32_t run, uint32_t mark)
{
	return unmix(mark ^ run) - 1;
}

static void
put_word(unsigned char *bytes, uint32_t word)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (unsigned char)(word >> (24 - 8 * i));
}

static uint32_t
get_word(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
	       (uint32_t)bytes[2] << 8 | bytes[3];
}

size_t
datagrams_head(const struct datagrams *datagrams, uint32_t number, size_t size,
	       unsigned char head[DATAGRAM_HEAD])
{
	if (size < 4)
		number <<= 8 * (4 - size);
	put_word(head, number);
	put_word(head + 4, datagrams->mark);
	return size < DATAGRAM_HEAD ? size : DATAGRAM_HEAD;
}

/* As a datagram is not longer than the period, this is contiguous. */
const unsigned char *
datagrams_rest(const struct datagrams *datagrams, uint32_t number)
{
	uint32_t at = mix(datagrams->peer * 0x9e3779b1 + number) % 1024;

	return datagrams->params->pattern->bytes + at;
}

/* ---- the ring */

struct datagrams *
datagrams_new(const struct payload_params *params,
	      const struct framing *framing, uint32_t run, uint32_t peer)
{
	struct datagrams *datagrams;

	if (params->sizes.most > PATTERN_PERIOD) {
		errno = EMSGSIZE;
		return NULL;
	}
	datagrams = calloc(1, sizeof(*datagrams));
	if (!datagrams)
		return NULL;
	datagrams->params = params;
	datagrams->framing = framing;
	datagrams->run = run;
	datagrams->peer = peer;
	datagrams->mark = mark_of(run, peer);
	datagrams->offset = framing->prefix ? framing->prefix_length : 0;
	datagrams->capacity = CAPACITY_FIRST;
	datagrams->ring = calloc(CAPACITY_FIRST, sizeof(*datagrams->ring));
	if (datagrams->ring)
		return datagrams;
	free(datagrams);
	return NULL;
}

void
datagrams_free(struct datagrams *datagrams)
{
	if (!datagrams)
		return;
	free(datagrams->ring);
	free(datagrams);
}

struct datagrams_entry *
datagrams_slot(const struct datagrams *datagrams, uint32_t number)
{
	return &datagrams->ring[number & (datagrams->capacity - 1)];
}

struct datagrams_entry *
datagrams_find(const struct datagrams *datagrams, uint32_t number)
{
	struct datagrams_entry *entry = datagrams_slot(datagrams, number);

	return entry->state != STATE_NONE && entry->number == number ? entry :
								       NULL;
}

static bool
grow(struct datagrams *datagrams)
{
	struct datagrams_entry *old = datagrams->ring;
	uint32_t count = datagrams->capacity;
	struct datagrams_entry *ring = calloc((size_t)count * 2, sizeof(*ring));

	if (!ring)
		return false;
	datagrams->ring = ring;
	datagrams->capacity = count * 2;
	for (uint32_t i = 0; i < count; i++)
		if (old[i].state != STATE_NONE)
			*datagrams_slot(datagrams, old[i].number) = old[i];
	free(old);
	return true;
}

/* The next datagram must not displace one that is still needed. */
static bool
make_room(struct datagrams *datagrams)
{
	uint32_t span = datagrams->next - datagrams->oldest;

	while (datagrams_slot(datagrams, datagrams->next)->state !=
		       STATE_NONE &&
	       datagrams->capacity < span + 1 + DATAGRAMS_HISTORY)
		if (!grow(datagrams))
			return false;
	return true;
}

size_t
datagrams_next(struct datagrams *datagrams, int64_t started, int64_t sent,
	       unsigned char *data)
{
	uint32_t number = datagrams->next;
	size_t size = message_size(&datagrams->params->sizes, datagrams->peer,
				   number);
	unsigned char head[DATAGRAM_HEAD];
	size_t head_length = datagrams_head(datagrams, number, size, head);

	if (!make_room(datagrams))
		return 0;
	*datagrams_slot(datagrams, number) = (struct datagrams_entry){
		.started = started,
		.sent = sent,
		.number = number,
		.size = (uint32_t)size & 0x3fffffff,
		.state = STATE_AWAITED,
	};
	datagrams->next++;
	datagrams->awaited++;
	memcpy(data, head, head_length);
	memcpy(data + head_length, datagrams_rest(datagrams, number),
	       size - head_length);
	return size;
}

void
datagrams_take_back(struct datagrams *datagrams)
{
	datagrams->next--;
	datagrams->awaited--;
	datagrams_slot(datagrams, datagrams->next)->state = STATE_NONE;
}

size_t
datagrams_awaited(const struct datagrams *datagrams)
{
	return datagrams->awaited;
}

void
datagrams_close(struct datagrams *datagrams, struct datagrams_entry *entry,
		enum datagrams_state state, struct datagram *ended)
{
	*ended = (struct datagram){
		.number = entry->number,
		.size = entry->size,
		.started = entry->started,
	};
	entry->state = state;
	datagrams->awaited--;
	while (datagrams->oldest != datagrams->next &&
	       datagrams_slot(datagrams, datagrams->oldest)->state !=
		       STATE_AWAITED)
		datagrams->oldest++;
}

bool
datagrams_expire(struct datagrams *datagrams, int64_t before,
		 struct datagram *expired)
{
	struct datagrams_entry *entry =
		datagrams_slot(datagrams, datagrams->oldest);

	if (datagrams->awaited == 0 || entry->sent > before)
		return false;
	datagrams_close(datagrams, entry, STATE_LOST, expired);
	return true;
}

uint32_t
datagrams_peer_of(uint32_t run, uint32_t peers, const unsigned char *reply,
		  size_t length, size_t *offset)
{
	size_t last = length - DATAGRAM_HEAD;
	uint32_t peer;

	if (length < DATAGRAM_HEAD)
		return UINT32_MAX;
	if (last > VERIFIER_PREFIX_MAX)
		last = VERIFIER_PREFIX_MAX;
	if (*offset <= last) {
		peer = peer_of(run, get_word(reply + *offset + 4));
		if (peer < peers)
			return peer;
	}
	for (size_t i = 0; i <= last; i++) {
		peer = peer_of(run, get_word(reply + i + 4));
		if (peer < peers) {
			*offset = i;
			return peer;
		}
	}
	return UINT32_MAX;
}

struct datagrams_entry *
datagrams_entry_at(const struct datagrams *datagrams,
		   const unsigned char *reply)
{
	struct datagrams_entry *entry;

	if (get_word(reply + 4) != datagrams->mark)
		return NULL;
	entry = datagrams_find(datagrams, get_word(reply));
	return entry && entry->size >= DATAGRAM_HEAD ? entry : NULL;
}

bool
datagrams_cancel(struct datagrams *datagrams, uint32_t number,
		 struct datagram *ended)
{
	struct datagrams_entry *entry = datagrams_find(datagrams, number);

	if (!entry || entry->state != STATE_AWAITED)
		return false;
	datagrams_close(datagrams, entry, STATE_LOST, ended);
	return true;
}

bool
datagrams_end(struct datagrams *datagrams, const unsigned char *data,
	      size_t length, struct datagram *ended)
{
	struct datagrams_entry *entry = NULL;

	if (length >= DATAGRAM_HEAD)
		entry = datagrams_entry_at(datagrams, data);
	return entry && datagrams_cancel(datagrams, entry->number, ended);
}

uint32_t
datagrams_number(const struct datagrams *datagrams)
{
	return datagrams->next;
}
