/*
 * report_text: the words, numbers and lines of the report.  Pure.
 */
#ifndef ECHOD_PROBE_REPORT_TEXT_H
#define ECHOD_PROBE_REPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "probe/tally.h"

/* The last column of a terminal of 80 is empty: some would begin a new line. */
#define REPORT_COLUMNS 79

/* Enough for all outcomes and all names that one line can have. */
#define REPORT_LINE_SIZE 4096

/* Bytes of a number with its unit and its NUL. */
#define REPORT_NUMBER_SIZE 32

/* A line as it grows.  Zeroed: empty. */
struct report_line {
	char text[REPORT_LINE_SIZE];
	size_t length;
};

/* What does not fit becomes "...". */
void report_add(struct report_line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The text with control characters and invalid UTF-8 as \xff. */
void report_add_escaped(struct report_line *line, const char *text);

/* Removes the spaces at the end. */
void report_trim(struct report_line *line);

/* At most this many columns; if there are more, the last are "...". */
void report_cut(struct report_line *line, size_t columns);

/* Spaces up to this column; none if the line is longer. */
void report_fill(struct report_line *line, size_t column);

/* Columns of a text in UTF-8: its characters. */
size_t report_width(const char *text);

/* Prints the text; lines after the first begin with `indent` spaces. */
void report_wrap(FILE *out, const char *text, size_t indent);

/* "1.23 ms": three digits.  All three return `text`. */
const char *report_time(uint64_t nanoseconds, char text[REPORT_NUMBER_SIZE]);

/* "1.23 MB" */
const char *report_bytes(double bytes, char text[REPORT_NUMBER_SIZE]);

/* "12.5%"; "-" if `all` is 0 */
const char *report_share(uint64_t part, uint64_t all,
			 char text[REPORT_NUMBER_SIZE]);

/*
 * Outcomes with their counts, the most frequent first: "10 reset, 2 early FIN".
 * `which` selects them.  At most `max`, then "3 other"; 0: all.
 */
void report_add_outcomes(struct report_line *line,
			 const uint64_t counts[OUTCOME_COUNT],
			 bool (*which)(enum outcome outcome), unsigned max);

/* For `which`: messages that failed, observations, both. */
bool report_is_failure(enum outcome outcome);
bool report_is_observation(enum outcome outcome);
bool report_is_any(enum outcome outcome);

/* Messages that failed. */
uint64_t report_failed(const uint64_t counts[OUTCOME_COUNT]);

/* The counts of a second, as the functions above take them. */
void report_widen(const struct second *second, uint64_t counts[OUTCOME_COUNT]);

/*
 * The names of the backends of the bit mask.  With `share`, each with its
 * share of `last_second_echoed`.  If the line would have more than `columns`:
 * as many names as fit, at least one, which is cut, and "+2".  If `columns` is
 * 0: all.
 */
void report_add_backends(struct report_line *line,
			 const struct backends *backends, uint64_t mask,
			 bool share, size_t columns);

#endif
