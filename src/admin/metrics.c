#include "admin/metrics.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PREFIX "echod_"

struct family {
	const char *name;
	const char *type;
	const char *help;
	void (*print)(FILE *out, const char *name,
		      const struct metrics *metrics);
};

/*
 * A value that an array of `struct stats` holds, by the name in base/stats.h.
 */
struct named {
	const char *name;
	const char *what;
};

#define NAMED(name, what) { #name, what },
#define REASON(name) { #name, NULL },
static const struct named counters[] = { STATS_COUNTERS(NAMED) };
static const struct named closed[] = { CLOSE_REASONS(REASON) };
static const struct named refused[] = { REFUSE_REASONS(REASON) };
static const struct named dropped[] = { DROP_REASONS(REASON) };

_Static_assert(sizeof(struct stats) ==
		       (STATS_COUNTER_COUNT + CLOSE_REASON_COUNT +
			REFUSE_REASON_COUNT + DROP_REASON_COUNT) *
			       sizeof(uint64_t),
	       "what else is in struct stats wants to be printed here");

static void
print_head(FILE *out, const char *name, const char *type, const char *help)
{
	/* The texts in the lists begin with a small letter. */
	fprintf(out, "# HELP %s %c%s.\n# TYPE %s %s\n", name,
		toupper((unsigned char)*help), help + 1, name, type);
}

