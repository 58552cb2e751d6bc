#include "probe/verifier_reference.h"

#include <string.h>

#include "support/suite.h"

uint32_t
reference_random(void)
{
	static uint32_t state = 1;

	state = state * 1103515245 + 12345;
	return state >> 16;
}

/* ---- the verifier */

static size_t
part(const struct cuts *cuts, size_t offset, size_t left)
{
	size_t length = left;

	if (cuts->random)
		length = 1 + reference_random() % cuts->random;
	else if (cuts->size)
		length = cuts->size;
	else if (cuts->place > offset)
		length = cuts->place - offset;
	return length < left ? length : left;
}

struct result
reference_feed(const struct server *server, const struct cuts *cuts)
{
	struct verifier verifier;
	struct result result = { .complete = true };
	size_t offset = 0;

	ck_assert(verifier_init(&verifier, &server->framing, &server->params,
				SEED, 0));
	for (unsigned m = server->steps ? 0 : MESSAGES - 1;
	     m < MESSAGES && result.complete; m++) {
		if (server->steps)
			verifier_expect_message(&verifier);
		while (offset < server->echo_ends[m] &&
		       result.verdict.outcome == OUTCOME_ECHOED) {
			size_t length = part(cuts, offset,
					     server->echo_ends[m] - offset);

			result.verdict = verifier_feed(&verifier,
						       server->echo + offset,
						       length, server->ends[m]);
			offset += length;
		}
		result.complete = result.verdict.outcome == OUTCOME_ECHOED &&
				  verifier_complete(&verifier, server->ends[m]);
	}
	verifier_free(&verifier);
	return result;
}

/* ---- the reference */

struct state {
	size_t position, prefix_seen, chunk_seen;
	unsigned message; /* lines: the current one */
};

/* False: the byte is wrong. */
static bool
take(const struct server *server, struct state *state, unsigned char byte,
     size_t sent)
{
	size_t length = strlen(server->prefix);
	bool payload = state->position < sent &&
		       byte == server->payload[state->position];

	if (state->prefix_seen < length) {
		state->chunk_seen = 0;
		return byte ==
		       (unsigned char)server->prefix[state->prefix_seen++];
	}
	if (payload && (length == 0 || server->params.lines ||
			state->chunk_seen < server->framing.chunk_size)) {
		state->chunk_seen++;
		state->position++;
		if (server->params.lines &&
		    state->position == server->ends[state->message]) {
			state->message++;
			state->prefix_seen = state->chunk_seen = 0;
		}
		return true;
	}
	if (server->params.lines || length == 0 || state->chunk_seen == 0)
		return false;
	state->prefix_seen = 1;
	state->chunk_seen = 0;
	return byte == (unsigned char)server->prefix[0];
}

static bool
is_complete(const struct server *server, const struct state *state, size_t sent)
{
	if (state->position != sent)
		return false;
	if (server->params.lines)
		return state->prefix_seen == 0;
	return state->prefix_seen == strlen(server->prefix) &&
	       state->chunk_seen > 0;
}

size_t
reference_judge(const struct server *server, bool *complete)
{
	struct state state = { 0 };
	size_t offset = 0;

	*complete = true;
	for (unsigned m = server->steps ? 0 : MESSAGES - 1;
	     m < MESSAGES && *complete; m++) {
		if (m > 0 && server->steps && !server->once)
			state.prefix_seen = 0;
		for (; offset < server->echo_ends[m]; offset++)
			if (!take(server, &state, server->echo[offset],
				  server->ends[m])) {
				*complete = false;
				return offset;
			}
		*complete = is_complete(server, &state, server->ends[m]);
	}
	return SIZE_MAX;
}

/* ---- comparison */

void
reference_compare(const struct server *server, const struct cuts *cuts,
		  size_t wrong, bool complete)
{
	struct result result = reference_feed(server, cuts);

	ck_assert_int_eq(result.complete, complete);
	ck_assert_int_eq(result.verdict.outcome != OUTCOME_ECHOED,
			 wrong != SIZE_MAX);
	if (wrong == SIZE_MAX)
		return;
	ck_assert_uint_eq(result.verdict.offset, wrong);
	ck_assert_int_eq(result.verdict.got, server->echo[wrong]);
	ck_assert_int_ne(result.verdict.got, result.verdict.expected);
}

bool
reference_check(const struct server *server)
{
	bool complete;
	size_t wrong = reference_judge(server, &complete);

	for (size_t size = 1; size < 40; size++)
		reference_compare(server, &(struct cuts){ .size = size }, wrong,
				  complete);
	for (size_t place = 0; place < server->length; place++)
		reference_compare(server, &(struct cuts){ .place = place },
				  wrong, complete);
	for (size_t i = 0; i < 100; i++)
		reference_compare(server, &(struct cuts){ .random = 2 + i },
				  wrong, complete);
	return complete;
}
