/*
 * report_end: the report at the end of a run.  See report.h.
 */
#ifndef ECHOD_PROBE_REPORT_END_H
#define ECHOD_PROBE_REPORT_END_H

#include <stdio.h>
#include <time.h>

#include "probe/tally.h"

/* `now`: for the days until a certificate expires.  Pure. */
void report_end_write(FILE *out, const struct tally *tally, time_t now);

#endif