/* In the value of a label these three characters are escaped. */
static void
print_label(FILE *out, const char *before, const char *name, const char *value)
{
	fprintf(out, "%s%s=\"", before, name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '"' || *value == '\\')
			fprintf(out, "\\%c", *value);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

/* echod_connections_closed_total{reason="eof"} 2 */
static void
print_labelled(FILE *out, const char *name, const char *label,
	       const char *value, uint64_t number)
{
	fputs(name, out);
	print_label(out, "{", label, value);
	fprintf(out, "} %" PRIu64 "\n", number);
}

static uint64_t
load(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static void
print_reasons(FILE *out, const char *name, const struct named *reasons,
	      const _Atomic uint64_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		print_labelled(out, name, "reason", reasons[i].name,
			       load(&values[i]));
}

/* The name of each metric follows from the counter's name in the list. */
static void
print_counters(FILE *out, const struct stats *stats)
{
	char name[64];

	for (size_t i = 0; i < STATS_COUNTER_COUNT; i++) {
		snprintf(name, sizeof(name), PREFIX "%s_total",
			 counters[i].name);
		print_head(out, name, "counter", counters[i].what);
		fprintf(out, "%s %" PRIu64 "\n", name,
			load(&stats->counter[i]));
	}
}

static void
print_closed(FILE *out, const char *name, const struct metrics *metrics)
{
	print_reasons(out, name, closed, metrics->stats.closed,
		      CLOSE_REASON_COUNT);
}

static void
print_refused(FILE *out, const char *name, const struct metrics *metrics)
{
	print_reasons(out, name, refused, metrics->stats.refused,
		      REFUSE_REASON_COUNT);
}

static void
print_datagrams(FILE *out, const char *name, const struct metrics *metrics)
{
	print_reasons(out, name, dropped, metrics->stats.dropped,
		      DROP_REASON_COUNT);
}

static void
print_build(FILE *out, const char *name, const struct metrics *metrics)
{
	fputs(name, out);
	print_label(out, "{", "version", metrics->version);
	print_label(out, ",", "libevent", metrics->libevent);
	fputs("} 1\n", out);
}

static void
print_started(FILE *out, const char *name, const struct metrics *metrics)
{
	fprintf(out, "%s %.3f\n", name, metrics->started);
}

static void
print_uptime(FILE *out, const char *name, const struct metrics *metrics)
{
	fprintf(out, "%s %.3f\n", name, metrics->uptime);
}

static void
print_draining(FILE *out, const char *name, const struct metrics *metrics)
{
	fprintf(out, "%s %d\n", name, metrics->draining);
}

static void
print_open(FILE *out, const char *name, const struct metrics *metrics)
{
	fprintf(out, "%s %u\n", name, metrics->open);
}

static void
print_limit(FILE *out, const char *name, const struct metrics *metrics)
{
	fprintf(out, "%s %u\n", name, metrics->limit);
}

static void
print_workers(FILE *out, const char *name, const struct metrics *metrics)
{
	char number[24];

	for (size_t i = 0; i < metrics->worker_count; i++) {
		snprintf(number, sizeof(number), "%zu", i);
		print_labelled(out, name, "worker", number,
			       metrics->workers[i]);
	}
}

static void
print_listeners(FILE *out, const char *name, const struct metrics *metrics)
{
	for (size_t i = 0; i < metrics->listener_count; i++)
		print_labelled(out, name, "listener",
			       metrics->listeners[i].name,
			       metrics->listeners[i].open);
}

/* No sample if there is no limit. */
static void
print_listener_limits(FILE *out, const char *name,
		      const struct metrics *metrics)
{
	for (size_t i = 0; i < metrics->listener_count; i++)
		if (metrics->listeners[i].limit > 0)
			print_labelled(out, name, "listener",
				       metrics->listeners[i].name,
				       metrics->listeners[i].limit);
}

static void
print_addresses(FILE *out, const char *name, const struct metrics *metrics)
{
	for (size_t i = 0; i < metrics->address_count; i++) {
		fputs(name, out);
		print_label(out, "{", "listener",
			    metrics->addresses[i].listener);
		print_label(out, ",", "address", metrics->addresses[i].text);
		fputs("} 1\n", out);
	}
}

static void
print_reloads(FILE *out, const char *name, const struct metrics *metrics)
{
	print_labelled(out, name, "result", "ok", metrics->reloads);
	print_labelled(out, name, "result", "failed", metrics->reloads_failed);
}

static void
print_reload_result(FILE *out, const char *name, const struct metrics *metrics)
{
	fprintf(out, "%s %d\n", name, !metrics->reload_failed);
}

static void
print_reloaded(FILE *out, const char *name, const struct metrics *metrics)
{
	fprintf(out, "%s %.3f\n", name, metrics->reloaded);
}

static void
print_suppressed(FILE *out, const char *name, const struct metrics *metrics)
{
	fprintf(out, "%s %" PRIu64 "\n", name, metrics->log_suppressed);
}

static void
print_dropped(FILE *out, const char *name, const struct metrics *metrics)
{
	fprintf(out, "%s %" PRIu64 "\n", name, metrics->log_dropped);
}

static const struct family families[] = {
	{ PREFIX "build_info", "gauge", "versions, as labels", print_build },
	{ PREFIX "start_time_seconds", "gauge",
	  "when echod was started, in seconds since 1970", print_started },
	{ PREFIX "uptime_seconds", "gauge", "how long echod has run",
	  print_uptime },
	{ PREFIX "draining", "gauge", "1 once echod has been told to end",
	  print_draining },
	{ PREFIX "open_connections", "gauge", "connections that are open",
	  print_open },
	{ PREFIX "connections_limit", "gauge",
	  "connections that may be open at a time", print_limit },
	{ PREFIX "worker_open_connections", "gauge",
	  "connections that are open, by the thread that serves them",
	  print_workers },
	{ PREFIX "listener_open_connections", "gauge",
	  "connections that are open, by listener", print_listeners },
	{ PREFIX "listener_connections_limit", "gauge",
	  "connections that may be open at a time, of listeners with such a "
	  "limit",
	  print_listener_limits },
	{ PREFIX "listener_info", "gauge",
	  "addresses that are listened on, as labels", print_addresses },
	{ PREFIX "connections_closed_total", "counter",
	  "connections closed, by reason", print_closed },
	{ PREFIX "connections_refused_total", "counter",
	  "connections refused, by reason", print_refused },
	{ PREFIX "datagrams_dropped_total", "counter",
	  "datagrams that were not answered, by reason", print_datagrams },
	{ PREFIX "config_reloads_total", "counter",
	  "reloads of the configuration, by result", print_reloads },
	{ PREFIX "config_last_reload_successful", "gauge",
	  "1 unless the last reload was refused", print_reload_result },
	{ PREFIX "config_last_reload_success_timestamp_seconds", "gauge",
	  "when the configuration in force was read, in seconds since 1970",
	  print_reloaded },
	{ PREFIX "log_lines_suppressed_total", "counter",
	  "lines that peers provoked beyond the rate of the log",
	  print_suppressed },
	{ PREFIX "log_lines_dropped_total", "counter",
	  "lines lost because the log did not keep up", print_dropped },
};

char *
metrics_format(const struct metrics *metrics, size_t *length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length);
	bool failed;

	if (!out)
		return NULL;
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		const struct family *family = &families[i];

		print_head(out, family->name, family->type, family->help);
		family->print(out, family->name, metrics);
	}
	print_counters(out, &metrics->stats);
	failed = ferror(out);
	if (fclose(out) == 0 && !failed)
		return text;
	free(text);
	return NULL;
}

void
metrics_free(struct metrics *metrics)
{
	for (size_t i = 0; i < metrics->address_count; i++)
		free(metrics->addresses[i].text);
	free(metrics->addresses);
	free(metrics->listeners);
	free(metrics->workers);
}
