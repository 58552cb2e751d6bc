/*
 * What the two files of datagrams share: datagrams.c (what is awaited) and
 * datagrams_reply.c (what a reply is).
 */
#ifndef ECHOD_PROBE_DATAGRAMS_PRIVATE_H
#define ECHOD_PROBE_DATAGRAMS_PRIVATE_H

#include "probe/datagrams.h"

enum datagrams_state {
	STATE_NONE,
	STATE_AWAITED,
	STATE_ANSWERED,
	STATE_LOST,
};

struct datagrams_entry {
	int64_t started, sent;
	uint32_t number;
	uint32_t size : 30;
	uint32_t state : 2; /* enum datagrams_state */
};

struct datagrams {
	const struct payload_params *params;
	const struct framing *framing;
	uint32_t run, peer;
	uint32_t mark;
	uint32_t next;	 /* number */
	uint32_t oldest; /* that is awaited; `next`: none */
	size_t awaited;
	bool answered;	 /* any */
	uint32_t newest; /* that was answered */
	size_t offset;	 /* of the last head: probably that of the next one */
	struct datagrams_entry *ring;
	uint32_t capacity; /* a power of two */
};

/* Writes the head; returns the number of its bytes that the datagram has. */
size_t datagrams_head(const struct datagrams *datagrams, uint32_t number,
		      size_t size, unsigned char head[DATAGRAM_HEAD]);

/* The bytes after the head. */
const unsigned char *datagrams_rest(const struct datagrams *datagrams,
				    uint32_t number);

/* The place of a number; it can hold another one. */
struct datagrams_entry *datagrams_slot(const struct datagrams *datagrams,
				       uint32_t number);

/* NULL: not remembered. */
struct datagrams_entry *datagrams_find(const struct datagrams *datagrams,
				       uint32_t number);

/* The datagram whose head these 8 bytes are; NULL: none is remembered. */
struct datagrams_entry *datagrams_entry_at(const struct datagrams *datagrams,
					   const unsigned char *bytes);

/* It is awaited no longer. */
void datagrams_close(struct datagrams *datagrams, struct datagrams_entry *entry,
		     enum datagrams_state state, struct datagram *ended);

#endif
