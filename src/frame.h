/*
 * frame: where prefixes go.  Pure: spans of received bytes in, an iovec of
 * what is to be sent out; nothing is copied.
 *
 * Chunk framing: a prefix before each chunk of at most `chunk_size` bytes of
 * what was received together.
 */
#ifndef ECHOD_FRAME_H
#define ECHOD_FRAME_H

#include <stddef.h>
#include <sys/uio.h>

struct frame {
	const char *prefix;   /* borrowed */
	size_t prefix_length; /* 0: RFC 862, nothing but the bytes */
	size_t chunk_size;    /* at least 1 */
};

struct frame_layout {
	size_t parts;	 /* entries of `out` that are in use */
	size_t consumed; /* bytes of input that they cover */
	size_t produced; /* bytes that they hold, prefixes included */
	size_t chunks;	 /* prefixes laid down, or spans without one */
};

/*
 * Lays out as many whole chunks of `in` as fit into `room` parts, ending with
 * the one that takes `produced` to `budget` or past it; at least one where
 * there is input.  `room` must exceed `spans`: then each chunk fits.  The parts
 * point into the input and the prefix.
 */
struct frame_layout frame_layout(const struct frame *frame,
				 const struct iovec *in, size_t spans,
				 size_t budget, struct iovec *out, size_t room);

#endif
