#include "pattern.h"

#include <string.h>

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

void
pattern_init(struct pattern *pattern, int excluded)
{
	uint64_t state = 0x9e3779b97f4a7c15;

	for (size_t i = 0; i < PATTERN_PERIOD; i++) {
		unsigned char byte = (unsigned char)next_random(&state);

		if (byte == excluded)
			byte++;
		pattern->bytes[i] = byte;
	}
	/* Twice in a row, so that a period may begin anywhere in it. */
	memcpy(pattern->bytes + PATTERN_PERIOD, pattern->bytes, PATTERN_PERIOD);
}

const unsigned char *
pattern_at(const struct pattern *pattern, uint32_t seed, uint64_t position,
	   size_t *length)
{
	uint64_t row = position / PATTERN_PERIOD;
	size_t column = position % PATTERN_PERIOD;
	/*
	 * Every period of the stream begins elsewhere in the table: blocks of
	 * one period that change places do not go unnoticed either.
	 */
	size_t start = (seed * UINT64_C(7919) + row % PATTERN_PERIOD * 40503) %
		       PATTERN_PERIOD;

	*length = PATTERN_PERIOD - column;
	return pattern->bytes + start + column;
}
