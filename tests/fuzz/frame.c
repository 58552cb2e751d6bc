#include "echo/frame.h"

#include <string.h>

#include "fuzz.h"

enum { SPANS = 8, ROOM_MAX = 64, FIXED = 4 };

static const char prefix[] = "GOT:";

/* Divides the input into spans; its own bytes are their lengths. */
static size_t
cut(const uint8_t *data, size_t size, struct iovec spans[SPANS])
{
	size_t count = 0;

	for (size_t at = 0; at < size && count < SPANS; count++) {
		size_t length = data[at];

		if (length > size - at || count == SPANS - 1)
			length = size - at;
		spans[count] = (struct iovec){ (void *)&data[at], length };
		at += length;
		/* A span can be empty, but not all of the rest. */
		if (length == 0 && count + 2 < SPANS)
			spans[++count] =
				(struct iovec){ (void *)&data[at++], 1 };
	}
	return count;
}

/* Drops the first `bytes` of the input. */
static size_t
advance(struct iovec *spans, size_t count, size_t bytes)
{
	size_t from = 0;

	while (from < count && bytes >= spans[from].iov_len)
		bytes -= spans[from++].iov_len;
	if (from < count) {
		spans[from].iov_base = (char *)spans[from].iov_base + bytes;
		spans[from].iov_len -= bytes;
	}
	memmove(spans, spans + from, (count - from) * sizeof(*spans));
	return count - from;
}

static size_t
coalesce(const struct iovec *parts, size_t count, char *to)
{
	size_t length = 0;

	for (size_t i = 0; i < count; i++) {
		memcpy(to + length, parts[i].iov_base, parts[i].iov_len);
		length += parts[i].iov_len;
	}
	return length;
}

static bool
begins(const struct frame *frame, const uint8_t *data, size_t at)
{
	if (frame->kind == FRAME_LINE)
		return at == 0 || data[at - 1] == '\n';
	return at % frame->chunk_size == 0;
}

/* The expected output, byte by byte. */
static size_t
model(const struct frame *frame, const uint8_t *data, size_t size, char *to)
{
	size_t length = 0;

	for (size_t i = 0; i < size; i++) {
		if (begins(frame, data, i)) {
			memcpy(to + length, prefix, frame->prefix_length);
			length += frame->prefix_length;
		}
		to[length++] = (char)data[i];
	}
	return length;
}

/* Any division of the input, with any amount for each call. */
void
fuzz_frame(const uint8_t *data, size_t size)
{
	if (size < FIXED || size > 4096)
		return;

	struct frame frame = {
		.prefix = prefix,
		.prefix_length = data[0] % sizeof(prefix),
		.chunk_size = data[1] / 2 + 1U,
		.kind = data[1] % 2 ? FRAME_LINE : FRAME_CHUNK,
	};
	size_t budget = data[2];
	size_t room = SPANS + 2 + data[3] % (ROOM_MAX - SPANS - 2);
	size_t most = size * sizeof(prefix);
	char *expected = malloc(most), *found = malloc(most);
	struct iovec spans[SPANS], parts[ROOM_MAX];
	bool in_line = false;
	size_t length = 0;

	data += FIXED;
	size -= FIXED;
	size_t count = cut(data, size, spans);
	for (size_t left = size; left > 0;) {
		struct frame_layout layout = frame_layout(
			&frame, &in_line, spans, count, budget, parts, room);

		FUZZ_EXPECT(layout.parts <= room);
		FUZZ_EXPECT(layout.consumed > 0 && layout.consumed <= left);
		size_t got = coalesce(parts, layout.parts, found + length);
		FUZZ_EXPECT(got == layout.produced);
		length += got;
		left -= layout.consumed;
		count = advance(spans, count, layout.consumed);
	}
	FUZZ_EXPECT(length == model(&frame, data, size, expected));
	FUZZ_EXPECT(memcmp(found, expected, length) == 0);
	free(expected);
	free(found);
}
