#include "control/daemon_status.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/http_status.h"
#include "admin/metrics.h"
#include "base/log.h"
#include "base/stats.h"
#include "config/config.h"
#include "control/deployment.h"
#include "control/sd_notify.h"
#include "control/status_line.h"
#include "control/worker_pool.h"
#include "tcp/connection_limits.h"
#include "worker/worker.h"

#define REFRESH_SECONDS 5

struct daemon_status {
	const struct connection_limits *connection_limits;
	const struct worker_pool *pool;
	const struct deployment *deployment; /* NULL before the first */

	double started;	   /* seconds since 1970 */
	double started_at; /* on the monotonic clock */
	double deployed;   /* seconds since 1970 */
	uint64_t reloads;
	uint64_t refusals;
	bool refused; /* the last reload */
	bool draining;

	struct http_status *status;
	struct event *refresh;
	/* What the manager was sent last; NULL: nothing yet. */
	char *about;
	char counters[STATUS_LINE_SIZE];
};

static struct stats
sum_up(const struct daemon_status *daemon_status)
{
	struct worker *const *workers =
		worker_pool_workers(daemon_status->pool);
	struct stats sum = { 0 };

	for (unsigned i = 0; i < worker_pool_count(daemon_status->pool); i++)
		stats_sum(&sum, worker_stats(workers[i]));
	return sum;
}

void
daemon_status_log_counters(const struct daemon_status *daemon_status)
{
	char text[STATS_TEXT_SIZE];
	struct stats sum = sum_up(daemon_status);

	log_notice("Counters open=%u %s",
		   connection_limits_count(daemon_status->connection_limits),
		   stats_format(&sum, text));
}

static double
now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void
daemon_status_deployed(struct daemon_status *daemon_status,
		       const struct deployment *deployment)
{
	if (daemon_status->deployment)
		daemon_status->reloads++;
	daemon_status->deployment = deployment;
	daemon_status->deployed = now(CLOCK_REALTIME);
	http_status_serve(daemon_status->status);
}

void
daemon_status_reloading(struct daemon_status *daemon_status)
{
	daemon_status->refused = false;
}

void
daemon_status_refused(struct daemon_status *daemon_status)
{
	daemon_status->refusals++;
	daemon_status->refused = true;
}

void
daemon_status_drain(struct daemon_status *daemon_status)
{
	daemon_status->draining = true;
}

static bool
measure_workers(const struct daemon_status *daemon_status,
		struct metrics *metrics)
{
	struct worker *const *workers =
		worker_pool_workers(daemon_status->pool);
	unsigned count = worker_pool_count(daemon_status->pool);

	metrics->workers = calloc(count, sizeof(*metrics->workers));
	if (!metrics->workers)
		return false;
	metrics->worker_count = count;
	for (unsigned i = 0; i < count; i++)
		metrics->workers[i] = worker_load(workers[i]);
	return true;
}

static char *
print_metrics(void *owner, size_t *length)
{
	const struct daemon_status *daemon_status = owner;
	struct metrics metrics = {
		.stats = sum_up(daemon_status),
		.version = PACKAGE_VERSION,
		.libevent = event_get_version(),
		.started = daemon_status->started,
		.uptime = now(CLOCK_MONOTONIC) - daemon_status->started_at,
		.draining = daemon_status->draining,
		.open = connection_limits_count(
			daemon_status->connection_limits),
		.limit =
			connection_limits_max(daemon_status->connection_limits),
		.reloads = daemon_status->reloads,
		.reloads_failed = daemon_status->refusals,
		.reload_failed = daemon_status->refused,
		.reloaded = daemon_status->deployed,
		.log_suppressed = log_suppressed(),
		.log_dropped = log_dropped(),
	};
	char *text = NULL;

	if (measure_workers(daemon_status, &metrics) &&
	    deployment_fill_metrics(daemon_status->deployment, &metrics))
		text = metrics_format(&metrics, length);
	metrics_free(&metrics);
	return text;
}

static bool
is_draining(void *owner)
{
	const struct daemon_status *daemon_status = owner;

	return daemon_status->draining;
}

bool
daemon_status_prepare(struct daemon_status *daemon_status,
		      struct deployment *deployment)
{
	return http_status_prepare(daemon_status->status,
				   deployment_listening_set(deployment));
}

/* So that nobody mistakes an injected fault for a bug. */
static void
log_faults(const struct config *config)
{
	char text[FAULT_TEXT_SIZE];

	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener =
			config->listeners[i].settings;

		if (fault_is_set(&listener->fault))
			log_notice("listener=%s misbehaves on purpose: %s",
				   listener->name,
				   fault_format(&listener->fault, text));
	}
}

void
daemon_status_announce(struct daemon_status *daemon_status)
{
	http_status_announce(daemon_status->status);
	log_faults(deployment_config(daemon_status->deployment));
}

static const char *
format_counters(const struct daemon_status *daemon_status,
		char text[STATUS_LINE_SIZE])
{
	struct stats sum = sum_up(daemon_status);

	return status_line_format(
		&sum, connection_limits_count(daemon_status->connection_limits),
		text);
}

static void
on_refresh(evutil_socket_t fd, short what, void *argument)
{
	struct daemon_status *daemon_status = argument;
	char text[STATUS_LINE_SIZE];

	(void)fd;
	(void)what;
	if (strcmp(format_counters(daemon_status, text),
		   daemon_status->counters) == 0)
		return;
	/* If the manager is busy, the next time is early enough. */
	if (sd_notify_try("STATUS=%s; %s", daemon_status->about, text))
		memcpy(daemon_status->counters, text, sizeof(text));
}

struct daemon_status *
daemon_status_new(struct event_base *base,
		  const struct connection_limits *connection_limits,
		  const struct worker_pool *pool)
{
	struct daemon_status *daemon_status = calloc(1, sizeof(*daemon_status));
	struct http_status_content content = {
		.metrics = print_metrics,
		.is_draining = is_draining,
		.owner = daemon_status,
	};

	if (!daemon_status)
		return NULL;
	daemon_status->connection_limits = connection_limits;
	daemon_status->pool = pool;
	daemon_status->started = now(CLOCK_REALTIME);
	daemon_status->started_at = now(CLOCK_MONOTONIC);
	daemon_status->refresh =
		event_new(base, -1, EV_PERSIST, on_refresh, daemon_status);
	daemon_status->status = http_status_new(base, &content);
	if (daemon_status->refresh && daemon_status->status)
		return daemon_status;
	daemon_status_free(daemon_status);
	return NULL;
}

void
daemon_status_free(struct daemon_status *daemon_status)
{
	if (!daemon_status)
		return;
	http_status_free(daemon_status->status);
	if (daemon_status->refresh)
		event_free(daemon_status->refresh);
	free(daemon_status->about);
	free(daemon_status);
}

void
daemon_status_report(struct daemon_status *daemon_status, const char *state,
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
	free(daemon_status->about);
	daemon_status->about = about;
	sd_notify_send("%s\nSTATUS=%s; %s", state, about,
		       format_counters(daemon_status, daemon_status->counters));
	/* Without a manager, there is no reason to wake up. */
	if (sd_notify_is_enabled() &&
	    !event_pending(daemon_status->refresh, EV_TIMEOUT, NULL))
		event_add(daemon_status->refresh, &period);
}
