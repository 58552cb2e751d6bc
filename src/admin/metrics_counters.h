/*
 * metrics_counters: the families of counters, from the lists in base/stats.h.
 * Each counter has two: the sum, and the same by listener.  Pure.
 */
#ifndef ECHOD_ADMIN_METRICS_COUNTERS_H
#define ECHOD_ADMIN_METRICS_COUNTERS_H

#include <stdio.h>

struct metrics;

void metrics_print_counters(FILE *out, const struct metrics *metrics);

#endif
