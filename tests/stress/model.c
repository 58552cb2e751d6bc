#include "model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t
model_chunk_size(unsigned version)
{
	static const size_t sizes[] = { 1000, 64, 4096, 300, 65536, 1000, 17 };

	return sizes[version % (sizeof(sizes) / sizeof(*sizes))];
}

void
model_prefix(unsigned version, char prefix[PREFIX_LENGTH + 1])
{
	snprintf(prefix, PREFIX_LENGTH + 1, "%c%08u:", PREFIX_FIRST,
		 version % 100000000);
}

static bool
differs(struct model *model, unsigned char got, unsigned char wanted,
	const char *where)
{
	snprintf(model->wrong, sizeof(model->wrong),
		 "byte %" PRIu64 " received (byte %" PRIu64
		 " of the echo, %s) is 0x%02x, not 0x%02x",
		 model->received, model->position, where, got, wanted);
	return false;
}

static bool
learn_version(struct model *model, unsigned newest)
{
	model->version = (unsigned)strtoul(model->prefix + 1, NULL, 10);
	model->newest = newest;
	model->knows_version = true;
	if (model->version >= model->oldest && model->version <= newest)
		return true;
	snprintf(model->wrong, sizeof(model->wrong),
		 "served by version %u of the configuration, not by %u to %u",
		 model->version, model->oldest, newest);
	return false;
}

/* One byte of a prefix.  The first prefix tells what all others must be. */
static bool
feed_prefix(struct model *model, unsigned char byte, unsigned newest)
{
	size_t at = model->in_prefix;
	bool digit = at > 0 && at < PREFIX_LENGTH - 1;

	if (!model->knows_version && digit && byte >= '0' && byte <= '9')
		model->prefix[at] = (char)byte;
	if ((unsigned char)model->prefix[at] != byte)
		return differs(model, byte, (unsigned char)model->prefix[at],
			       "prefix");
	model->received++;
	if (++model->in_prefix < PREFIX_LENGTH || model->knows_version)
		return true;
	return learn_version(model, newest);
}

static bool
needs_prefix(const struct model *model, unsigned char byte)
{
	switch (model->kind->framing) {
	case FRAMED_NOT:
		return false;
	case FRAMED_LINES:
		return model->in_chunk == 0 && model->in_prefix < PREFIX_LENGTH;
	default:
		if (model->in_prefix < PREFIX_LENGTH)
			return true;
		if (model->in_chunk == 0)
			return false;
		if (byte != PREFIX_FIRST &&
		    model->in_chunk < model_chunk_size(model->version))
			return false;
		return true;
	}
}

/* How many of the bytes belong to the same chunk or line at most. */
static size_t
rest_of_chunk(const struct model *model, const unsigned char *data,
	      const unsigned char *wanted, size_t length)
{
	const unsigned char *end;
	size_t room;

	switch (model->kind->framing) {
	case FRAMED_NOT:
		return length;
	case FRAMED_LINES:
		end = memchr(wanted, '\n', length);
		return end ? (size_t)(end - wanted) + 1 : length;
	default:
		room = model_chunk_size(model->version) - model->in_chunk;
		length = length < room ? length : room;
		end = memchr(data, PREFIX_FIRST, length);
		return end && end > data ? (size_t)(end - data) : length;
	}
}

/* Checks some bytes of the payload; returns their number, 0 if one is wrong. */
static size_t
feed_payload(struct model *model, const unsigned char *data, size_t length)
{
	size_t run;
	const unsigned char *wanted =
		pattern_at(model->pattern, model->seed, model->position, &run);

	length =
		rest_of_chunk(model, data, wanted, length < run ? length : run);
	if (memcmp(data, wanted, length) != 0) {
		size_t at = 0;

		while (data[at] == wanted[at])
			at++;
		model->received += at;
		model->position += at;
		differs(model, data[at], wanted[at], "payload");
		return 0;
	}
	model->received += length;
	model->position += length;
	model->in_chunk += length;
	if (model->kind->framing == FRAMED_LINES && wanted[length - 1] == '\n')
		model->in_chunk = model->in_prefix = 0;
	return length;
}

/* Undoes fault.corrupt_every. */
static void
repair(const struct model *model, unsigned char *data, size_t length)
{
	unsigned every = model->kind->fault.corrupt_every;

	for (size_t i = 0; every > 0 && i < length; i++)
		if ((model->received + i + 1) % every == 0)
			data[i] ^= 1;
}

bool
model_feed(struct model *model, unsigned char *data, size_t length,
	   unsigned newest)
{
	const struct fault_params *fault = &model->kind->fault;

	if (fault->end != FAULT_none &&
	    model->received + length > fault->after) {
		snprintf(model->wrong, sizeof(model->wrong),
			 "%" PRIu64 " bytes received; the fault allows %u",
			 model->received + length, fault->after);
		return false;
	}
	if (!model->prefix[0])
		model_prefix(0, model->prefix);
	repair(model, data, length);
	while (length > 0) {
		size_t fed = 1;

		if (needs_prefix(model, *data)) {
			if (model->in_prefix == PREFIX_LENGTH)
				model->in_prefix = model->in_chunk = 0;
			if (!feed_prefix(model, *data, newest))
				return false;
		} else {
			fed = feed_payload(model, data, length);
			if (fed == 0)
				return false;
		}
		data += fed;
		length -= fed;
	}
	return true;
}

bool
model_is_cut(const struct model *model)
{
	return model->kind->fault.end != FAULT_none &&
	       model->received == model->kind->fault.after;
}

bool
model_is_whole(const struct model *model, uint64_t sent)
{
	bool amid_prefix = model->kind->framing != FRAMED_NOT &&
			   model->in_prefix > 0 && model->in_chunk == 0;

	return model->position == sent && !amid_prefix;
}
