/*
 * report_timeline: which outcomes and which backends there were when, a row for
 * each stretch of time in which they were the same.
 */
#ifndef ECHOD_PROBE_REPORT_TIMELINE_H
#define ECHOD_PROBE_REPORT_TIMELINE_H

#include <stdio.h>

#include "probe/tally.h"

/* If there were more rows, all times are made coarser. */
#define REPORT_TIMELINE_ROWS 40

/* Prints nothing if it would be one row without failures.  Pure. */
void report_timeline_write(FILE *out, const struct tally *tally);

#endif
