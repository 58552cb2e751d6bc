/*
 * datagrams_reply: what a datagram is that arrives, compared with those that
 * are awaited (probe/datagrams.h).
 *
 * Pure.  One thread.
 */
#ifndef ECHOD_PROBE_DATAGRAMS_REPLY_H
#define ECHOD_PROBE_DATAGRAMS_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/datagrams.h"
#include "probe/outcome.h"

/* What arrived.  Offsets are those of the reply. */
struct datagram_verdict {
	/*
	 * OUTCOME_ECHOED, _CORRUPTED, _WRONG_PREFIX, _WRONG_LENGTH: the
	 * datagram ends.  OUTCOME_LATE, _DOUBLED: it had ended before.
	 * OUTCOME_FOREIGN: a reply to nothing of this peer.
	 */
	enum outcome outcome;
	bool reordered; /* one that was sent later has been answered before */
	struct datagram datagram; /* not with OUTCOME_FOREIGN */
	size_t prefix_length;	  /* of what precedes the payload */
	size_t offset;		  /* of the wrong byte */
	int expected, got;	  /* bytes; -1: none */
};

/* Classifies a reply, and ends the datagram that it is the echo of. */
struct datagram_verdict datagrams_reply(struct datagrams *datagrams,
					const unsigned char *reply,
					size_t length);

#endif
