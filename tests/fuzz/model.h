/*
 * model: what the echo of fixture_pattern() must be, byte by byte, however the
 * stream was cut.
 */
#ifndef ECHOD_TESTS_FUZZ_MODEL_H
#define ECHOD_TESTS_FUZZ_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "echo/frame.h"

struct model {
	struct frame frame; /* its prefix begins with no byte of the pattern */
	unsigned corrupt_every; /* 0: none */
	uint64_t heard;		/* bytes of the echo, prefixes included */
	uint64_t echoed;	/* bytes of the pattern among them */
	size_t prefix_at;	/* bytes of the current prefix so far */
	size_t in_chunk;
};

/* Aborts at the first wrong byte.  Changes the buffer. */
void model_hear(struct model *model, uint8_t *bytes, size_t size);

#endif
