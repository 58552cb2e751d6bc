#include "frame.h"

#include <assert.h>
#include <stdbool.h>

/* A place in the input: so many bytes into a span. */
struct cursor {
	const struct iovec *span;
	const struct iovec *end;
	size_t offset;
};

static size_t
left_in_span(const struct cursor *at)
{
	return at->span->iov_len - at->offset;
}

static bool
at_end(struct cursor *at)
{
	while (at->span < at->end && left_in_span(at) == 0) {
		at->span++;
		at->offset = 0;
	}
	return at->span == at->end;
}

/* Appends at most `most` bytes of input; false where no part is left. */
static bool
append(struct frame_layout *layout, struct iovec *out, size_t room,
       struct cursor *at, size_t most)
{
	while (most > 0 && !at_end(at)) {
		size_t take = left_in_span(at);

		if (layout->parts == room)
			return false;
		if (take > most)
			take = most;
		out[layout->parts++] = (struct iovec){
			.iov_base = (char *)at->span->iov_base + at->offset,
			.iov_len = take,
		};
		layout->consumed += take;
		layout->produced += take;
		at->offset += take;
		most -= take;
	}
	return true;
}

static bool
append_chunk(const struct frame *frame, struct frame_layout *layout,
	     struct iovec *out, size_t room, struct cursor *at)
{
	if (layout->parts == room)
		return false;
	out[layout->parts++] = (struct iovec){
		.iov_base = (char *)frame->prefix,
		.iov_len = frame->prefix_length,
	};
	layout->produced += frame->prefix_length;
	return append(layout, out, room, at, frame->chunk_size);
}

struct frame_layout
frame_layout(const struct frame *frame, const struct iovec *in, size_t spans,
	     size_t budget, struct iovec *out, size_t room)
{
	struct frame_layout layout = { 0 };
	struct cursor at = { .span = in, .end = in + spans };

	assert(room > spans);
	while (!at_end(&at) && (layout.produced < budget || !layout.chunks)) {
		struct frame_layout before = layout;
		bool whole;

		if (frame->prefix_length > 0)
			whole = append_chunk(frame, &layout, out, room, &at);
		else
			whole = append(&layout, out, room, &at,
				       left_in_span(&at));
		/* Half a chunk would need a second prefix: leave it for later. */
		if (!whole)
			return before;
		layout.chunks++;
	}
	return layout;
}
