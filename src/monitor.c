#include "monitor.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "log.h"
#include "notify.h"
#include "stats.h"
#include "summary.h"
#include "worker.h"

#define REFRESH_SECONDS 5

struct monitor {
	const struct admit *admit;
	struct worker *const *workers;
	unsigned count;

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
	char now[SUMMARY_TEXT_SIZE];

	(void)fd;
	(void)what;
	if (strcmp(summarize(monitor, now), monitor->summary) == 0)
		return;
	/* The next time will do where the manager is busy. */
	if (notify_try("STATUS=%s; %s", monitor->about, now))
		memcpy(monitor->summary, now, sizeof(now));
}

struct monitor *
monitor_new(struct event_base *base, const struct admit *admit,
	    struct worker *const *workers, unsigned count)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));

	if (!monitor)
		return NULL;
	monitor->admit = admit;
	monitor->workers = workers;
	monitor->count = count;
	monitor->refresh = event_new(base, -1, EV_PERSIST, on_refresh, monitor);
	if (monitor->refresh)
		return monitor;
	free(monitor);
	return NULL;
}

void
monitor_free(struct monitor *monitor)
{
	if (!monitor)
		return;
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
