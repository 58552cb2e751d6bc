/*
 * verifier_model: what a verifier must say of each byte of an echo, one at a
 * time.
 */
#ifndef ECHOD_TESTS_FUZZ_VERIFIER_MODEL_H
#define ECHOD_TESTS_FUZZ_VERIFIER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/verifier.h"

struct verifier_model {
	const struct framing *framing;
	const struct pattern *pattern;
	const unsigned char *payload; /* from position 0 */
	const size_t *ends;	      /* of the messages in it */
	/* Given or learned. */
	const unsigned char *prefix;
	size_t prefix_length;
	bool is_learned;
	unsigned char learned[VERIFIER_PREFIX_MAX + VERIFIER_LEARN_SIZE];
	size_t offset;	 /* bytes so far */
	size_t position; /* bytes of payload among them */
	size_t message;	 /* the one that the position is in */
	/* Bytes of the prefix, and of payload after it. */
	size_t prefix_seen, chunk_seen;
	/* Whether the prefix precedes each message. */
	enum { MODEL_YES, MODEL_NO, MODEL_UNKNOWN } before_messages;
	bool message_begins;
};

void verifier_model_init(struct verifier_model *model,
			 const struct framing *framing,
			 const struct pattern *pattern,
			 const unsigned char *payload, const size_t *ends);

/* As verifier_expect_message() */
void verifier_model_expect(struct verifier_model *model);

/*
 * The next byte, when payload up to `sent` was sent.  If payload is not right,
 * the outcome is OUTCOME_CORRUPTED, whatever the diagnosis would be.
 */
struct verdict verifier_model_take(struct verifier_model *model,
				   unsigned char byte, size_t sent);

bool verifier_model_is_complete(const struct verifier_model *model,
				size_t sent);

#endif
