#include "probe/verifier.h"

#include <stdlib.h>
#include <string.h>

#include "probe/diagnosis.h"

enum {
	/* The prefix is still to be found. */
	LEARNING = 1,
	/* It is unknown whether the prefix precedes each message. */
	MESSAGES_UNKNOWN = 2,
	/* It does not. */
	MESSAGES_WITHOUT = 4,
	/* The next byte is the first one of a message. */
	MESSAGE_BEGINS = 8,
};

static const struct verdict right = { .expected = -1, .got = -1 };

static struct verdict
wrong(const struct verifier *verifier, enum outcome outcome, int expected,
      int got)
{
	return (struct verdict){
		.outcome = outcome,
		.offset = verifier->received,
		.position = verifier->payload.position,
		.expected = expected,
		.got = got,
	};
}

static size_t
at_most(size_t value, uint64_t limit)
{
	return value < limit ? value : (size_t)limit;
}

/* Returns how many bytes are used; sets the verdict if one is wrong. */
static size_t
feed_prefix(struct verifier *verifier, const unsigned char *data, size_t length,
	    struct verdict *verdict)
{
	const unsigned char *rest =
		(const unsigned char *)verifier->prefix + verifier->prefix_seen;
	size_t used = at_most(length,
			      verifier->prefix_length - verifier->prefix_seen);
	size_t equal = payload_count_equal(rest, data, used);

	verifier->received += equal;
	verifier->prefix_seen += equal;
	verifier->chunk_seen = 0;
	if (equal < used)
		*verdict = wrong(verifier, OUTCOME_WRONG_PREFIX, rest[equal],
				 data[equal]);
	return used;
}

/*
 * The bytes of `length` that belong to the chunk that has begun: up to the next
 * one that can only be a prefix; 0 if the chunk has ended.  A prefix directly
 * after a prefix counts as payload, which it will not be equal to.
 */
static size_t
chunk_extent(const struct verifier *verifier, const unsigned char *data,
	     size_t length)
{
	const unsigned char *next;
	size_t first = verifier->chunk_seen == 0;

	if (verifier->prefix_length == 0 || verifier->framing->lines)
		return length;
	length = at_most(length,
			 verifier->framing->chunk_size - verifier->chunk_seen);
	if (length <= first)
		return length;
	next = memchr(data + first, verifier->prefix[0], length - first);
	return next ? (size_t)(next - data) : length;
}

static struct verdict
wrong_payload(const struct verifier *verifier, const unsigned char *expected,
	      const unsigned char *data, size_t length, uint64_t sent)
{
	const struct payload *payload = &verifier->payload;
	struct verdict verdict =
		wrong(verifier, OUTCOME_CORRUPTED, *expected, *data);

	verdict.outcome = diagnose(payload->params->pattern, payload->seed,
				   payload->position, sent, data, length,
				   &verdict.moved);
	return verdict;
}

/* As feed_prefix(); 0 if the chunk had ended before. */
static size_t
feed_chunk(struct verifier *verifier, const unsigned char *data, size_t length,
	   uint64_t sent, struct verdict *verdict)
{
	struct payload *payload = &verifier->payload;
	size_t extent = chunk_extent(verifier, data, length);
	const unsigned char *expected;
	size_t equal, used;

	if (extent == 0) {
		verifier->prefix_seen = 0;
		return 0;
	}
	if (payload->position == sent) {
		*verdict = wrong(verifier, OUTCOME_SURPLUS, -1, *data);
		return 0;
	}
	if (payload->position == payload->message_end)
		payload_next_message(payload);
	expected = payload_span(payload, &used);
	used = at_most(used, sent - payload->position);
	used = at_most(used, extent);
	equal = payload_count_equal(expected, data, used);
	verifier->received += equal;
	verifier->chunk_seen += equal;
	payload_advance(payload, equal);
	if (equal < used)
		*verdict = wrong_payload(verifier, expected + equal,
					 data + equal, extent - equal, sent);
	else if (verifier->framing->lines ?
			 payload->position == payload->message_end :
			 used == extent && extent < length)
		verifier->prefix_seen = 0;
	return used;
}

/*
 * A prefix, or a part of it, and nothing after it.  With lines, the prefix can
 * be complete before the line begins.
 */
static bool
prefix_has_begun(const struct verifier *verifier)
{
	const struct payload *payload = &verifier->payload;

	if (verifier->received == 0)
		return false;
	if (verifier->framing->lines)
		return payload->position == payload->message_end &&
		       verifier->prefix_seen > 0;
	return verifier->chunk_seen == 0 ||
	       verifier->prefix_seen < verifier->prefix_length;
}

/* A learned prefix precedes either each message or none after the first. */
static void
begin_message(struct verifier *verifier, unsigned char first)
{
	bool with = !(verifier->flags & MESSAGES_UNKNOWN) ||
		    (verifier->prefix_length > 0 &&
		     first == (unsigned char)verifier->prefix[0]);

	verifier->flags &= ~(unsigned)(MESSAGE_BEGINS | MESSAGES_UNKNOWN);
	if (with)
		verifier->prefix_seen = 0;
	else
		verifier->flags |= MESSAGES_WITHOUT;
}

