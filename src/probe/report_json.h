/*
 * report_json: the same as JSON, one object a line (JSON Lines), which
 * echoprobe(1) documents.  The member "type" is "second", "failure" or, at the
 * end, "report".
 *
 * Times are in seconds since the beginning of the run.  Members whose names end
 * in "_us" are in microseconds; such an object is null if nothing was measured.
 * "failed" and "observed" have a member for each outcome that was counted, see
 * outcome_key().  What is unknown is null.
 *
 * An error of `out` is for the caller to notice.
 */
#ifndef ECHOD_PROBE_REPORT_JSON_H
#define ECHOD_PROBE_REPORT_JSON_H

#include <stdio.h>

#include "probe/tally.h"

void report_json_failure(FILE *out, const struct failure *failure);

/* `open`: connections that are open.  Resets last_second_echoed. */
void report_json_second(FILE *out, const struct tally *tally,
			const struct second *second, int64_t at, unsigned open);

void report_json_end(FILE *out, const struct tally *tally);

#endif
