/*
 * stats_table: the counters of all listeners: a row for each listener's name,
 * with a `struct stats` for each worker.
 *
 * A row is never freed before the table, so the counters of a name go on when a
 * reload drops the listener and another one brings it back.  Each worker writes
 * to its own `struct stats` only (base/stats.h).  The functions are for the
 * control thread, except stats_of_worker().
 */
#ifndef ECHOD_BASE_STATS_TABLE_H
#define ECHOD_BASE_STATS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/stats.h"

struct stats_table;

/*
 * In a row, the counters of each worker begin at a cache line: otherwise
 * workers would slow each other down.
 */
#define STATS_ALIGNMENT 64
#define STATS_STRIDE \
	((sizeof(struct stats) + STATS_ALIGNMENT - 1) / STATS_ALIGNMENT * \
	 STATS_ALIGNMENT)

/* `row` is from stats_table_row().  Any thread. */
static inline struct stats *
stats_of_worker(struct stats *row, unsigned worker)
{
	return (struct stats *)((char *)row + worker * STATS_STRIDE);
}

/* NULL: out of memory. */
struct stats_table *stats_table_new(unsigned workers);
void stats_table_free(struct stats_table *table); /* NULL is fine */

/* The number of workers. */
unsigned stats_table_workers(const struct stats_table *table);

/*
 * The counters of listener `name`, for stats_of_worker(): those that the name
 * had before, or a new row that stats_table_read() does not show yet.  NULL:
 * out of memory.
 */
struct stats *stats_table_row(struct stats_table *table, const char *name);

/* From now on, stats_table_read() shows the row of `name`, if there is one. */
void stats_table_show(struct stats_table *table, const char *name);

/* Adds the counters of all rows and workers to `sum`. */
void stats_table_sum(const struct stats_table *table, struct stats *sum);

/* A listener's counters, added up over the workers. */
struct stats_table_entry {
	const char *name; /* lasts as long as the table */
	struct stats stats;
};

/*
 * The rows that are shown, in the order of their creation.  The caller frees
 * the array.  NULL: out of memory.
 */
struct stats_table_entry *stats_table_read(const struct stats_table *table,
					   size_t *count);

#endif
