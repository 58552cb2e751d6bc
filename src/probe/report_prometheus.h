/*
 * report_prometheus: a file for the text-file collector of node_exporter, in
 * the text exposition format 0.0.4.  The names begin with "echoprobe_".
 *
 * All counters begin at 0 with the run, and each reason has a sample from the
 * beginning, so rate() sees the first failure.  If two targets have the same
 * name, the second one has the label number="2": no series is there twice.
 *
 * There is no "up": between two messages it would have no meaning.  Use
 * rate(echoprobe_messages_echoed_total[1m]) > 0 while the probe runs, and
 * echoprobe_exit_status for a probe that ends.
 */
#ifndef ECHOD_PROBE_REPORT_PROMETHEUS_H
#define ECHOD_PROBE_REPORT_PROMETHEUS_H

#include <stdio.h>

#include "probe/tally.h"

/* Pure.  `unix_time`: seconds since 1970. */
void report_prometheus_write(FILE *out, const struct tally *tally,
			     double unix_time);

/*
 * Replaces the file in one step, see base/replace_file.h.  0, or -1: errno is
 * the cause.
 */
int report_prometheus_save(const char *path, const struct tally *tally);

#endif
