#include "base/stats.h"

#include <inttypes.h>
#include <stdio.h>

#define NAME(name) #name,
#define COUNTER_NAME(name, what) #name,
static const char *const close_names[] = { CLOSE_REASONS(NAME) };
static const char *const refuse_names[] = { REFUSE_REASONS(NAME) };
static const char *const drop_names[] = { DROP_REASONS(NAME) };
static const char *const counter_names[] = { STATS_COUNTERS(COUNTER_NAME) };

/* prefix, '.', name, '=', 20 digits and a blank for each, with some reserve */
_Static_assert((STATS_COUNTER_COUNT + CLOSE_REASON_COUNT + REFUSE_REASON_COUNT +
		DROP_REASON_COUNT) *
			       48 <
		       STATS_TEXT_SIZE,
	       "STATS_TEXT_SIZE is too small");

static void
sum_array(_Atomic uint64_t *sum, const _Atomic uint64_t *from, size_t count)
{
	for (size_t i = 0; i < count; i++)
		stats_bump(&sum[i], atomic_load_explicit(&from[i],
							 memory_order_relaxed));
}

void
stats_sum(struct stats *sum, const struct stats *from)
{
	sum_array(sum->counter, from->counter, STATS_COUNTER_COUNT);
	sum_array(sum->closed, from->closed, CLOSE_REASON_COUNT);
	sum_array(sum->refused, from->refused, REFUSE_REASON_COUNT);
	sum_array(sum->dropped, from->dropped, DROP_REASON_COUNT);
	for (int i = 0; i < HISTOGRAM_COUNT; i++)
		histogram_sum(&sum->histograms[i], &from->histograms[i]);
}

const char *
stats_close_reason(enum close_reason reason)
{
	return close_names[reason];
}

const char *
stats_refuse_reason(enum refuse_reason reason)
{
	return refuse_names[reason];
}

const char *
stats_drop_reason(enum drop_reason reason)
{
	return drop_names[reason];
}

static size_t
format_array(char *text, size_t used, const char *prefix,
	     const char *const *names, const _Atomic uint64_t *values,
	     size_t count)
{
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(
			text + used, STATS_TEXT_SIZE - used, "%s%s%s=%" PRIu64,
			used ? " " : "", prefix, names[i],
			atomic_load_explicit(&values[i], memory_order_relaxed));
	return used;
}

const char *
stats_format(const struct stats *stats, char text[STATS_TEXT_SIZE])
{
	size_t used = 0;

	used = format_array(text, used, "", counter_names, stats->counter,
			    STATS_COUNTER_COUNT);
	used = format_array(text, used, "closed.", close_names, stats->closed,
			    CLOSE_REASON_COUNT);
	used = format_array(text, used, "refused.", refuse_names,
			    stats->refused, REFUSE_REASON_COUNT);
	format_array(text, used, "dropped.", drop_names, stats->dropped,
		     DROP_REASON_COUNT);
	return text;
}
