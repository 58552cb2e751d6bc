/*
 * verifier: checks the echo of one connection, byte by byte.
 *
 * Legal is the payload in order, with the prefix
 *
 *   - before each chunk: 1 to chunk_size bytes, cut wherever the server likes,
 *     because TCP can have cut it there, and before each message for which
 *     verifier_expect_message() was called; or
 *   - before each line;
 *
 * and nowhere else.  An empty prefix: the payload as it is.
 *
 * An unknown prefix is learned: it is what arrives before the first 8 bytes of
 * payload, VERIFIER_PREFIX_MAX bytes at most.  If the first message is shorter,
 * its bytes are enough, but none of them may be in the prefix; with
 * PATTERN_NO_TEXT no printable text has any.  If the prefix begins with a byte
 * that payload can contain, it cannot be learned: OUTCOME_WRONG_PREFIX.
 * Whether it precedes each message is learned with the second message; it
 * always precedes each line.  From then on the server must keep to it.
 *
 * Pure.  One thread.
 */
#ifndef ECHOD_PROBE_VERIFIER_H
#define ECHOD_PROBE_VERIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/outcome.h"
#include "probe/payload.h"

#define VERIFIER_PREFIX_MAX 1024

/* Bytes of payload from which the prefix is learned, at most. */
#define VERIFIER_LEARN_SIZE 8

struct framing {
	const char *prefix; /* NULL: learn it */
	size_t prefix_length;
	size_t chunk_size; /* SIZE_MAX: any; ignored with `lines` */
	bool lines;
};

struct verifier {
	const struct framing *framing; /* borrowed */
	struct payload payload;	       /* the next byte that is expected */
	uint64_t received;	       /* bytes, with prefixes */
	/* Given or learned; verifier_prefix() */
	const char *prefix;
	size_t prefix_length;
	/* Private: */
	char *learned; /* owned; NULL: nothing to be learned */
	size_t prefix_seen;
	size_t chunk_seen;
	unsigned flags;
};

/* What is wrong, and where. */
struct verdict {
	enum outcome outcome; /* OUTCOME_ECHOED: nothing is wrong */
	uint64_t offset;      /* of the wrong byte in all that was received */
	uint64_t position;    /* of the payload at that byte */
	/* Bytes; -1: none, for example no more payload was expected. */
	int expected, got;
	/* OUTCOME_BYTES_LOST, _DOUBLED: how many. */
	uint64_t moved;
};

/*
 * `framing`, `params`: borrowed.  `seed`, `message`: as for payload_begin().
 * Allocates nothing unless the prefix is to be learned; false: out of memory.
 */
bool verifier_init(struct verifier *verifier, const struct framing *framing,
		   const struct payload_params *params, uint32_t seed,
		   uint64_t message);

/* Frees what it has learned.  An all-zero verifier is allowed. */
void verifier_free(struct verifier *verifier);

/*
 * The server had echoed everything when the message that follows was sent, so
 * its echo begins a chunk.
 */
void verifier_expect_message(struct verifier *verifier);

/*
 * Checks the next `length` bytes.  `sent` is the position up to which payload
 * was sent.  After a wrong byte the verifier must not be used again, except for
 * verifier_free() and verifier_prefix().
 */
struct verdict verifier_feed(struct verifier *verifier,
			     const unsigned char *data, size_t length,
			     uint64_t sent);

/*
 * True if everything up to `sent` has come back, and no more: no prefix has
 * begun after it.
 */
bool verifier_complete(const struct verifier *verifier, uint64_t sent);

/*
 * The prefix, given or learned; NULL if it is not known yet.  Not terminated;
 * valid until verifier_free().
 */
const char *verifier_prefix(const struct verifier *verifier, size_t *length);

#endif
