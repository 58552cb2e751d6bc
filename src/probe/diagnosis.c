#include "probe/diagnosis.h"

#include <string.h>

static bool
is_at(const struct pattern *pattern, uint32_t seed, uint64_t position,
      const unsigned char *got, size_t length)
{
	while (length > 0) {
		size_t span;
		const unsigned char *bytes =
			pattern_at(pattern, seed, position, &span);

		if (span > length)
			span = length;
		if (memcmp(bytes, got, span) != 0)
			return false;
		position += span;
		got += span;
		length -= span;
	}
	return true;
}

/*
 * The first place from `from` to `to`, `to` excluded; UINT64_MAX: none.  The
 * stream is contiguous for one period at a time.
 */
static uint64_t
find_between(const struct pattern *pattern, uint32_t seed, uint64_t from,
	     uint64_t to, const unsigned char *got)
{
	while (from < to) {
		size_t span;
		const unsigned char *bytes =
			pattern_at(pattern, seed, from, &span);
		const unsigned char *found =
			memmem(bytes, span, got, DIAGNOSIS_BYTES);
		uint64_t next = from + span;

		if (found) {
			uint64_t place = from + (uint64_t)(found - bytes);

			return place < to ? place : UINT64_MAX;
		}
		if (span >= DIAGNOSIS_BYTES)
			from = next - (DIAGNOSIS_BYTES - 1);
		for (; from < next && from < to; from++)
			if (is_at(pattern, seed, from, got, DIAGNOSIS_BYTES))
				return from;
	}
	return UINT64_MAX;
}

/* The last place before `position`; UINT64_MAX: none. */
static uint64_t
find_before(const struct pattern *pattern, uint32_t seed, uint64_t position,
	    const unsigned char *got)
{
	uint64_t first = position > DIAGNOSIS_DISTANCE ?
				 position - DIAGNOSIS_DISTANCE :
				 0;

	while (position > first) {
		/* At most one place in a period is expected. */
		uint64_t from = position - 1 - (position - 1) % PATTERN_PERIOD;
		uint64_t found;

		if (from < first)
			from = first;
		found = find_between(pattern, seed, from, position, got);
		if (found != UINT64_MAX)
			return found;
		position = from;
	}
	return UINT64_MAX;
}

static uint64_t
find_after(const struct pattern *pattern, uint32_t seed, uint64_t position,
	   uint64_t sent, const unsigned char *got)
{
	uint64_t to = position + 1 + DIAGNOSIS_DISTANCE;

	if (sent < position + DIAGNOSIS_BYTES)
		return UINT64_MAX;
	if (to > sent - DIAGNOSIS_BYTES + 1)
		to = sent - DIAGNOSIS_BYTES + 1;
	return find_between(pattern, seed, position + 1, to, got);
}

/*
 * Bytes of a stream are contiguous in the table, or one half of them is, if
 * they are from the end of a period.
 */
static bool
can_be_of_a_stream(const struct pattern *pattern, const unsigned char *got)
{
	enum { HALF = DIAGNOSIS_BYTES / 2 };

	return memmem(pattern->bytes, sizeof(pattern->bytes), got, HALF) ||
	       memmem(pattern->bytes, sizeof(pattern->bytes), got + HALF, HALF);
}

enum outcome
diagnose(const struct pattern *pattern, uint32_t seed, uint64_t position,
	 uint64_t sent, const unsigned char *got, size_t length,
	 uint64_t *moved)
{
	uint64_t before, after;

	*moved = 0;
	if (length < DIAGNOSIS_BYTES ||
	    is_at(pattern, seed, position + 1, got + 1, DIAGNOSIS_BYTES - 1) ||
	    !can_be_of_a_stream(pattern, got))
		return OUTCOME_CORRUPTED;
	before = find_before(pattern, seed, position, got);
	after = find_after(pattern, seed, position, sent, got);
	if (before == UINT64_MAX && after == UINT64_MAX)
		return memmem(pattern->bytes, sizeof(pattern->bytes), got,
			      DIAGNOSIS_BYTES) ?
			       OUTCOME_BYTES_FOREIGN :
			       OUTCOME_CORRUPTED;
	if (before == UINT64_MAX || after - position <= position - before) {
		*moved = after - position;
		return OUTCOME_BYTES_LOST;
	}
	*moved = position - before;
	return OUTCOME_BYTES_DOUBLED;
}
