#include "monitor.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admit.h"
#include "config.h"
#include "deploy.h"
#include "log.h"
#include "metrics.h"
#include "notify.h"
#include "stats.h"
#include "status.h"
#include "summary.h"
#include "worker.h"

#define REFRESH_SECONDS 5

struct monitor {
	const struct admit *admit;
	struct worker *const *workers;
	unsigned count;
	const struct deployment *deployment; /* NULL until there is one */

	double started;	   /* seconds since 1970 */
	double started_at; /* on the monotonic clock */
	double deployed;   /* seconds since 1970 */
	uint64_t reloads;
	uint64_t refusals;
	bool refused; /* the last reload */
	bool draining;

	struct status *status;
	struct event *refresh;
	char *about;			 /* NULL: nothing told yet */
	char summary[SUMMARY_TEXT_SIZE]; /* as the manager has it */
};

static struct stats
sum_up(const struct monitor *monitor)
{
	struct stats sum = { 0 };

	for (unsigned i = 0; i < monitor->count; i++)
		stats_sum(&sum, worker_stats(monitor->workers[i]));
	return sum;
}

void
monitor_log_counters(const struct monitor *monitor)
{
	char text[STATS_TEXT_SIZE];
	struct stats sum = sum_up(monitor);

	log_notice("Counters open=%u %s", admit_count(monitor->admit),
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
monitor_deployed(struct monitor *monitor, const struct deployment *deployment)
{
	if (monitor->deployment)
		monitor->reloads++;
	monitor->deployment = deployment;
	monitor->deployed = now(CLOCK_REALTIME);
	status_serve(monitor->status);
}

void
monitor_reloading(struct monitor *monitor)
{
	monitor->refused = false;
}

void
monitor_refused(struct monitor *monitor)
{
	monitor->refusals++;
	monitor->refused = true;
}

void
monitor_drain(struct monitor *monitor)
{
	monitor->draining = true;
}

static bool
measure_workers(const struct monitor *monitor, struct metrics *metrics)
{
	metrics->workers = calloc(monitor->count, sizeof(*metrics->workers));
	if (!metrics->workers)
		return false;
	metrics->worker_count = monitor->count;
	for (unsigned i = 0; i < monitor->count; i++)
		metrics->workers[i] = worker_load(monitor->workers[i]);
	return true;
}

static char *
print_metrics(void *owner, size_t *length)
{
	const struct monitor *monitor = owner;
	struct metrics metrics = {
		.stats = sum_up(monitor),
		.version = PACKAGE_VERSION,
		.libevent = event_get_version(),
		.started = monitor->started,
		.uptime = now(CLOCK_MONOTONIC) - monitor->started_at,
		.draining = monitor->draining,
		.open = admit_count(monitor->admit),
		.limit = admit_limit(monitor->admit),
		.reloads = monitor->reloads,
		.reloads_failed = monitor->refusals,
		.reload_failed = monitor->refused,
		.reloaded = monitor->deployed,
		.log_suppressed = log_suppressed(),
		.log_dropped = log_dropped(),
	};
	char *text = NULL;

	if (measure_workers(monitor, &metrics) &&
	    deploy_measure(monitor->deployment, &metrics))
		text = metrics_format(&metrics, length);
	metrics_free(&metrics);
	return text;
}

static bool
is_draining(void *owner)
{
	const struct monitor *monitor = owner;

	return monitor->draining;
}

bool
monitor_prepare(struct monitor *monitor, struct deployment *deployment)
{
	return status_prepare(monitor->status, deploy_endpoints(deployment));
}

/* Lest somebody look for a bug that he has configured. */
static void
tell_faults(const struct config *config)
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
monitor_announce(struct monitor *monitor)
{
	status_announce(monitor->status);
	tell_faults(deploy_config(monitor->deployment));
}

static const char *
summarize(const struct monitor *monitor, char text[SUMMARY_TEXT_SIZE])
{
	struct stats sum = sum_up(monitor);

	return summary_format(&sum, admit_count(monitor->admit), text);
}

static void
on_refresh(evutil_socket_t fd, short what, void *argument)
{
	struct monitor *monitor = argument;
	char text[SUMMARY_TEXT_SIZE];

	(void)fd;
	(void)what;
	if (strcmp(summarize(monitor, text), monitor->summary) == 0)
		return;
	/* The next time will do where the manager is busy. */
	if (notify_try("STATUS=%s; %s", monitor->about, text))
		memcpy(monitor->summary, text, sizeof(text));
}

struct monitor *
monitor_new(struct event_base *base, const struct admit *admit,
	    struct worker *const *workers, unsigned count)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));
	struct status_content content = {
		.metrics = print_metrics,
		.is_draining = is_draining,
		.owner = monitor,
	};

	if (!monitor)
		return NULL;
	monitor->admit = admit;
	monitor->workers = workers;
	monitor->count = count;
	monitor->started = now(CLOCK_REALTIME);
	monitor->started_at = now(CLOCK_MONOTONIC);
	monitor->refresh = event_new(base, -1, EV_PERSIST, on_refresh, monitor);
	monitor->status = status_new(base, &content);
	if (monitor->refresh && monitor->status)
		return monitor;
	monitor_free(monitor);
	return NULL;
}

void
monitor_free(struct monitor *monitor)
{
	if (!monitor)
		return;
	status_free(monitor->status);
	if (monitor->refresh)
		event_free(monitor->refresh);
	free(monitor->about);
	free(monitor);
}

void
monitor_tell(struct monitor *monitor, const char *state, const char *format,
	     ...)
{
	static const struct timeval period = { .tv_sec = REFRESH_SECONDS };
	va_list arguments;
	char *about;
	int length;

	va_start(arguments, format);
	length = vasprintf(&about, format, arguments);
	va_end(arguments);
	if (length < 0) {
		/* The state matters more than the words. */
		notify_send("%s", state);
		return;
	}
	free(monitor->about);
	monitor->about = about;
	notify_send("%s\nSTATUS=%s; %s", state, about,
		    summarize(monitor, monitor->summary));
	/* Nobody to tell, nothing to wake up for. */
	if (notify_listened() &&
	    !event_pending(monitor->refresh, EV_TIMEOUT, NULL))
		event_add(monitor->refresh, &period);
}
