#include "admin/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/metrics_counters.h"
#include "admin/metrics_histograms.h"
#include "base/metrics_text.h"

#define PREFIX METRICS_PREFIX

struct family {
	const char *name;
	const char *type;
	const char *help;
	void (*print)(FILE *out, const char *name,
		      const struct metrics *metrics);
	/* Instead of `print`: a member of struct metrics. */
	size_t number;
	int decimals;
};

static void
print_build(FILE *out, const char *name, const struct metrics *metrics)
{
	fputs(name, out);
	metrics_label(out, "{", "version", metrics->version);
	metrics_label(out, ",", "libevent", metrics->libevent);
	fputs("} 1\n", out);
}

static void
print_host(FILE *out, const char *name, const struct metrics *metrics)
{
	if (!metrics->host)
		return;
	fputs(name, out);
	metrics_label(out, "{", "host", metrics->host);
	fputs("} 1\n", out);
}

static void
print_number(FILE *out, const struct family *family,
	     const struct metrics *metrics)
{
	const char *member = (const char *)metrics + family->number;
	double value = *(const double *)member;

	if (!isnan(value))
		fprintf(out, "%s %.*f\n", family->name, family->decimals,
			value);
}

static void
print_workers(FILE *out, const char *name, const struct metrics *metrics)
{
	char number[24];

	for (size_t i = 0; i < metrics->worker_count; i++) {
		snprintf(number, sizeof(number), "%zu", i);
		metrics_labelled(out, name, "worker", number,
				 metrics->workers[i]);
	}
}

