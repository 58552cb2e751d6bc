#include "admin/metrics_histograms.h"

#include <inttypes.h>

#include "admin/metrics.h"
#include "base/metrics_text.h"

#define FAMILY(name, what, ...) { METRICS_PREFIX #name "_seconds", what },
static const struct {
	const char *name;
	const char *help;
} families[] = { HISTOGRAMS(FAMILY) };

static void
print_bucket(FILE *out, const char *name, const char *listener, const char *le,
	     uint64_t count)
{
	fprintf(out, "%s_bucket", name);
	metrics_label(out, "{", "listener", listener);
	metrics_label(out, ",", "le", le);
	fprintf(out, "} %" PRIu64 "\n", count);
}

/* A bucket of Prometheus has all that is within its bound. */
static void
print_histogram(FILE *out, enum histogram_kind kind,
		const struct stats_table_entry *row)
{
	const struct histogram *histogram = &row->stats.histograms[kind];
	const char *name = families[kind].name;
	uint64_t count = 0;
	char le[32];

	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		count += atomic_load_explicit(&histogram->counts[i],
					      memory_order_relaxed);
		if (i < HISTOGRAM_BOUNDS)
			snprintf(le, sizeof(le), "%g",
				 histogram_bound(kind, i));
		print_bucket(out, name, row->name,
			     i < HISTOGRAM_BOUNDS ? le : "+Inf", count);
	}
	fprintf(out, "%s_sum", name);
	metrics_label(out, "{", "listener", row->name);
	fprintf(out, "} %.9f\n",
		atomic_load_explicit(&histogram->sum, memory_order_relaxed));
	fprintf(out, "%s_count", name);
	metrics_label(out, "{", "listener", row->name);
	fprintf(out, "} %" PRIu64 "\n", count);
}

void
metrics_print_histograms(FILE *out, const struct metrics *metrics)
{
	for (int kind = 0; kind < HISTOGRAM_COUNT; kind++) {
		metrics_head(out, families[kind].name, "histogram",
			     families[kind].help);
		for (size_t i = 0; i < metrics->row_count; i++)
			print_histogram(out, (enum histogram_kind)kind,
					&metrics->rows[i]);
	}
}
