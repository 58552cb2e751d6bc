/*
 * metrics: all counters as text for Prometheus (text exposition format 0.0.4).
 * Pure: values in, text out.
 *
 * The counters and reasons come from the lists in base/stats.h: `chunks`
 * becomes echod_chunks_total and echod_listener_chunks_total, and each reason
 * is a label (metrics_counters.c).  The histograms come from the list in
 * base/histogram.h (metrics_histograms.c).  The other metrics are in one table
 * in metrics.c.  A label is from a fixed list or from the configuration; a peer
 * cannot choose it.
 */
#ifndef ECHOD_ADMIN_METRICS_H
#define ECHOD_ADMIN_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/process_stats.h"
#include "base/stats_table.h"

/* Of all names. */
#define METRICS_PREFIX "echod_"

/* The media type of the text. */
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics_listener {
	const char *name; /* borrowed */
	unsigned open;
	unsigned limit; /* 0: none */
};

struct metrics_address {
	const char *listener; /* borrowed */
	char *text;
	const char *kind; /* "tcp", "udp" or "unix" */
	bool tls;
	bool proxy_protocol;
	bool fault; /* fault injection */
};

/* A file with certificates. */
struct metrics_certificate {
	const char *listener; /* borrowed, like the others */
	const char *setting;  /* such as "tls.certificate" */
	const char *file;
	double not_after; /* earliest expiry in it, seconds since 1970 */
};

/*
 * The input.  A metric with one value is a double, for the table in metrics.c.
 * NAN: there is no value, and no sample.
 */
struct metrics {
	struct stats stats;   /* the sum of the rows */
	const char *version;  /* of echod */
	const char *libevent; /* its version */
	double started;	      /* seconds since 1970 */
	double uptime;	      /* seconds */
	double draining;      /* 1 or 0 */
	double open;
	double limit;

	unsigned *workers; /* open connections of each worker */
	size_t worker_count;
	/* Also of listeners that a reload has dropped. */
	struct stats_table_entry *rows;
	size_t row_count;
	struct metrics_listener *listeners;
	size_t listener_count;
	struct metrics_address *addresses;
	size_t address_count;
	struct metrics_certificate *certificates;
	size_t certificate_count;

	uint64_t reloads;
	uint64_t reloads_failed;
	double reload_succeeded; /* the last one: 1 or 0 */
	double reloaded; /* the last one that succeeded, seconds since 1970 */
	double log_suppressed;
	double reload_refused; /* the last one, seconds since 1970, or NAN */
	double log_dropped;
	double drain_delay_end; /* seconds since 1970, or NAN */
	double drain_grace_end; /* likewise */

	const char *host; /* its name; NULL: not known */
	struct process_stats process;
};

/* The caller frees the text.  NULL: out of memory. */
char *metrics_format(const struct metrics *metrics, size_t *length);

/* Frees the arrays and `text` of the addresses; other strings are borrowed. */
void metrics_free(struct metrics *metrics);

#endif
