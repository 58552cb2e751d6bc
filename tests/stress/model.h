/*
 * model: the bytes that one session must get back, checked as they come.
 * Pure: bytes in, a result out.
 *
 * A session sends the stream of its seed (probe/payload.h), which lacks
 * the first byte of every prefix.  So a prefix is recognized wherever echod
 * has put it; it must be whole, and no chunk may be empty or too long.
 *
 * A prefix tells the version of the configuration that serves the session.
 */
#ifndef ECHOD_STRESS_MODEL_H
#define ECHOD_STRESS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/payload.h"
#include "session_kinds.h"

/* "G00000001:" */
#define PREFIX_FIRST 'G'
#define PREFIX_LENGTH 10

struct model {
	const struct kind *kind;
	const struct pattern *pattern;
	uint32_t seed;
	uint64_t received; /* bytes, prefixes included */
	uint64_t position; /* bytes without the prefixes */
	unsigned oldest;   /* versions that may serve the session */
	unsigned newest;
	bool knows_version;
	unsigned version;
	char prefix[PREFIX_LENGTH + 1];
	size_t in_prefix; /* bytes so far of the prefix that has begun */
	size_t in_chunk;  /* bytes so far of the chunk or line */

	/* What is wrong, when model_feed() has failed. */
	char wrong[160];
};

/* chunk_size in a version. */
size_t model_chunk_size(unsigned version);

/* Writes the prefix of a version. */
void model_prefix(unsigned version, char prefix[PREFIX_LENGTH + 1]);

/*
 * Checks the next bytes, which it may change.  `newest` is the newest version
 * that echod may have read by now.  False at the first wrong byte.
 */
bool model_feed(struct model *model, unsigned char *data, size_t length,
		unsigned newest);

/* The echo has reached the end that the fault sets. */
bool model_is_cut(const struct model *model);

/* The echo of the first `sent` bytes is complete. */
bool model_is_whole(const struct model *model, uint64_t sent);

#endif
