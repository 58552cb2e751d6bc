/*
 * payload: the bytes that the probe sends, an endless pseudo-random stream for
 * each seed, cut into messages.  Any stretch can be looked up without
 * generating the bytes before it.  Connections use different seeds, so bytes
 * that reach the wrong connection are noticed, as are lost, doubled and swapped
 * ones.
 *
 * A struct payload is a position in one stream.  A connection has two: of what
 * it sends, and of what it has received.  Both walk through the same messages.
 *
 * Pure.  One thread.
 */
#ifndef ECHOD_PROBE_PAYLOAD_H
#define ECHOD_PROBE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The stream of a seed repeats itself after PATTERN_PERIOD^2 bytes.  A prime,
 * so that no message size falls in step with it.
 */
#define PATTERN_PERIOD 65521

struct pattern {
	unsigned char bytes[2 * PATTERN_PERIOD];
};

/* The bytes that the stream is made of. */
enum pattern_alphabet {
	PATTERN_ALL, /* all but `excluded` */
	/*
	 * Bytes that no printable UTF-8 text contains: while a prefix is to be
	 * learned, it cannot be taken for payload.
	 */
	PATTERN_NO_TEXT,
	PATTERN_TEXT, /* letters and digits but `excluded`, for lines */
};

/*
 * Fills the table.  `excluded` is a byte or -1: the first byte of the prefix,
 * so that payload and prefix cannot be taken for each other.
 */
void pattern_init(struct pattern *pattern, enum pattern_alphabet alphabet,
		  int excluded);

/*
 * The bytes of the stream of `seed` at `position`, without the newlines of
 * messages.  `length` is set to the number that are contiguous in memory, 1 to
 * PATTERN_PERIOD.
 */
const unsigned char *pattern_at(const struct pattern *pattern, uint32_t seed,
				uint64_t position, size_t *length);

/* Bytes of message number 0, 1, 2 ... */
struct message_sizes {
	size_t least, most; /* equal: all have this size; at least 1 */
	/* Growing from `least` to `most` and over again; 0: random. */
	size_t step;
};

size_t message_size(const struct message_sizes *sizes, uint32_t seed,
		    uint64_t number);

struct payload_params {
	const struct pattern *pattern;
	struct message_sizes sizes;
	bool lines; /* the last byte of each message is '\n' */
};

struct payload {
	const struct payload_params *params; /* borrowed */
	uint32_t seed;
	uint64_t message;     /* number of the message after the current one */
	uint64_t position;    /* bytes of the stream before this position */
	uint64_t message_end; /* position after the current message */
};

/*
 * At the beginning of the stream of `seed`, where no message has begun.  The
 * first will have the size of message number `message`.
 */
void payload_begin(struct payload *payload, const struct payload_params *params,
		   uint32_t seed, uint64_t message);

/* Begins the next message: its end is message_end from now on. */
void payload_next_message(struct payload *payload);

/*
 * The bytes at the position.  `length` is set to the number that are contiguous
 * in memory, at most up to the end of the message: 0 at the end.
 */
const unsigned char *payload_span(const struct payload *payload,
				  size_t *length);

/* `length` at most as from payload_span(). */
void payload_advance(struct payload *payload, size_t length);

/* The number of bytes, from the first on, that are the same. */
size_t payload_count_equal(const unsigned char *a, const unsigned char *b,
			   size_t length);

#endif
