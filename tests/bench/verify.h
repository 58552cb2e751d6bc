/*
 * verify: checks what an echo server sends back, byte by byte. Legal is the
 * payload in order, cut into chunks of 1 to chunk_size bytes wherever the
 * server likes (TCP may have cut it there), the prefix before each chunk and
 * nowhere else. With an empty prefix: the payload as it is.
 */
#ifndef ECHOD_BENCH_VERIFY_H
#define ECHOD_BENCH_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pattern.h"

struct framing {
	const char *prefix;
	size_t prefix_length;
	size_t chunk_size;
};

struct verifier {
	const struct pattern *pattern; /* made without prefix[0] */
	const struct framing *framing;
	uint32_t seed;
	uint64_t received;  /* bytes, prefixes included */
	uint64_t position;  /* payload bytes among them */
	size_t prefix_seen; /* all of it: in a chunk */
	size_t chunk_seen;  /* payload bytes of this chunk */
};

void verifier_init(struct verifier *v, const struct pattern *pattern,
		   const struct framing *framing, uint32_t seed);

/*
 * Check the next LENGTH bytes; SENT is how much payload the server was given.
 * Returns NULL, or a string that says what was wrong (valid until the next
 * call of any verifier).
 */
const char *verifier_feed(struct verifier *v, const unsigned char *data,
			  size_t length, uint64_t sent);

/* Has everything that was SENT come back, with no prefix begun behind it? */
bool verifier_complete(const struct verifier *v, uint64_t sent);

#endif
