/*
 * metrics_histograms: the histograms in base/histogram.h, by listener.  Pure.
 */
#ifndef ECHOD_ADMIN_METRICS_HISTOGRAMS_H
#define ECHOD_ADMIN_METRICS_HISTOGRAMS_H

#include <stdio.h>

struct metrics;

void metrics_print_histograms(FILE *out, const struct metrics *metrics);

#endif
