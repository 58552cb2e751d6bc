/*
 * model: what an echo of world_pattern() has to be, byte by byte, however the
 * stream was cut on its way.
 */
#ifndef ECHOD_TESTS_FUZZ_MODEL_H
#define ECHOD_TESTS_FUZZ_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

struct model {
	struct frame frame;	/* whose prefix begins with no letter of ours */
	unsigned corrupt_every; /* 0: none */
	uint64_t heard;		/* bytes of the echo, prefixes included */
	uint64_t echoed;	/* bytes of what was said */
	size_t prefix_at;	/* bytes of a prefix that has begun */
	size_t in_chunk;
};

/* Aborts at the first wrong byte; the buffer is the model's to change. */
void model_hear(struct model *model, uint8_t *bytes, size_t size);

#endif
