#include "base/stats_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct row {
	STAILQ_ENTRY(row) link;
	char *name;
	bool shown;
	struct stats *stats; /* see stats_of_worker() */
};

struct stats_table {
	unsigned workers;
	size_t count;
	STAILQ_HEAD(, row) rows;
};

struct stats_table *
stats_table_new(unsigned workers)
{
	struct stats_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->workers = workers;
	STAILQ_INIT(&table->rows);
	return table;
}

static void
free_row(struct row *row)
{
	if (!row)
		return;
	free(row->stats);
	free(row->name);
	free(row);
}

void
stats_table_free(struct stats_table *table)
{
	struct row *row;

	if (!table)
		return;
	while ((row = STAILQ_FIRST(&table->rows))) {
		STAILQ_REMOVE_HEAD(&table->rows, link);
		free_row(row);
	}
	free(table);
}

unsigned
stats_table_workers(const struct stats_table *table)
{
	return table->workers;
}

static struct row *
new_row(const char *name, unsigned workers)
{
	struct row *row = calloc(1, sizeof(*row));
	size_t size = workers * STATS_STRIDE;

	if (!row)
		return NULL;
	row->name = strdup(name);
	row->stats = aligned_alloc(STATS_ALIGNMENT, size);
	if (!row->name || !row->stats) {
		free_row(row);
		return NULL;
	}
	memset(row->stats, 0, size);
	return row;
}

static struct row *
find_row(const struct stats_table *table, const char *name)
{
	struct row *row;

	STAILQ_FOREACH(row, &table->rows, link)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

struct stats *
stats_table_row(struct stats_table *table, const char *name)
{
	struct row *row = find_row(table, name);

	if (row)
		return row->stats;
	row = new_row(name, table->workers);
	if (!row)
		return NULL;
	STAILQ_INSERT_TAIL(&table->rows, row, link);
	table->count++;
	return row->stats;
}

void
stats_table_show(struct stats_table *table, const char *name)
{
	struct row *row = find_row(table, name);

	if (row)
		row->shown = true;
}

static void
sum_row(const struct row *row, unsigned workers, struct stats *sum)
{
	for (unsigned i = 0; i < workers; i++)
		stats_sum(sum, stats_of_worker(row->stats, i));
}

void
stats_table_sum(const struct stats_table *table, struct stats *sum)
{
	const struct row *row;

	STAILQ_FOREACH(row, &table->rows, link)
		sum_row(row, table->workers, sum);
}

struct stats_table_entry *
stats_table_read(const struct stats_table *table, size_t *count)
{
	/* One more: calloc(3) of 0 bytes can return NULL. */
	struct stats_table_entry *entries =
		calloc(table->count + 1, sizeof(*entries));
	const struct row *row;

	*count = 0;
	if (!entries)
		return NULL;
	STAILQ_FOREACH(row, &table->rows, link) {
		if (!row->shown)
			continue;
		entries[*count].name = row->name;
		sum_row(row, table->workers, &entries[*count].stats);
		++*count;
	}
	return entries;
}
