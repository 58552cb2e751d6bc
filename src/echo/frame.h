/*
 * frame: where prefixes go.  Pure: spans of received bytes in, an iovec of
 * what is to be sent out; nothing is copied.
 *
 * Chunk framing: a prefix before each chunk of at most `chunk_size` bytes of
 * what was received together.
 *
 * Line framing: a prefix before the first byte of each line, wherever the
 * stream was cut.  A line ends with its LF and may be of any length: none is
 * kept waiting for its end.
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
	size_t prefix_length; /* 0: RFC 862, nothing but the bytes */
	size_t chunk_size;    /* at least 1; of chunk framing */
	enum frame_kind kind;
};

struct frame_layout {
	size_t parts;	 /* entries of `out` that are in use */
	size_t consumed; /* bytes of input that they cover */
	size_t produced; /* bytes that they hold, prefixes included */
	size_t chunks;	 /* prefixes laid down; without any, spans */
};

/*
 * Lays out the prefixes and bytes of `in`, as many as fit into `room` parts,
 * until `produced` is `budget` or more; some where there is input.  `room` must
 * exceed `spans`.  The parts point into the input and the prefix.
 *
 * What is laid out are whole chunks, the last of which may go past the budget.
 * Of a line it may be any part: `produced` exceeds the budget by a prefix at
 * most.  `in_line` tells whether the input goes on with a line that has begun,
 * and is set to whether what follows will; a stream begins with false.
 */
struct frame_layout frame_layout(const struct frame *frame, bool *in_line,
				 const struct iovec *in, size_t spans,
				 size_t budget, struct iovec *out, size_t room);

/* Lines that frame_input() allows even where they are all empty. */
#define FRAME_LINES_LEAST 64

/*
 * How many bytes may be taken in so that at most `output` come of them,
 * whatever they are: whole chunks, and one at least; of lines, at least
 * FRAME_LINES_LEAST bytes.
 */
size_t frame_input(const struct frame *frame, size_t output);

#endif
