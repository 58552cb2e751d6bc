#include "probe/datagrams_reply.h"

#include <string.h>

#include "probe/datagrams_private.h"

/* Bytes of a datagram that tell it apart from the others. */
#define SCORE_BYTES 64

/* What a reply answers, and where in the reply that begins. */
struct match {
	struct datagrams_entry *entry; /* NULL: none */
	size_t offset;
	size_t score; /* bytes that are right, of `of` */
	size_t of;
};

/* ---- which datagram a reply answers */

static bool
has_bytes(const unsigned char *bytes, size_t length, const unsigned char *head,
	  size_t head_length, const unsigned char *rest)
{
	if (length <= head_length)
		return memcmp(bytes, head, length) == 0;
	return memcmp(bytes, head, head_length) == 0 &&
	       memcmp(bytes + head_length, rest, length - head_length) == 0;
}

/* The reply has a part of the datagram at `offset`, or something like it. */
static struct match
match_at(const struct datagrams *datagrams, struct datagrams_entry *entry,
	 const unsigned char *reply, size_t length, size_t offset)
{
	struct match match = { .entry = entry, .offset = offset };
	unsigned char head[DATAGRAM_HEAD];
	size_t size = entry->size;
	size_t head_length =
		datagrams_head(datagrams, entry->number, size, head);
	const unsigned char *rest = datagrams_rest(datagrams, entry->number);

	match.of = length - offset < size ? length - offset : size;
	if (match.of > SCORE_BYTES)
		match.of = SCORE_BYTES;
	reply += offset;
	if (has_bytes(reply, match.of, head, head_length, rest)) {
		match.score = match.of;
		return match;
	}
	for (size_t i = 0; i < match.of; i++)
		match.score +=
			reply[i] ==
			(i < head_length ? head[i] : rest[i - head_length]);
	return match;
}

static size_t
last_offset(const struct datagrams *datagrams)
{
	size_t length = datagrams->framing->prefix_length;

	return datagrams->framing->prefix && length > VERIFIER_PREFIX_MAX ?
		       length :
		       VERIFIER_PREFIX_MAX;
}

static struct match
match_head(struct datagrams *datagrams, const unsigned char *reply,
	   size_t length)
{
	size_t last = last_offset(datagrams);
	size_t offset = datagrams->offset;
	struct datagrams_entry *entry = NULL;

	if (length < DATAGRAM_HEAD)
		return (struct match){ 0 };
	if (last > length - DATAGRAM_HEAD)
		last = length - DATAGRAM_HEAD;
	if (offset <= last)
		entry = datagrams_entry_at(datagrams, reply + offset);
	if (!entry) {
		for (offset = 0; offset <= last && !entry; offset++)
			entry = datagrams_entry_at(datagrams, reply + offset);
		offset--;
	}
	if (!entry)
		return (struct match){ 0 };
	datagrams->offset = offset;
	return match_at(datagrams, entry, reply, length, offset);
}

/* Its bytes are the end of the reply, or something like it. */
static struct match
match_end(const struct datagrams *datagrams, struct datagrams_entry *entry,
	  const unsigned char *reply, size_t length)
{
	size_t size = entry->size;

	if (length < size || length - size > last_offset(datagrams))
		return (struct match){ 0 };
	return match_at(datagrams, entry, reply, length, length - size);
}

static bool
is_exact(const struct match *match)
{
	return match->entry && match->score == match->of;
}

/*
 * The datagram that is awaited of which the reply has the most bytes; half of
 * them at least.
 */
static struct match
match_most(const struct datagrams *datagrams, const unsigned char *reply,
	   size_t length)
{
	struct match best = { 0 };

	for (uint32_t number = datagrams->oldest; number != datagrams->next;
	     number++) {
		struct datagrams_entry *entry =
			datagrams_slot(datagrams, number);
		struct match match = { 0 };

		if (entry->state == STATE_AWAITED)
			match = match_end(datagrams, entry, reply, length);
		if (is_exact(&match))
			return match;
		if (match.entry && match.score * 2 >= match.of &&
		    match.score * (best.of + !best.of) > best.score * match.of)
			best = match;
	}
	return best;
}

/* A datagram without a whole head that has ended; the newest of them. */
static struct match
match_ended(const struct datagrams *datagrams, const unsigned char *reply,
	    size_t length)
{
	for (uint32_t i = 1; i <= DATAGRAMS_HISTORY; i++) {
		struct datagrams_entry *entry =
			datagrams_find(datagrams, datagrams->next - i);
		struct match match = { 0 };

		if (entry && entry->state != STATE_AWAITED &&
		    entry->size < DATAGRAM_HEAD)
			match = match_end(datagrams, entry, reply, length);
		if (is_exact(&match))
			return match;
	}
	return (struct match){ 0 };
}

/*
 * If a byte of the head is wrong, it can be that of another datagram.  So one
 * that has more bytes in common with the reply is preferred.
 */
