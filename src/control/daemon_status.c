#include "control/daemon_status.h"

#include <event2/event.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/http_status.h"
#include "admin/metrics.h"
#include "base/log.h"
#include "base/stats_table.h"
#include "addr/host_name.h"
#include "config/config.h"
#include "config/print.h"
#include "control/certificate_metrics.h"
#include "control/deployment.h"
#include "control/sd_notify.h"
#include "control/status_line.h"
#include "control/worker_pool.h"
#include "tcp/connection_limits.h"
#include "worker/worker.h"

#define REFRESH_SECONDS 5

/*
 * Bytes of the status line without the counters.  systemd ignores a message of
 * more than 4096 bytes, also if it has READY=1.
 */
#define ABOUT_MAX 2000

struct daemon_status {
	const struct limits *limits;
	const struct stats_table *stats;
	const struct worker_pool *pool;
	const struct deployment *deployment; /* NULL before the first */

	double started;	   /* seconds since 1970 */
	double started_at; /* on the monotonic clock */
	double deployed;   /* seconds since 1970 */
	uint64_t reloads;
	uint64_t refusals;
	bool refused;	     /* the last reload */
	double refused_at;   /* the last one that was, since 1970; NAN: none */
	const char *refusal; /* its reason */
	bool draining;
	double delay_end; /* of the drain, since 1970; NAN: it has not begun */
	double grace_end;

	struct http_status *http;
	struct event *refresh;
	/* What the manager was sent last; NULL: nothing yet. */
	char *about;
	char counters[STATUS_LINE_SIZE];
};

static struct stats
sum_up(const struct daemon_status *status)
{
	struct stats sum = { 0 };

	stats_table_sum(status->stats, &sum);
	return sum;
}

void
daemon_status_log_counters(const struct daemon_status *status)
{
	char text[STATS_TEXT_SIZE];
	struct stats sum = sum_up(status);

	log_notice("Counters open=%u %s", limits_count(status->limits),
		   stats_format(&sum, text));
}

/* In whole milliseconds: the metrics print no more, and must not round up. */
static double
now(clockid_t clock)
{
	struct timespec time;
	long ms;

	clock_gettime(clock, &time);
	ms = time.tv_nsec / 1000000;
	return (double)time.tv_sec + (double)ms / 1e3;
}

void
daemon_status_deployed(struct daemon_status *status,
		       const struct deployment *deployment)
{
	if (status->deployment)
		status->reloads++;
	status->deployment = deployment;
	status->deployed = now(CLOCK_REALTIME);
	http_status_serve(status->http,
			  &deployment_config(deployment)->status.hosts);
}

void
daemon_status_reloading(struct daemon_status *status)
{
	status->refused = false;
}

void
daemon_status_refused(struct daemon_status *status, const char *reason)
{
	status->refusals++;
	status->refused = true;
	status->refused_at = now(CLOCK_REALTIME);
	status->refusal = reason;
}

void
daemon_status_drain(struct daemon_status *status)
{
	const struct config_drain *drain =
		&deployment_config(status->deployment)->drain;

	status->draining = true;
	status->delay_end = now(CLOCK_REALTIME) + drain->delay;
	status->grace_end = status->delay_end + drain->grace;
}

/* The sums are those of the rows: later ones would not match. */
static bool
read_counters(const struct daemon_status *status, struct metrics *metrics)
{
	metrics->rows = stats_table_read(status->stats, &metrics->row_count);
	if (!metrics->rows)
		return false;
	for (size_t i = 0; i < metrics->row_count; i++)
		stats_sum(&metrics->stats, &metrics->rows[i].stats);
	return true;
}

static bool
measure_workers(const struct daemon_status *status, struct metrics *metrics)
{
	struct worker *const *workers = worker_pool_workers(status->pool);
	unsigned count = worker_pool_count(status->pool);

	metrics->workers = calloc(count, sizeof(*metrics->workers));
	if (!metrics->workers)
		return false;
	metrics->worker_count = count;
	for (unsigned i = 0; i < count; i++)
		metrics->workers[i] = worker_load(workers[i]);
	return true;
}

/* NULL: not known. */
static const char *
find_host(char name[HOST_NAME_SIZE])
{
	if (gethostname(name, HOST_NAME_SIZE - 1) < 0)
		return NULL;
	name[HOST_NAME_SIZE - 1] = '\0';
	return *name ? name : NULL;
}

static char *
print_metrics(void *owner, size_t *length)
{
	const struct daemon_status *status = owner;
	char host[HOST_NAME_SIZE];
	struct metrics metrics = {
		.version = PACKAGE_VERSION,
		.libevent = event_get_version(),
		.started = status->started,
		.uptime = now(CLOCK_MONOTONIC) - status->started_at,
		.draining = status->draining,
		.open = limits_count(status->limits),
		.limit = limits_max(status->limits),
		.reloads = status->reloads,
		.reloads_failed = status->refusals,
		.reload_succeeded = !status->refused,
		.reloaded = status->deployed,
		.reload_refused = status->refused_at,
		.drain_delay_end = status->delay_end,
		.drain_grace_end = status->grace_end,
		.host = find_host(host),
		.process = process_stats_read("/proc/self"),
		.log_suppressed = (double)log_suppressed(),
		.log_dropped = (double)log_dropped(),
	};
	char *text = NULL;

	if (read_counters(status, &metrics) &&
	    measure_workers(status, &metrics) &&
	    deployment_fill_metrics(status->deployment, &metrics) &&
	    certificate_metrics_fill(deployment_config(status->deployment),
				     &metrics))
		text = metrics_format(&metrics, length);
	metrics_free(&metrics);
	return text;
}

