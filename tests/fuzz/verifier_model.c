#include "verifier_model.h"

#include <string.h>

static const struct verdict right = { .expected = -1, .got = -1 };

void
verifier_model_init(struct verifier_model *model, const struct framing *framing,
		    const struct pattern *pattern, const unsigned char *payload,
		    const size_t *ends)
{
	memset(model, 0, sizeof(*model));
	model->framing = framing;
	model->pattern = pattern;
	model->payload = payload;
	model->ends = ends;
	model->is_learned = framing->prefix != NULL;
	model->prefix = (const unsigned char *)framing->prefix;
	model->prefix_length = framing->prefix_length;
}

static struct verdict
wrong(const struct verifier_model *model, enum outcome outcome, int expected,
      int got)
{
	return (struct verdict){
		.outcome = outcome,
		.offset = model->offset,
		.position = model->position,
		.expected = expected,
		.got = got,
	};
}

static bool
is_prefix_first(const struct verifier_model *model, unsigned char byte)
{
	return model->prefix_length > 0 && byte == model->prefix[0];
}

/* True if the byte is the first or a later one of a prefix. */
static bool
is_of_prefix(struct verifier_model *model, unsigned char byte)
{
	if (model->message_begins) {
		if (model->before_messages == MODEL_UNKNOWN)
			model->before_messages = is_prefix_first(model, byte) ?
							 MODEL_YES :
							 MODEL_NO;
		if (model->before_messages == MODEL_YES)
			model->prefix_seen = 0;
		model->message_begins = false;
	}
	/* A chunk has a byte at least. */
	if (!model->framing->lines && model->chunk_seen > 0 &&
	    (is_prefix_first(model, byte) ||
	     model->chunk_seen == model->framing->chunk_size))
		model->prefix_seen = 0;
	return model->prefix_seen < model->prefix_length;
}

static struct verdict
take_known(struct verifier_model *model, unsigned char byte, size_t sent)
{
	if (is_of_prefix(model, byte)) {
		unsigned char expected = model->prefix[model->prefix_seen];

		model->chunk_seen = 0;
		if (byte != expected)
			return wrong(model, OUTCOME_WRONG_PREFIX, expected,
				     byte);
		model->prefix_seen++;
		model->offset++;
		return right;
	}
	if (model->position == sent)
		return wrong(model, OUTCOME_SURPLUS, -1, byte);
	if (byte != model->payload[model->position])
		return wrong(model, OUTCOME_CORRUPTED,
			     model->payload[model->position], byte);
	model->position++;
	model->offset++;
	model->chunk_seen++;
	if (model->position == model->ends[model->message]) {
		model->message++;
		if (model->framing->lines)
			model->prefix_seen = 0;
	}
	return right;
}

/* The prefix precedes the last `first` bytes of all. */
static struct verdict
learn(struct verifier_model *model, size_t first, size_t sent)
{
	size_t length = model->offset - first;
	struct verdict verdict = right;

	model->is_learned = true;
	model->before_messages = MODEL_UNKNOWN;
	model->prefix = model->learned;
	model->prefix_length = model->prefix_seen = length;
	model->offset = 0;
	/* Lines tell where it is, chunks do not. */
	if (length > 0 && !model->framing->lines &&
	    memchr(model->pattern->bytes, model->prefix[0], PATTERN_PERIOD))
		return wrong(model, OUTCOME_WRONG_PREFIX, -1, model->prefix[0]);
	model->offset = length;
	for (size_t i = 0; i < first && verdict.outcome == OUTCOME_ECHOED; i++)
		verdict = take_known(model, model->learned[length + i], sent);
	return verdict;
}

struct verdict
verifier_model_take(struct verifier_model *model, unsigned char byte,
		    size_t sent)
{
	size_t first = model->ends[0] < VERIFIER_LEARN_SIZE ?
			       model->ends[0] :
			       VERIFIER_LEARN_SIZE;

	if (model->is_learned)
		return take_known(model, byte, sent);
	model->learned[model->offset++] = byte;
	if (model->offset >= first &&
	    memcmp(model->learned + model->offset - first, model->payload,
		   first) == 0)
		return learn(model, first, sent);
	return model->offset == sizeof(model->learned) ?
		       wrong(model, OUTCOME_WRONG_PREFIX, -1, -1) :
		       right;
}

/* Nothing but a prefix, or a part of one, has come since the last payload. */
static bool
prefix_has_begun(const struct verifier_model *model)
{
	size_t line = model->message > 0 ? model->ends[model->message - 1] : 0;

	if (model->offset == 0)
		return false;
	if (model->framing->lines)
		return model->position == line && model->prefix_seen > 0;
	return model->chunk_seen == 0 ||
	       model->prefix_seen < model->prefix_length;
}

void
verifier_model_expect(struct verifier_model *model)
{
	if (!model->is_learned || model->framing->lines || model->offset == 0 ||
	    model->before_messages == MODEL_NO)
		return;
	if (prefix_has_begun(model))
		model->before_messages = MODEL_YES;
	else
		model->message_begins = true;
}

bool
verifier_model_is_complete(const struct verifier_model *model, size_t sent)
{
	if (!model->is_learned)
		return sent == 0 && model->offset == 0;
	return model->position == sent && !prefix_has_begun(model);
}
