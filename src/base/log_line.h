/*
 * log_line: takes a line of the log apart.  Every line has the form
 *
 *     SENTENCE[ KEY=VALUE]...[: CAUSE]
 *
 * as echod(8) documents it.  The sentence ends before the first pair, or before
 * the first colon that a space follows.  A key is of a-z, 0-9, '_' and '.', and
 * begins with a letter; a value contains no spaces.  A line of another form is
 * all sentence.
 *
 * Pure.  Any thread.  Everything points into the line.
 */
#ifndef ECHOD_BASE_LOG_LINE_H
#define ECHOD_BASE_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the line, without a zero byte after them. */
struct log_span {
	const char *start;
	size_t length;
};

struct log_line {
	struct log_span sentence;
	struct log_span pairs; /* for log_line_next(); can be empty */
	struct log_span cause; /* start is NULL if there is none */
};

struct log_pair {
	struct log_span key;
	struct log_span value;
};

struct log_line log_line_split(const char *text);

/* Takes the next pair out of `pairs`; false if none is left. */
bool log_line_next(struct log_span *pairs, struct log_pair *pair);

#endif
