/*
 * report: what a person reads: a line each second, a line for each failure, and
 * the report at the end.  No line of it has more than 79 columns, except plain
 * lines of a second or a failure that have more to say.
 *
 * One thread.
 */
#ifndef ECHOD_PROBE_REPORT_H
#define ECHOD_PROBE_REPORT_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "probe/tally.h"

/* Lines of failures in a second; the others are counted. */
#define REPORT_FAILURES_MAX 5

/* Zeroed but for the first members. */
struct report {
	FILE *out;
	bool live;    /* a terminal: one line is written over and over again */
	bool quiet;   /* no lines before the end */
	bool several; /* targets: each failure names its own */
	time_t now;   /* for certificates; 0: the time of report_end() */
	/* Private: */
	unsigned failures_of_second;
	unsigned lines; /* since the line with the names of the columns */
	bool line_is_open;
};

/* Failures after the first REPORT_FAILURES_MAX of a second are counted only. */
void report_failure(struct report *report, const struct failure *failure);

/*
 * `at`: the time since the beginning of the run, in nanoseconds.  `open`:
 * connections that are open.  Resets last_second_echoed.
 */
void report_second(struct report *report, const struct tally *tally,
		   const struct second *second, int64_t at, unsigned open);

/* The whole report; see echoprobe(1). */
void report_end(struct report *report, const struct tally *tally);

#endif