static struct match
match_reply(struct datagrams *datagrams, const unsigned char *reply,
	    size_t length)
{
	struct match match = match_head(datagrams, reply, length);
	struct match other;

	if (is_exact(&match))
		return match;
	other = match_most(datagrams, reply, length);
	if (!is_exact(&other) && !match.entry &&
	    datagrams->params->sizes.least < DATAGRAM_HEAD) {
		struct match ended = match_ended(datagrams, reply, length);

		if (ended.entry)
			return ended;
	}
	return other.score > match.score ? other : match;
}

/* ---- whether the reply is right */

static int
byte_at(const unsigned char *bytes, size_t length, size_t offset)
{
	return offset < length ? bytes[offset] : -1;
}

static void
check_prefix(const struct datagrams *datagrams, const unsigned char *reply,
	     struct datagram_verdict *verdict)
{
	const unsigned char *prefix = (const void *)datagrams->framing->prefix;
	size_t length = datagrams->framing->prefix_length;
	size_t got = verdict->prefix_length;
	size_t offset;

	if (!prefix)
		return;
	offset =
		payload_count_equal(prefix, reply, got < length ? got : length);
	if (offset == length && got == length)
		return;
	verdict->outcome = OUTCOME_WRONG_PREFIX;
	verdict->offset = offset;
	verdict->expected = byte_at(prefix, length, offset);
	verdict->got = byte_at(reply, got, offset);
}

static void
check_payload(const struct datagrams *datagrams, const unsigned char *reply,
	      size_t length, struct datagram_verdict *verdict)
{
	size_t size = verdict->datagram.size;
	uint32_t number = verdict->datagram.number;
	size_t common = length < size ? length : size;
	unsigned char head[DATAGRAM_HEAD];
	size_t head_length = datagrams_head(datagrams, number, size, head);
	const unsigned char *rest = datagrams_rest(datagrams, number);
	size_t offset = common;

	if (length == size) {
		offset = payload_count_equal(head, reply, head_length);
		if (offset == head_length)
			offset += payload_count_equal(rest, reply + offset,
						      size - offset);
		if (offset == size)
			return;
	}
	verdict->outcome = length == size ? OUTCOME_CORRUPTED :
					    OUTCOME_WRONG_LENGTH;
	verdict->offset = verdict->prefix_length + offset;
	verdict->got = byte_at(reply, length, offset);
	verdict->expected =
		offset < head_length ?
			head[offset] :
			byte_at(rest, size - head_length, offset - head_length);
}

static bool
note_order(struct datagrams *datagrams, uint32_t number)
{
	bool later = !datagrams->answered ||
		     (int32_t)(number - datagrams->newest) > 0;

	if (later)
		datagrams->newest = number;
	datagrams->answered = true;
	return !later;
}

/*
 * Almost every reply is the whole echo of a datagram that is awaited, and
 * begins where the last one began: its bytes are compared once.
 */
static struct datagrams_entry *
find_whole(const struct datagrams *datagrams, const unsigned char *reply,
	   size_t length)
{
	const struct framing *framing = datagrams->framing;
	size_t offset = datagrams->offset;
	struct datagrams_entry *entry;

	if (length < offset + DATAGRAM_HEAD)
		return NULL;
	entry = datagrams_entry_at(datagrams, reply + offset);
	if (!entry || entry->state != STATE_AWAITED ||
	    entry->size != length - offset ||
	    memcmp(reply + offset + DATAGRAM_HEAD,
		   datagrams_rest(datagrams, entry->number),
		   length - offset - DATAGRAM_HEAD) != 0)
		return NULL;
	if (framing->prefix && (framing->prefix_length != offset ||
				memcmp(framing->prefix, reply, offset) != 0))
		return NULL;
	return entry;
}

struct datagram_verdict
datagrams_reply(struct datagrams *datagrams, const unsigned char *reply,
		size_t length)
{
	struct datagrams_entry *whole = find_whole(datagrams, reply, length);
	struct match match = { .entry = whole, .offset = datagrams->offset };
	struct datagrams_entry *entry;
	struct datagram_verdict verdict = { .expected = -1, .got = -1 };

	if (!whole)
		match = match_reply(datagrams, reply, length);
	entry = match.entry;
	verdict.outcome = entry ? OUTCOME_ECHOED : OUTCOME_FOREIGN;
	verdict.prefix_length = match.offset;
	if (!entry)
		return verdict;
	if (entry->state != STATE_AWAITED) {
		verdict.outcome = entry->state == STATE_LOST ? OUTCOME_LATE :
							       OUTCOME_DOUBLED;
		verdict.datagram.number = entry->number;
		verdict.datagram.size = entry->size;
		verdict.datagram.started = entry->started;
		entry->state = STATE_ANSWERED;
		return verdict;
	}
	datagrams_close(datagrams, entry, STATE_ANSWERED, &verdict.datagram);
	verdict.reordered = note_order(datagrams, entry->number);
	if (whole)
		return verdict;
	check_payload(datagrams, reply + match.offset, length - match.offset,
		      &verdict);
	if (verdict.outcome != OUTCOME_CORRUPTED)
		check_prefix(datagrams, reply, &verdict);
	return verdict;
}
