/*
 * metrics: a snapshot of all that is counted, as text in the format that
 * Prometheus reads (text exposition 0.0.4).  Pure: values in, text out.
 *
 * What base/stats.h lists follows from the lists there: the counter `chunks` is
 * echod_chunks_total, and each reason is a label.  The other metrics stand in
 * one table in metrics.c.  A label is of a closed set or from the configuration,
 * and never what a peer can choose.
 */
#ifndef ECHOD_ADMIN_METRICS_H
#define ECHOD_ADMIN_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stats.h"

/* The media type of the text. */
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics_listener {
	const char *name;
	unsigned open;
	unsigned limit; /* 0: none */
};

struct metrics_address {
	const char *listener;
	char *text;
};

struct metrics {
	struct stats stats;
	const char *version;  /* of echod */
	const char *libevent; /* its version */
	double started;	      /* seconds since 1970 */
	double uptime;	      /* seconds */
	bool draining;
	unsigned open;
	unsigned limit;

	unsigned *workers; /* open connections of each */
	size_t worker_count;
	struct metrics_listener *listeners;
	size_t listener_count;
	struct metrics_address *addresses;
	size_t address_count;

	uint64_t reloads;
	uint64_t reloads_failed;
	bool reload_failed; /* the last one */
	double reloaded;    /* what is in force, in seconds since 1970 */
	uint64_t log_suppressed;
	uint64_t log_dropped;
};

/* The text, which is the caller's to free, or NULL where memory is out. */
char *metrics_format(const struct metrics *metrics, size_t *length);

/* Frees what it points to: arrays and addresses, not names. */
void metrics_free(struct metrics *metrics);

#endif
