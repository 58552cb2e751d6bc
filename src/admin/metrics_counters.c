#include "admin/metrics_counters.h"

#include <inttypes.h>
#include <stddef.h>

#include "admin/metrics.h"
#include "base/metrics_text.h"

#define REASON(name) #name,
static const char *const closed[] = { CLOSE_REASONS(REASON) };
static const char *const refused[] = { REFUSE_REASONS(REASON) };
static const char *const dropped[] = { DROP_REASONS(REASON) };

/* One counter, or an array of them by reason. */
struct family {
	const char *name;
	const char *help;
	size_t offset;		    /* in struct stats */
	const char *const *reasons; /* NULL: one counter */
	size_t count;
};

#define COUNTER(name, what) \
	{ #name, what, offsetof(struct stats, counter[STATS_##name]), NULL, 1 },

static const struct family families[] = {
	{ "connections_closed", "closed connections",
	  offsetof(struct stats, closed), closed, CLOSE_REASON_COUNT },
	{ "connections_refused", "refused connections",
	  offsetof(struct stats, refused), refused, REFUSE_REASON_COUNT },
	{ "datagrams_dropped", "datagrams not answered",
	  offsetof(struct stats, dropped), dropped, DROP_REASON_COUNT },
	STATS_COUNTERS(COUNTER)
};

_Static_assert(offsetof(struct stats, histograms) ==
		       (STATS_COUNTER_COUNT + CLOSE_REASON_COUNT +
			REFUSE_REASON_COUNT + DROP_REASON_COUNT) *
			       sizeof(uint64_t),
	       "what else is in struct stats wants to be printed here");

/* echod_listener_connections_closed_total{listener="main",reason="eof"} 2 */
static void
print_samples(FILE *out, const char *name, const struct family *family,
	      const char *listener, const struct stats *stats)
{
	const char *at = (const char *)stats + family->offset;
	const _Atomic uint64_t *values = (const _Atomic uint64_t *)at;

	for (size_t i = 0; i < family->count; i++) {
		fputs(name, out);
		if (listener)
			metrics_label(out, "{", "listener", listener);
		if (family->reasons)
			metrics_label(out, listener ? "," : "{", "reason",
				      family->reasons[i]);
		fprintf(out, "%s %" PRIu64 "\n",
			listener || family->reasons ? "}" : "",
			atomic_load_explicit(&values[i], memory_order_relaxed));
	}
}

static void
print_head(FILE *out, const char *name, const struct family *family,
	   const char *by)
{
	char help[160];

	snprintf(help, sizeof(help), "%s%s%s", family->help, *by ? ", by " : "",
		 by);
	metrics_head(out, name, "counter", help);
}

static void
print_family(FILE *out, const struct family *family,
	     const struct metrics *metrics)
{
	char name[80];

	snprintf(name, sizeof(name), METRICS_PREFIX "%s_total", family->name);
	print_head(out, name, family, family->reasons ? "reason" : "");
	print_samples(out, name, family, NULL, &metrics->stats);
	snprintf(name, sizeof(name), METRICS_PREFIX "listener_%s_total",
		 family->name);
	print_head(out, name, family,
		   family->reasons ? "listener and reason" : "listener");
	for (size_t i = 0; i < metrics->row_count; i++)
		print_samples(out, name, family, metrics->rows[i].name,
			      &metrics->rows[i].stats);
}

void
metrics_print_counters(FILE *out, const struct metrics *metrics)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		print_family(out, &families[i], metrics);
}