static struct verdict
feed_known(struct verifier *verifier, const unsigned char *data, size_t length,
	   uint64_t sent)
{
	struct verdict verdict = right;

	while (length > 0 && verdict.outcome == OUTCOME_ECHOED) {
		size_t used;

		if (verifier->flags & MESSAGE_BEGINS)
			begin_message(verifier, *data);
		if (verifier->prefix_seen < verifier->prefix_length)
			used = feed_prefix(verifier, data, length, &verdict);
		else
			used = feed_chunk(verifier, data, length, sent,
					  &verdict);
		data += used;
		length -= used;
	}
	return verdict;
}

/*
 * The first bytes of payload, of the first message only, with the newline if it
 * is among them.  Returns how many.
 */
static size_t
first_bytes(const struct verifier *verifier,
	    unsigned char bytes[VERIFIER_LEARN_SIZE])
{
	struct payload payload = verifier->payload;
	size_t have = 0;

	payload_next_message(&payload);
	while (have < VERIFIER_LEARN_SIZE &&
	       payload.position < payload.message_end) {
		const unsigned char *span;
		size_t length;

		span = payload_span(&payload, &length);
		length = at_most(length, VERIFIER_LEARN_SIZE - have);
		memcpy(bytes + have, span, length);
		payload_advance(&payload, length);
		have += length;
	}
	return have;
}

/*
 * True if the prefix could be taken for payload: then its place cannot be
 * found.  Lines tell where it is.
 */
static bool
is_ambiguous(const struct verifier *verifier)
{
	return verifier->prefix_length > 0 && !verifier->framing->lines &&
	       memchr(verifier->payload.params->pattern->bytes,
		      verifier->prefix[0], PATTERN_PERIOD);
}

/*
 * The prefix is `length` bytes of the buffer; `first` bytes of payload follow.
 */
static struct verdict
learned(struct verifier *verifier, size_t length, size_t first, uint64_t sent)
{
	const unsigned char *payload =
		(const unsigned char *)verifier->learned + length;

	verifier->flags &= ~(unsigned)LEARNING;
	verifier->flags |= MESSAGES_UNKNOWN;
	verifier->prefix = verifier->learned;
	verifier->prefix_length = verifier->prefix_seen = length;
	verifier->received = 0;
	if (is_ambiguous(verifier))
		return wrong(verifier, OUTCOME_WRONG_PREFIX, -1,
			     (unsigned char)verifier->prefix[0]);
	verifier->received = length;
	return feed_known(verifier, payload, first, sent);
}

/*
 * Collects bytes until the beginning of the payload is among them.  `used`: of
 * `data`.
 */
static struct verdict
learn(struct verifier *verifier, const unsigned char *data, size_t length,
      uint64_t sent, size_t *used)
{
	enum { SIZE = VERIFIER_PREFIX_MAX + VERIFIER_LEARN_SIZE };
	char *buffer = verifier->learned;
	size_t before = (size_t)verifier->received;
	size_t have = before + at_most(length, SIZE - before);
	unsigned char begin[VERIFIER_LEARN_SIZE];
	size_t first = first_bytes(verifier, begin);
	const char *found;

	memcpy(buffer + before, data, have - before);
	*used = have - before;
	found = memmem(buffer, have, begin, first);
	if (found) {
		size_t prefix_length = (size_t)(found - buffer);

		*used = prefix_length + first - before;
		return learned(verifier, prefix_length, first, sent);
	}
	verifier->received = have;
	return have == SIZE ? wrong(verifier, OUTCOME_WRONG_PREFIX, -1, -1) :
			      right;
}

bool
verifier_init(struct verifier *verifier, const struct framing *framing,
	      const struct payload_params *params, uint32_t seed,
	      uint64_t message)
{
	memset(verifier, 0, sizeof(*verifier));
	verifier->framing = framing;
	payload_begin(&verifier->payload, params, seed, message);
	if (framing->prefix) {
		verifier->prefix = framing->prefix;
		verifier->prefix_length = framing->prefix_length;
		return true;
	}
	verifier->flags = LEARNING;
	verifier->learned = malloc(VERIFIER_PREFIX_MAX + VERIFIER_LEARN_SIZE);
	return verifier->learned != NULL;
}

void
verifier_free(struct verifier *verifier)
{
	free(verifier->learned);
	verifier->learned = NULL;
}

void
verifier_expect_message(struct verifier *verifier)
{
	if (verifier->flags & (LEARNING | MESSAGES_WITHOUT) ||
	    verifier->framing->lines || verifier->received == 0)
		return;
	/*
	 * A prefix that came early is not forgotten: it is the one of the
	 * message, and another would be too many.
	 */
	if (prefix_has_begun(verifier))
		verifier->flags &= ~(unsigned)MESSAGES_UNKNOWN;
	else
		verifier->flags |= MESSAGE_BEGINS;
}

struct verdict
verifier_feed(struct verifier *verifier, const unsigned char *data,
	      size_t length, uint64_t sent)
{
	if (verifier->flags & LEARNING) {
		size_t used;
		struct verdict verdict =
			learn(verifier, data, length, sent, &used);

		if (verdict.outcome != OUTCOME_ECHOED)
			return verdict;
		data += used;
		length -= used;
	}
	return feed_known(verifier, data, length, sent);
}

bool
verifier_complete(const struct verifier *verifier, uint64_t sent)
{
	if (verifier->flags & LEARNING)
		return sent == 0 && verifier->received == 0;
	return verifier->payload.position == sent &&
	       !prefix_has_begun(verifier);
}

const char *
verifier_prefix(const struct verifier *verifier, size_t *length)
{
	*length = verifier->prefix_length;
	return verifier->flags & LEARNING ? NULL : verifier->prefix;
}
