#include "model.h"

#include <string.h>

#include "fixture.h"
#include "fuzz.h"

/* Where lines begin is known; a chunk begins with its prefix. */
static bool
begins(const struct model *model, uint8_t byte)
{
	const struct frame *frame = &model->frame;

	if (frame->prefix_length == 0)
		return false;
	if (frame->kind == FRAME_CHUNK)
		return byte == (uint8_t)frame->prefix[0];
	return model->prefix_at == 0 &&
	       (model->echoed == 0 ||
		*fixture_pattern(model->echoed - 1) == '\n');
}

/* How many bytes of the pattern can come before the next prefix. */
static size_t
until_next(const struct model *model, const uint8_t *bytes, size_t size)
{
	const struct frame *frame = &model->frame;
	const uint8_t *end = NULL;

	if (frame->prefix_length > 0 && frame->kind == FRAME_CHUNK)
		end = memchr(bytes, frame->prefix[0], size);
	else if (frame->prefix_length > 0 && (end = memchr(bytes, '\n', size)))
		end++;
	if (end)
		size = (size_t)(end - bytes);
	return size < FIXTURE_RUN ? size : FIXTURE_RUN;
}

static size_t
hear_prefix(struct model *model, const uint8_t *bytes, size_t size)
{
	const struct frame *frame = &model->frame;
	size_t left;

	if (model->prefix_at == frame->prefix_length)
		model->prefix_at = 0;
	left = frame->prefix_length - model->prefix_at;
	if (left > size)
		left = size;
	FUZZ_EXPECT(memcmp(bytes, frame->prefix + model->prefix_at, left) == 0);
	model->prefix_at += left;
	model->in_chunk = 0;
	return left;
}

static size_t
hear_said(struct model *model, const uint8_t *bytes, size_t size)
{
	const struct frame *frame = &model->frame;

	size = until_next(model, bytes, size);
	FUZZ_EXPECT(memcmp(bytes, fixture_pattern(model->echoed), size) == 0);
	model->in_chunk += size;
	model->echoed += size;
	model->prefix_at = 0;
	if (frame->prefix_length > 0 && frame->kind == FRAME_CHUNK)
		FUZZ_EXPECT(model->in_chunk <= frame->chunk_size);
	return size;
}

/* Returns how many bytes it has compared. */
static size_t
hear_some(struct model *model, const uint8_t *bytes, size_t size)
{
	size_t length = model->frame.prefix_length;
	bool amid = model->prefix_at > 0 && model->prefix_at < length;
	bool first = model->echoed == 0 && model->prefix_at == 0;

	if (amid || begins(model, *bytes))
		return hear_prefix(model, bytes, size);
	FUZZ_EXPECT(length == 0 || !first);
	return hear_said(model, bytes, size);
}

/* Undoes corrupt_every, which flips this bit (echo/fault.h). */
static void
correct(const struct model *model, uint8_t *bytes, size_t size)
{
	size_t every = model->corrupt_every;

	if (every == 0)
		return;
	for (size_t at = every - 1 - model->heard % every; at < size;
	     at += every)
		bytes[at] ^= 1;
}

void
model_hear(struct model *model, uint8_t *bytes, size_t size)
{
	correct(model, bytes, size);
	model->heard += size;
	while (size > 0) {
		size_t done = hear_some(model, bytes, size);

		bytes += done;
		size -= done;
	}
}
