#include "echo/frame.h"

#include <assert.h>
#include <string.h>

/* A position in the input: `offset` bytes into a span. */
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

/* Appends at most `most` bytes of input; false if the parts do not suffice. */
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

static void
append_prefix(const struct frame *frame, struct frame_layout *layout,
	      struct iovec *out)
{
	out[layout->parts++] = (struct iovec){
		.iov_base = (char *)frame->prefix,
		.iov_len = frame->prefix_length,
	};
	layout->produced += frame->prefix_length;
}

static bool
append_chunk(const struct frame *frame, struct frame_layout *layout,
	     struct iovec *out, size_t room, struct cursor *at)
{
	if (layout->parts == room)
		return false;
	append_prefix(frame, layout, out);
	return append(layout, out, room, at, frame->chunk_size);
}

/* The rest of the line in this span, with its LF, but at most `most` bytes. */
static size_t
piece_of_line(const struct cursor *at, size_t most, bool *ends)
{
	const char *from = (const char *)at->span->iov_base + at->offset;
	size_t length = left_in_span(at) < most ? left_in_span(at) : most;
	const char *newline = memchr(from, '\n', length);

	*ends = newline;
	return newline ? (size_t)(newline + 1 - from) : length;
}

static struct frame_layout
lay_lines(const struct frame *frame, bool *in_line, struct cursor *at,
	  size_t budget, struct iovec *out, size_t room)
{
	struct frame_layout layout = { 0 };

	while (!at_end(at) && (layout.produced < budget || !layout.parts)) {
		size_t most = 1;
		bool ends;

		/*
		 * A prefix needs room for the first byte of its line as well.
		 */
		if (room - layout.parts < (*in_line ? 1 : 2))
			break;
		if (!*in_line) {
			append_prefix(frame, &layout, out);
			layout.chunks++;
		}
		if (layout.produced < budget)
			most = budget - layout.produced;
		append(&layout, out, room, at, piece_of_line(at, most, &ends));
		*in_line = !ends;
	}
	return layout;
}

struct frame_layout
frame_layout(const struct frame *frame, bool *in_line, const struct iovec *in,
	     size_t spans, size_t budget, struct iovec *out, size_t room)
{
	struct frame_layout layout = { 0 };
	struct cursor at = { .span = in, .end = in + spans };

	assert(room > spans);
	if (frame->kind == FRAME_LINE && frame->prefix_length > 0)
		return lay_lines(frame, in_line, &at, budget, out, room);
	while (!at_end(&at) && (layout.produced < budget || !layout.chunks)) {
		struct frame_layout before = layout;
		bool whole;

		if (frame->prefix_length > 0)
			whole = append_chunk(frame, &layout, out, room, &at);
		else
			whole = append(&layout, out, room, &at,
				       left_in_span(&at));
		/* The rest of a divided chunk would need another prefix. */
		if (!whole)
			return before;
		layout.chunks++;
	}
	return layout;
}

size_t
frame_input(const struct frame *frame, size_t output)
{
	bool lines = frame->kind == FRAME_LINE;
	size_t unit = lines ? 1 : frame->chunk_size;
	size_t least = lines ? FRAME_LINES_LEAST : unit;
	size_t most = output / (frame->prefix_length + unit) * unit;

	return most > least ? most : least;
}
