/*
 * certificate_metrics: when the certificates of a configuration expire, for
 * /metrics (admin/metrics.h).  Control thread only.
 */
#ifndef ECHOD_CONTROL_CERTIFICATE_METRICS_H
#define ECHOD_CONTROL_CERTIFICATE_METRICS_H

#include <stdbool.h>

struct config;
struct metrics;

/*
 * Adds each certificate file of each listener.  The strings belong to `config`.
 * False: out of memory.  The caller must call metrics_free() in any case.
 */
bool certificate_metrics_fill(const struct config *config,
			      struct metrics *metrics);

#endif