/* A comment for print_configuration(); the reason can have several lines. */
static void
print_refusal(const struct daemon_status *status, FILE *out)
{
	time_t at = (time_t)status->refused_at;
	char text[32];
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &tm));
	fprintf(out, "# Last reload refused at %s: ", text);
	for (const char *from = status->refusal; *from; from++) {
		fputc(*from, out);
		if (*from == '\n')
			fputs("# ", out);
	}
	fputs("\n\n", out);
}

static char *
print_configuration(void *owner, size_t *length)
{
	const struct daemon_status *status = owner;
	char *text = NULL;
	FILE *out = open_memstream(&text, length);
	bool failed;

	if (!out)
		return NULL;
	if (status->refused)
		print_refusal(status, out);
	failed = print_config(deployment_config(status->deployment), out) != 0;
	if (fclose(out) == 0 && !failed)
		return text;
	free(text);
	return NULL;
}

static bool
is_draining(void *owner)
{
	const struct daemon_status *status = owner;

	return status->draining;
}

bool
daemon_status_prepare(struct daemon_status *status,
		      struct deployment *deployment)
{
	return http_status_prepare(status->http,
				   deployment_listening_set(deployment));
}

/* An injected fault must not be mistaken for a bug. */
static void
log_faults(const struct config *config)
{
	char text[FAULT_TEXT_SIZE];

	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener =
			config->listeners[i].settings;

		if (fault_is_set(&listener->fault))
			log_notice("Fault injection listener=%s %s",
				   listener->name,
				   fault_format(&listener->fault, text));
	}
}

void
daemon_status_announce(struct daemon_status *status)
{
	http_status_announce(status->http);
	log_faults(deployment_config(status->deployment));
}

static const char *
format_counters(const struct daemon_status *status, char text[STATUS_LINE_SIZE])
{
	struct stats sum = sum_up(status);

	return status_line_format(&sum, limits_count(status->limits), text);
}

static void
on_refresh(evutil_socket_t fd, short what, void *argument)
{
	struct daemon_status *status = argument;
	char text[STATUS_LINE_SIZE];

	(void)fd;
	(void)what;
	if (strcmp(format_counters(status, text), status->counters) == 0)
		return;
	/* If the manager is busy, the next time is early enough. */
	if (sd_notify_try("STATUS=%s; %s", status->about, text))
		memcpy(status->counters, text, sizeof(text));
}

struct daemon_status *
daemon_status_new(struct event_base *base, const struct limits *limits,
		  const struct stats_table *stats,
		  const struct worker_pool *pool)
{
	struct daemon_status *status = calloc(1, sizeof(*status));
	struct http_status_content content = {
		.metrics = print_metrics,
		.configuration = print_configuration,
		.is_draining = is_draining,
		.owner = status,
	};

	if (!status)
		return NULL;
	status->limits = limits;
	status->stats = stats;
	status->pool = pool;
	status->started = now(CLOCK_REALTIME);
	status->started_at = now(CLOCK_MONOTONIC);
	status->refused_at = status->delay_end = status->grace_end = NAN;
	status->refresh = event_new(base, -1, EV_PERSIST, on_refresh, status);
	status->http = http_status_new(base, &content);
	if (status->refresh && status->http)
		return status;
	daemon_status_free(status);
	return NULL;
}

void
daemon_status_free(struct daemon_status *status)
{
	if (!status)
		return;
	http_status_free(status->http);
	if (status->refresh)
		event_free(status->refresh);
	free(status->about);
	free(status);
}

/* One line, of ABOUT_MAX bytes at most, for the protocol of sd_notify(3). */
static void
make_line(char *about)
{
	char *end = about;

	if (strlen(about) > ABOUT_MAX) {
		end += ABOUT_MAX - strlen("...");
		/* Not in the middle of a character of UTF-8. */
		while ((*end & 0xc0) == 0x80)
			end--;
		strcpy(end, "...");
	}
	while ((end = strchr(about, '\n')))
		*end = ' ';
}

void
daemon_status_report(struct daemon_status *status, const char *state,
		     const char *format, ...)
{
	static const struct timeval period = { .tv_sec = REFRESH_SECONDS };
	va_list arguments;
	char *about;
	int length;

	va_start(arguments, format);
	length = vasprintf(&about, format, arguments);
	va_end(arguments);
	if (length < 0) {
		/* The state is more important than the status line. */
		sd_notify_send("%s", state);
		return;
	}
	make_line(about);
	free(status->about);
	status->about = about;
	sd_notify_send("%s\nSTATUS=%s; %s", state, about,
		       format_counters(status, status->counters));
	/* Without a manager, there is no reason to wake up. */
	if (sd_notify_is_enabled() &&
	    !event_pending(status->refresh, EV_TIMEOUT, NULL))
		event_add(status->refresh, &period);
}