static void
print_listeners(FILE *out, const char *name, const struct metrics *metrics)
{
	for (size_t i = 0; i < metrics->listener_count; i++)
		metrics_labelled(out, name, "listener",
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
			metrics_labelled(out, name, "listener",
					 metrics->listeners[i].name,
					 metrics->listeners[i].limit);
}

static const char *
yes_or_no(bool value)
{
	return value ? "yes" : "no";
}

static void
print_addresses(FILE *out, const char *name, const struct metrics *metrics)
{
	for (size_t i = 0; i < metrics->address_count; i++) {
		const struct metrics_address *item = &metrics->addresses[i];

		fputs(name, out);
		metrics_label(out, "{", "listener", item->listener);
		metrics_label(out, ",", "address", item->text);
		metrics_label(out, ",", "kind", item->kind);
		metrics_label(out, ",", "tls", yes_or_no(item->tls));
		metrics_label(out, ",", "proxy_protocol",
			      item->proxy_protocol ? "on" : "off");
		metrics_label(out, ",", "fault", yes_or_no(item->fault));
		fputs("} 1\n", out);
	}
}

static void
print_certificates(FILE *out, const char *name, const struct metrics *metrics)
{
	for (size_t i = 0; i < metrics->certificate_count; i++) {
		const struct metrics_certificate *item =
			&metrics->certificates[i];

		if (isnan(item->not_after))
			continue;
		fputs(name, out);
		metrics_label(out, "{", "listener", item->listener);
		metrics_label(out, ",", "setting", item->setting);
		metrics_label(out, ",", "certificate", item->file);
		fprintf(out, "} %.0f\n", item->not_after);
	}
}

static void
print_reloads(FILE *out, const char *name, const struct metrics *metrics)
{
	metrics_labelled(out, name, "result", "ok", metrics->reloads);
	metrics_labelled(out, name, "result", "failed",
			 metrics->reloads_failed);
}

#define NUMBER(member, digits) \
	.number = offsetof(struct metrics, member), .decimals = digits

static const struct family families[] = {
	{ PREFIX "build_info", "gauge",
	  "versions of echod and libevent, as labels", .print = print_build },
	{ PREFIX "start_time_seconds", "gauge",
	  "start time in seconds since 1970", NUMBER(started, 3) },
	{ PREFIX "uptime_seconds", "gauge", "seconds since the start",
	  NUMBER(uptime, 3) },
	{ PREFIX "draining", "gauge", "1 while echod drains, 0 before",
	  NUMBER(draining, 0) },
	{ PREFIX "open_connections", "gauge", "open connections",
	  NUMBER(open, 0) },
	{ PREFIX "connections_limit", "gauge",
	  "maximum number of open connections", NUMBER(limit, 0) },
	{ PREFIX "worker_open_connections", "gauge",
	  "open connections by worker thread", .print = print_workers },
	{ PREFIX "listener_open_connections", "gauge",
	  "open connections by listener", .print = print_listeners },
	{ PREFIX "listener_connections_limit", "gauge",
	  "maximum number of open connections by listener, if limited",
	  .print = print_listener_limits },
	{ PREFIX "listener_info", "gauge",
	  "listening addresses and what applies to them, as labels",
	  .print = print_addresses },
	{ PREFIX "config_reloads_total", "counter",
	  "configuration reloads by result", .print = print_reloads },
	{ PREFIX "config_last_reload_successful", "gauge",
	  "1 if the last reload succeeded, 0 if it was refused",
	  NUMBER(reload_succeeded, 0) },
	{ PREFIX "config_last_reload_success_timestamp_seconds", "gauge",
	  "time of the last successful reload, in seconds since 1970",
	  NUMBER(reloaded, 3) },
	{ PREFIX "config_last_reload_refused_timestamp_seconds", "gauge",
	  "time of the last refused reload, in seconds since 1970",
	  NUMBER(reload_refused, 3) },
	{ PREFIX "log_lines_suppressed_total", "counter",
	  "log lines suppressed because peers caused more than log.rate",
	  NUMBER(log_suppressed, 0) },
	{ PREFIX "log_lines_dropped_total", "counter",
	  "log lines dropped because the log was slow or not reached",
	  NUMBER(log_dropped, 0) },
	{ PREFIX "drain_delay_end_timestamp_seconds", "gauge",
	  "end of drain.delay in seconds since 1970, while echod drains",
	  NUMBER(drain_delay_end, 3) },
	{ PREFIX "drain_grace_end_timestamp_seconds", "gauge",
	  "end of drain.grace in seconds since 1970, while echod drains",
	  NUMBER(drain_grace_end, 3) },
	{ PREFIX "tls_certificate_not_after_timestamp_seconds", "gauge",
	  "earliest expiry of the certificates in a file, in seconds since "
	  "1970",
	  .print = print_certificates },
	{ PREFIX "host_info", "gauge", "name of the host, as a label",
	  .print = print_host },
	/* The names that the client libraries of Prometheus use. */
	{ "process_cpu_seconds_total", "counter",
	  "total user and system CPU time spent in seconds",
	  NUMBER(process.cpu_seconds, 6) },
	{ "process_open_fds", "gauge", "number of open file descriptors",
	  NUMBER(process.open_fds, 0) },
	{ "process_max_fds", "gauge", "maximum number of open file descriptors",
	  NUMBER(process.max_fds, 0) },
	{ "process_virtual_memory_bytes", "gauge",
	  "virtual memory size in bytes", NUMBER(process.virtual_bytes, 0) },
	{ "process_resident_memory_bytes", "gauge",
	  "resident memory size in bytes", NUMBER(process.resident_bytes, 0) },
	{ "process_start_time_seconds", "gauge",
	  "start time of the process since unix epoch in seconds",
	  NUMBER(started, 3) },
	{ "process_threads", "gauge", "number of OS threads in the process",
	  NUMBER(process.threads, 0) },
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

		metrics_head(out, family->name, family->type, family->help);
		if (family->print)
			family->print(out, family->name, metrics);
		else
			print_number(out, family, metrics);
	}
	metrics_print_counters(out, metrics);
	metrics_print_histograms(out, metrics);
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
	free(metrics->certificates);
	free(metrics->listeners);
	free(metrics->rows);
	free(metrics->workers);
}
