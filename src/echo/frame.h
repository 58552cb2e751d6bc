/*
 * frame: puts prefixes into an echo.  Pure: takes spans of received bytes and
 * makes an iovec of the bytes to send, without copying any.
 *
 * Chunk framing: a prefix before each chunk.  A chunk is at most `chunk_size`
 * bytes of the input of one frame_layout().
 *
 * Line framing: a prefix before the first byte of each line, however the
 * stream was divided into segments.  A line ends with LF and can have any
 * length; its bytes are echoed before its end has been received.
 */
#ifndef ECHOD_ECHO_FRAME_H
#define ECHOD_ECHO_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

enum frame_kind {
	FRAME_CHUNK,
	FRAME_LINE,
};

struct frame {
	const char *prefix;   /* borrowed */
	size_t prefix_length; /* 0: the bytes only, as in RFC 862 */
	size_t chunk_size;    /* at least 1; for chunk framing */
	enum frame_kind kind;
	unsigned times; /* places of %{time} in the prefix: echo/prefix.h */
};

struct frame_layout {
	size_t parts;	 /* entries of `out` that are used */
	size_t consumed; /* bytes of input that they cover */
	size_t produced; /* bytes in them, prefixes included */
	size_t chunks;	 /* prefixes; if there is no prefix, spans */
};

/*
 * Fills `out` with prefixes and bytes of `in`, until `room` parts are used or
 * `produced` is at least `budget`.  If there is input, some of it is used, even
 * if `budget` is 0.  `room` must be greater than `spans`.  The parts point into
 * the input and the prefix.
 *
 * Chunks are not divided, so the last one can exceed the budget.  Lines are:
 * `produced` exceeds the budget by one prefix at most.  `in_line` says whether
 * the input begins within a line, and is updated for the input that follows; it
 * is false at the beginning of a stream.
 */
struct frame_layout frame_layout(const struct frame *frame, bool *in_line,
				 const struct iovec *in, size_t spans,
				 size_t budget, struct iovec *out, size_t room);

/* The least that frame_input() returns for line framing, in bytes. */
#define FRAME_LINES_LEAST 64

/*
 * How many bytes can be read so that they produce at most `output` bytes, in
 * the worst case.  The result is at least one chunk, or FRAME_LINES_LEAST
 * bytes of lines, and can then produce more.
 */
size_t frame_input(const struct frame *frame, size_t output);

#endif
