#include "verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *
mismatch(const struct verifier *v, const char *what, unsigned char expected,
	 unsigned char got)
{
	static char text[128];

	snprintf(text, sizeof(text),
		 "byte %" PRIu64 " of the echo (payload byte %" PRIu64
		 "): expected %s 0x%02x, got 0x%02x",
		 v->received, v->position, what, expected, got);
	return text;
}

static const char *
surplus(const struct verifier *v, unsigned char got)
{
	static char text[128];

	snprintf(text, sizeof(text),
		 "byte %" PRIu64 " of the echo: got 0x%02x after all %" PRIu64
		 " bytes of payload",
		 v->received, got, v->position);
	return text;
}

static size_t
at_most(size_t value, size_t limit)
{
	return value < limit ? value : limit;
}

/* Hold LENGTH bytes against EXPECTED and count the ones that agree. */
static const char *
compare(struct verifier *v, const char *what, const unsigned char *expected,
	const unsigned char *got, size_t length)
{
	size_t i = 0;

	if (memcmp(expected, got, length) == 0) {
		v->received += length;
		return NULL;
	}
	while (expected[i] == got[i])
		i++;
	v->received += i;
	return mismatch(v, what, expected[i], got[i]);
}

static const char *
feed_prefix(struct verifier *v, const unsigned char *data, size_t length,
	    size_t *used)
{
	const struct framing *framing = v->framing;
	const char *rest = framing->prefix + v->prefix_seen;
	const char *wrong;

	*used = at_most(length, framing->prefix_length - v->prefix_seen);
	wrong = compare(v, "prefix", (const unsigned char *)rest, data, *used);
	v->prefix_seen += *used;
	v->chunk_seen = 0;
	return wrong;
}

/*
 * How many of LENGTH bytes belong to the chunk that has begun? As far as the
 * next byte that can only be a prefix; 0 where the chunk has ended. A prefix
 * right behind a prefix counts as payload, which it will not agree with.
 */
static size_t
chunk_extent(const struct verifier *v, const unsigned char *data, size_t length)
{
	const struct framing *framing = v->framing;
	const unsigned char *next;
	size_t first = v->chunk_seen == 0;

	if (framing->prefix_length == 0)
		return length;
	length = at_most(length, framing->chunk_size - v->chunk_seen);
	if (length <= first)
		return length;
	next = memchr(data + first, framing->prefix[0], length - first);
	return next ? (size_t)(next - data) : length;
}

static const char *
feed_chunk(struct verifier *v, const unsigned char *data, size_t length,
	   uint64_t sent, size_t *used)
{
	const unsigned char *expected;
	const char *wrong;
	size_t span;

	*used = chunk_extent(v, data, length);
	if (*used == 0) {
		v->prefix_seen = 0;
		return NULL;
	}
	if (v->position == sent)
		return surplus(v, *data);
	expected = pattern_at(v->pattern, v->seed, v->position, &span);
	if (span > sent - v->position)
		span = sent - v->position;
	*used = at_most(*used, span);
	wrong = compare(v, "payload", expected, data, *used);
	v->position += *used;
	v->chunk_seen += *used;
	return wrong;
}

void
verifier_init(struct verifier *v, const struct pattern *pattern,
	      const struct framing *framing, uint32_t seed)
{
	*v = (struct verifier){
		.pattern = pattern,
		.framing = framing,
		.seed = seed,
	};
}

const char *
verifier_feed(struct verifier *v, const unsigned char *data, size_t length,
	      uint64_t sent)
{
	const char *wrong;
	size_t used;

	while (length > 0) {
		if (v->prefix_seen < v->framing->prefix_length)
			wrong = feed_prefix(v, data, length, &used);
		else
			wrong = feed_chunk(v, data, length, sent, &used);
		if (wrong)
			return wrong;
		data += used;
		length -= used;
	}
	return NULL;
}

bool
verifier_complete(const struct verifier *v, uint64_t sent)
{
	if (v->received == 0)
		return sent == 0;
	return v->position == sent && v->chunk_seen > 0 &&
	       v->prefix_seen == v->framing->prefix_length;
}
